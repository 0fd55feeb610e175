"""host: files, kernel modules, sysctls, swap and services; planned, written, and refused."""

from __future__ import annotations

import os
import stat
import typing as t
from pathlib import Path

import pytest

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import ChangeFailed
from ansible_collections.eco2.platform.plugins.module_utils._engine.converge import Report, converge
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Refused
from ansible_collections.eco2.platform.plugins.module_utils._host import files, kernel, services, swap
from ansible_collections.eco2.platform.plugins.module_utils._host.command import MISSING, TIMED_OUT, Done, run
from ansible_collections.eco2.platform.plugins.module_utils._host.host import Host
from ansible_collections.eco2.platform.plugins.module_utils._host.services import Service, Wanted
from ansible_collections.eco2.platform.plugins.module_utils._host.swap import Swap

NOTHING = {"name": "kubernetes", "files": [], "purge": [], "modules": [], "sysctls": {}, "swap": "leave", "services": []}


def file(path: t.Any, **more: t.Any) -> dict[str, t.Any]:
    item = {
        "content": None,
        "secret_content": None,
        "mode": None,
        "state": "present",
        "validate": None,
        "reject": None,
        "validate_early": True,
    }
    return {"path": str(path), **item, **more}


def report(params: dict[str, t.Any], check_mode: bool = False) -> Report:
    return converge(Host({**NOTHING, **params}), check_mode, diff=True)


def converged(params: dict[str, t.Any], check_mode: bool = False) -> dict[str, t.Any]:
    found = report(params, check_mode)
    assert found.failure is None, found
    return found.result


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


def test_the_umask_of_root_closes_no_directory_to_others(tmp_path: Path) -> None:
    """apt reads its keys as the user _apt, and takes a repository whose key it cannot read for one that is not signed."""
    before = os.umask(0o077)
    try:
        converged({"files": [file(tmp_path / "apt" / "keyrings" / "docker.asc", content="key")]})
    finally:
        os.umask(before)
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("apt", "apt/keyrings", "apt/keyrings/docker.asc")]
    assert modes == [0o755, 0o755, 0o644]


def test_a_link_where_others_may_write_is_replaced_and_not_followed(tmp_path: Path) -> None:
    """They could lead root to any file of the host."""
    target, place = tmp_path / "target", tmp_path / "theirs"
    target.write_text("old")
    place.mkdir()
    place.chmod(0o777)
    (place / "link").symlink_to(target)
    converged({"files": [file(place / "link", content="new")]})
    assert not (place / "link").is_symlink()
    assert target.read_text() == "old"


def test_what_cannot_be_read_is_not_absent(tmp_path: Path) -> None:
    found = report({"files": [file(tmp_path, content="new")]})
    assert found.result["problems"][0]["code"] == "file.unreadable"
    assert found.failure == f"file {tmp_path}: it cannot be read (Is a directory)"
    with pytest.raises(Refused):
        files.text(str(tmp_path))
    assert files.text(str(tmp_path / "none")) is None


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


def test_a_content_that_its_program_rejects_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    path, other = tmp_path / "config.toml", file(tmp_path / "a", content="written first")
    wanted = file(path, content="nonsense", validate="grep -q '^version' %s")
    for check_mode in (True, False):
        (problem,) = report({"files": [other, wanted]}, check_mode).result["problems"]
        assert (problem["code"], problem["item"]) == ("file.rejected", f"file {path}")
        assert f"'grep -q '^version' {path}' rejects its new content" in problem["message"]
    # An earlier task may install a program that takes it.
    converged({"files": [{**wanted, "validate_early": False}]}, check_mode=True)
    assert report({"files": [{**wanted, "validate_early": False}]}).result["problems"][0]["code"] == "file.rejected"
    assert list(tmp_path.iterdir()) == []
    converged({"files": [{**wanted, "content": "version = 3"}]})
    converged({"files": [{**wanted, "content": "nonsense", "validate": "no-such-program %s"}]})


def test_a_warning_of_its_program_can_reject_a_content(tmp_path: Path) -> None:
    warns = 'sh -c "echo warning: ignored key >&2" %s'
    wanted = file(tmp_path / "config.toml", content="key = 1", validate=warns)
    (problem,) = report({"files": [{**wanted, "reject": "ignored key"}]}).result["problems"]
    assert problem["message"].endswith("rejects its new content: warning: ignored key")
    converged({"files": [{**wanted, "reject": "another"}]})


def test_what_is_declared_no_more_goes_where_it_is_ours(tmp_path: Path) -> None:
    ours, theirs, kept = (tmp_path / name / "hosts.toml" for name in ("ours", "theirs", "kept"))
    for path, text in ((ours, f"# {files.MARK} (role containerd)\n"), (theirs, "server = 'x'\n"), (kept, f"# {files.MARK}\n")):
        path.parent.mkdir()
        path.write_text(text)
    wanted = {"files": [file(kept, content=kept.read_text())], "purge": [f"{tmp_path}/*/hosts.toml"]}
    assert changes(converged(wanted)) == [("delete", str(ours))]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept", "theirs"]
    assert changes(converged({"files": [file(kept, state="absent")]})) == [("delete", str(kept))]


@pytest.mark.parametrize(
    ("params", "code", "item"),
    [
        ({"files": [file("etc/x", content="")]}, "file.relative_path", "file etc/x"),
        ({"files": [file("/x")]}, "file.content", "file /x"),
        ({"files": [file("/x", content="", secret_content="")]}, "file.content", "file /x"),
        ({"files": [file("/x", content="", mode="rw")]}, "file.mode", "file /x"),
        ({"files": [file("/x", content=""), file("/x", content="")]}, "file.twice", "file /x"),
        ({"modules": ["br netfilter"]}, "module.name", "module br netfilter"),
        ({"sysctls": {"ip_forward": 1}}, "sysctl.name", "sysctl ip_forward"),
        ({"sysctls": {"net.ipv4.ip_forward": True}}, "sysctl.value", "sysctl net.ipv4.ip_forward"),
    ],
)
def test_what_cannot_be_is_refused(params: dict[str, t.Any], code: str, item: str) -> None:
    with pytest.raises(Refused) as caught:
        Host({**NOTHING, **params})
    assert [(problem.code, problem.item) for problem in caught.value.problems] == [(code, item)]


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
        assert kernel.is_loaded(name, root), name
    for name in ("xt", "u32", "over", "ip_vs", "nf_conntrack"):
        assert not kernel.is_loaded(name, root), name


def test_modules_and_sysctls_stay_after_a_boot() -> None:
    modules, sysctls = kernel.files("kubernetes", ["overlay", "br_netfilter"], {"vm.x": 2, "net.ipv4.ip_forward": 1})
    assert modules.path == "/etc/modules-load.d/kubernetes.conf"
    assert (modules.content or "").splitlines()[1:] == ["overlay", "br_netfilter"]
    assert sysctls.path == "/etc/sysctl.d/99-zz-kubernetes.conf"
    assert (sysctls.content or "").splitlines()[1:] == ["net.ipv4.ip_forward = 1", "vm.x = 2"]
    assert kernel.files("kubernetes", [], {}) == []


def test_sysctls_are_compared_as_the_kernel_shows_them(tmp_path: Path) -> None:
    path = tmp_path / "proc/sys/net/ipv4/conf/eth0.100/forwarding"
    path.parent.mkdir(parents=True)
    path.write_text("1\n")
    assert kernel.value("net.ipv4.conf.eth0/100.forwarding", f"{tmp_path}/") == "1"
    assert kernel.value("net/ipv4/conf/eth0.100/forwarding", f"{tmp_path}/") == "1"
    now = {"a.b": "32768\t60999".replace("\t", " "), "a.c": "0", "a.d": None}
    planned = kernel.sysctl_changes({"a.b": "32768 60999", "a.c": 1, "a.d": 1}, now)
    assert [(change.object, change.differences[0].before, change.payload) for change in planned] == [("a.c", "0", "1"), ("a.d", None, "1")]
    with pytest.raises(ChangeFailed, match="load the kernel module"):
        kernel.set_value("net.no_such.key", "1")


# Swap

FSTAB = "# swap is below\nUUID=1 / ext4 defaults 0 1\n/swapfile none swap sw 0 0\n  /dev/sdb\tnone\tswap\tsw,nofail 0 0\n"


def test_swap_goes_off_and_stays_off() -> None:
    planned = list(swap.changes(Swap(("/swapfile",), FSTAB, ("dev-zram0.swap",))))
    assert [(change.kind, change.object) for change in planned] == [
        ("file", "/etc/fstab"),
        ("unit", "dev-zram0.swap"),
        ("swap", "/swapfile"),
    ]
    text = planned[0].payload.content
    assert [line for line in text.splitlines() if not line.lstrip().startswith("#")] == ["UUID=1 / ext4 defaults 0 1"]
    assert text.count("/swapfile none swap sw 0 0") == 1, "what was there can be had again"
    assert list(swap.changes(Swap((), text, ()))) == []


def test_what_is_used_as_swap_is_read(tmp_path: Path) -> None:
    path = tmp_path / "swaps"
    path.write_text("Filename Type Size Used Priority\n/dev/sda2 partition 1 0 -2\n/my\\040swap file 1 0 -3\n")
    assert swap.active(str(path)) == ("/dev/sda2", "/my swap")
    assert swap.active(str(tmp_path / "none")) == ()


def test_units_that_fstab_makes_are_left_to_fstab() -> None:
    show = (
        "Id=dev-sdb.swap\nLoadState=loaded\nSourcePath=/etc/fstab\n\nId=dev-zram0.swap\nLoadState=loaded\nSourcePath=\n\n"
        "Id=dev-sdc.swap\nLoadState=masked\nSourcePath=\n"
    )
    show += "\nId=zramswap.service\nLoadState=loaded\nSourcePath=\n\nId=swapspace.service\nLoadState=not-found\nSourcePath=\n"
    assert list(swap._units(show)) == ["dev-zram0.swap", "zramswap.service"]


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
    found = services.shown(["containerd", "kubelet"], SHOW)
    assert found == {"containerd": Service("active", True, False, True, SINCE), "kubelet": Service()}
    assert services.shown(["kubelet"], "") == {"kubelet": Service()}
    older = SHOW.replace("13:10:05.500000 UTC", "13:10:05 UTC")
    assert services.shown(["containerd"], older)["containerd"].since is None, "whole seconds are no answer"


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
    planned = list(services.changes([CONTAINERD], {"containerd": found}, changing))
    assert [change.payload for change in planned] == ([] if expected is None else [expected])
    for change in planned:
        assert change.needs == frozenset(("file", path) for path in changing), "not with what could not be written"


def test_a_service_without_a_unit_is_refused_but_in_check_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    item = {"name": "containerd", "state": "started", "enabled": True, "restart_after": [], "restart": False}
    found = {"containerd": Service()}
    monkeypatch.setattr(services, "show", lambda names: found)
    assert report({"services": [item]}, check_mode=True).failure is None
    (problem,) = report({"services": [item]}).result["problems"]
    assert (problem["code"], problem["item"]) == ("service.missing", "service containerd")
    found["containerd"] = Service("inactive", masked=True)
    for check_mode in (True, False):
        (problem,) = report({"services": [item]}, check_mode).result["problems"]
        assert problem["code"] == "service.masked"


def test_what_a_service_says_last_is_found_in_its_journal(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = (
        "Starting kubelet.service...\nE1124 run.go:74] failed to load kubelet config\n--tls-min-version string\nkubelet.service: Failed\n"
    )
    monkeypatch.setattr(services, "run", lambda *dummy, **more: Done(0, lines, ""))
    assert services.last_error("kubelet") == "E1124 run.go:74] failed to load kubelet config"
    monkeypatch.setattr(services, "run", lambda *dummy, **more: Done(0, "", ""))
    assert services.last_error("kubelet") is None


def test_the_order_is_files_modules_sysctls_swap_services_and_units_are_read_anew_before_they_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    item = {"name": "containerd", "state": "started", "enabled": True, "restart_after": [], "restart": False}
    host = Host({**NOTHING, "files": [file(tmp_path / "f", content="x")], "services": [item]})
    host.modules, host.sysctls, host.swap_off = ["overlay"], {"net.ipv4.ip_forward": 1}, True
    told: list[str] = []
    for module, name in ((kernel, "load"), (kernel, "set_value"), (swap, "off"), (services, "apply"), (services, "reload_units")):
        monkeypatch.setattr(module, name, lambda *dummy, name=name: told.append(name))
    monkeypatch.setattr(kernel, "is_loaded", lambda name: False)
    monkeypatch.setattr(kernel, "value", lambda key: "0")
    monkeypatch.setattr(swap, "observe", lambda: Swap(("/s",), "", ()))
    monkeypatch.setattr(services, "show", lambda names: {"containerd": Service("failed", True, False, True, None)})
    result = converge(host, check_mode=False, diff=False).result
    assert [change["kind"] for change in result["changes"]] == ["file", "module", "sysctl", "swap", "service"]
    assert result["unchanged"] == 0
    assert told == ["load", "set_value", "reload_units", "off", "apply"]


# Commands


def test_a_command_that_takes_too_long_is_ended_with_all_that_it_started() -> None:
    done = run("sh", "-c", "echo begun; (trap '' TERM; sleep 600.25) & wait", timeout=0.3)
    assert (done.code, done.output, done.complaint) == (TIMED_OUT, "begun\n", "sh did not end within 0.3 s")
    assert "600.25" not in run("ps", "-eo", "args").output


def test_a_command_gets_its_input_and_environment_and_never_raises() -> None:
    assert (
        run("sh", "-c", "cat; echo $ONLY$HOME; echo no >&2", stdin="in ", environment={"ONLY": "this"}, merged=True).output
        == "in this\nno\n"
    )
    assert run("no-such-program") == Done(MISSING, "", "no-such-program is not installed")
