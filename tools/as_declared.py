"""Compare the Nodes of a cluster with the profiles of an inventory, without the collection's code.

    kubectl get nodes --output json | python3 tools/as_declared.py INVENTORY NODE...

INVENTORY is what `ansible-inventory --list` prints. Each Node must be Ready and have every label and taint of its profile, and no other
taint but those of Kubernetes itself. Prints a line for each Node; exit 1 if one is different.
"""

import json
import shlex
import sys


def pairs(text):
    return dict(pair.partition("=")[::2] for pair in text.split(",") if pair)


def declared(profile):
    flags = dict(word[2:].split("=", 1) for word in shlex.split(profile))
    return pairs(flags.get("node-labels", "")), set(filter(None, flags.get("register-with-taints", "").split(",")))


def wrong(node, profile):
    labels, taints = declared(profile)
    ready = any(entry["type"] == "Ready" and entry["status"] == "True" for entry in node["status"]["conditions"])
    there = node["metadata"]["labels"]
    found = {f"{taint['key']}={taint.get('value', '')}:{taint['effect']}" for taint in node["spec"].get("taints", [])}
    yield from [] if ready else ["is not Ready"]
    yield from (f"label {key} is {there.get(key)!r}, not {value!r}" for key, value in labels.items() if there.get(key) != value)
    yield from (f"taint {taint} is missing" for taint in sorted(taints - found))
    yield from (f"taint {taint} is not in its profile" for taint in sorted(found - taints) if "kubernetes.io/" not in taint)


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        profiles = {name: facts["kube_profile"] for name, facts in json.load(file)["_meta"]["hostvars"].items() if "kube_profile" in facts}
    nodes = {node["metadata"]["name"]: node for node in json.load(sys.stdin)["items"]}
    bad = 0
    for name in sys.argv[2:]:
        problems = list(wrong(nodes[name], profiles[name])) if name in nodes else ["is not in the cluster"]
        labels, taints = declared(profiles[name])
        said = "; ".join(problems) or f"is Ready with all {len(labels)} labels and {len(taints)} taints of its profile"
        print(f"{'✗' if problems else '✓'} {name} {said}")
        bad += bool(problems)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
