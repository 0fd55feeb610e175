"""Kubeconfigs told apart by their certificate authorities, and moved to another address; nothing of a broken one is shown."""

from __future__ import annotations

import base64
import typing as t

import pytest
import yaml

pytest.importorskip("jinja2", reason="filters run on a controller")

from ansible_collections.eco2.platform.plugins.filter import kube_config

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
    assert kube_config.kube_config_pins(text) == []


@pytest.mark.parametrize("data", [None, "", "%%%", base64.b64encode(b"no certificate").decode(), base64.b64encode(CA.encode()).decode()])
def test_a_certificate_that_cannot_be_read_has_no_pin(data: t.Any) -> None:
    assert kube_config.kube_config_pins(kubeconfig({"server": "https://a:6443", "certificate-authority-data": data})) == []


@pytest.mark.parametrize(("given", "becomes"), [("b:1", "https://b:1"), ("https://b:1", "https://b:1"), ("http://b", "http://b")])
def test_all_clusters_move_to_the_address(given: str, becomes: str) -> None:
    moved = yaml.safe_load(kube_config.kube_config_text(kubeconfig({"server": "https://a"}, {"server": "https://c"}), given))
    assert [entry["cluster"]["server"] for entry in moved["clusters"]] == [becomes, becomes]
    assert moved["users"] == [{"name": "admin"}]


def test_without_an_address_the_text_stays_to_the_letter() -> None:
    text = "# a comment\n" + kubeconfig({"server": "https://a"})
    assert kube_config.kube_config_text(text) == text
    assert kube_config.kube_config_text("", "b:1") == ""


def test_a_text_without_clusters_is_refused_without_being_shown() -> None:
    with pytest.raises(Exception, match="no kubeconfig") as caught:
        kube_config.kube_config_text("secret: [", "b:1")
    assert "secret" not in str(caught.value)
