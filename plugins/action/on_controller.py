# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a module on the controller."""

from __future__ import annotations

import typing as t

from ansible_collections.eco2.platform.plugins.plugin_utils.controller import ControllerAction


class ActionModule(ControllerAction):
    def run(self, tmp: t.Any = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        super().run(tmp, task_vars)
        spec = {"module": {"type": "str", "required": True}, "arguments": {"type": "dict", "default": {}}}
        dummy, options = self.validate_argument_spec(argument_spec=spec)
        return self.on_controller(options["module"], options["arguments"], task_vars or {})
