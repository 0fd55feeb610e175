"""kubeadm's documents: v1beta4 and v1beta3, held against the real kubeadm where this machine has built one."""

from __future__ import annotations

import json
import subprocess
import typing as t
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.eco2.platform.plugins.module_utils._node import kubeadm_config

TOKEN = "abcdef.0123456789abcdef"
REGISTRATION: dict[str, t.Any] = {
    "name": "k8s-event-router",
    "labels": {"role": "event-router", "phase": "5"},
    "taints": [{"key": "domain", "value": "event-router", "effect": "NoSchedule"}, {"key": "x", "value": "", "effect": "NoExecute"}],
    "kubelet_extra_args": [{"name": "node-ip", "value": "10.0.0.1"}, {"name": "fail-swap-on", "value": False}],
    "ignore_preflight_errors": ["Swap"],
}


def join(version: str, **changes: t.Any) -> dict[str, t.Any]:
    return kubeadm_config.join(
        version,
        token=TOKEN,
        endpoint="10.0.0.10:6443",
        ca_cert_hashes=["sha256:" + "0" * 64],
        registration={**REGISTRATION, **changes},
        timeout=300,
    )


def everything(version: str) -> dict[str, str]:
    wanted = {
        "kubernetesVersion": "v1.36.3",
        "controlPlaneEndpoint": "k8s.example.org:6443",
        "networking": {"podSubnet": "10.244.0.0/16", "serviceSubnet": "10.96.0.0/12", "dnsDomain": "cluster.local"},
        "apiServer": {"extraArgs": {"v": 4}, "certSANs": ["a"]},
        "scheduler": {"extraArgs": [{"name": "v", "value": "2"}]},
    }
    return {
        "join": kubeadm_config.text(join(version)),
        "init": kubeadm_config.text(
            kubeadm_config.init(version, registration=REGISTRATION, advertise_address="10.0.0.1"),
            kubeadm_config.cluster(version, wanted),
            kubeadm_config.kubelet({"failSwapOn": False}),
            kubeadm_config.kube_proxy({"conntrack": {"min": 0, "maxPerCore": 0}}),
        ),
    }


@pytest.mark.parametrize(
    ("kubeadm", "version"), [("v1.28.4", "v1beta3"), ("v1.30.14", "v1beta3"), ("1.31.0", "v1beta4"), ("v1.37.2", "v1beta4")]
)
def test_the_version_is_what_the_installed_kubeadm_takes(kubeadm: str, version: str) -> None:
    assert kubeadm_config.config_version(kubeadm) == version


def test_a_version_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="no version of kubeadm"):
        kubeadm_config.config_version("command not found")


def test_arguments_are_a_list_in_v1beta4_and_a_mapping_in_v1beta3() -> None:
    new, old = join("v1beta4")["nodeRegistration"], join("v1beta3")["nodeRegistration"]
    assert {"name": "node-labels", "value": "phase=5,role=event-router"} in new["kubeletExtraArgs"]
    assert old["kubeletExtraArgs"] == {"node-ip": "10.0.0.1", "fail-swap-on": "false", "node-labels": "phase=5,role=event-router"}


def test_time_limits_stand_where_the_version_has_them() -> None:
    assert join("v1beta4")["timeouts"]["discovery"] == "100s"
    assert "timeout" not in join("v1beta4")["discovery"]
    assert join("v1beta3")["discovery"]["timeout"] == "100s"
    assert "timeouts" not in join("v1beta3")


def test_an_empty_taint_value_is_left_out_and_no_taints_are_an_empty_list() -> None:
    assert join("v1beta4")["nodeRegistration"]["taints"][1] == {"key": "x", "effect": "NoExecute"}
    assert join("v1beta4", taints=[])["nodeRegistration"]["taints"] == []
    assert "taints" not in join("v1beta4", taints=None)["nodeRegistration"], "kubeadm's default for control planes"


def test_the_first_control_planes_token_is_soon_over() -> None:
    (token,) = kubeadm_config.init("v1beta4", registration={})["bootstrapTokens"]
    assert token["ttl"] == "10m"
    assert "token" not in token


keys = st.from_regex(r"[a-z]([-a-z0-9./]{0,20}[a-z0-9])?", fullmatch=True)


@given(st.dictionaries(keys, keys, max_size=5), st.lists(st.tuples(keys, keys | st.booleans() | st.integers()), max_size=4))
def test_both_versions_say_the_same(labels: dict[str, str], flags: list[tuple[str, t.Any]]) -> None:
    wanted = {"labels": labels, "kubelet_extra_args": [{"name": name, "value": value} for name, value in dict(flags).items()]}
    new = kubeadm_config.node_registration("v1beta4", wanted).get("kubeletExtraArgs", [])
    old = kubeadm_config.node_registration("v1beta3", wanted).get("kubeletExtraArgs", {})
    assert {entry["name"]: entry["value"] for entry in new} == old
    assert all(isinstance(value, str) for value in old.values())


@pytest.mark.parametrize("version", ["v1beta3", "v1beta4"])
@pytest.mark.parametrize("kind", ["join", "init"])
def test_documents_are_json(version: str, kind: str) -> None:
    for document in everything(version)[kind].split("\n---\n"):
        assert json.loads(document)["kind"]


@pytest.mark.parametrize("version", ["v1beta3", "v1beta4"])
@pytest.mark.parametrize("kind", ["join", "init"])
def test_the_real_kubeadm_takes_them(version: str, kind: str, real_kubeadm: Path) -> None:
    text = everything(version)[kind]
    done = subprocess.run(
        [real_kubeadm, "config", "validate", "--config", "/dev/stdin"], check=False, input=text, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout.strip()) == (0, "ok"), done.stderr


def test_the_real_kubeadm_refuses_one_version_dressed_as_the_other(real_kubeadm: Path) -> None:
    for wrong in ({**join("v1beta3"), "apiVersion": "kubeadm.k8s.io/v1beta4"}, {**join("v1beta4"), "apiVersion": "kubeadm.k8s.io/v1beta3"}):
        done = subprocess.run(
            [real_kubeadm, "config", "validate", "--config", "/dev/stdin"],
            check=False,
            input=json.dumps(wrong),
            capture_output=True,
            text=True,
        )
        assert done.returncode != 0


@pytest.fixture(scope="session")
def real_kubeadm() -> Path:
    """A kubeadm of 1.31 to 1.36 that the lab has built already; a unit test builds none."""
    binaries = pytest.importorskip("lab.binaries")
    module = binaries.kubernetes("1.36.3")
    try:
        place = binaries.CACHE / "go" / f"{module.name}-{module.fingerprint()}" / "kubeadm"
    except (binaries.LabError, OSError) as error:
        pytest.skip(f"no kubeadm: {error}")
    if not place.exists():
        pytest.skip("the lab has not built kubeadm yet")
    return t.cast("Path", place)
