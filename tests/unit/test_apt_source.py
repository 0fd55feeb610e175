"""A repository's files, and what is no key."""

from __future__ import annotations

import http.server
import re
import ssl
import threading
import typing as t
import urllib.error
from pathlib import Path

import pytest

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import ChangeFailed
from ansible_collections.eco2.platform.plugins.module_utils._engine.converge import converge
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Refused
from ansible_collections.eco2.platform.plugins.module_utils._host import files
from ansible_collections.eco2.platform.plugins.module_utils._host.apt import key, source
from ansible_collections.eco2.platform.plugins.module_utils._host.command import Done

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
    monkeypatch.setattr(source, "APT", str(tmp_path))
    return tmp_path


def params(key: str, **more: t.Any) -> dict[str, t.Any]:
    flat = {
        "uris": ["https://pkgs.example.org/v1.36/deb/"],
        "suites": ["/"],
        "components": [],
        "replaces": [],
        "timeout": 5.0,
        "option_names": {},
    }
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


KEPT = "deb http://deb.example.org/debian bookworm main\n"
SAME = "https://pkgs.example.org/v1.36/deb"
ANOTHER_KEY = "/usr/share/keyrings/other.gpg"
# Files that have the repository of `params`, and what stays of them: None for nothing.
OTHERS = {
    "sources.list.d/kubernetes.list": (f"# Kubernetes\ndeb [signed-by={ANOTHER_KEY}] {SAME}/ /\n# deb-src {SAME}/ /\n", None),
    "sources.list.d/one.list": (f"deb [arch=amd64 signed-by={ANOTHER_KEY}] {SAME} ./\n{KEPT}", KEPT),
    "sources.list.d/user.list": (f"{KEPT}deb HTTPS://user:pw@pkgs.example.org/v1.36 deb/ # ours\n", KEPT),
    "sources.list": (f"deb [trusted=yes] {SAME}/ / \n", ""),
    "sources.list.d/deb.sources": (f"Types: deb\nURIs: {SAME}\nSuites: /\nSigned-By:\n -----BEGIN\n .\n -----END\n", None),
    "sources.list.d/two.sources": (
        f"# one\nTypes: deb deb-src\nuris:\n  {SAME}/\nSUITES: /\n\nTypes: deb\nURIs: http://b\nSuites: x\nComponents: y\n",
        "# one\nTypes: deb\nURIs: http://b\nSuites: x\nComponents: y\n",
    ),
    "sources.list.d/older.list": ("deb https://pkgs.example.org/v1.30/deb/ /\n", None),
    # Of these apt reads nothing, or nothing of this repository.
    "sources.list.d/off.sources": (f"Enabled: no\nTypes: deb\nURIs: {SAME}\nSuites: /\n", ...),
    "sources.list.d/docker.list.save": (f"deb {SAME}/ /\n", ...),
    "sources.list.d/addons.list": ("deb https://pkgs.example.org/addons/v1.36/deb/ /\n", ...),
    "sources.list.d/comment.list": (f"# deb {SAME}/ /\n", ...),
}


@pytest.mark.parametrize("path", OTHERS)
def test_the_repository_is_taken_over_from_any_file_in_any_format(path: str, server: str, elsewhere: Path) -> None:
    before, after = OTHERS[path]
    (elsewhere / path).parent.mkdir(exist_ok=True)
    (elsewhere / path).write_text(before)
    wanted = params(f"{server}/key", replaces=["*://pkgs.example.org/v1.*"])
    expected = [] if after is ... else [("delete" if after is None else "update", Path(path).name)]
    assert [
        change
        for change in converged(wanted, check_mode=True)
        if not change[1].startswith("kubernetes.s") and change[1] != "kubernetes.asc"
    ] == expected
    converged(wanted)
    left = (elsewhere / path).read_text() if (elsewhere / path).exists() else None
    assert left == (before if after is ... else after)
    assert converged(wanted) == []


def test_a_repository_can_be_named_with_its_suite(server: str, elsewhere: Path) -> None:
    """Other repositories are at the address at which a former one of Kubernetes was."""
    lines = [f"deb https://packages.example.org/apt {suite} main\n" for suite in ("kubernetes-xenial", "cloud-sdk")]
    (elsewhere / "sources.list").write_text("".join(lines))
    arguments = params(f"{server}/key", replaces=["*/apt/ kubernetes-*"])
    assert ("update", "sources.list") in converged(arguments)
    assert (elsewhere / "sources.list").read_text() == lines[1]


def test_why_a_key_does_not_come_is_said_in_words() -> None:
    refused = ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed (_ssl.c:1000)")
    refused.verify_message = "certificate is not yet valid"
    said = key._reason(urllib.error.URLError(refused))
    assert re.fullmatch(r"the server's certificate is refused: certificate is not yet valid; this machine's clock says \S+Z", said)
    assert key._reason(urllib.error.URLError(ConnectionRefusedError(111, "Connection refused"))) == "Connection refused"
    assert key._reason(ValueError("unknown url type")) == "unknown url type"


def test_a_password_in_another_file_is_not_shown(server: str, elsewhere: Path) -> None:
    (elsewhere / "sources.list").write_text(f"{KEPT}deb https://me:s3cret@pkgs.example.org/v1.36/deb/ /\n")
    report = converge(source.Source(params(f"{server}/key")), check_mode=False, diff=True)
    assert "s3cret" not in str(report.result)
    assert (elsewhere / "sources.list").read_text() == KEPT


@pytest.mark.parametrize(
    ("path", "text", "problem"),
    [
        ("shared.sources", f"\nTypes: deb\nURIs: {SAME} http://b\nSuites: /\n", ("source.shared_entry", 2)),
        (
            "kubernetes.sources",
            f"Types: deb\nURIs: {SAME}\nSuites: /\n\n\nTypes: deb\nURIs: http://b\nSuites: /\n",
            ("source.other_repository", 6),
        ),
    ],
)
def test_what_cannot_be_taken_over_is_refused_with_file_and_line(
    path: str, text: str, problem: tuple[str, int], server: str, elsewhere: Path
) -> None:
    code, line = problem
    place = elsewhere / "sources.list.d" / path
    place.parent.mkdir()
    place.write_text(text)
    for check_mode in (True, False):
        report = converge(source.Source(params(f"{server}/key")), check_mode, diff=False)
        assert [(found["code"], found["item"]) for found in report.result["problems"]] == [(code, f"{place}:{line}")]
        assert "http://b/" in str(report.failure)
    assert [path.name for path in elsewhere.rglob("*") if path.is_file()] == [place.name]


def test_all_files_change_or_none(server: str, elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its own file the repository would be gone, and with both apt reads nothing."""
    place = elsewhere / "sources.list"
    place.write_text(f"{KEPT}deb {SAME}/ /\n")
    apply = files.apply
    full = ChangeFailed("No space left on device")

    def no_new_file(file: files.File) -> None:
        if file.path.endswith(".sources"):
            raise full
        apply(file)

    monkeypatch.setattr(files, "apply", no_new_file)
    result = converge(source.Source(params(f"{server}/key")), check_mode=False, diff=False).result
    assert [change["kind"] for change in result["changes"]] == ["key"]
    assert {failure["reason"] for failure in result["failures"]} == {"No space left on device"}
    assert place.read_text() == f"{KEPT}deb {SAME}/ /\n"


def test_absent(server: str, elsewhere: Path) -> None:
    converged(params(f"{server}/key"))
    gone = params("", state="absent", uris=[], suites=[])
    assert converged(gone) == [("delete", "kubernetes.sources"), ("delete", "kubernetes.asc")]
    assert converged(gone) == []


def test_a_key_that_another_file_names_stays(server: str, elsewhere: Path) -> None:
    converged(params(f"{server}/key"))
    other = f"deb [signed-by={elsewhere}/keyrings/kubernetes.asc] https://other.example.org x y\n"
    (elsewhere / "sources.list.d" / "other.list").write_text(other)
    assert converged(params("", state="absent", uris=[], suites=[])) == [("delete", "kubernetes.sources")]
    assert (elsewhere / "keyrings" / "kubernetes.asc").exists()


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
        ({"uris": ["https://a\nTrusted: yes"]}, "source.address", "uris"),
        ({"suites": ["/ x/"]}, "source.word", "suites"),
        ({"suites": ["x\nTrusted:"], "components": ["main"]}, "source.word", "suites"),
        ({"suites": ["x"], "components": ["main", ""]}, "source.word", "components"),
    ],
)
def test_what_cannot_be_a_repository_is_refused(more: dict[str, t.Any], code: str, field: str) -> None:
    with pytest.raises(Refused) as caught:
        source.Source(params("https://k", **more))
    assert [(problem.code, problem.field) for problem in caught.value.problems] == [(code, field)]


def test_a_role_has_its_own_name_for_an_option() -> None:
    with pytest.raises(Refused) as caught:
        source.Source(params("https://k", uris=["download.docker.com"], option_names={"uris": "containerd_apt_repository"}))
    assert str(caught.value).startswith("containerd_apt_repository: 'download.docker.com' is not an address")


APT_CONFIG = """Acquire "";
Acquire::http "";
Acquire::http::Proxy "http://me:s3cret@proxy:3128";
Acquire::http::Proxy::direct.example.org "DIRECT";
Acquire::https::Proxy "http://tls:3128";
"""


@pytest.mark.parametrize(
    ("url", "settings", "proxy"),
    [
        ("http://a/key", APT_CONFIG, "http://me:s3cret@proxy:3128"),
        ("https://a/key", APT_CONFIG, "http://tls:3128"),
        ("https://direct.example.org/key", APT_CONFIG, ""),
        ("https://a/key", APT_CONFIG.replace("https::Proxy", "other::Proxy"), "http://me:s3cret@proxy:3128"),
        ("https://a/key", "", None),
        ("file:///a/key", APT_CONFIG, None),
    ],
)
def test_a_key_comes_through_apts_proxy(url: str, settings: str, proxy: str | None) -> None:
    assert key.proxy_of(url, settings) == proxy


def test_the_proxy_of_apt_is_used_and_its_password_not_shown(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = f'Acquire::http::Proxy "{server.replace("://", "://me:s3cret@")}";\n'
    monkeypatch.setattr(key.command, "run", lambda *words: Done(0, settings, ""))
    # The server takes the address of a proxied request as a path that it does not have.
    with pytest.raises(ChangeFailed, match="cannot be fetched through apt's proxy http://127") as caught:
        key.fetch("http://nowhere.invalid/key", 5)
    assert "404" in str(caught.value)
    assert "s3cret" not in str(caught.value)
