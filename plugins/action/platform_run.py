# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Marks a failure from which a run goes on, and ends the run with its summary."""

from __future__ import annotations

import time
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem, Refused
from ansible_collections.eco2.platform.plugins.plugin_utils._run.record import RUN
from ansible_collections.eco2.platform.plugins.plugin_utils._run.summary import failed_hosts, lacking, summary
from ansible_collections.eco2.platform.plugins.plugin_utils.controller import Action, Result


class ActionModule(Action):
    def work(self, options: t.Mapping[str, t.Any]) -> Result:
        return t.cast("Result", getattr(self, f"_{options['step']}")(options))

    def _rescued(self, options: t.Mapping[str, t.Any]) -> Result:
        """The callback platform_summary records the failure of this host when it sees this result."""
        return {"rescued": True}

    def _note(self, options: t.Mapping[str, t.Any]) -> Result:
        return {"noted": options["reasons"]}

    def _end(self, options: t.Mapping[str, t.Any]) -> Result:
        found = summary(RUN, time.time())
        stats = {"data": {"platform_summary": found}, "per_host": False, "aggregate": True}
        return {"summary": found, "failed_hosts": failed_hosts(RUN), "missing": lacking(RUN), "ansible_stats": stats}

    def _fail(self, options: t.Mapping[str, t.Any]) -> Result:
        raise Refused([Problem("run.failed", text) for text in options["reasons"]])
