"""README and guides: every refusal is explained, every link leads somewhere, every command and block is run or checked."""

from __future__ import annotations

import ast
import re
import typing as t
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
PLUGINS = PROJECT / "plugins"
CODE = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*")


def codes() -> set[str]:
    """What problems are given as their code, in plain text: found without the reader that writes the guide."""
    found = set()
    for path in PLUGINS.rglob("*.py"):
        for call in (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)):
            name = getattr(call.func, "id", getattr(call.func, "attr", ""))
            first = call.args[0] if call.args else None
            if re.search("Problem$|Advice$|problem$|refuse$|doubt$|refused$", name) and isinstance(first, ast.Constant):
                found |= {str(first.value)} if CODE.fullmatch(str(first.value)) else set()
    return found


def test_every_refusal_is_in_the_guide() -> None:
    said = set(re.findall(r"`([a-z0-9_]+\.[a-z0-9_]+)` \|$", (PROJECT / "docs" / "troubleshooting.md").read_text(), re.MULTILINE))
    assert len(codes()) > 250
    assert sorted(codes() - said) == []
    assert not [line for line in said if "…" in line]
