"""Kubeconfigs told apart by their certificate authorities, and moved to another address; nothing of a broken one is shown."""

from __future__ import annotations

import base64
import shutil
import typing as t

import pytest
import yaml
from test_certificates import make

from ansible_collections.eco2.platform.plugins.plugin_utils._node import kube_config

# A certificate authority of a test, made by openssl; its key is gone.
CA = """-----BEGIN CERTIFICATE-----
MIIBejCCASGgAwIBAgIUNuZq5lGk2kYwQfN1n3lY0n8w0XQwCgYIKoZIzj0EAwIw
-----END CERTIFICATE-----
"""


def kubeconfig(*clusters: dict[str, t.Any]) -> str:
    entries = [{"name": f"c{number}", "cluster": cluster} for number, cluster in enumerate(clusters)]
    return yaml.safe_dump({"apiVersion": "v1", "kind": "Config", "clusters": entries, "users": [{"name": "admin"}]})


@pytest.mark.parametrize("text", ["", "[", "a: b", "clusters: 5", "clusters: [a]", "clusters: [{cluster: a}]", "\0", "- - -"])
def test_what_is_no_kubeconfig_has_no_pins(text: str) -> None:
    assert kube_config.pins(text) == []


@pytest.mark.parametrize("data", [None, "", "%%%", base64.b64encode(b"no certificate").decode(), base64.b64encode(CA.encode()).decode()])
def test_a_certificate_that_cannot_be_read_has_no_pin(data: t.Any) -> None:
    assert kube_config.pins(kubeconfig({"server": "https://a:6443", "certificate-authority-data": data})) == []


@pytest.mark.parametrize(("given", "becomes"), [("b:1", "https://b:1"), ("https://b:1", "https://b:1"), ("http://b", "http://b")])
def test_all_clusters_move_to_the_address(given: str, becomes: str) -> None:
    moved = yaml.safe_load(kube_config.at_server(kubeconfig({"server": "https://a"}, {"server": "https://c"}), given))
    assert [entry["cluster"]["server"] for entry in moved["clusters"]] == [becomes, becomes]
    assert moved["users"] == [{"name": "admin"}]


def test_without_an_address_the_text_stays_to_the_letter() -> None:
    text = "# a comment\n" + kubeconfig({"server": "https://a"})
    assert kube_config.at_server(text) == text
    assert kube_config.at_server("", "b:1") == ""


def test_a_text_without_clusters_is_not_taken() -> None:
    assert kube_config.at_server("secret: [", "b:1") == kube_config.at_server("a: b") == ""


# What would be lost


def named(*entries: tuple[str, str, str], **other: t.Any) -> str:
    """A kubeconfig with a cluster, a context and a user for each (cluster, CA in PEM, user)."""
    return yaml.safe_dump(
        {
            "clusters": [
                {"name": name, "cluster": {"server": "https://a", "certificate-authority-data": base64.b64encode(ca.encode()).decode()}}
                for name, ca, dummy in entries
            ],
            "contexts": [{"name": f"{user}@{name}", "context": {"cluster": name, "user": user}} for name, dummy, user in entries],
            "users": [{"name": user, "user": {"token": "secret"}} for dummy, dummy2, user in entries],
            **other,
        }
    )


@pytest.fixture(scope="module")
def authorities(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    if not shutil.which("openssl"):
        pytest.skip("needs openssl")
    home = tmp_path_factory.mktemp("authorities")
    return make(home, "/CN=kubernetes"), make(home, "/CN=kubernetes")


def test_the_same_clusters_kubeconfig_loses_nothing_whatever_its_address_and_credentials(authorities: tuple[str, str]) -> None:
    ours = named(("kubernetes", authorities[0], "kubernetes-admin"))
    assert kube_config.lost_by(ours, ours) == []
    elsewhere = kube_config.at_server(ours, "b:1").replace("secret", "older")
    assert kube_config.lost_by(elsewhere, ours) == []
    assert kube_config.lost_by(" \n", ours) == []


def test_a_merged_kubeconfig_loses_all_that_is_not_of_this_cluster(authorities: tuple[str, str]) -> None:
    ours = named(("kubernetes", authorities[0], "kubernetes-admin"))
    merged = named(("kubernetes", authorities[0], "kubernetes-admin"), ("prod", authorities[1], "jane"))
    pin = kube_config.pins(merged)[1]
    assert kube_config.lost_by(merged, ours) == [f"cluster prod (CA {pin})", "context jane@prod", "user jane"]


@pytest.mark.parametrize("part", ["contexts", "users"])
def test_a_context_or_user_of_the_same_cluster_is_not_lost_unseen(part: str, authorities: tuple[str, str]) -> None:
    ours = named(("kubernetes", authorities[0], "kubernetes-admin"))
    more = yaml.safe_load(ours)
    more[part].append({"name": "jane", part[:-1]: {}})
    assert kube_config.lost_by(yaml.safe_dump(more), ours) == [f"{part[:-1]} jane"]


def test_a_kubeconfig_of_another_user_of_the_cluster_is_known(authorities: tuple[str, str]) -> None:
    """It stays where it is. One that also has our user, or another cluster, is refused as one that would be lost."""
    ours = named(("kubernetes", authorities[0], "kubernetes-admin"))
    assert kube_config.is_of_another_user(named(("awx", authorities[0], "awx")), ours)
    for other in (
        ours,
        "",
        named(("awx", authorities[1], "awx")),
        named(("awx", authorities[0], "awx"), ("kubernetes", authorities[0], "kubernetes-admin")),
        named(("awx", authorities[0], "awx"), ("prod", authorities[1], "jane")),
    ):
        assert not kube_config.is_of_another_user(other, ours)


def test_a_kubeconfig_that_is_only_written_differently_is_the_same(authorities: tuple[str, str]) -> None:
    ours = named(("kubernetes", authorities[0], "kubernetes-admin"))
    assert kube_config.means_the_same(ours + "\n", ours)
    assert not kube_config.means_the_same(kube_config.at_server(ours, "b:1"), ours)
    assert not kube_config.means_the_same("", "")


def test_a_cluster_of_our_name_is_told_by_its_authority(authorities: tuple[str, str]) -> None:
    """Two entries of one name, or an authority that is only named by a path, included."""
    ours, theirs = (named(("kubernetes", authority, "kubernetes-admin")) for authority in authorities)
    lost = [f"cluster kubernetes (CA {kube_config.pins(theirs)[0]})"]
    assert kube_config.lost_by(theirs, ours) == lost
    both = yaml.safe_load(ours)
    both["clusters"] += yaml.safe_load(theirs)["clusters"]
    assert kube_config.lost_by(yaml.safe_dump(both), ours) == lost
    bundle = named(("kubernetes", "".join(authorities), "kubernetes-admin"))
    assert kube_config.lost_by(bundle, ours) == [f"cluster kubernetes (CA {', '.join(kube_config.pins(bundle))})"]
    by_path = yaml.safe_dump({"clusters": [{"name": "kubernetes", "cluster": {"certificate-authority": "/ca.crt"}}]})
    assert kube_config.lost_by(by_path, ours) == ["cluster kubernetes (CA not in the file)"]


@pytest.mark.parametrize("text", ["[", "a: secret", "clusters: 5", "clusters: [{name: secret}]"])
def test_a_text_that_is_none_is_lost_unseen(text: str, authorities: tuple[str, str]) -> None:
    assert kube_config.lost_by(text, named(("kubernetes", authorities[0], "a"))) == ["its content, which is not a kubeconfig"]


def test_where_there_is_no_cluster_yet_everything_is_lost(authorities: tuple[str, str]) -> None:
    ours = named(("kubernetes", authorities[0], "kubernetes-admin"))
    assert [line.partition(" ")[0] for line in kube_config.lost_by(ours)] == ["cluster", "context", "user"]


MOUNTS = "overlay / overlay rw 0 0\ntmpfs /scratch tmpfs rw 0 0\n/dev/sda1 /etc/eco2 ext4 rw 0 0\n/dev/sda1 /runner xfs rw 0 0\n"


@pytest.mark.parametrize(
    ("path", "environment", "lost"),
    [
        ("/root/.kube/config", {}, "not on a volume"),
        ("/scratch/admin.conf", {}, "not on a volume"),
        ("/etc/eco2-other/admin.conf", {}, "not on a volume"),
        ("/etc/eco2/admin.conf", {"JOB_ID": "1"}, ""),
        ("/runner/admin.conf", {}, ""),
        ("/runner/admin.conf", {"JOB_ID": "1"}, "deleted when the job of AWX ends"),
    ],
)
def test_whether_a_kubeconfig_outlives_the_container_of_the_controller(path: str, environment: dict[str, str], lost: str) -> None:
    assert lost in kube_config.ends_with(path, MOUNTS, environment)
    assert bool(lost) == bool(kube_config.ends_with(path, MOUNTS, environment))
