"""kube_nodes beside a bare loop of the same patches, beside an empty module, beside kubernetes.core.

All on a real API server whose node controllers are at work, on 1,000 Node objects that nobody's kubelet reports for.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import itertools
import json
import queue
import ssl
import sys
import tempfile
import threading
import time
import typing as t
from pathlib import Path
from urllib.parse import urlsplit

import urllib3.connection
import yaml

from benchmarks.measure import Pair, at_most_times, compare, faster_by, interleaved
from benchmarks.playbooks import PROJECT, empty_module, play, playbook

sys.path[:0] = [str(PROJECT / "build"), str(PROJECT / "tests" / "live")]

from harness import KubeTask  # noqa: E402

from lab.apiserver import ApiServer  # noqa: E402

SIZE = 1000
FEW = 20
CONNECTIONS = 16
RECORD = "ownership.eco2.platform/eco2.platform"
NAMES = [f"bench-{number:04}" for number in range(SIZE)]

Item = t.Dict[str, t.Any]
Request = t.Tuple[str, str, t.Any]  # method, path, body


def pairs(server: ApiServer) -> t.Iterator[Pair]:
    loop = BareLoop(server)
    there = {node["metadata"]["name"] for node in loop.nodes()}
    loop.run([("POST", "/api/v1/nodes", {"metadata": {"name": name}}) for name in NAMES if name not in there])
    with tempfile.TemporaryDirectory(prefix="eco2-bench-") as scratch:
        home = Path(scratch)
        yield _first_run(server, loop)
        _disturbed(server, loop)
        yield _nothing_to_do(server, loop, home)
        yield from _kubernetes_core(server, loop, home)


class BareLoop:
    """Requests over kept-alive connections, as fast as Python's own HTTP client sends them."""

    def __init__(self, server: ApiServer) -> None:
        config = yaml.safe_load(Path(server.kubeconfig).read_text(encoding="utf-8"))
        self.trust = ssl.create_default_context(cadata=_decoded(config["clusters"][0]["cluster"]["certificate-authority-data"]))
        with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
            user = config["users"][0]["user"]
            file.write(_decoded(user["client-certificate-data"]) + _decoded(user["client-key-data"]))
            file.flush()
            self.trust.load_cert_chain(file.name)
        self.address = urlsplit(server.url).netloc
        self.connections = 0

    def run(self, requests: t.Sequence[Request]) -> list[Item]:
        """The answers, in no order; every body is read, so that no connection is opened twice."""
        waiting: queue.SimpleQueue[Request] = queue.SimpleQueue()
        for request in requests:
            waiting.put(request)
        answers: list[Item] = []
        refused: list[str] = []
        self.connections = 0

        def work() -> None:
            connection = http.client.HTTPSConnection(self.address, context=self.trust)
            connection.connect()
            self.connections += 1
            connection.auto_open = 0  # a second connect would be an error
            with contextlib.suppress(queue.Empty):
                while True:
                    method, path, body = waiting.get_nowait()
                    kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
                    connection.request(method, path, json.dumps(body), {"content-type": kind})
                    answer = connection.getresponse()
                    content = answer.read()
                    if answer.status >= 300:
                        refused.append(f"{method} {path}: {answer.status} {content[:300]!r}")
                        break
                    answers.append(json.loads(content))
            connection.close()

        threads = [threading.Thread(target=work) for dummy in range(min(CONNECTIONS, len(requests)))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if len(answers) != len(requests):
            raise SystemExit(f"{len(answers)} answers to {len(requests)} requests: the time means nothing; {refused[:1]}")
        return answers

    def nodes(self, names: t.Sequence[str] = NAMES) -> list[Item]:
        (answer,) = self.run([("GET", "/api/v1/nodes", None)])
        return [node for node in answer["items"] if node["metadata"]["name"] in names]

    def reset(self, names: t.Sequence[str] = NAMES) -> None:
        """As if nobody had labelled or tainted them."""
        gone = {"labels": dict.fromkeys(_item("", "")["labels"]), "annotations": {RECORD: None}}
        self.run([_patch(node, gone, _theirs(node)) for node in self.nodes(names)])
        self._settle()

    def _settle(self) -> None:
        """Until the controllers have taken note, so that each run begins in the same quiet."""
        before: set[str] = set()
        for dummy in range(60):
            now = {node["metadata"]["resourceVersion"] for node in self.nodes()}
            if now == before:
                return
            before = now
            time.sleep(0.5)


def _item(name: str, phase: str) -> Item:
    labels = {"role": "worker", "domain": "fleet", "phase": phase}
    return {"name": name, "labels": labels, "taints": [{"key": "domain", "value": "fleet", "effect": "NoSchedule"}]}


def _items(phase: str, names: t.Sequence[str] = NAMES) -> list[Item]:
    return [_item(name, phase) for name in names]


def _theirs(node: Item) -> list[Item]:
    return [taint for taint in node["spec"].get("taints", []) if taint["key"] != "domain"]


def _patch(node: Item, metadata: Item, taints: list[Item]) -> Request:
    return ("PATCH", f"/api/v1/nodes/{node['metadata']['name']}", {"metadata": metadata, "spec": {"taints": taints}})


def _first_run(server: ApiServer, loop: BareLoop) -> Pair:
    """The peer's patches are prepared beforehand, and hold what ours do, but for the guard that makes one fail."""
    task = KubeTask(server)
    task.diff = False  # as without --diff
    # A record as long as ours.
    task.apply(nodes=_items("1", NAMES[:1]))
    record = loop.nodes(NAMES[:1])[0]["metadata"]["annotations"][RECORD]

    def ours() -> float:
        loop.reset()
        with _counted() as connections:
            start = time.perf_counter()
            result = task.apply(nodes=_items("1"))
            taken = time.perf_counter() - start
        _expect(len(result["changes"]), SIZE, "nodes changed")
        _expect(len(connections), CONNECTIONS, "connections opened by kube_nodes")
        print(f"  ({result['conflicts']} conflicts survived)", flush=True)
        return taken

    def bare() -> float:
        loop.reset()
        metadata = {"labels": _item("", "1")["labels"], "annotations": {RECORD: record}}
        patches = [_patch(node, metadata, [*_theirs(node), *_item("", "1")["taints"]]) for node in loop.nodes()]
        start = time.perf_counter()
        loop.run(patches)
        taken = time.perf_counter() - start
        _expect(loop.connections, CONNECTIONS, "connections opened by the bare loop")
        return taken

    name = "1,000 nodes, 3 labels and a taint each, first run"
    return compare(name, at_most_times(1.5), ours, ("the same patches over 16 kept-alive connections", bare))


@contextlib.contextmanager
def _counted() -> t.Iterator[list[object]]:
    """The connections that are opened meanwhile in this process by urllib3."""
    opened: list[object] = []
    original = urllib3.connection.HTTPSConnection.connect

    def connect(self: t.Any) -> None:
        opened.append(self)
        original(self)

    urllib3.connection.HTTPSConnection.connect = connect  # type: ignore[method-assign]
    try:
        yield opened
    finally:
        urllib3.connection.HTTPSConnection.connect = original  # type: ignore[method-assign]


def _disturbed(server: ApiServer, loop: BareLoop) -> None:
    """Not a figure but a condition: somebody else writes to the nodes meanwhile, and both come through."""
    loop.reset()
    over = threading.Event()

    def disturb() -> None:
        for beat in itertools.count():
            if over.is_set():
                return
            beats = {"annotations": {"bench.example.com/beat": str(beat)}}
            loop.run([("PATCH", f"/api/v1/nodes/{name}", {"metadata": beats}) for name in NAMES[:: SIZE // 100]])

    thread = threading.Thread(target=disturb)
    thread.start()
    try:
        result = KubeTask(server).apply(nodes=_items("1"))
    finally:
        over.set()
        thread.join()
    _expect(len(result["changes"]), SIZE, "nodes changed")
    if not result["conflicts"]:
        raise SystemExit("nobody came in between: what a conflict takes was not seen")
    found = loop.nodes()
    _expect(sum(node["metadata"]["labels"].get("phase") == "1" for node in found), SIZE, "nodes labelled")
    _expect(sum("bench.example.com/beat" in node["metadata"]["annotations"] for node in found), 100, "annotations of others kept")
    print(f"  (beside somebody who writes to 100 of them all the time: {result['conflicts']} conflicts survived)", flush=True)


def _nothing_to_do(server: ApiServer, loop: BareLoop, home: Path) -> Pair:
    arguments = {"kubeconfig": server.kubeconfig, "nodes": _items("1")}
    ours = playbook(home, "fleet", [{"eco2.platform.kube_nodes": arguments}])
    peer = playbook(home, "empty", [empty_module(home, arguments)])
    play(ours)
    before = [node["metadata"]["labels"] for node in loop.nodes()]
    name = "nothing to do, 1,000 nodes, the task"
    pair = compare(name, at_most_times(2.5), lambda: play(ours), ("an empty module with the same arguments", lambda: play(peer)), rounds=3)
    _expect(sum(node["metadata"]["labels"] in before for node in loop.nodes()), SIZE, "nodes left alone")
    return pair


def _kubernetes_core(server: ApiServer, loop: BareLoop, home: Path) -> t.Iterator[Pair]:
    """As its users do it: one task for labels and one for taints, in loops over the nodes."""
    few = NAMES[:FEW]
    item = _item("{{ item }}", "1")
    about = {"kubeconfig": server.kubeconfig}
    label = {"api_version": "v1", "kind": "Node", "name": "{{ item }}", "definition": {"metadata": {"labels": item["labels"]}}}
    theirs = playbook(
        home,
        "kubernetes-core",
        [
            {"kubernetes.core.k8s": {**about, "state": "patched", **label}, "loop": few},
            {"kubernetes.core.k8s_taint": {**about, "state": "present", "name": "{{ item }}", "taints": item["taints"]}, "loop": few},
        ],
    )

    def ours(names: t.Sequence[str]) -> t.Callable[[], float]:
        path = playbook(home, f"ours-{len(names)}", [{"eco2.platform.kube_nodes": {**about, "nodes": _items("1", names)}}])
        return _afresh(loop, names, lambda: play(path))

    beside = _afresh(loop, few, lambda: play(theirs))
    a, b = interleaved(ours(few), beside, rounds=3)
    bound = faster_by(20)
    yield Pair(
        "20 nodes labelled and tainted, the task", a, "kubernetes.core k8s and k8s_taint in loops", b, bound.words, bound.holds(a, b)
    )
    whole = sorted(ours(NAMES)() for dummy in range(3))[1] / SIZE
    bound = faster_by(200)
    name = "1,000 nodes labelled and tainted, the task, for each node"
    peer = "kubernetes.core for each of its 20"
    yield Pair(name, whole, peer, b / FEW, bound.words, bound.holds(whole, b / FEW))


def _afresh(loop: BareLoop, names: t.Sequence[str], run: t.Callable[[], float]) -> t.Callable[[], float]:
    def measured() -> float:
        loop.reset(names)
        taken = run()
        done = [node for node in loop.nodes(names) if node["metadata"].get("labels", {}).get("phase") == "1"]
        _expect(sum(any(taint["key"] == "domain" for taint in node["spec"]["taints"]) for node in done), len(names), "nodes done")
        return taken

    return measured


def _expect(found: int, wanted: int, what: str) -> None:
    if found != wanted:
        raise SystemExit(f"{found} {what} in place of {wanted}: the time means nothing")


def _decoded(data: str) -> str:
    return base64.b64decode(data).decode()
