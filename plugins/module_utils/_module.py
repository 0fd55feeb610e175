# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The frame of every module that talks to a server: masking, errors, results. Private to this collection.

Knows no service: each brings a function that names its secrets, and a client.
"""

from __future__ import annotations

import contextlib
import typing as t

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from ansible_collections.eco2.platform.plugins.module_utils._convergence import ChangeFailed, NoAnswer, Refused, Unreachable, summary

Spec = t.Dict[str, t.Any]
# The secrets among a module's arguments, whatever shape these are in: they may be the very ones that Ansible refuses.
Secrets = t.Callable[[t.Mapping[str, t.Any]], t.Iterable[str]]


class _MaskingModule(AnsibleModule):
    """An AnsibleModule that hides what no argument specification can mark, such as secrets inside dictionaries.

    They may be in the arguments that Ansible echoes when it refuses them, so they are masked on every way out.
    """

    def __init__(self, secrets: Secrets, argument_spec: Spec) -> None:
        self._secrets = secrets
        super().__init__(argument_spec=argument_spec, supports_check_mode=True)

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
        self.no_log_values.update(value for value in self._secrets(self.params) if value)


class ServiceModule:
    """Wraps the AnsibleModule: declares, then either `exit` or `fail`.

    `library` is the name of the Python library that the service's client needs, and the traceback of its import where
    that failed.
    """

    def __init__(self, argument_spec: Spec, secrets: Secrets, library: tuple[str, str | None]) -> None:
        self._module = _MaskingModule(secrets, argument_spec)
        name, import_error = library
        if import_error is not None:
            self._module.fail_json(msg=missing_required_lib(name), exception=import_error)

    @property
    def params(self) -> dict[str, t.Any]:
        return t.cast("dict[str, t.Any]", self._module.params)

    @property
    def check_mode(self) -> bool:
        return bool(self._module.check_mode)

    @property
    def diff(self) -> bool:
        return bool(self._module._diff)

    def exit(self, warnings: t.Sequence[str] = (), **result: t.Any) -> t.NoReturn:
        self._warn(warnings)
        self._module.exit_json(**result)

    def fail(self, message: str, warnings: t.Sequence[str] = (), **result: t.Any) -> t.NoReturn:
        self._warn(warnings)
        self._module.fail_json(msg=message, **result)

    def _warn(self, warnings: t.Sequence[str]) -> None:
        for warning in warnings:
            self._module.warn(warning)

    @contextlib.contextmanager
    def failures(self) -> t.Iterator[None]:
        """What the client or the planner refuses inside ends the module with one line."""
        try:
            yield
        except Refused as refusal:
            self.fail(summary(refusal.problems), changed=False, changes=[], unchanged=0, problems=refusal.problems)
        except (ChangeFailed, NoAnswer, Unreachable) as error:
            self.fail(str(error), changed=False, changes=[], unchanged=0)
