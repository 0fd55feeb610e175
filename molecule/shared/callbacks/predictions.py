# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare what check mode says with what the next run of the same playbook changes, task by task."""

from __future__ import annotations

import json
import os
import typing as t
from pathlib import Path

from ansible import context
from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: predictions
type: aggregate
short_description: Compares check mode with what the next run changes
description:
  - Of converge.yml in check mode it keeps which tasks are changed, by host. The next run of converge.yml must change the same.
  - A difference is printed, and kept in a file, which shared/predicted.yml reads.
"""


class CallbackModule(CallbackBase):
    CALLBACK_VERSION, CALLBACK_TYPE, CALLBACK_NAME, CALLBACK_NEEDS_ENABLED = 2.0, "aggregate", "predictions", True

    def __init__(self) -> None:
        super().__init__()
        self.changed: set[tuple[str, str]] = set()
        self.kept: Path | None = None

    def v2_playbook_on_start(self, playbook: t.Any) -> None:
        path = Path(playbook._file_name)
        if path.name == "converge.yml":
            self.kept = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"], f"{path.parent.name}.check.json")

    def v2_runner_on_ok(self, result: t.Any) -> None:
        if result._result.get("changed"):
            self.changed.add((result._host.get_name(), result._task.get_name()))

    def v2_playbook_on_stats(self, stats: t.Any) -> None:
        if self.kept is None:
            return
        if context.CLIARGS["check"]:
            self.kept.write_text(json.dumps(sorted(self.changed)), encoding="utf-8")
        elif self.kept.exists():
            self._compare({tuple(entry) for entry in json.loads(self.kept.read_text(encoding="utf-8"))})
            self.kept.unlink()

    def _compare(self, predicted: set[tuple[str, ...]]) -> None:
        wrong = [
            *(f"{': '.join(entry)}: only check mode says that it changes" for entry in sorted(predicted - self.changed)),
            *(f"{': '.join(entry)}: check mode did not say that it changes" for entry in sorted(self.changed - predicted)),
        ]
        self._display.display(f"PREDICTIONS: {len(predicted)} in check mode, {len(self.changed)} changed, {len(wrong)} wrong")
        for line in wrong:
            self._display.error(line)
        with (self.kept or Path()).with_suffix(".wrong").open("a", encoding="utf-8") as file:
            file.write("".join(f"{line}\n" for line in [f"compared {len(predicted)}", *wrong]))
