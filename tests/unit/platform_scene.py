"""A platform with differences and hostile names, and one that is large, as the report is given them."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import yaml

from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.kinds.table import BY_NAME

Values = t.Dict[str, t.Any]
EXAMPLE = Path(__file__).resolve().parents[2] / "inventory" / "example" / "group_vars"
HOSTILE = (
    "<script>document.title='owned'</script>",
    'it\'s "quoted" & <b>',
    "대기열 مهام 队列 %2F/",
    "`x`;]|end{{ y }}",
    "</title><img src=x>",
)


def exchange(name: str, kind: str = "direct", vhost: str = "eco2", **arguments: t.Any) -> Values:
    return {"vhost": vhost, "name": name, "type": kind, "durable": True, "auto_delete": False, "internal": False, "arguments": arguments}


def queue(name: str, kind: str = "quorum", vhost: str = "eco2", **arguments: t.Any) -> Values:
    return {"vhost": vhost, "name": name, "type": kind, "durable": True, "auto_delete": False, "arguments": arguments}


def binding(source: str, destination: str, key: str = "", kind: str = "queue", vhost: str = "eco2", **arguments: t.Any) -> Values:
    ends = {"source": source, "destination": destination, "destination_type": kind}
    return {"vhost": vhost, **ends, "routing_key": key, "arguments": arguments}


def node(name: str, number: int, **more: t.Any) -> Values:
    labels = {
        "role": name,
        "domain": "data",
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "node-role.kubernetes.io/worker": "",
    }
    taints = [{"key": "domain", "value": "data", "effect": "NoSchedule"}]
    about = {"kubelet_version": "1.36.3", "internal_ip": f"192.0.2.{number % 250}", "os_image": "Debian GNU/Linux 12 (bookworm)"}
    return {"name": name, "ready": True, "ready_reason": "KubeletReady", "labels": labels, "taints": taints, **about, **more}


def master(name: str, **more: t.Any) -> Values:
    replicas = [{"address": f"192.0.2.{number}:6379", "flags": ["slave"], "link": "ok", "priority": 100} for number in (22, 23)]
    found = {"address": "192.0.2.21:6379", "healthy": True, "reasons": [], "role": "master", "server": "Valkey", "version": "9.1.2"}
    return {"name": name, **found, "replicas": replicas, "options": {"quorum": "2", "down_after_milliseconds": "5000"}, **more}


def change(kind: str, name: str, action: str, *fields: tuple[str, t.Any, t.Any]) -> Values:
    differences = [{"field": field, "before": before, "after": after} for field, before, after in fields]
    return {"kind": kind, "object": name, "action": action, "differences": differences}


STAGES = ("vision", "rule", "answer", "reward")


def platform() -> Values:
    """The real platform's way of messages, with a difference of each sort."""
    work = [f"scan.{stage}" for stage in STAGES]
    queues = [
        queue(name, **{"x-delivery-limit": 3, "x-dead-letter-exchange": "dlx", "x-dead-letter-routing-key": f"dlq.{name}"}) for name in work
    ]
    queues += [queue(f"dlq.{name}", **{"x-message-ttl": 604800000}) for name in work]
    queues += [queue("my.reward"), queue("character.cache", "classic"), queue("celery"), queue("old.reports", "classic"), queue("loose")]
    exchanges = [exchange("scan.direct"), exchange("dlx"), exchange("reward.events", "topic"), exchange("character.cache", "fanout")]
    bindings = [binding("scan.direct", name, name) for name in work] + [binding("dlx", f"dlq.{name}", f"dlq.{name}") for name in work]
    bindings += [binding("reward.events", "my.reward", "reward.#"), binding("character.cache", "character.cache")]
    bindings += [binding("scan.direct", "reward.events", "reward", "exchange"), binding("reward.events", "my.reward", "character.*")]
    hostile = [queue(name, vhost="<b>tests") for name in HOSTILE] + [queue("plain", vhost="<b>tests")]
    strange = [exchange(HOSTILE[0], "headers", vhost="<b>tests")]
    strange_bindings = [binding(HOSTILE[0], name, name, vhost="<b>tests", **{"x-match": "all"}) for name in HOSTILE]
    topology = {
        "vhosts": [{"name": "eco2"}, {"name": "<b>tests"}],
        "exchanges": exchanges + strange,
        "queues": queues + hostile,
        "bindings": bindings + strange_bindings,
    }
    missing = BY_NAME["binding"].object(binding("scan.direct", "scan.archive", "scan.archive"))
    changes = [
        change("queue", "eco2/scan.archive", "create", ("type", None, "quorum")),
        change("binding", missing, "create"),
        change("queue", "eco2/scan.rule", "replace", ("arguments", {"x-delivery-limit": 3}, {"x-delivery-limit": 5})),
        change("queue", "eco2/old.reports", "delete"),
        change("binding", BY_NAME["binding"].object(bindings[-1]), "delete"),
        change("queue", "<b>tests/" + HOSTILE[0].replace("/", "%2F"), "update", ("arguments", HOSTILE[1], HOSTILE[2])),
    ]
    names = ["k8s-master", "k8s-rabbitmq", "k8s-event-router", "k8s-redis-pubsub"]
    nodes = [node(name, number) for number, name in enumerate(names, 10)]
    nodes[3].update(ready=False, ready_reason="KubeletNotReady: container runtime is down")
    labels = change("node", "k8s-event-router", "update", ("label phase", "4", "5"), ("taint domain:NoSchedule", None, "event-router"))
    masters = [master("pubsub"), master("cache", healthy=False, reasons=["1 replica known, 2 expected"], replicas=[])]
    quorum = change("master", "192.0.2.11:26379/pubsub", "update", ("quorum", "1", "2"))
    summary = {
        "playbook": "eco2.platform.verify",
        "began": "2026-11-29T03:12:44Z",
        "seconds": 21.4,
        "check": True,
        "verdict": "drift",
        "families": [{"name": "control_plane", "state": "left out", "reason": "the inventory has no group control_plane", "seconds": 0}],
        "hosts": {
            "broker": {"state": "drift", "changes": [], "drift": changes, "failures": [], "left": []},
            "localhost": {"state": "drift", "changes": [], "drift": [labels], "failures": [], "left": []},
            "sets": {
                "state": "drift",
                "changes": [],
                "drift": [quorum, change("master", "192.0.2.11:26379/auth", "create")],
                "failures": [],
                "left": [],
            },
            "redis-3": {
                "state": "unreachable",
                "changes": [],
                "drift": [],
                "failures": ["ssh: connect to host 192.0.2.53: No route to host"],
                "left": [],
            },
        },
    }
    return {"brokers": [{"name": "broker", "topology": topology}], "nodes": nodes, "sentinels": masters, "summary": summary}


def large(queues: int = 2000, nodes: int = 200) -> Values:
    """Half of the queues at topic exchanges of 100 bindings, with dead letters; one exchange with 500; the rest without a binding."""
    names = [f"service.{number // 20:03d}.events.{number:04d}" for number in range(queues)]
    exchanges = [exchange("dlx"), exchange("all", "fanout"), *(exchange(f"topic.{number:02d}", "topic") for number in range(10))]
    bindings = [binding(f"topic.{number // 100:02d}", name, f"{name}.#") for number, name in enumerate(names[: queues // 2])]
    bindings += [binding("all", name) for name in names[queues // 2 : queues * 3 // 4]]
    made = [
        queue(name, **{"x-dead-letter-exchange": "dlx", "x-message-ttl": 60000} if number % 10 == 0 else {})
        for number, name in enumerate(names)
    ]
    topology = {"vhosts": [{"name": "eco2"}], "exchanges": exchanges, "queues": made, "bindings": bindings}
    changes = [change("queue", f"eco2/{name}", "update", ("arguments", {}, {"x-max-length": 10})) for name in names[::40]]
    summary = {"playbook": "eco2.platform.verify", "verdict": "drift", "hosts": {"broker": {"state": "drift", "drift": changes}}}
    machines = [node(f"node-{number:03d}", number) for number in range(nodes)]
    return {"brokers": [{"name": "broker", "topology": topology}], "nodes": machines, "sentinels": [master("pubsub")], "summary": summary}


def written(path: Path, values: Values) -> None:
    path.write_text(yaml.safe_dump(json.loads(json.dumps(values)), allow_unicode=True), encoding="utf-8")
