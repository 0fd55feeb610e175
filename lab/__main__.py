"""python3 -m lab VERB: brokers by up, down, list, show, environment, ctl; nodes by `nodes up|down|list|run` and inventory."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
import time
import typing as t
from dataclasses import asdict

from lab import binaries, brokers, containers, images, nodes, shelves
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
    nodes_verb = verbs.add_parser("nodes", help="bare machines for Kubernetes").add_subparsers(dest="nodes_verb", required=True)
    verb = nodes_verb.add_parser("up", help="start nodes, or find them running")
    verb.add_argument("names", nargs="+")
    verb.add_argument("--suite", default="bookworm", help="Debian suite")
    verb.add_argument("--kubernetes", action="append", help=f"version for the depot, may be repeated; {shelves.KUBERNETES} by default")
    verb.add_argument("--containerd", action="append", help=f"version for the depot, may be repeated; {shelves.CONTAINERD[-1]} by default")
    verb.add_argument("--debian-only", action="store_true", help="a depot with Debian's packages alone: nothing is built")
    verb = nodes_verb.add_parser("down", help="remove nodes, or all")
    verb.add_argument("names", nargs="*")
    verb = nodes_verb.add_parser("reboot", help="stop nodes and start them again, with their disks")
    verb.add_argument("names", nargs="+")
    nodes_verb.add_parser("list", help="the nodes that there are")
    verb = nodes_verb.add_parser("run", help="a command in a node, as root")
    verb.add_argument("name")
    verb.add_argument("arguments", nargs=argparse.REMAINDER)
    verb = verbs.add_parser("inventory", help="running nodes as an Ansible inventory, in JSON; all of them unless named")
    verb.add_argument("names", nargs="*")
    verb.add_argument("--control-plane", help="the node with the API server that the others use")
    verb = verbs.add_parser("dynamic-inventory", help="running nodes whose names have this prefix, in the format of a dynamic inventory")
    verb.add_argument("prefix")
    verb = verbs.add_parser("address", help="a node's address")
    verb.add_argument("name")
    verb = verbs.add_parser("kubectl", help="run the lab's kubectl")
    verb.add_argument("arguments", nargs=argparse.REMAINDER)
    verb = verbs.add_parser("build", help="build what nodes of this version of Kubernetes need; finished builds are kept")
    verb.add_argument("version", nargs="?", default=shelves.KUBERNETES)
    verbs.add_parser("variables", help="the variables that the roles need in the lab, in JSON")
    verb = verbs.add_parser("tidy", help="remove images that no broker uses: those of these release lines, or all")
    verb.add_argument("lines", nargs="*")
    verbs.add_parser("check", help="name what the lab needs and this machine does not have")
    chosen = parser.parse_args()
    try:
        _do(chosen)
    except LabError as error:
        say(str(error))
        return 1
    return 0


def _do(chosen: argparse.Namespace) -> None:
    require()
    _VERBS[chosen.verb](chosen)


def _up(chosen: argparse.Namespace) -> None:
    start = time.monotonic()
    broker = brokers.up(chosen.name, chosen.line)
    say(f"{broker.name}: RabbitMQ {broker.version} at {broker.url} ({time.monotonic() - start:.1f} s)")


def _down(chosen: argparse.Namespace) -> None:
    for name in chosen.names:
        brokers.down(name)


def _environment(chosen: argparse.Namespace) -> None:
    broker = brokers.get(chosen.name)
    for name, value in (("URL", broker.url), ("USERNAME", broker.username), ("PASSWORD", broker.password)):
        print(f"export RABBITMQ_{name}={shlex.quote(value)}")


def _kubectl(chosen: argparse.Namespace) -> None:
    program = str(binaries.build(binaries.kubernetes(shelves.KUBERNETES)) / "kubectl")
    os.execv(program, [program, *chosen.arguments])  # noqa: S606


def _tidy(chosen: argparse.Namespace) -> None:
    gone = images.remove_unused([brokers.image(line).name for line in chosen.lines])
    say(f"removed images: {', '.join(gone) or 'none'}")


def _do_nodes(chosen: argparse.Namespace) -> None:
    if chosen.nodes_verb == "up":
        start = time.monotonic()
        versions = () if chosen.debian_only else chosen.kubernetes or (shelves.KUBERNETES,)
        started = nodes.up(chosen.names, chosen.suite, versions, tuple(chosen.containerd or shelves.CONTAINERD[-1:]))
        say(f"{', '.join(f'{node.name} {node.address}' for node in started)} ({time.monotonic() - start:.1f} s)")
    elif chosen.nodes_verb == "down":
        nodes.down(chosen.names or containers.names("node"))
    elif chosen.nodes_verb == "reboot":
        nodes.reboot(chosen.names)
    elif chosen.nodes_verb == "run":
        print(nodes.get(chosen.name).run(*chosen.arguments), end="")
    else:
        print("\n".join(containers.names("node")))


_VERBS: dict[str, t.Callable[[argparse.Namespace], None]] = {
    "up": _up,
    "down": _down,
    "show": lambda chosen: print(json.dumps(asdict(brokers.get(chosen.name)), indent=1)),
    "environment": _environment,
    "ctl": lambda chosen: print(brokers.get(chosen.name).ctl(*chosen.arguments), end=""),
    "list": lambda dummy: print("\n".join(brokers.names())),
    "nodes": _do_nodes,
    "inventory": lambda chosen: print(json.dumps(nodes.inventory(chosen.names, chosen.control_plane), indent=1)),
    "dynamic-inventory": lambda chosen: print(json.dumps(nodes.dynamic_inventory(chosen.prefix))),
    "variables": lambda dummy: print(json.dumps({**nodes.connection(), **nodes.variables()}, indent=1)),
    "address": lambda chosen: print(nodes.get(chosen.name).address),
    "kubectl": _kubectl,
    "build": lambda chosen: print("\n".join(map(str, shelves.for_nodes([chosen.version], shelves.CONTAINERD[-1:])))),
    "tidy": _tidy,
    "check": lambda dummy: None,
}

sys.exit(main())
