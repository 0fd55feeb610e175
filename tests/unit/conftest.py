"""For all unit tests: Hypothesis without deadlines and without files, and no long wait for a process that does not end."""

from __future__ import annotations

from hypothesis import settings

from ansible_collections.eco2.platform.plugins.module_utils._host import command

settings.register_profile("unit", deadline=None, max_examples=50, database=None, print_blob=True)
settings.load_profile("unit")

# A process that does not end when it is asked to is killed soon.
command.GRACE = 0.5
