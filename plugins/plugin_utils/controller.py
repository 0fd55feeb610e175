# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules on the controller, whatever the inventory says of connection, become and interpreter. Private to this collection.

This is the only place that sends a task to the controller. `delegate_to: localhost` obeys variables of the inventory, so it may use
sudo, another interpreter, or even ssh.
"""

from __future__ import annotations

import sys
import typing as t

from ansible.executor import module_common
from ansible.plugins.action import ActionBase

Result = t.Dict[str, t.Any]


class ControllerAction(ActionBase):
    """An action plugin that can run other modules on the controller."""

    def on_controller(self, module: str, arguments: t.Mapping[str, t.Any], task_vars: t.Mapping[str, t.Any]) -> Result:
        """The result of a module or action plugin. The module_defaults, environment, check mode, diff and no_log of this task apply."""
        task = self._task.copy()
        task.action, task.become, task.delegate_to = module, False, None
        task.args = self._with_defaults(module, arguments)
        context = self._play_context.copy()
        context.become, context.connection = False, "local"
        loaders = self._shared_loader_obj
        known = loaders.action_loader.has_plugin(module)
        found = loaders.module_loader.find_plugin_with_context(module)
        name = getattr(found, "action_plugin", None) or (module if known else "ansible.legacy.normal")
        action = loaders.action_loader.get(
            name,
            task=task,
            connection=loaders.connection_loader.get("ansible.legacy.local", context),
            play_context=context,
            loader=self._loader,
            templar=self._templar,
            shared_loader_obj=loaders,
        )
        try:
            return dict(action.run(task_vars={**task_vars, "ansible_python_interpreter": sys.executable}))
        finally:
            action.cleanup()

    def _with_defaults(self, module: str, arguments: t.Mapping[str, t.Any]) -> Result:
        given = {name: value for name, value in arguments.items() if value is not None}
        if hasattr(module_common, "_apply_action_arg_defaults"):
            return dict(module_common._apply_action_arg_defaults(module, self._task, given, self._templar))
        groups = self._task._parent._play._action_groups  # ansible-core 2.18
        return dict(module_common.get_action_args_with_defaults(module, given, self._task.module_defaults, self._templar, groups))
