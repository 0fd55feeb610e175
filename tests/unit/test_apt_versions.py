"""The order of Debian versions, and which package version is the one a person asked for."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.eco2.platform.plugins.module_utils._host.apt import versions

PIECE = st.text("0123456789ab~+.", min_size=1, max_size=6)
VERSIONS = st.builds(
    lambda epoch, first, upstream, revision: f"{epoch}{first}{upstream}{revision}",
    st.sampled_from(["", "", "0:", "1:", "12:"]),
    st.integers(0, 12).map(str),
    PIECE,
    st.one_of(st.just(""), PIECE.map(lambda text: f"-{text}")),
)
# In the order of deb-version(7), with the classics.
ORDERED = [
    "1.0~~", "1.0~~a", "1.0~", "1.0", "1.0-0.1", "1.0-1", "1.0a", "1.0+b1", "1.2", "1.10", "1.36.3~rc.1-1.1",
    "1.36.3-1.1", "1.36.3-1.10", "1.36.10-1.1", "1:0.1", "2:0",
]  # fmt: skip


def test_the_order_is_debians() -> None:
    for older, newer in zip(ORDERED, ORDERED[1:]):
        assert versions.compare(older, newer) < 0, (older, newer)
        assert versions.compare(newer, older) > 0
        assert versions.compare(older, older) == 0


@pytest.mark.skipif(not shutil.which("dpkg"), reason="dpkg is the judge here, and it is not installed")
@settings(max_examples=150)
@given(VERSIONS, VERSIONS)
def test_dpkg_orders_them_the_same(left: str, right: str) -> None:
    def judged(operator: str) -> bool:
        return subprocess.run(["dpkg", "--compare-versions", left, operator, right], check=False, capture_output=True).returncode == 0

    expected = -1 if judged("lt") else 1 if judged("gt") else 0
    assert versions.compare(left, right) == expected


@pytest.mark.parametrize(
    ("wanted", "full"),
    [
        ("1.36.3", "1.36.3-1.1"),
        ("1.36.3", "1.36.3"),
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


@pytest.mark.parametrize(
    ("wanted", "full"),
    [
        ("1.36", "1.36.3-1.1"),
        ("1.36.3", "1.36.30-1.1"),
        ("1.36.3", "1.36.3~rc.1-1.1"),
        ("1.36.3", "11.36.3-1.1"),
        ("4:1.36.3", "5:1.36.3-1.1"),
        ("1.36.3-1", "1.36.3-1.1"),
        ("1.36.3-1.1", "1.36.3-1.1-2"),
        ("1.36.3", "1.36.3a-1"),
    ],
)
def test_another_version_is_not(wanted: str, full: str) -> None:
    assert not versions.matches(wanted, full)


def test_the_newest_that_matches() -> None:
    known = ["1.36.3-1.1", "1.36.3-2.1", "1.36.10-1.1", "1.35.4-1.1"]
    assert versions.newest(known, "1.36.3") == "1.36.3-2.1"
    assert versions.newest(known) == "1.36.10-1.1"
    assert versions.newest(known, "1.37.0") is None
    assert versions.newest([]) is None
