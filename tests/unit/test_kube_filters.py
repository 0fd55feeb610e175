from __future__ import annotations

import typing as t
from functools import partial
from pathlib import Path

import pytest
import yaml

jinja2 = pytest.importorskip("jinja2", reason="filters run on a controller")

from ansible.errors import AnsibleFilterError  # noqa: E402

from ansible_collections.eco2.platform.plugins.filter import kube_profile, kube_version  # noqa: E402

PLUGINS = Path(__file__).resolve().parents[2] / "plugins" / "filter"


def context(**variables: t.Any) -> t.Any:
    """What a template hands to a filter that asks for its variables."""
    return jinja2.Environment().from_string("").new_context(variables)


FILTERS: dict[str, t.Callable[..., t.Any]] = {
    "kube_profile": partial(kube_profile.FilterModule().filters()["kube_profile"], context(a=1)),
    **kube_version.FilterModule().filters(),
}


def test_a_profile_is_split() -> None:
    parts = FILTERS["kube_profile"]("--node-labels=a=b,node-role.kubernetes.io/worker=", {"zone": "z"})
    assert parts["registration_labels"] == {"a": "b", "topology.kubernetes.io/zone": "z"}
    assert parts["api_labels"] == {"node-role.kubernetes.io/worker": ""}


def test_the_parts_are_those_that_are_documented() -> None:
    documented = yaml.safe_load((PLUGINS / "kube_profile.yml").read_text())["RETURN"]["_value"]["contains"]
    assert documented.keys() == FILTERS["kube_profile"]("").keys()


def test_the_documented_example_is_what_comes_out() -> None:
    parts = FILTERS["kube_profile"](
        "--node-labels=role=event-router,node-role.kubernetes.io/worker= "
        "--register-with-taints=domain=event-router:NoSchedule --max-pods=50"
    )
    text = yaml.safe_load((PLUGINS / "kube_profile.yml").read_text())["EXAMPLES"]
    shown = yaml.safe_load("\n".join(line.strip()[2:] for line in text.splitlines() if line.strip().startswith("# ")))
    assert shown == parts


@pytest.mark.parametrize("part", [("version", "1.36.3"), ("minor", "1.36"), ("tag", "v1.36.3")])
def test_a_version_in_its_parts(part: tuple[str, str]) -> None:
    assert FILTERS["kube_version"]("v1.36.3", part[0]) == part[1]


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("kube_profile", ({"labels": {"a": 1.3}},), "kube_profile: label 'a' is the number 1.3"),
        ("kube_profile", ({"labels": {"a": 1.3, "b": None}},), "kube_profile: 2 problems: (1) label 'a'"),
        ("kube_profile", ("", "zone"), "kube_profile: cloud must be a dictionary, is 'zone'"),
        ("kube_version", (1.3,), "kube_version: version 1.3 is a number"),
        ("kube_version", ("1.36.3", "patch"), "kube_version: part is 'patch': it is one of version, minor, tag"),
        ("kube_version", ("1.37.0", "version", "v1.36.3"), "kube_version: kubelet 1.37.0 is newer than the API server's 1.36.3"),
        ("kube_version", ("1.36.3", "version", "1.36"), "kube_version: version '1.36' names no patch release"),
    ],
)
def test_refusals_are_one_line(name: str, arguments: tuple[t.Any, ...], words: str) -> None:
    with pytest.raises(AnsibleFilterError) as raised:
        FILTERS[name](*arguments)
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_profile_that_was_torn_apart_is_refused() -> None:
    with pytest.raises(AnsibleFilterError, match=r"variable named --register-with-taints: .*in quotes"):
        kube_profile.kube_profile(context(**{"--register-with-taints": "a:NoSchedule"}), "--node-labels=a=b")


@pytest.mark.parametrize("name", FILTERS)
def test_what_is_undefined_stays_so(name: str) -> None:
    undefined = jinja2.Undefined(name="x")
    assert FILTERS[name](undefined) is undefined


@pytest.mark.parametrize("name", FILTERS)
def test_filters_are_documented(name: str) -> None:
    documented = yaml.safe_load((PLUGINS / f"{name}.yml").read_text())
    assert documented["DOCUMENTATION"]["name"] == name
    assert f"eco2.platform.{name}" in documented["EXAMPLES"]


def test_every_filter_has_a_file_of_its_own() -> None:
    assert set(FILTERS) <= {path.stem for path in PLUGINS.glob("*.py")}
