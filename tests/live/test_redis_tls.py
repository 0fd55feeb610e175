"""A set with Sentinel that speaks TLS alone: made by the role, failed over, maintained; a renewed certificate is noticed."""

from __future__ import annotations

import subprocess
import typing as t
from pathlib import Path

import pytest
import redis_site
from redis_site import Site

from lab import tls
from lab.nodes import Node

NAMES = ["test-tls-1", "test-tls-2", "test-tls-3"]
FILES = ("ca.crt", "node.crt", "node.key")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Site]:
    home = tmp_path_factory.mktemp("tls")
    tls.authority(home, "ca", "eco2 lab CA")
    variables = {
        "redis_sentinel_hosts": NAMES,
        "redis_sentinel_sets": [{"name": "pubsub", "nodes": NAMES, "password": "application", "down_after_milliseconds": 2000}],
        "redis_sentinel_admin_password": "administration",
        "redis_sentinel_masterauth": "replication",
        "redis_sentinel_auth_pass": "watching",
        "redis_sentinel_password": "sentinels",
        "redis_sentinel_tls": {
            "ca_cert_file": "/etc/redis-tls/ca.crt",
            "cert_file": "/etc/redis-tls/node.crt",
            "key_file": "/etc/redis-tls/node.key",
            "auth_clients": False,
        },
        "redis_sentinel_ca_cert": str(home / "ca.crt"),
    }
    with redis_site.site(home, NAMES, variables) as made:
        for node in made.nodes.values():
            _certificate(home, node)
        yield made


def test_a_first_run_that_failed_on_one_host_is_completed_by_the_next(site: Site) -> None:
    """The others follow it already, and no sentinel knows of any of them."""
    first = site.nodes[NAMES[0]]
    first.run("systemctl", "mask", "redis-server@pubsub")
    assert "redis-server@pubsub.service is masked" in site.play("main").failure
    followed = _client(site.nodes[NAMES[1]], 6379, "administration", "--user", "admin", "ROLE").split()
    assert followed[:2] == ["slave", first.address]
    first.run("systemctl", "unmask", "redis-server@pubsub")
    site.play("main").ok()
    assert _master(site) == NAMES[0]


def test_it_converges_fails_over_and_is_maintained_over_tls_alone(site: Site) -> None:
    assert site.play("main").ok().changed == []
    for node in site.nodes.values():
        for port, password in ((6379, "application"), (26379, "sentinels")):
            with pytest.raises(OSError):
                redis_site.Place(node.address, port).ask("PING")
            assert _client(node, port, password, "PING") == "PONG"
    former = _master(site)
    sets = [{**site.variables["redis_sentinel_sets"][0], "settings": {"maxmemory": "96mb"}}]
    done = site.play("maintain", redis_sentinel_sets=sets).ok()
    steps = [outcome.result["step"].split()[0] for outcome in done.outcomes if outcome.state == "changed" and "step" in outcome.result]
    assert steps == ["restart", "restart", "switch", "restart"]
    assert _master(site) != former
    assert site.play("maintain", redis_sentinel_sets=sets).ok().changed == []
    assert site.play("main", redis_sentinel_sets=sets).ok().changed == []
    site.variables["redis_sentinel_sets"] = sets


def test_a_renewed_certificate_waits_for_maintenance(site: Site) -> None:
    before = {name: _serial(node) for name, node in site.nodes.items()}
    for node in site.nodes.values():
        _certificate(site.home, node)
    reported = site.play("main").ok()
    assert reported.changed == []
    assert reported.tasks("ok").count("Report what waits for maintain_redis") == 3
    assert {name: _serial(node) for name, node in site.nodes.items()} == before
    site.play("maintain").ok()
    after = {name: _serial(node) for name, node in site.nodes.items()}
    assert not set(before.values()) & set(after.values())
    assert site.play("main").ok().changed == []


def _certificate(home: Path, node: Node) -> None:
    """For the node's address, put where Redis reads it."""
    tls.issue(home, "node", node.name, f"subjectAltName=IP:{node.address}")
    node.run("mkdir", "-p", "/etc/redis-tls")
    for name in FILES:
        text = (home / name).read_text(encoding="ascii")
        node.run("sh", "-c", f"umask 022; printf '%s' '{text}' >/etc/redis-tls/{name}")


def _client(node: Node, port: int, password: str, *words: str) -> str:
    return node.run(
        *(
            "env",
            f"REDISCLI_AUTH={password}",
            "redis-cli",
            "--tls",
            "--cacert",
            "/etc/redis-tls/ca.crt",
            "-h",
            node.address,
            "-p",
            str(port),
            *words,
        )
    ).strip()


def _master(site: Site) -> str:
    (address,) = {
        _client(node, 26379, "sentinels", "SENTINEL", "GET-MASTER-ADDR-BY-NAME", "pubsub").split()[0] for node in site.nodes.values()
    }
    return next(node.name for node in site.nodes.values() if node.address == address)


def _serial(node: Node) -> str:
    """Of the certificate that the server shows."""
    command = ["openssl", "s_client", "-connect", f"{node.address}:6379"]
    shown = subprocess.run(command, input=b"", capture_output=True, check=False, timeout=20).stdout
    return subprocess.run(["openssl", "x509", "-noout", "-serial"], input=shown, capture_output=True, check=True).stdout.decode()
