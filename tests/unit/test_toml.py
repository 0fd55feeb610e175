"""TOML as containerd has it: what is rendered reads back the same, here and with Python's own reader."""

from __future__ import annotations

import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.eco2.platform.plugins.module_utils._node import toml

# Python's reader, where there is one, and ours.
READERS = [toml.parse, toml.read]

TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
PLAIN = st.one_of(st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False, allow_infinity=False), TEXT)
VALUES = st.one_of(PLAIN, st.lists(PLAIN, max_size=3))
TABLES = st.recursive(st.dictionaries(TEXT, VALUES, max_size=3), lambda inner: st.dictionaries(TEXT, st.one_of(VALUES, inner), max_size=3))


@given(TABLES)
def test_what_is_rendered_reads_back_the_same(table: dict[str, t.Any]) -> None:
    text = toml.render(table)
    for read in READERS:
        assert read(text) == table


DUMP = """
disabled_plugins = []
oom_score = 0
root = "/var/lib/containerd" # where it lives
version = 3

[cgroup]
  path = ''

[plugins]

  [plugins.'io.containerd.cri.v1.images'.pinned_images]
    sandbox = 'registry.k8s.io/pause:3.10.1'

  [plugins."io.containerd.cri.v1.runtime"]
    cdi_spec_dirs = [
      "/etc/cdi",
      "/var/run/cdi", # the last
    ]
    timeout = 1_000
    ratio = 0.5

    [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
      SystemdCgroup = true

[[proxy.rows]]
  a = 1
[[proxy.rows]]
  a = [["b, c]"], 2,]
"""


@pytest.mark.parametrize("read", READERS)
def test_it_reads_what_containerd_prints(read: t.Callable[[str], t.Any]) -> None:
    parsed = read(DUMP)
    assert parsed["plugins"]["io.containerd.cri.v1.runtime"]["containerd"]["runtimes"]["runc"]["options"] == {"SystemdCgroup": True}
    assert parsed["plugins"]["io.containerd.cri.v1.images"] == {"pinned_images": {"sandbox": "registry.k8s.io/pause:3.10.1"}}
    assert parsed["proxy"]["rows"] == [{"a": 1}, {"a": [["b, c]"], 2]}]
    assert parsed["cgroup"] == {"path": ""}


@pytest.mark.parametrize(
    "text", ["a", "a = ", "a = 'b", "[a", "a = [1", "a = 1 b = 2", "a = {b = 1", "a = 1\na = 2", "a = 1\n[a]", 'a = "\\q"']
)
@pytest.mark.parametrize("read", READERS)
def test_what_is_no_toml_is_refused_with_its_line(read: t.Callable[[str], t.Any], text: str) -> None:
    with pytest.raises(ValueError, match=r"line [0-9]+|at end of document"):
        read(f"# a comment\n{text}")


def test_the_order_given_is_the_order_rendered() -> None:
    table = {"server": "https://a", "host": {"http://z": {"capabilities": ["pull"]}, "http://b": {"header": {"x": ["y"]}}}}
    assert toml.render(table).splitlines() == [
        'server = "https://a"',
        "",
        '[host."http://z"]',
        '  capabilities = ["pull"]',
        "",
        '[host."http://b".header]',
        '  x = ["y"]',
    ]


def test_what_toml_cannot_say_is_refused() -> None:
    with pytest.raises(ValueError, match="no value such as None"):
        toml.render({"a": None})
