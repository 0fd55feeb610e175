# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads extra variables before the first play. Ansible finds this file by itself, since it lies beside the playbooks."""

from __future__ import annotations

from ansible.plugins.callback import CallbackBase

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Refused
from ansible_collections.eco2.platform.plugins.plugin_utils import answers

DOCUMENTATION = """
name: eco2_answers
type: notification
short_description: Reads extra variables before the first play
description:
  - A blank extra variable of this collection counts as not given, and JSON or YAML text becomes the list or dictionary that an option
    wants. A wrong one ends the run before the first play.
"""


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "eco2_answers"
    CALLBACK_NEEDS_ENABLED = False

    def v2_playbook_on_start(self, playbook):
        plays = playbook.get_plays()
        problems = answers.accept(plays[0].get_variable_manager().extra_vars) if plays else []
        if problems:
            self._display.error(f"wrong extra variable: {Refused(problems)}", wrap_text=False)
            # Ansible turns an exception of a callback into a warning, and goes on.
            raise SystemExit(_WRONG_OPTIONS)


_WRONG_OPTIONS = 5  # what ansible-playbook ends with for options that it refuses
