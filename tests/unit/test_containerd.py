"""containerd's files from a role's options."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Refused
from ansible_collections.eco2.platform.plugins.module_utils._host.command import Done
from ansible_collections.eco2.platform.plugins.module_utils._node import containerd, facts_containerd, toml

OPTIONS: dict[str, t.Any] = {
    "cgroup_driver": "systemd",
    "sandbox_image": "",
    "cni_bin_dirs": ["/opt/cni/bin", "/usr/lib/cni"],
    "cni_conf_dir": "/etc/cni/net.d",
    "registry_mirrors": {},
    "proxy": {},
    "runtime_settings": {},
}
VERSIONS = ["1.6.20~ds1-1+deb12u3", "1.7.27-1", "2.0.4-1", "2.1.9", "2.2.9-1~debian.12~bookworm", "2.3.7", "5:2.3.7-1", "newest", ""]


def files(version: str, **options: t.Any) -> dict[str, dict[str, t.Any]]:
    return {file["path"]: file for file in containerd.configuration(version, {**OPTIONS, **options})["files"]}


def config(version: str, **options: t.Any) -> dict[str, t.Any]:
    return toml.parse(files(version, **options)[containerd.CONFIG]["content"])


def test_each_version_gets_the_form_that_it_takes() -> None:
    assert [config(version)["version"] for version in VERSIONS] == [2, 2, 3, 3, 3, 4, 4, 4, 4]


@pytest.mark.parametrize("version", VERSIONS)
def test_what_is_written_is_what_has_to_be_in_force(version: str) -> None:
    """Read as containerd's dump would be, without what containerd itself adds."""
    options = {
        **OPTIONS,
        "sandbox_image": "mirror/pause:3.10",
        "runtime_settings": {"restrict_oom_score_adj": True, "cni": {"ip_pref": "x"}},
    }
    made = containerd.configuration(version, options)
    found = facts_containerd.effective(Done(0, made["files"][0]["content"], ""))
    for path, value in made["effective"].items():
        now: t.Any = {"containerd": {"config": found}}
        for name in path.split("."):
            now = now[name]
        assert now == value, path
    assert "SystemdCgroup = true" in made["files"][0]["content"]
    assert 'ip_pref = "x"' in made["files"][0]["content"]


def test_an_older_containerd_takes_one_directory_of_plugins() -> None:
    for version in ("1.7.27", "2.0.4"):
        effective = containerd.configuration(version, OPTIONS)["effective"]
        assert effective["containerd.config.cni_bin_dirs"] == ["/opt/cni/bin"]
    assert 'bin_dir = "/opt/cni/bin"' in files("2.0.4")[containerd.CONFIG]["content"]


def test_mirrors_become_hosts_files_in_order() -> None:
    mirrors = {
        "_default": {"hosts": [{"url": "http://z:5000", "capabilities": ["pull"]}, {"url": "https://a", "skip_verify": True}]},
        "quay.io": {"server": "https://mirror", "hosts": [{"url": "https://b", "header": {"authorization": "Basic x", "y": ["1", "2"]}}]},
    }
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


def test_a_server_alone_is_a_mirror_too() -> None:
    found = files("2.2.9", registry_mirrors={"registry.k8s.io": {"server": "https://mirror", "hosts": []}})
    assert toml.parse(found["/etc/containerd/certs.d/registry.k8s.io/hosts.toml"]["content"]) == {"server": "https://mirror", "host": {}}


def test_proxies_are_a_drop_in_and_a_file_for_root() -> None:
    found = files("2.2.9", proxy={"http": 'http://me:a"$b@proxy:3128', "no_proxy": ["10.0.0.0/8", ".svc"]})
    assert found[containerd.PROXIES]["secret_content"].splitlines()[1:] == [
        'HTTP_PROXY="http://me:a\\"\\$b@proxy:3128"',
        'NO_PROXY="10.0.0.0/8,.svc"',
    ]
    assert found[containerd.PROXIES]["mode"] == "0600"
    assert "proxy:3128" not in found[containerd.DROP_IN]["content"]
    assert {files("2.2.9", proxy={"no_proxy": "x"})[path]["state"] for path in (containerd.DROP_IN, containerd.PROXIES)} == {"absent"}


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"cgroup_driver": "Systemd"}, "cgroup_driver"),
        ({"cni_bin_dirs": []}, "no_cni"),
        ({"cni_conf_dir": "etc/cni"}, "relative_path"),
        ({"proxy": {"http": "proxy:3128"}}, "proxy"),
        ({"proxy": {"HTTP": "http://proxy"}}, "unknown_key"),
        ({"registry_mirrors": {"https://quay.io": {"hosts": []}}}, "registry"),
        ({"registry_mirrors": {"../x": {"hosts": []}}}, "registry"),
        ({"registry_mirrors": {"quay.io": ["https://m"]}}, "mirror"),
        ({"registry_mirrors": {"quay.io": {"hosts": [], "mirror": "x"}}}, "unknown_key"),
        ({"registry_mirrors": {"quay.io": {"hosts": ["https:/m"]}}}, "address"),
        ({"registry_mirrors": {"quay.io": {"hosts": [{"url": "mirror:5000"}]}}}, "address"),
        ({"registry_mirrors": {"quay.io": {"hosts": [{"url": "https://m", "insecure": True}]}}}, "unknown_key"),
        ({"registry_mirrors": {"quay.io": {"hosts": [{"url": "https://m", "capabilities": ["read"]}]}}}, "capabilities"),
        ({"registry_mirrors": {"quay.io": {"server": "quay", "hosts": []}}}, "address"),
    ],
)
def test_what_containerd_would_not_understand_is_refused(options: dict[str, t.Any], code: str) -> None:
    with pytest.raises(Refused) as caught:
        containerd.configuration("2.2.9", {**OPTIONS, **options})
    assert [problem.code for problem in caught.value.problems] == [f"containerd.{code}"]
