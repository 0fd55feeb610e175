"""Hypothesis for all unit tests: no deadlines on busy machines, nothing left on disk."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("unit", deadline=None, max_examples=50, database=None, print_blob=True)
settings.load_profile("unit")
