"""kube_host: files, kernel, swap and services; planned, written, and what cannot be refused in words."""

from __future__ import annotations

import os
import stat
import typing as t
from pathlib import Path

import pytest

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import ChangeFailed
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Refused
from ansible_collections.eco2.platform.plugins.module_utils._host import files as host_files
from ansible_collections.eco2.platform.plugins.module_utils._host import host
from ansible_collections.eco2.platform.plugins.module_utils._host import kernel as host_kernel
from ansible_collections.eco2.platform.plugins.module_utils._host import services as host_services
from ansible_collections.eco2.platform.plugins.module_utils._host import swap as host_swap
from ansible_collections.eco2.platform.plugins.module_utils._host.command import Done
from ansible_collections.eco2.platform.plugins.module_utils._host.files import File
from ansible_collections.eco2.platform.plugins.module_utils._host.services import Service, Wanted
from ansible_collections.eco2.platform.plugins.module_utils._host.swap import Swap

NOTHING = {"name": "kubernetes", "files": [], "purge": [], "modules": [], "sysctls": {}, "swap": "leave", "services": []}


def file(path: t.Any, **more: t.Any) -> dict[str, t.Any]:
    item = {"content": None, "secret_content": None, "mode": None, "state": "present", "validate": None}
    return {"path": str(path), **item, **more}


def converged(params: dict[str, t.Any], check_mode: bool = False) -> dict[str, t.Any]:
    result, outcome = host.converge({**NOTHING, **params}, check_mode, diff=True)
    assert outcome is None or outcome.complete, outcome
    return result


def changes(result: dict[str, t.Any]) -> list[tuple[str, str]]:
    return [(change["action"], change["object"]) for change in result["changes"]]


# Files


def test_files_in_four_steps(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "config"
    wanted = {"files": [file(path, content="one\n", mode="0640")]}
    for check_mode in (True, False):
        assert changes(converged(wanted, check_mode)) == [("create", str(path))]
        assert path.exists() is not check_mode
    assert changes(converged(wanted, check_mode=True)) == changes(converged(wanted)) == []
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    path.chmod(0o600)
    assert [d["field"] for d in converged(wanted)["changes"][0]["differences"]] == ["mode"]
    assert [entry.name for entry in path.parent.iterdir()] == ["config"], "no draft is left"


def test_permissions_stay_where_none_are_given_and_links_stay_links(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("old")
    target.chmod(0o604)
    link.symlink_to(target)
    converged({"files": [file(link, content="new")]})
    assert link.is_symlink()
    assert target.read_text() == "new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o604


def test_bytes_that_are_no_text_are_compared_too(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"\xff\r\n")
    assert changes(converged({"files": [file(path, content="\xff\r\n")]})) == [("update", str(path))]
    assert path.read_bytes() == "\xff\r\n".encode()


def test_a_secret_is_written_and_never_shown(tmp_path: Path) -> None:
    path = tmp_path / "proxy.env"
    for text in ("secret1", "secret1 and secret2"):
        assert "secret1" not in str(converged({"files": [file(path, secret_content=text, mode="0600")]}))
        assert path.read_text() == text


def test_a_file_that_does_not_stand_its_trial_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    wanted = file(path, content="nonsense", validate="grep -q '^version' %s")
    dummy, outcome = host.converge({**NOTHING, "files": [wanted]}, check_mode=False, diff=False)
    assert outcome is not None
    assert f"was not written: grep -q '^version' {path}" in outcome.failures[0][1]
    assert list(tmp_path.iterdir()) == []
    converged({"files": [{**wanted, "content": "version = 3"}]})
    converged({"files": [{**wanted, "content": "nonsense", "validate": "no-such-program %s"}]})


def test_what_is_declared_no_more_goes_where_it_is_ours(tmp_path: Path) -> None:
    ours, theirs, kept = (tmp_path / name / "hosts.toml" for name in ("ours", "theirs", "kept"))
    for path, text in ((ours, f"# {host_files.MARK} (role containerd)\n"), (theirs, "server = 'x'\n"), (kept, f"# {host_files.MARK}\n")):
        path.parent.mkdir()
        path.write_text(text)
    wanted = {"files": [file(kept, content=kept.read_text())], "purge": [f"{tmp_path}/*/hosts.toml"]}
    assert changes(converged(wanted)) == [("delete", str(ours))]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept", "theirs"]
    assert changes(converged({"files": [file(kept, state="absent")]})) == [("delete", str(kept))]


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"files": [file("etc/x", content="")]}, "does not begin with a slash"),
        ({"files": [file("/x")]}, "give either content or secret_content"),
        ({"files": [file("/x", content="", secret_content="")]}, "give either"),
        ({"files": [file("/x", content="", mode="rw")]}, "'rw' is not octal"),
        ({"files": [file("/x", content=""), file("/x", content="")]}, "file /x is declared twice"),
        ({"modules": ["br netfilter"]}, "module 'br netfilter'"),
        ({"sysctls": {"ip_forward": 1}}, "'ip_forward': is not a name"),
        ({"sysctls": {"net.ipv4.ip_forward": True}}, "True is neither a number nor a text"),
    ],
)
def test_what_cannot_be_is_refused(params: dict[str, t.Any], message: str) -> None:
    with pytest.raises(Refused, match=message):
        host.declare({**NOTHING, **params})


# Kernel


def test_a_module_is_there_whichever_way_the_kernel_tells(tmp_path: Path) -> None:
    root = f"{tmp_path}/"
    for path, text in (
        ("proc/modules", "xt_u32 16384 0 - Live 0x0\n"),
        ("proc/filesystems", "nodev\tsysfs\n\text4\nnodev\toverlay\n"),
        (f"lib/modules/{os.uname().release}/modules.builtin", "kernel/net/ipv4/ip_tunnel.ko\nkernel/crypto/dm-crypt.ko\n"),
        ("sys/module/loop/parameters/max_loop", "0\n"),
        ("proc/sys/net/bridge/bridge-nf-call-iptables", "1\n"),
    ):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    for name in ("xt_u32", "xt-u32", "overlay", "ext4", "ip_tunnel", "dm_crypt", "loop", "br_netfilter"):
        assert host_kernel.is_loaded(name, root), name
    for name in ("xt", "u32", "over", "ip_vs", "nf_conntrack"):
        assert not host_kernel.is_loaded(name, root), name


def test_modules_and_sysctls_stay_after_a_boot() -> None:
    modules, sysctls = host_kernel.files("kubernetes", ["overlay", "br_netfilter"], {"vm.x": 2, "net.ipv4.ip_forward": 1})
    assert modules.path == "/etc/modules-load.d/kubernetes.conf"
    assert (modules.content or "").splitlines()[1:] == ["overlay", "br_netfilter"]
    assert sysctls.path == "/etc/sysctl.d/99-zz-kubernetes.conf"
    assert (sysctls.content or "").splitlines()[1:] == ["net.ipv4.ip_forward = 1", "vm.x = 2"]
    assert host_kernel.files("kubernetes", [], {}) == []


def test_sysctls_are_compared_as_the_kernel_shows_them(tmp_path: Path) -> None:
    path = tmp_path / "proc/sys/net/ipv4/conf/eth0.100/forwarding"
    path.parent.mkdir(parents=True)
    path.write_text("1\n")
    assert host_kernel.value("net.ipv4.conf.eth0/100.forwarding", f"{tmp_path}/") == "1"
    assert host_kernel.value("net/ipv4/conf/eth0.100/forwarding", f"{tmp_path}/") == "1"
    now = {"a.b": "32768\t60999".replace("\t", " "), "a.c": "0", "a.d": None}
    planned = host_kernel.sysctl_changes({"a.b": "32768 60999", "a.c": 1, "a.d": 1}, now)
    assert [(change.object, change.differences[0].before, change.payload) for change in planned] == [("a.c", "0", "1"), ("a.d", None, "1")]
    with pytest.raises(ChangeFailed, match="the module that brings it may not be loaded"):
        host_kernel.set_value("net.no_such.key", "1")


# Swap

FSTAB = "# swap is below\nUUID=1 / ext4 defaults 0 1\n/swapfile none swap sw 0 0\n  /dev/sdb\tnone\tswap\tsw,nofail 0 0\n"


def test_swap_goes_off_and_stays_off() -> None:
    planned = list(host_swap.changes(Swap(("/swapfile",), FSTAB, ("dev-zram0.swap",))))
    assert [(change.kind, change.object) for change in planned] == [
        ("file", "/etc/fstab"),
        ("unit", "dev-zram0.swap"),
        ("swap", "/swapfile"),
    ]
    text = planned[0].payload.content
    assert [line for line in text.splitlines() if not line.lstrip().startswith("#")] == ["UUID=1 / ext4 defaults 0 1"]
    assert text.count("/swapfile none swap sw 0 0") == 1, "what was there can be had again"
    assert list(host_swap.changes(Swap((), text, ()))) == []


def test_what_is_used_as_swap_is_read(tmp_path: Path) -> None:
    path = tmp_path / "swaps"
    path.write_text("Filename Type Size Used Priority\n/dev/sda2 partition 1 0 -2\n/my\\040swap file 1 0 -3\n")
    assert host_swap.active(str(path)) == ("/dev/sda2", "/my swap")
    assert host_swap.active(str(tmp_path / "none")) == ()


def test_units_that_fstab_makes_are_left_to_fstab() -> None:
    show = (
        "Id=dev-sdb.swap\nLoadState=loaded\nSourcePath=/etc/fstab\n\nId=dev-zram0.swap\nLoadState=loaded\nSourcePath=\n\n"
        "Id=dev-sdc.swap\nLoadState=masked\nSourcePath=\n"
    )
    assert list(host_swap._units(show)) == ["dev-zram0.swap"]


# Services

SHOW = """Id=containerd.service
LoadState=loaded
ActiveState=active
UnitFileState=enabled
NeedDaemonReload=yes
ActiveEnterTimestamp=Tue 2026-11-24 13:10:05.500000 UTC

Id=kubelet.service
LoadState=not-found
ActiveState=inactive
UnitFileState=
NeedDaemonReload=no
ActiveEnterTimestamp=n/a
"""
CONTAINERD = Wanted("containerd", True, True, ("/etc/containerd/config.toml",))
SINCE = 1795525805.5


def test_systemds_answer_is_read() -> None:
    found = host_services.shown(["containerd", "kubelet"], SHOW)
    assert found == {"containerd": Service("active", True, False, True, SINCE), "kubelet": Service()}
    assert host_services.shown(["kubelet"], "") == {"kubelet": Service()}
    older = SHOW.replace("13:10:05.500000 UTC", "13:10:05 UTC")
    assert host_services.shown(["containerd"], older)["containerd"].since is None, "whole seconds are no answer"


def service(active: str, since: float | None = SINCE, changed: float = SINCE - 1, enabled: bool = True) -> Service:
    return Service(active, enabled, False, False, since, {"/etc/containerd/config.toml": changed})


@pytest.mark.parametrize(
    ("found", "changing", "expected"),
    [
        (service("active"), (), None),
        (service("active"), ("/etc/other",), None),
        (service("active"), ("/etc/containerd/config.toml",), ("restart", None)),
        (service("active", changed=SINCE + 1), (), ("restart", None)),
        (service("active", since=None, changed=SINCE + 1), (), None),
        (service("active", enabled=False), (), (None, True)),
        (service("failed", since=None), (), ("restart", None)),
        (service("inactive", since=None, enabled=False), (), ("restart", True)),
        (service("activating", since=None), (), ("restart", None)),
        (Service(), (), None),
        (Service(), ("/etc/containerd/config.toml",), ("restart", None)),
    ],
)
def test_a_service_is_started_again_only_where_it_has_to_be(found: Service, changing: tuple[str, ...], expected: t.Any) -> None:
    planned = list(host_services.changes([CONTAINERD], {"containerd": found}, changing))
    assert [change.payload for change in planned] == ([] if expected is None else [expected])
    for change in planned:
        assert change.needs == frozenset(("file", path) for path in changing), "not with what could not be written"


def test_a_service_without_a_unit_is_refused_but_in_a_prediction() -> None:
    assert list(host_services.problems([CONTAINERD], {"containerd": Service()}, predicting=True)) == []
    (problem,) = host_services.problems([CONTAINERD], {"containerd": Service()}, predicting=False)
    assert "install the package that brings it first" in problem
    (problem,) = host_services.problems([CONTAINERD], {"containerd": Service("inactive", masked=True)}, predicting=True)
    assert "systemctl unmask containerd" in problem


def test_what_a_service_says_last_is_found_in_its_journal(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = (
        "Starting kubelet.service...\nE1124 run.go:74] failed to load kubelet config\n--tls-min-version string\nkubelet.service: Failed\n"
    )
    monkeypatch.setattr(host_services, "run", lambda *dummy, **more: Done(0, lines, ""))
    assert host_services.last_error("kubelet") == "E1124 run.go:74] failed to load kubelet config"
    monkeypatch.setattr(host_services, "run", lambda *dummy, **more: Done(0, "", ""))
    assert host_services.last_error("kubelet") is None


def test_the_order_is_files_modules_sysctls_swap_services() -> None:
    declared = host.Declared((File("/f", "x"),), ("overlay",), {"net.ipv4.ip_forward": 1}, True, (CONTAINERD,))
    observed = host.Observed({"/f": None}, (), (), {"net.ipv4.ip_forward": "0"}, Swap(("/s",), "", ()), {"containerd": service("failed")})
    planned = host.plan(declared, observed)
    assert [change.kind for change in planned.changes] == ["file", "module", "sysctl", "swap", "service"]
    assert planned.unchanged == 0
