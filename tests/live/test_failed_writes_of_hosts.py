"""Every change of the modules that run on a host fails once, on a real node: see failing.py and failing_host.py."""

from __future__ import annotations

import json
import subprocess
import typing as t

import on_node
import pytest

from lab import nodes

NAME = "test-failing"
UNIT = "[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n"
CASES: list[dict[str, t.Any]] = [
    {
        "name": "host",
        "module": "host",
        "least": 5,
        "reset": "systemctl disable --now failing 2>/dev/null || :; rm -rf /etc/failing /etc/systemd/system/failing.service "
        "/etc/sysctl.d/*failing* /etc/modules-load.d/*failing*; systemctl daemon-reload; mkdir /etc/failing; "
        "printf '# Managed by eco2.platform\\n' >/etc/failing/forgotten.conf; sysctl -qw net.ipv4.ip_forward=0",
        "told": "cat /etc/failing/* /etc/systemd/system/failing.service /etc/sysctl.d/*failing* 2>&1; sysctl net.ipv4.ip_forward; "
        "systemctl is-active failing; systemctl is-enabled failing",
        "arguments": {
            "name": "failing",
            "files": [
                {"path": "/etc/systemd/system/failing.service", "content": UNIT},
                {"path": "/etc/failing/a.conf", "content": "a\n"},
                {"path": "/etc/failing/b.conf", "secret_content": "b\n", "mode": "0600"},
            ],
            "purge": ["/etc/failing/*"],
            "sysctls": {"net.ipv4.ip_forward": 1},
        },
    },
    {
        "name": "host: a service",
        "module": "host",
        "least": 3,
        "reset": "mkdir -p /etc/failing; rm -f /etc/failing/*; systemctl disable failing 2>/dev/null || :; "
        f"printf '{UNIT.encode('unicode_escape').decode()}' >/etc/systemd/system/failing.service; "
        "systemctl daemon-reload; systemctl restart failing",
        "told": "cat /etc/failing/*; systemctl is-enabled failing; systemctl show --property ExecMainPID failing",
        "arguments": {
            "files": [{"path": "/etc/failing/a.conf", "content": "a\n"}],
            "services": [{"name": "failing", "state": "started", "enabled": True, "restart_after": ["/etc/failing/a.conf"]}],
        },
    },
    {
        "name": "apt_packages",
        "module": "apt_packages",
        "least": 2,
        "reset": "printf 'tree install\\nbc install\\n' | dpkg --set-selections; dpkg --purge tree bc >/dev/null 2>&1; apt-get -qq update",
        "told": "dpkg-query --show --showformat '${Package} ${Status} ${Version}\\n' tree bc 2>&1",
        "arguments": {"packages": [{"name": "tree"}, {"name": "bc"}], "hold": True},
    },
    {
        "name": "apt_source",
        "module": "apt_source",
        # Only the .sources file tells where a key came from.
        "twice": [["key", "/etc/apt/keyrings/failing.asc"]],
        "least": 3,
        "reset": "mkdir -p /etc/apt/keyrings; rm -f /etc/apt/keyrings/failing.* /etc/apt/sources.list.d/*; "
        "echo 'deb file:/srv /' >/etc/apt/sources.list.d/old.list; printf -- '-----BEGIN PGP PUBLIC KEY BLOCK-----\\nx\\n' >/root/key.asc",
        "told": "cat /etc/apt/keyrings/failing.* /etc/apt/sources.list.d/* 2>&1",
        "arguments": {"name": "failing", "uris": ["file:///srv"], "suites": ["/"], "key": "file:///root/key.asc"},
    },
]


@pytest.fixture(scope="module")
def node() -> t.Iterator[nodes.Node]:
    (made,) = nodes.up([NAME])
    yield made
    nodes.down([NAME])


def test_every_change_of_a_host_fails_once(node: nodes.Node) -> None:
    on_node.unpack(node, ("failing.py", "failing_host.py"), {"cases.json": json.dumps(CASES)})
    run = ["podman", "exec", "--workdir", on_node.HOME, node.container, "python3", "failing_host.py", "cases.json"]
    done = subprocess.run(run, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr[-4000:]
    assert done.stdout.splitlines() == [f"{case['name']}: refused, lost before, lost after" for case in CASES]
