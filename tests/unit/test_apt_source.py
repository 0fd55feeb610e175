"""A repository's files, and what is no key."""

from __future__ import annotations

import http.server
import re
import threading
import typing as t
from pathlib import Path

import pytest

from ansible_collections.eco2.platform.plugins.module_utils._engine.converge import converge
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Refused
from ansible_collections.eco2.platform.plugins.module_utils._host.apt import source

KEY = b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmQ==\n-----END PGP PUBLIC KEY BLOCK-----\n"


@pytest.fixture
def server() -> t.Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            bodies = {"/key": KEY, "/binary": b"\x99\x01\x0d\x04", "/page": b"<html>no</html>"}
            self.send_response(200 if self.path in bodies else 404)
            self.end_headers()
            self.wfile.write(bodies.get(self.path, b""))

        def log_message(self, *dummy: t.Any) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(source, "SOURCES", str(tmp_path / "sources.list.d"))
    monkeypatch.setattr(source, "KEYRINGS", str(tmp_path / "keyrings"))
    return tmp_path


def params(key: str, **more: t.Any) -> dict[str, t.Any]:
    flat = {"uris": ["https://pkgs.example.org/v1.36/deb/"], "suites": ["/"], "components": [], "replaces": [], "timeout": 5.0}
    return {"name": "kubernetes", "state": "present", "key": key, **flat, **more}


def converged(arguments: dict[str, t.Any], check_mode: bool = False) -> list[tuple[str, str]]:
    report = converge(source.Source(arguments), check_mode, diff=True)
    assert report.failure is None
    return [(change["action"], Path(change["object"]).name) for change in report.result["changes"]]


def test_four_steps(server: str, elsewhere: Path) -> None:
    wanted = params(f"{server}/key")
    changes = [("create", "kubernetes.asc"), ("create", "kubernetes.sources")]
    assert converged(wanted, check_mode=True) == changes
    assert not list(elsewhere.iterdir())
    assert converged(wanted) == changes
    assert converged(wanted, check_mode=True) == converged(wanted) == []
    assert (elsewhere / "keyrings" / "kubernetes.asc").read_bytes() == KEY
    assert (elsewhere / "sources.list.d" / "kubernetes.sources").read_text().splitlines()[1:] == [
        "Types: deb",
        "URIs: https://pkgs.example.org/v1.36/deb/",
        "Suites: /",
        f"Signed-By: {elsewhere}/keyrings/kubernetes.asc",
    ]


def test_another_minor_release_rewrites_it_and_fetches_its_key(server: str) -> None:
    converged(params(f"{server}/key"))
    moved = params(f"{server}/key", uris=["https://pkgs.example.org/v1.37/deb/"])
    assert converged(moved) == [("update", "kubernetes.sources")]
    assert converged({**moved, "key": f"{server}/key?"}, check_mode=True) == [
        ("update", "kubernetes.asc"),
        ("update", "kubernetes.sources"),
    ]


def test_files_of_the_old_way_go(server: str, elsewhere: Path) -> None:
    (elsewhere / "sources.list.d").mkdir()
    for name in ("kubernetes.list", "pkgs_k8s_io_core.list", "debian.sources"):
        (elsewhere / "sources.list.d" / name).write_text("deb http://x /\n")
    wanted = params(f"{server}/key", replaces=["kubernetes.list", "pkgs_k8s_io_*.list", "kubernetes.sources"])
    assert {("delete", "kubernetes.list"), ("delete", "pkgs_k8s_io_core.list")} < set(converged(wanted))
    assert sorted(path.name for path in (elsewhere / "sources.list.d").iterdir()) == ["debian.sources", "kubernetes.sources"]


def test_absent(server: str, elsewhere: Path) -> None:
    converged(params(f"{server}/key"))
    gone = params("", state="absent", uris=[], suites=[])
    assert converged(gone) == [("delete", "kubernetes.sources"), ("delete", "kubernetes.asc")]
    assert converged(gone) == []


@pytest.mark.parametrize(
    ("path", "reason"),
    [("/page", "is not a key: it begins with b'<html>"), ("/binary", "in binary form"), ("/gone", "cannot be fetched: .*404")],
)
def test_what_is_no_key_is_told_and_no_repository_comes_without(path: str, reason: str, server: str, elsewhere: Path) -> None:
    result = converge(source.Source(params(server + path)), check_mode=False, diff=False).result
    (failure,) = result["failures"]
    assert failure["kind"] == "key"
    assert re.search(reason, failure["reason"])
    assert [change["kind"] for change in result["not_attempted"]] == ["file"]
    assert not (elsewhere / "sources.list.d").exists()


@pytest.mark.parametrize(
    ("more", "code", "field"),
    [
        ({"name": "Kube/rnetes"}, "source.name", "name"),
        ({"uris": []}, "source.incomplete", "uris"),
        ({"uris": ["pkgs.k8s.io"]}, "source.address", "uris"),
        ({"components": ["main"]}, "source.flat", "components"),
        ({"suites": ["bookworm"]}, "source.components", "components"),
    ],
)
def test_what_cannot_be_a_repository_is_refused(more: dict[str, t.Any], code: str, field: str) -> None:
    with pytest.raises(Refused) as caught:
        source.Source(params("https://k", **more))
    assert [(problem.code, problem.field) for problem in caught.value.problems] == [(code, field)]
