"""What strangers may write for a node: never a traceback, and what is taken is read by containerd itself as it is meant."""

from __future__ import annotations

import os
import re
import subprocess
import typing as t
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from strange_nodes import SECRET, Stranger

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem, Refused
from ansible_collections.eco2.platform.plugins.module_utils._host.apt import listed, plan, versions
from ansible_collections.eco2.platform.plugins.module_utils._host.command import run
from ansible_collections.eco2.platform.plugins.module_utils._node import containerd, containerd_hosts, facts, facts_containerd, toml
from lab import binaries
from lab.host import LabError, require

TIMES = int(os.environ.get("ECO2_TIMES", "1"))
CASES, READ_BACK, DUMPED = 10_000 * TIMES, 200, 50
# containerd 2.3, which the nodes of the lab have too.
NEWEST = "2.3.7"


def taken(
    number: int, version: str, files: tuple[str, str] = ("/ca.pem", "/ca.key")
) -> tuple[dict[str, t.Any], containerd.Configured | None]:
    """The options of a stranger, and what is made of them; None where they are refused in words."""
    options = Stranger(number, files).options()
    try:
        return options, containerd.configuration(version, options)
    except Refused as refusal:
        assert all(isinstance(problem, Problem) and problem.code and "\n" not in str(problem) for problem in refusal.problems)
        assert SECRET not in str(refusal)
        return options, None


def test_no_options_end_in_a_traceback() -> None:
    good = 0
    for number in range(CASES):
        stranger = Stranger(number)
        made = taken(number, stranger.version())[1]
        if made:
            good += 1
            contents = {file["path"]: file.get("content") or file.get("secret_content") or "" for file in made.files}
            assert all(content.encode() or path.endswith(("proxy.env", "proxy.conf")) for path, content in contents.items()), number
            assert all(toml.parse(content) for path, content in contents.items() if path.endswith(".toml")), number
    assert CASES / 5 < good < CASES * 4 / 5, "both sides are tried"


def test_no_version_and_no_file_of_apt_ends_in_a_traceback() -> None:
    for number in range(CASES):
        stranger = Stranger(number)
        one, other, text = stranger.version(), stranger.version(), stranger.lines()
        versions.matches(one, other)
        try:
            plan.wanted([{"name": "kubelet", "version": one}])
        except Refused as refusal:
            assert [problem.code for problem in refusal.problems] == ["apt.version"]
        for path in ("a.list", "a.sources"):
            entries = list(listed.entries(path, text))
            assert list(listed.entries(path, listed.without(text, entries))) == []
            assert all(text.split("\n")[entry.first - 1].strip() for entry in entries)


@pytest.fixture(scope="module")
def built() -> Path:
    try:
        require()
    except LabError as error:
        pytest.skip(f"no lab on this machine, so containerd does not read back {READ_BACK} registries and {DUMPED} files: {error}")
    return binaries.build(binaries.containerd(NEWEST))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    home = tmp_path_factory.mktemp("certificate")
    found = (str(home / "ca.pem"), str(home / "ca.key"))
    command = f"openssl req -x509 -newkey rsa:2048 -nodes -keyout {found[1]} -out {found[0]} -days 2 -subj /CN=lab"
    subprocess.run(command.split(), check=True, capture_output=True)
    return found


def test_containerd_reads_the_hosts_of_a_registry_as_they_are_meant(built: Path, certificate: tuple[str, str], tmp_path: Path) -> None:
    """ctr reads hosts.toml with containerd's own code, and tells which addresses it asks, in which order and with which headers."""
    cases: list[tuple[int, dict[str, t.Any]]] = []
    number = 0
    while len(cases) < READ_BACK:
        options, made = taken(number, NEWEST, certificate)
        cases += [(number, mirror) for mirror in options["registry_mirrors"][:1] if mirror["server"]] if made else []
        number += 1
    with ThreadPoolExecutor(max_workers=2) as pool:
        wrong = list(filter(None, pool.map(lambda case: read_back(built, tmp_path / str(case[0]), *case), cases)))
    assert wrong == []


def read_back(built: Path, home: Path, number: int, mirror: dict[str, t.Any]) -> str | None:
    """What containerd does not read as it is meant; None where it does."""
    registry = "127.0.0.1:9"
    (file,) = [file for file in containerd_hosts.files([{**mirror, "registry": registry}]) if file["path"].endswith("hosts.toml")]
    place = home / registry / "hosts.toml"
    place.parent.mkdir(parents=True)
    place.write_text(file.get("content") or file["secret_content"], encoding="utf-8")
    digest = "sha256:" + "0" * 64
    done = run(str(built / "ctr"), "--debug", "content", "fetch-object", "--hosts-dir", str(home), f"{registry}/x/y@{digest}", digest)
    asked = re.findall(r'msg="do request".*?((?: request\.header\.\S+?=(?:"(?:[^"\\]|\\.)*"|\S+))+).*? url="?([^"\s?]+)', done.errors)
    # containerd does not show an Authorization.
    found = [(url.partition("/x/y/")[0], "x-a" in headers) for headers, url in asked]
    # Each address is asked for the manifest; those that do not answer are asked no more.
    expected = [
        (address(each), "X-A" in (each.get("header") or {}))
        for each in (*(mirror["hosts"] or []), {**mirror, "url": mirror["server"]})
        if pulls(each)
    ]
    if "failed to decode" in done.errors or found[: len(expected)] != expected:
        return f"{number}: {mirror}: {found}, not {expected}: {done.errors[-600:]}"
    return None


def pulls(given: dict[str, t.Any]) -> bool:
    return "pull" in (given.get("capabilities") or ["pull"])


def address(given: dict[str, t.Any]) -> str:
    """As docs/hosts.md of containerd says. With settings of TLS, an address is asked by https first."""
    scheme, dummy, rest = given["url"].partition("://")
    secured = any(given.get(name) is not None for name in ("ca", "client", "skip_verify"))
    place, dummy, path = rest.partition("/")
    parts = [part for part in path.split("/") if part]
    if given.get("override_path") not in (True, 1, "true", "yes") and parts[-1:] != ["v2"]:
        parts.append("v2")
    return "/".join([f"{'https' if secured else scheme}://{place}", *parts])


def test_containerd_has_the_settings_in_force_that_are_taken(built: Path, tmp_path: Path) -> None:
    number, dumped = 0, 0
    while dumped < DUMPED:
        options, made = taken(number, NEWEST)
        number += 1
        extra = made and any(options[name] for name in ("runtime_settings", "image_settings", "settings"))
        if made and extra and "content" in made.files[0]:
            dumped += 1
            config = tmp_path / f"{number}.toml"
            config.write_text(made.files[0]["content"], encoding="utf-8")
            done = run(str(built / "containerd"), "--config", str(config), "config", "dump")
            found = {"containerd": {"config": facts_containerd.effective(done)}}
            ignored = containerd._VALIDATED["reject"] in done.errors
            assert ignored or facts.differences(found, made.effective) == [], (options, done.errors)
