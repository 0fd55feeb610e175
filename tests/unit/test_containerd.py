"""containerd's files from a role's options."""

from __future__ import annotations

import importlib
import typing as t
from pathlib import Path

import pytest

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Refused
from ansible_collections.eco2.platform.plugins.module_utils._host.command import Done
from ansible_collections.eco2.platform.plugins.module_utils._node import (
    containerd,
    containerd_hosts,
    facts,
    facts_containerd,
    toml,
)

OPTIONS: dict[str, t.Any] = {
    "cgroup_driver": "systemd",
    "sandbox_image": "",
    "cni_bin_dirs": ["/opt/cni/bin", "/usr/lib/cni"],
    "cni_conf_dir": "/etc/cni/net.d",
    "registry_mirrors": [],
    "proxy": {},
    "runtime_settings": {},
    "image_settings": {},
    "settings": {},
}
VERSIONS = ["1.6.20~ds1-1+deb12u3", "1.7.27-1", "2.0.4-1", "2.1.9", "2.2.9-1~debian.12~bookworm", "2.3.7", "5:2.3.7-1", "newest", ""]


def files(version: str, **options: t.Any) -> dict[str, dict[str, t.Any]]:
    return {file["path"]: file for file in containerd.configuration(version, {**OPTIONS, **options}).files}


def config(version: str, **options: t.Any) -> dict[str, t.Any]:
    return toml.parse(files(version, **options)[containerd.CONFIG]["content"])


def test_each_version_gets_the_form_that_it_takes() -> None:
    assert [config(version)["version"] for version in VERSIONS] == [2, 2, 3, 3, 3, 4, 4, 4, 4]


SETTINGS = {
    "sandbox_image": "mirror/pause:3.10",
    "runtime_settings": {"restrict_oom_score_adj": True, "cni": {"ip_pref": "ipv6"}, "stream_idle_timeout": "1h"},
    "image_settings": {"max_concurrent_downloads": 5, "snapshotter": "native", "registry": {"headers": {"X": ["secret"]}}},
    "settings": {
        "root": "/mnt/containerd",
        "debug": {"level": "debug", "address": "/run/debug.sock"},
        "metrics": {"address": "127.0.0.1:1338", "grpc_histogram": True},
        "proxy_plugins": {"soci": {"type": "snapshot", "address": "/run/soci.sock"}},
        "plugins": {"io.containerd.gc.v1.scheduler": {"pause_threshold": 0.02}},
    },
}


@pytest.mark.parametrize("version", VERSIONS)
def test_what_is_written_is_what_has_to_be_in_force(version: str) -> None:
    """Read as containerd's dump would be, without what containerd itself adds."""
    made = containerd.configuration(version, {**OPTIONS, **SETTINGS})
    content = made.files[0]["secret_content"]
    found = facts_containerd.effective(Done(0, content, ""))
    for path, value in made.effective.items():
        assert facts._at({"containerd": {"config": found}}, path.split(".")) == value, path
    assert "SystemdCgroup = true" in content
    assert set(made.options.values()) == {"containerd_runtime_settings", "containerd_image_settings", "containerd_settings"}
    assert len(made.options) == 13
    assert "secret" not in str(found)


def test_each_setting_is_where_the_version_reads_it() -> None:
    old, two, four = (
        toml.parse(files(version, **SETTINGS)[containerd.CONFIG]["secret_content"]) for version in ("1.7.27", "2.2.9", "2.3.7")
    )
    cri = old["plugins"]["io.containerd.grpc.v1.cri"]
    assert (cri["max_concurrent_downloads"], cri["containerd"]["snapshotter"], cri["stream_idle_timeout"]) == (5, "native", "1h")
    for table in (two, four):
        assert table["plugins"]["io.containerd.cri.v1.images"]["snapshotter"] == "native"
        assert table["plugins"]["io.containerd.grpc.v1.cri"] == {"stream_idle_timeout": "1h"}
    for table in (old, two):
        assert table["metrics"] == {"address": "127.0.0.1:1338", "grpc_histogram": True}
        assert table["debug"] == {"level": "debug", "address": "/run/debug.sock"}
    # containerd 2.3 prints these in their old place too, and does not use them there.
    assert "metrics" not in four
    assert four["debug"] == {"level": "debug"}
    assert four["plugins"]["io.containerd.server.v1.metrics"] == {"address": "127.0.0.1:1338"}
    assert four["plugins"]["io.containerd.metrics.v1.grpc-prometheus"] == {"grpc_histogram": True}
    assert four["plugins"]["io.containerd.server.v1.debug"] == {"address": "/run/debug.sock"}


def test_an_older_containerd_takes_one_directory_of_plugins() -> None:
    for version in ("1.7.27", "2.0.4"):
        effective = containerd.configuration(version, OPTIONS).effective
        assert effective["containerd.config.cni_bin_dirs"] == ["/opt/cni/bin"]
    assert 'bin_dir = "/opt/cni/bin"' in files("2.0.4")[containerd.CONFIG]["content"]


def test_mirrors_become_hosts_files_in_order() -> None:
    mirrors = [
        {"registry": "_default", "hosts": [{"url": "http://z:5000", "capabilities": ["pull"]}, {"url": "https://a", "skip_verify": True}]},
        {
            "registry": "quay.io",
            "server": "https://mirror",
            "hosts": [{"url": "https://b", "header": {"authorization": "Basic x", "y": ["1", "2"]}}],
        },
    ]
    found = files("2.2.9", registry_mirrors=mirrors)
    default = found["/etc/containerd/certs.d/_default/hosts.toml"]
    assert list(toml.parse(default["content"])["host"]) == ["http://z:5000", "https://a"]
    assert default["mode"] == "0644"
    quay = found["/etc/containerd/certs.d/quay.io/hosts.toml"]
    assert (quay["mode"], "content" in quay) == ("0600", False)
    assert toml.parse(quay["secret_content"]) == {
        "server": "https://mirror",
        "host": {"https://b": {"header": {"authorization": ["Basic x"], "y": ["1", "2"]}}},
    }


def hosts(**options: t.Any) -> dict[str, t.Any]:
    """hosts.toml of a registry with these options of its server."""
    found = files("2.2.9", registry_mirrors=[{"registry": "quay.io", "server": "https://mirror", **options}])
    file = found["/etc/containerd/certs.d/quay.io/hosts.toml"]
    return toml.parse(file.get("content") or file["secret_content"])


def test_texts_of_an_inventory_in_ini_get_their_type() -> None:
    table = hosts(skip_verify="true", override_path="no", capabilities="pull, resolve", ca="/ca.pem", client=[["/c", "/k"], "/both"])
    assert table == {
        "server": "https://mirror",
        "capabilities": ["pull", "resolve"],
        "ca": ["/ca.pem"],
        "client": [["/c", "/k"], "/both"],
        "skip_verify": True,
        "override_path": False,
        "host": {},
    }
    assert hosts(header={"X-A": "b"}, dial_timeout="1m30s") == {
        "server": "https://mirror",
        "dial_timeout": "1m30s",
        "header": {"X-A": ["b"]},
        "host": {},
    }


# Made for this test; its key is thrown away.
CERTIFICATE = """-----BEGIN CERTIFICATE-----
MIIBejCCAR+gAwIBAgIUREIP8WLL5+/36TZoamzDOUFl9wkwCgYIKoZIzj0EAwIw
ETEPMA0GA1UEAwwGbWlycm9yMCAXDTI2MTEyOTIxMTAyNFoYDzIxMjYxMTA1MjEx
MDI0WjARMQ8wDQYDVQQDDAZtaXJyb3IwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC
AAR9CYWvKbtIi45eKWSXnww5QmEF6s/DBK/eKdwP6kj2WP7HKpghR9pRO9gdHZVs
WQC6+CM+XTb2/Ux5rrRpeIYro1MwUTAdBgNVHQ4EFgQUOlr6/GEjmLYb6aALM3rh
6CdqRZkwHwYDVR0jBBgwFoAUOlr6/GEjmLYb6aALM3rh6CdqRZkwDwYDVR0TAQH/
BAUwAwEB/zAKBggqhkjOPQQDAgNJADBGAiEAl5gmF4FxOF50v+Wuj+0kHI7CmM8u
84BFC0ZvWVlAJYgCIQCBit9IuHumeWFcgwnQYQmAwR1JLmW13VxQ1/Dx6n/xBQ==
-----END CERTIFICATE-----"""


def test_the_text_of_a_certificate_becomes_a_file_beside() -> None:
    found = files("2.2.9", registry_mirrors=[{"registry": "quay.io", "hosts": [{"url": "https://m", "ca": ["/other.pem", CERTIFICATE]}]}])
    (name,) = [path for path in found if path.endswith(".pem")]
    assert found[name]["content"].startswith(containerd_hosts.HEAD)
    assert CERTIFICATE in found[name]["content"]
    ca = toml.parse(found["/etc/containerd/certs.d/quay.io/hosts.toml"]["content"])["host"]["https://m"]["ca"]
    assert ca == ["/other.pem", name.rpartition("/")[2]]
    made = containerd.configuration("2.2.9", {**OPTIONS, "registry_mirrors": [{"registry": "a", "server": "https://m", "ca": CERTIFICATE}]})
    assert made.paths == []


def test_proxies_are_a_drop_in_and_a_file_for_root() -> None:
    found = files("2.2.9", proxy={"http": "http://me:a`$b@proxy:3128", "no_proxy": ["10.0.0.0/8", ".svc"]})
    assert found[containerd.PROXIES]["secret_content"].splitlines()[1:] == [
        'HTTP_PROXY="http://me:a\\`\\$b@proxy:3128"',
        'NO_PROXY="10.0.0.0/8,.svc"',
    ]
    assert found[containerd.PROXIES]["mode"] == "0600"
    assert "proxy:3128" not in found[containerd.DROP_IN]["content"]
    assert {files("2.2.9", proxy={"no_proxy": "x"})[path]["state"] for path in (containerd.DROP_IN, containerd.PROXIES)} == {"absent"}


def of_host(**options: t.Any) -> dict[str, t.Any]:
    return {"registry_mirrors": [{"registry": "quay.io", "hosts": [{"url": "https://m", **options}]}]}


def of_mirror(**options: t.Any) -> dict[str, t.Any]:
    return {"registry_mirrors": [{"registry": "quay.io", "hosts": [], **options}]}


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"cgroup_driver": "Systemd"}, "cgroup_driver"),
        ({"cni_bin_dirs": []}, "no_cni"),
        ({"cni_conf_dir": "etc/cni"}, "relative_path"),
        ({"proxy": {"http": "proxy:3128"}}, "proxy.address"),
        ({"proxy": {"http": 3128}}, "proxy.address"),
        ({"proxy": {"http": "http://p\nEVIL=1"}}, "proxy.address"),
        ({"proxy": {"http": "http://p", "no_proxy": [10, None]}}, "proxy.no_proxy"),
        ({"proxy": {"HTTP": "http://proxy"}}, "proxy.unknown_key"),
        ({"registry_mirrors": {"quay.io": {"hosts": []}}}, "mirror"),
        ({"registry_mirrors": ["https://m"]}, "mirror"),
        (of_mirror(registry="https://quay.io"), "registry"),
        (of_mirror(registry=".."), "registry"),
        (of_mirror(registry=5000), "registry"),
        ({"registry_mirrors": [*of_mirror()["registry_mirrors"], *of_mirror()["registry_mirrors"]]}, "registry_twice"),
        (of_mirror(mirror="x"), "unknown_key"),
        (of_mirror(hosts="https://m"), "mirror"),
        (of_mirror(hosts=["https://m"]), "mirror"),
        (of_mirror(hosts=[{"url": "https://m"}, {"url": "https://m"}]), "host_twice"),
        (of_mirror(server="quay"), "address"),
        (of_host(url="mirror:5000"), "address"),
        (of_host(url="https://m/a b"), "address"),
        (of_host(url="https://m/%zz"), "address"),
        (of_host(url="https://m\n"), "address"),
        (of_host(url=None), "address"),
        (of_host(url="https://me:pw@m"), "address_credentials"),
        (of_host(url="https://m/v2/proxy"), "override_path"),
        (of_host(insecure=True), "unknown_key"),
        (of_host(capabilities=["read"]), "capabilities"),
        (of_host(skip_verify="maybe"), "skip_verify"),
        (of_host(override_path=[True]), "override_path"),
        (of_host(header="Authorization: Basic x"), "header"),
        (of_host(header={"X": 1}), "header"),
        (of_host(header={"X": "a\r\nY: b"}), "header"),
        (of_host(header={"X Y": "a"}), "header"),
        (of_host(ca="ca.pem"), "ca"),
        (of_host(ca="-----BEGIN CERTIFICATE-----\nbm8=\n-----END CERTIFICATE-----"), "ca"),
        (of_host(client=[["/c", "/k", "/x"]]), "client"),
        (of_host(dial_timeout=5), "dial_timeout"),
        (of_host(dial_timeout="0s"), "dial_timeout"),
        ({"runtime_settings": {"max_concurrent_downloads": 5}}, "misplaced"),
        ({"runtime_settings": {"containerd": {"snapshotter": "native"}}}, "misplaced"),
        ({"runtime_settings": {"root": "/x"}}, "misplaced"),
        ({"image_settings": {"enable_cdi": True}}, "misplaced"),
        ({"settings": {"enable_cdi": True}}, "misplaced"),
        ({"settings": {"version": 3}}, "unknown_key"),
        ({"runtime_settings": {"cni": {"bin_dir": "/x"}}}, "set_twice"),
        ({"image_settings": {"pinned_images": {"sandbox": "x"}}}, "set_twice"),
        ({"settings": {"plugins": {"io.containerd.cri.v1.images": {}}}}, "set_twice"),
        ({"settings": {"root": "data"}}, "relative_path"),
        ({"settings": {"root": 1}}, "setting_type"),
        ({"settings": {"oom_score": True}}, "setting_type"),
        ({"settings": {"metrics": "127.0.0.1:1338"}}, "setting_type"),
        ({"settings": {"disabled_plugins": ["cri"]}}, "no_cri"),
        ({"settings": {"grpc": {"address": "/x"}}}, "socket"),
        ({"runtime_settings": {"enable_cdi": None}}, "setting_value"),
        ({"runtime_settings": {"a": [float("nan")]}}, "setting_value"),
        ({"runtime_settings": {"a": 2**63}}, "setting_value"),
        ({"runtime_settings": {"a": "\ud800"}}, "setting_value"),
        ({"runtime_settings": {True: 1}}, "setting_name"),
        ({"runtime_settings": ["enable_cdi"]}, "settings"),
    ],
)
def test_what_containerd_would_not_understand_is_refused(options: dict[str, t.Any], code: str) -> None:
    with pytest.raises(Refused) as caught:
        containerd.configuration("2.2.9", {**OPTIONS, **options})
    assert [problem.code for problem in caught.value.problems] == [code if "." in code else f"containerd.{code}"]
    assert ":pw@" not in str(caught.value)
    assert "Basic x" not in str(caught.value)


def test_what_an_older_containerd_ignores_is_refused_for_it() -> None:
    options = {**OPTIONS, **of_host(dial_timeout="5s")}
    assert containerd.configuration("2.1.0", options)
    with pytest.raises(Refused, match=r"containerd 1\.7 ignores it"):
        containerd.configuration("1.7.27", options)


def test_data_in_another_directory_is_named() -> None:
    config = {"settings": {"root": "/mnt/containerd", "state": "/run/containerd"}}
    (problem,) = containerd.moved(OPTIONS, {"containerd": {"config": config}})
    assert problem.code == "containerd.moved"
    assert "containerd_settings: {root: /mnt/containerd}" in str(problem)
    kept = {**OPTIONS, "settings": {"root": "/var/lib/containerd"}}
    assert list(containerd.moved(kept, {"containerd": {"config": config}})) == []
    mute = {"containerd": {"config": {"problem": "no answer"}}}
    assert list(containerd.moved(OPTIONS, mute)) == list(containerd.moved(OPTIONS, {})) == []


def test_data_in_another_directory_is_named_also_where_containerd_cannot_tell() -> None:
    """It is not installed any more, or does not read its file."""
    places = facts_containerd.places("version = 2\nroot = '/mnt/data' # disk\n\n[plugins.x]\nstate = \"/x\"\n[broken\n")
    assert places == {"root": "/mnt/data"}
    assert facts_containerd.places(None) == facts_containerd.places("# root = '/a'\n") == {}
    for found in (None, {"version": "2.2.9", "config": {"problem": "toml: expected = at line 7"}}):
        (problem,) = containerd.moved(OPTIONS, {"containerd": found, "containerd_places": places})
        assert problem.code == "containerd.moved"
        assert "/mnt/data" in problem.message


# What containerd 2.3.7 prints.
WHY = "strict mode: fields in the document are missing in the target struct"
IGNORED = 'time="2026-11-29T20:54:27Z" level=warning msg="Ignoring unknown key in TOML{of}" {first}error="{why}" {rest}'
IN_FILE = IGNORED.format(why=WHY, of="", first="column=1 ", rest='file=/etc/containerd/config.toml key="debug levle" row=3')
IN_PLUGIN = IGNORED.format(why=WHY, of=" for plugin", first="", rest='key="cni bin_dirz" plugin=io.containerd.cri.v1.runtime')
THEIRS = {"path": "/etc/containerd/conf.d/a.toml", "version": 2, "settings": ["plugins.io.containerd.cri.v1.runtime.cni.bin_dirz"]}


def test_a_key_that_containerd_ignores_is_named_with_its_option_or_file() -> None:
    pytest.importorskip("jinja2", reason="action plugins run on a controller")
    kube_containerd = importlib.import_module("ansible_collections.eco2.platform.plugins.action.kube_containerd")
    wanted = {"runtime_settings": {"cni": {"bin_dirz": 1}}, "settings": {"debug": {"levle": "x"}}}
    made = containerd.configuration("2.3.7", {**OPTIONS, **wanted})
    for complaint, key, field in (
        (IN_FILE, ("debug.levle", "/etc/containerd/config.toml"), "containerd_settings.debug.levle"),
        (IN_PLUGIN, ("cni.bin_dirz", "io.containerd.cri.v1.runtime"), "containerd_runtime_settings.cni.bin_dirz"),
    ):
        assert facts_containerd.ignored(f"x\n{complaint}\ny") == [dict(zip(("key", "where"), key))]
        assert kube_containerd.ignored(*key, made, []).field == field
    of_file = kube_containerd.ignored("cni.bin_dirz", "io.containerd.cri.v1.runtime", containerd.configuration("2.3.7", OPTIONS), [THEIRS])
    assert (of_file.item, of_file.field) == (THEIRS["path"], "")
    assert facts_containerd.ignored("toml: expected character") == []


def test_what_is_not_in_force_is_told_with_the_file_that_may_set_it() -> None:
    pytest.importorskip("jinja2", reason="action plugins run on a controller")
    kube_containerd = importlib.import_module("ansible_collections.eco2.platform.plugins.action.kube_containerd")
    made = containerd.configuration("2.3.7", {**OPTIONS, "runtime_settings": {"enable_cdi": True}, **of_host(ca="/ca.pem")})
    wrong = [path for path, value in made.effective.items() if value is True]
    config = {"version": 4, "ignored": [{"key": "a.b", "where": "/etc/containerd/conf.d/a.toml"}]}
    host = {"cri": {"ready": True, "problem": None}, "digests": {}, "containerd": {"config": config, "drop_ins": [THEIRS]}}
    seen = {"host": host, "differences": [{"what": path, "is": False, "wanted": True} for path in wrong]}
    problems = list(kube_containerd.not_in_force(seen, made))
    assert [(problem.code, problem.field) for problem in problems] == [
        ("containerd.not_in_force", "cgroup_systemd"),
        ("containerd.not_in_force", "containerd_runtime_settings plugins.io.containerd.cri.v1.runtime.enable_cdi"),
        ("containerd.unknown_setting", ""),
        ("containerd.no_file", "containerd_registry_mirrors"),
    ]
    assert problems[2].item == THEIRS["path"]
    enable = "containerd.config.settings.plugins.io.containerd.cri.v1.runtime.enable_cdi"
    unknown = {"host": {**host, "containerd": {}}, "differences": [{"what": enable, "is": None, "wanted": True}]}
    assert "correct its name" in next(iter(kube_containerd.not_in_force(unknown, made))).remedy
    unreadable = {**host, "containerd": {"config": {"problem": "expected version"}, "drop_ins": []}}
    (problem,) = kube_containerd.not_in_force({**seen, "host": unreadable}, made)
    assert problem.code == "containerd.unreadable", "one cause, said once"
    (warning,) = kube_containerd.other_versions(seen)
    assert warning.startswith("/etc/containerd/conf.d/a.toml has version 2, and the configuration 4")
    for name, remedy in (
        ("x.containerd.runtimes.runc.options.SystemdCgroup", "correct or remove /a.toml"),
        ("x.other", "look for a file in /etc/containerd/conf.d that sets another value"),
    ):
        assert kube_containerd.look_at(wrong[0], [{"path": "/a.toml", "version": 4, "settings": [name]}], 4) == remedy
    assert kube_containerd.look_at(wrong[0], [{**THEIRS, "settings": []}], 4).endswith("a.toml (version 2)")


def test_files_that_are_imported_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("version = 3\nimports = ['/x']\n[metrics]\naddress = 'a'\n")
    (tmp_path / "b.toml").write_text("root = '/x'\n")
    (tmp_path / "c.toml").write_text("root =\n")
    assert facts_containerd.drop_ins(f"{tmp_path}/*.toml") == [
        {"path": f"{tmp_path}/a.toml", "version": 3, "settings": ["metrics.address"]},
        {"path": f"{tmp_path}/b.toml", "version": 1, "settings": ["root"]},
        {"path": f"{tmp_path}/c.toml", "version": None, "settings": []},
    ]
