# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The frame of this collection's action plugins. Private to this collection.

This is the only place that sends a task to the controller. `delegate_to: localhost` obeys variables of the inventory, so it may use
sudo, another interpreter, or even ssh.
"""

from __future__ import annotations

import importlib
import sys
import typing as t
from dataclasses import replace

import yaml
from ansible.executor import module_common
from ansible.plugins.action import ActionBase

from ansible_collections.eco2.platform.plugins.module_utils._engine import schema
from ansible_collections.eco2.platform.plugins.module_utils._engine.given import given
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem, Refused

Result = t.Dict[str, t.Any]

_COLLECTION = "ansible_collections.eco2.platform.plugins.modules"


class ControllerAction(ActionBase):
    """An action plugin that can run modules on the controller."""

    # The variables of the task.
    variables: t.Mapping[str, t.Any] = {}

    def on_controller(
        self, module: str, arguments: t.Mapping[str, t.Any], task_vars: t.Mapping[str, t.Any] | None = None, only_check: bool = False
    ) -> Result:
        """The result of a module or action plugin. The module_defaults, environment, check mode, diff and no_log of this task apply.

        only_check: run it in check mode, whatever the mode of this task.
        """
        task = self._task.copy()
        if only_check:
            task.check_mode = True
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
            return dict(action.run(task_vars={**(task_vars or self.variables), "ansible_python_interpreter": sys.executable}))
        finally:
            action.cleanup()

    def on_host(self, module: str, arguments: t.Mapping[str, t.Any]) -> Result:
        """The result of a module on the host to which the task is delegated, with the module_defaults of this task."""
        return dict(self._execute_module(module_name=module, module_args=self._with_defaults(module, arguments), task_vars=self.variables))

    def _with_defaults(self, module: str, arguments: t.Mapping[str, t.Any]) -> Result:
        given = {name: value for name, value in arguments.items() if value is not None}
        if hasattr(module_common, "_apply_action_arg_defaults"):
            return dict(module_common._apply_action_arg_defaults(module, self._task, given, self._templar))
        groups = self._task._parent._play._action_groups  # ansible-core 2.18
        return dict(module_common.get_action_args_with_defaults(module, given, self._task.module_defaults, self._templar, groups))


def retold(result: Result, remedies: t.Mapping[str, str]) -> str:
    """The message of a module that has failed, with the remedies of a role, by the codes of the problems: a role has other options."""
    problems = [Problem(**problem) for problem in result.get("problems") or ()]
    if not any(problem.code in remedies for problem in problems):
        return str(result.get("msg"))
    return str(Refused([replace(problem, remedy=remedies.get(problem.code, problem.remedy)) for problem in problems]))


class Action(ControllerAction):
    """An action plugin whose options are those of its documentation, in the module of the same name."""

    # The options that the task names, blank ones too.
    named: t.Collection[str] = ()

    def work(self, options: t.Mapping[str, t.Any]) -> Result:
        """The result. It may raise Refused."""
        raise NotImplementedError

    def run(self, tmp: t.Any = None, task_vars: dict[str, t.Any] | None = None) -> Result:
        super().run(tmp, task_vars)
        self.variables = task_vars or {}
        documentation = importlib.import_module(f"{_COLLECTION}.{type(self).__module__.rpartition('.')[2]}").DOCUMENTATION
        spec = {name: _option(entry) for name, entry in yaml.safe_load(documentation)["options"].items()}
        try:
            self._task.args = dict(self._task.args)
            self.named = {name for name, value in self._task.args.items() if value is not None}
            wrong = list(given(spec, self._task.args))
            if wrong:
                raise Refused(wrong)
            options = self.validate_argument_spec(argument_spec=spec)[1]
            problems = list(schema.time_problems(spec, options))
            if problems:
                raise Refused(problems)
            return {"changed": False, **self.work(options)}
        except Refused as refusal:
            return {"changed": False, "failed": True, "msg": str(refusal), "problems": refusal.shown()}

    @property
    def predicts(self) -> bool:
        """Whether this run only predicts: check mode. For what no module does."""
        return bool(self._task.check_mode)

    def on_target(self, module: str, arguments: t.Mapping[str, t.Any]) -> Result:
        """The result of a module on the host of the task."""
        return dict(self._execute_module(module_name=module, module_args=dict(arguments), task_vars=self.variables))


def _option(documented: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    option = {name: value for name, value in documented.items() if name in ("type", "elements", "required", "default")}
    return {**option, "choices": list(documented["choices"])} if "choices" in documented else option
