"""python3 -m lab up NAME LINE | down NAME... | list | show NAME | environment NAME | ctl NAME ARG... | tidy [LINE...]"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import time
from dataclasses import asdict

from lab import brokers, images
from lab.host import LabError, require, say


def main() -> int:
    parser = argparse.ArgumentParser(prog="python3 -m lab", description="Real servers for demo, tests and benchmarks.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verb = verbs.add_parser("up", help="start a broker, or find it running")
    verb.add_argument("name")
    verb.add_argument("line", choices=sorted(brokers.SUITES))
    verb = verbs.add_parser("down", help="remove brokers")
    verb.add_argument("names", nargs="+")
    verb = verbs.add_parser("show", help="a broker's addresses as JSON (with its password)")
    verb.add_argument("name")
    verb = verbs.add_parser("environment", help="a broker's address and credentials as shell exports for the rabbitmq modules")
    verb.add_argument("name")
    verb = verbs.add_parser("ctl", help="rabbitmqctl in a broker")
    verb.add_argument("name")
    verb.add_argument("arguments", nargs=argparse.REMAINDER)
    verbs.add_parser("list", help="what is running")
    verb = verbs.add_parser("tidy", help="remove images that no broker uses: those of these release lines, or all")
    verb.add_argument("lines", nargs="*")
    verbs.add_parser("check", help="say what this machine lacks for a lab")
    chosen = parser.parse_args()
    try:
        _do(chosen)
    except LabError as error:
        say(str(error))
        return 1
    return 0


def _do(chosen: argparse.Namespace) -> None:
    require()
    if chosen.verb == "up":
        start = time.monotonic()
        broker = brokers.up(chosen.name, chosen.line)
        say(f"{broker.name}: RabbitMQ {broker.version} at {broker.url} ({time.monotonic() - start:.1f} s)")
    elif chosen.verb == "down":
        for name in chosen.names:
            brokers.down(name)
    elif chosen.verb == "show":
        print(json.dumps(asdict(brokers.get(chosen.name)), indent=1))
    elif chosen.verb == "environment":
        broker = brokers.get(chosen.name)
        for name, value in (("URL", broker.url), ("USERNAME", broker.username), ("PASSWORD", broker.password)):
            print(f"export RABBITMQ_{name}={shlex.quote(value)}")
    elif chosen.verb == "ctl":
        print(brokers.get(chosen.name).ctl(*chosen.arguments), end="")
    elif chosen.verb == "list":
        print("\n".join(brokers.names()))
    elif chosen.verb == "tidy":
        say(f"removed images: {', '.join(images.remove_unused([brokers.image(line).name for line in chosen.lines])) or 'none'}")


sys.exit(main())
