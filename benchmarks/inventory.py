"""The inventory plugin on 500 and 5,000 hosts, in processor time: its own work, and ansible-inventory beside Ansible's yaml plugin."""

from __future__ import annotations

import functools
import json
import resource
import subprocess
import sys
import typing as t
from pathlib import Path

from benchmarks.measure import Bound, Pair, at_most_times, compare

FEW, MANY = 500, 5_000
READER = Path(sys.executable).with_name("ansible-inventory")
CONSTRUCTED = """
strict: true
keyed_groups:
  - {key: kube_zone, prefix: zone}
  - {key: kube_instance_type, prefix: type}
compose:
  kube_name: inventory_hostname ~ '.' ~ kube_zone
"""
# Parses once in this process, and prints its processor time.
OWN = """
import gc, sys, time
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import init_plugin_loader, inventory_loader
init_plugin_loader([])
plugin, spent = type(inventory_loader.get("eco2.platform.terraform_output")), []
parse = plugin.parse
def timed(*arguments, **named):
    begin = time.process_time()
    parse(*arguments, **named)
    spent.append(time.process_time() - begin)
plugin.parse = timed
gc.collect()
InventoryManager(loader=DataLoader(), sources=[sys.argv[1]])
print(spent[0])
"""


def pairs(scratch: Path) -> t.Iterator[Pair]:
    for count in (FEW, MANY):
        _write(scratch, count)
    few, many = scratch / f"show{FEW}.terraform.yml", scratch / f"show{MANY}.terraform.yml"
    yaml = ("the yaml plugin", functools.partial(_listed, scratch / f"hosts{FEW}.json"))
    own = functools.partial(_own, few)
    yield compare(f"inventory of {FEW} hosts, the plugin's own work", _seconds(0.15), own, yaml)
    yield compare(
        f"inventory of {MANY:,} hosts, the plugin's own work", at_most_times(MANY / FEW), functools.partial(_own, many), ("500 hosts", own)
    )
    yield compare(f"ansible-inventory of {FEW} hosts", at_most_times(1), functools.partial(_listed, few), yaml)
    yaml = ("the yaml plugin", functools.partial(_listed, scratch / f"hosts{MANY}.json"))
    yield compare(f"ansible-inventory of {MANY:,} hosts", at_most_times(1), functools.partial(_listed, many), yaml, rounds=3)
    constructed = scratch / "constructed.terraform.yml"
    constructed.write_text(few.read_text(encoding="utf-8") + CONSTRUCTED, encoding="utf-8")
    plain = ("without", functools.partial(_listed, few))
    name = f"ansible-inventory of {FEW} hosts, two keyed groups and one composed variable"
    yield compare(name, Bound("at most 3 s more", lambda ours, peer: ours - peer <= 3), functools.partial(_listed, constructed), plain)


def _seconds(limit: float) -> Bound:
    return Bound(f"at most {limit} s", lambda ours, dummy: ours <= limit)


def _own(place: Path) -> float:
    return float(subprocess.run([sys.executable, "-c", OWN, place], capture_output=True, text=True, check=True).stdout)


def _listed(place: Path) -> float:
    """The processor time of ansible-inventory --list."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([READER, "--inventory", place, "--list"], stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _write(scratch: Path, count: int) -> None:
    """What terraform show prints of so many instances and of an output with all of them; and the output alone."""
    hosts = {f"k8s-{number:04}": _host(number) for number in range(count)}
    groups = {f"group_{number}": {"hosts": {name: {} for name in list(hosts)[number::20]}} for number in range(20)}
    tree = {
        "all": {
            "hosts": hosts,
            "vars": {"ansible_user": "ubuntu"},
            "children": {"workers": {"hosts": {name: {} for name in hosts}}, **groups},
        }
    }
    values = {
        "outputs": {"inventory": {"sensitive": False, "value": tree}},
        "root_module": {"resources": list(map(_instance, hosts.items()))},
    }
    (scratch / f"hosts{count}.json").write_text(json.dumps(tree), encoding="utf-8")
    (scratch / f"show{count}.json").write_text(json.dumps({"format_version": "1.0", "values": values}), encoding="utf-8")
    source = f"---\nplugin: eco2.platform.terraform_output\nsource: show{count}.json\n"
    (scratch / f"show{count}.terraform.yml").write_text(source, encoding="utf-8")


def _host(number: int) -> dict[str, str]:
    return {
        "ansible_host": f"192.0.{number // 250}.{number % 250}",
        "kube_node_ip": f"10.0.{number // 250}.{number % 250}",
        "kube_instance_type": ("t3.small", "t3.medium")[number % 2],
        "kube_zone": "abc"[number % 3],
        "kube_profile": "--node-labels=role=api,phase=5 --register-with-taints=role=api:NoSchedule",
    }


def _instance(host: tuple[str, dict[str, str]]) -> dict[str, t.Any]:
    """An instance of EC2 has about sixty attributes."""
    name, variables = host
    others = {f"attribute_{number}": "of some length" for number in range(56)}
    values = {"public_ip": variables["ansible_host"], "private_ip": variables["kube_node_ip"], "tags": {"Name": name}, **others}
    place = {"address": f'aws_instance.node["{name}"]', "mode": "managed", "type": "aws_instance", "name": "node", "index": name}
    return {**place, "values": values, "sensitive_values": {"tags": {}}}
