"""Tests import the collection as Ansible does: from its staged copy (tools/stage), as ansible_collections.eco2.platform."""

from __future__ import annotations

import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
for path in (PROJECT / "build", PROJECT):
    if str(path) not in sys.path:
        sys.path.insert(0, str(path))
