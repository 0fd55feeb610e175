"""Which package version is the one a person asked for."""

from __future__ import annotations

import pytest

from ansible_collections.eco2.platform.plugins.module_utils._host.apt import versions
from ansible_collections.eco2.platform.plugins.module_utils._host.apt.plan import Wanted
from ansible_collections.eco2.platform.plugins.module_utils._host.apt.repositories import Available
from ansible_collections.eco2.platform.plugins.module_utils._node import facts


@pytest.mark.parametrize(
    ("wanted", "full"),
    [
        ("1.36.3", "1.36.3-1.1"),
        ("1.36.3", "1.36.3"),
        ("v1.36.3", "1.36.3-1.1"),
        ("1.36.3-1.1", "1.36.3-1.1"),
        ("2.2.9", "2.2.9-1~debian.12~bookworm"),
        ("1.6.20", "1.6.20~ds1-1+deb12u3"),
        ("2.2.1", "2.2.1-0ubuntu1~22.04.1"),
        ("1.36.3", "5:1.36.3-1.1"),
        ("5:1.36.3", "5:1.36.3-1.1"),
        ("1.6.20~ds1", "1.6.20~ds1-1+deb12u3"),
        ("1.6.20~ds1-1", "1.6.20~ds1-1+deb12u3"),
    ],
)
def test_a_version_is_recognised_in_its_package(wanted: str, full: str) -> None:
    assert versions.matches(wanted, full)
    assert facts.differences({"version": full}, {"version": wanted}) == []


@pytest.mark.parametrize(
    ("wanted", "full"),
    [
        ("1.36", "1.36.3-1.1"),
        ("1.36.3", "1.36.30-1.1"),
        ("1.36.3", "1.36.3~rc.1-1.1"),
        ("1.36.3", "1.36.3-rc.1"),
        ("1.36.3", "11.36.3-1.1"),
        ("4:1.36.3", "5:1.36.3-1.1"),
        ("1.36.3-1", "1.36.3-1.1"),
        ("1.36.3-1.1", "1.36.3-1.1-2"),
        ("1.36.3", "1.36.3a-1"),
    ],
)
def test_another_version_is_not(wanted: str, full: str) -> None:
    assert not versions.matches(wanted, full)
    assert facts.differences({"version": full}, {"version": wanted}) != []


def test_the_newest_that_matches() -> None:
    offers = {"kubelet": Available("1.36.10-1.1", ("1.36.10-1.1", "1.36.3-2.1", "1.36.3-1.1", "1.36.3~rc.1-1.1", "1.35.4-1.1"))}
    assert Wanted("kubelet", "1.36.3").target(offers) == "1.36.3-2.1"
    assert Wanted("kubelet").target(offers) == "1.36.10-1.1"
    assert Wanted("kubelet", "1.37.0").target(offers) is None
    assert Wanted("kubeadm").target(offers) is None
