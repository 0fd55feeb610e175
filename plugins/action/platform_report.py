# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the report on the controller."""

from __future__ import annotations

import os
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem, Refused
from ansible_collections.eco2.platform.plugins.plugin_utils._report.page import page
from ansible_collections.eco2.platform.plugins.plugin_utils.controller import Action, Result


class ActionModule(Action):
    """It changes nothing of the platform, so the file is written in check mode too."""

    def work(self, options: t.Mapping[str, t.Any]) -> Result:
        path = os.path.abspath(os.path.expanduser(options["path"]))
        brokers = [{"name": str(entry["name"]), "topology": entry["topology"]} for entry in options["brokers"]]
        text = page(options["title"], brokers, options["nodes"], options["sentinels"], options["summary"])
        try:
            with open(path, "w", encoding="utf-8", errors="replace") as file:
                file.write(text)
        except OSError as error:
            problem = Problem(
                "report.place", f"cannot be written: {error.strerror}", path, "path", "name a file in a directory that exists"
            )
            raise Refused([problem]) from error
        return {"path": path, "bytes": len(text.encode("utf-8", "replace"))}
