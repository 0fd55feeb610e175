from __future__ import annotations

import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.eco2.platform.plugins.module_utils._kube.profile import versions
from ansible_collections.eco2.platform.plugins.module_utils._kube.profile.versions import Version, parse, skew_problem


@pytest.mark.parametrize(
    ("written", "text", "branch"),
    [
        ("1.36.3", "1.36.3", "1.36"),
        ("v1.36.3", "1.36.3", "1.36"),
        (" v1.28.4\n", "1.28.4", "1.28"),
        ("1.30.0", "1.30.0", "1.30"),
        ("v1.37.0-rc.1", "1.37.0-rc.1", "1.37"),
        ("v1.34.4-eks-1a2b3c4", "1.34.4-eks-1a2b3c4", "1.34"),
        ("v1.33.1+k3s1", "1.33.1+k3s1", "1.33"),
        ("v1.37.0-alpha.2.12+0123abc", "1.37.0-alpha.2.12+0123abc", "1.37"),
        (Version(1, 36, 3), "1.36.3", "1.36"),
    ],
)
def test_versions(written: t.Any, text: str, branch: str) -> None:
    assert str(parse(written)) == text
    assert parse(written).branch == branch


@pytest.mark.parametrize(
    ("written", "words"),
    [
        (1.3, "YAML and INI read 1.30 as 1.3"),
        (1.36, "not certain"),
        (1, "is the number 1"),
        (True, "is the boolean true"),
        (None, "is null"),
        (["1.36.3"], "is a list"),
        ("1.30", "names no patch release"),
        ("v1.30", "names no patch release"),
        ("1", "names no patch release"),
        ("1.28.4-1.1", 'write the version alone, "1.28.4"'),
        ("1.27.6-00", 'write the version alone, "1.27.6"'),
        ("", "not a version"),
        ("latest", "not a version"),
        ("stable-1.36", "not a version"),
        ("1.36.03", "not a version"),
        ("1.36.3.1", "not a version"),
        ("1.36.x", "not a version"),
        ("'1.36.3'", "not a version"),
        ("\u0661.\u0663.\u0663", "not a version"),
    ],
)
def test_what_names_no_release_is_refused(written: t.Any, words: str) -> None:
    with pytest.raises(ValueError, match=r"^version ") as raised:
        parse(written)
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)


def test_versions_are_in_order() -> None:
    in_order = [
        "1.9.11",
        "1.28.4",
        "1.28.15",
        "1.36.0-alpha.1",
        "1.36.0-alpha.2",
        "1.36.0-beta.0",
        "1.36.0-rc.0",
        "1.36.0",
        "1.36.3",
        "2.0.0",
    ]
    assert [str(version) for version in sorted(map(parse, reversed(in_order)))] == in_order


def test_a_version_is_not_before_itself() -> None:
    assert not parse("1.36.3") < parse("1.36.3")
    assert parse("1.36.3") <= parse("1.36.3")


def test_a_vendors_suffix_does_not_count() -> None:
    assert parse("v1.34.4-eks-1a2b3c4") == parse("1.34.4")
    assert hash(parse("v1.33.1+k3s1")) == hash(parse("1.33.1"))
    assert parse("1.34.4") != "1.34.4"
    assert repr(parse("v1.34.4")) == "Version('1.34.4')"


@pytest.mark.parametrize(
    ("kubelet", "api_server", "fits"),
    [
        ("1.36.3", "1.36.3", True),
        ("1.36.4", "1.36.3", True),
        ("1.33.0", "1.36.3", True),
        ("1.32.9", "1.36.3", False),
        ("1.37.0", "1.36.3", False),
        ("1.37.0-rc.1", "1.36.3", False),
        ("2.0.0", "1.36.3", False),
        ("1.36.3", "2.0.0", False),
        ("1.25.0", "1.28.4", True),
        ("1.24.0", "1.27.4", False),
        ("1.24.0", "1.26.4", True),
    ],
)
def test_which_kubelet_may_stand_beside_which_api_server(kubelet: str, api_server: str, fits: bool) -> None:
    problem = skew_problem(parse(kubelet), parse(api_server))
    assert (problem is None) == fits
    if problem:
        assert kubelet in problem
        assert api_server in problem
        assert ("newer" in problem) == (parse(kubelet) > parse(api_server))


@given(st.integers(0, 2), st.integers(0, 99), st.integers(0, 99))
def test_a_version_is_read_back(major: int, minor: int, patch: int) -> None:
    version = Version(major, minor, patch)
    assert versions.parse(str(version)) == versions.parse(f"v{version}") == version
    assert str(versions.parse(str(version))) == str(version)
