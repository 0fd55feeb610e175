# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The frame of every module: arguments, masking, results. Private to this collection.

`converging` and `reading` are the whole `main` of a module.
"""

from __future__ import annotations

import typing as t

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from ansible_collections.eco2.platform.plugins.module_utils._engine import schema
from ansible_collections.eco2.platform.plugins.module_utils._engine.change import WRITE_ERRORS
from ansible_collections.eco2.platform.plugins.module_utils._engine.converge import Report, Service, converge
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Refused
from ansible_collections.eco2.platform.plugins.module_utils._engine.schema import Spec

Params = t.Mapping[str, t.Any]
# Secrets among a module's arguments that no argument specification can mark, such as those inside a manifest. The arguments may have
# any shape: they may be the very ones that Ansible refuses.
Secrets = t.Callable[[t.Mapping[str, t.Any]], t.Iterable[str]]
# The name of a Python library that a module needs, and the traceback of its import where that failed.
Library = t.Tuple[str, t.Optional[str]]

_NONE: Library = ("", None)


def converging(spec: Spec, service: t.Callable[[Params], Service], secrets: Secrets | None = None, library: Library = _NONE) -> t.NoReturn:
    """The main of a module that converges what `service` makes of its arguments."""
    module = _MaskingModule(spec, secrets, library)
    module.end(_attempt(module, lambda: converge(service(module.params), module.check_mode, module._diff)))


def reading(
    spec: Spec, read: t.Callable[[Params], Report | dict[str, t.Any]], secrets: Secrets | None = None, library: Library = _NONE
) -> t.NoReturn:
    """The main of an info module. `read` returns the result, or a Report where it may fail with one."""
    module = _MaskingModule(spec, secrets, library)
    report = _attempt(module, lambda: read(module.params))
    module.end(report._replace(result={**report.result, "changed": False}))


def _attempt(module: _MaskingModule, work: t.Callable[[], Report | dict[str, t.Any]]) -> Report:
    """Run the module's work. A refusal or an error before the first write becomes a failure in one line."""
    nothing: dict[str, t.Any] = {"changed": False, "changes": [], "unchanged": 0}
    try:
        problems = list(schema.time_problems(module.argument_spec, module.params))
        if problems:
            raise Refused(problems)
        seen = work()
        return seen if isinstance(seen, Report) else Report(seen, [])
    except Refused as refusal:
        return Report({**nothing, "problems": refusal.shown()}, [], str(refusal))
    except WRITE_ERRORS as error:
        return Report(nothing, [], str(error))


class _MaskingModule(AnsibleModule):
    """An AnsibleModule that also hides secrets that no argument specification can mark, whether it succeeds or fails."""

    def __init__(self, spec: Spec, secrets: Secrets | None, library: Library) -> None:
        self._spec = spec
        self._secrets = secrets
        super().__init__(argument_spec=spec, supports_check_mode=True)
        name, import_error = library
        if import_error is not None:
            self.fail_json(msg=missing_required_lib(name), exception=import_error)

    def end(self, report: Report) -> t.NoReturn:
        for warning in report.warnings:
            self.warn(warning)
        if report.failure is not None:
            self.fail_json(msg=report.failure, **report.result)
        self.exit_json(**report.result)

    def exit_json(self, **kwargs: t.Any) -> t.NoReturn:
        self._mask()
        super().exit_json(**kwargs)
        raise AssertionError("unreachable")

    def fail_json(self, msg: str, **kwargs: t.Any) -> t.NoReturn:
        self._mask()
        super().fail_json(msg, **kwargs)
        raise AssertionError("unreachable")

    def log(self, msg: t.Any, log_args: t.Any = None) -> None:
        """Nothing to the target's log: AnsibleModule writes the arguments there before anything can be masked.

        Its own no_log does not keep them out, since the controller's per-task value overrules it.
        """

    def _mask(self) -> None:
        self.no_log_values.update(schema.secrets(self._spec, self.params))
        self.no_log_values.update(value for value in (self._secrets(self.params) if self._secrets else ()) if value)
