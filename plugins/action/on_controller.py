# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a module on the controller."""

from __future__ import annotations

import typing as t

from ansible_collections.eco2.platform.plugins.plugin_utils.controller import Action, Result


class ActionModule(Action):
    def work(self, options: t.Mapping[str, t.Any]) -> Result:
        return self.on_controller(options["module"], options["arguments"])
