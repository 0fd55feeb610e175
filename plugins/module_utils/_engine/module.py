# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The frame of every module: arguments, masking, results. Private to this collection.

`converging` and `reading` are the whole `main` of a module.
"""

from __future__ import annotations

import functools
import os
import pwd
import typing as t

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible.module_utils.common.parameters import remove_values

from ansible_collections.eco2.platform.plugins.module_utils._engine import schema
from ansible_collections.eco2.platform.plugins.module_utils._engine.change import WRITE_ERRORS
from ansible_collections.eco2.platform.plugins.module_utils._engine.converge import Report, Service, converge
from ansible_collections.eco2.platform.plugins.module_utils._engine.given import given
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem, Refused, in_words
from ansible_collections.eco2.platform.plugins.module_utils._engine.schema import Spec

Params = t.Mapping[str, t.Any]
# Secrets among a module's arguments that no argument specification can mark, such as those inside a manifest. The arguments may have
# any shape: they may be the very ones that Ansible refuses.
Secrets = t.Callable[[t.Mapping[str, t.Any]], t.Iterable[str]]
# The name of a Python library that a module needs, and the traceback of its import where that failed.
Library = t.Tuple[str, t.Optional[str]]

_NONE: Library = ("", None)


def converging(
    spec: Spec,
    service: t.Callable[[Params], Service],
    secrets: Secrets | None = None,
    library: Library = _NONE,
    *,
    literal: bool = False,
    root: bool = False,
) -> t.NoReturn:
    """The main of a module that converges what `service` makes of its arguments.

    `literal`: whether to refuse a text that YAML has read as a boolean or a number. `root`: whether it works on a host, where only root may
    read and change what matters.
    """
    module = _MaskingModule(spec, secrets, library, literal)
    nothing = {"changed": False, "changes": [], "unchanged": 0}
    module.end(_attempt(module, lambda: converge(service(module.params), module.check_mode, module._diff), nothing, root))


def reading(
    spec: Spec,
    read: t.Callable[[Params], Report | dict[str, t.Any]],
    secrets: Secrets | None = None,
    library: Library = _NONE,
    *,
    literal: bool = False,
    root: bool = False,
    data: t.Collection[str] = (),
) -> t.NoReturn:
    """The main of an info module. `read` returns the result, or a Report where it may fail with one.

    `literal`, `root`: as above. `data`: parts of the result that come from the server and are returned as they are, whatever secrets are
    given.
    """
    module = _MaskingModule(spec, secrets, library, literal)
    report = _attempt(module, lambda: read(module.params), {}, root)
    module.end(report._replace(result={**report.result, "changed": False}), data)


def _attempt(
    module: _MaskingModule, work: t.Callable[[], Report | dict[str, t.Any]], nothing: dict[str, t.Any], root: bool = False
) -> Report:
    """Run the module's work. A refusal or an error before the first write becomes a failure in one line, with the result `nothing`."""
    try:
        problems = list(_not_root()) if root else []
        # To a user who is not root, what may not be read looks as if it were not there: nothing more is judged.
        problems = problems or [*schema.time_problems(module.argument_spec, module.params), *module.converted]
        if problems:
            raise Refused(problems)
        seen = work()
        return seen if isinstance(seen, Report) else Report(seen, [])
    except Refused as refusal:
        return Report({**nothing, "problems": refusal.shown()}, [], str(refusal))
    except WRITE_ERRORS as error:
        return Report(nothing, [], str(error))
    except OSError as error:
        return Report(nothing, [], in_words(error))


def _not_root() -> t.Iterator[Problem]:
    user = os.geteuid()
    if user != 0:
        try:
            name = pwd.getpwuid(user).pw_name
        except KeyError:
            name = str(user)
        remedy = "set become: true (ansible_become in the inventory takes precedence over become in the play)"
        yield Problem("host.not_root", f"this module requires root, and runs as {name}", remedy=remedy)


class _MaskingModule(AnsibleModule):
    """An AnsibleModule that also hides secrets that no argument specification can mark, whether it succeeds or fails."""

    def __init__(self, spec: Spec, secrets: Secrets | None, library: Library, literal: bool) -> None:
        self._spec = spec
        self._literal = literal
        self._secrets = secrets
        try:
            super().__init__(argument_spec=spec, supports_check_mode=True)
        except OverflowError:  # Ansible takes the text Infinity for a number and then fails to make an integer of it
            self.fail_json(msg="an option that takes an integer has the value Infinity: give a finite number")
        except TypeError:  # nor does it expect a number where it looks for suboptions
            self.fail_json(msg="an option that takes a dictionary has another value: write it as NAME: VALUE")
        name, import_error = library
        if import_error is not None:
            self.fail_json(msg=missing_required_lib(name), exception=import_error)

    def _load_params(self) -> None:
        super()._load_params()
        # Both before Ansible's checks, which convert what they can in place, and split every text at its commas.
        self._wrong = list(given(self._spec, self.params))
        self.converted = list(schema.converted(self._spec, self.params)) if self._literal else []

    def _set_internal_properties(self, *arguments: t.Any) -> None:
        """The first moment after `_load_params` when a module can fail."""
        super()._set_internal_properties(*arguments)
        if self._wrong:
            refusal = Refused(self._wrong)
            self.fail_json(str(refusal), changed=False, problems=refusal.shown())

    def end(self, report: Report, data: t.Collection[str] = ()) -> t.NoReturn:
        """End with this report. Secrets are masked everywhere but in the names of objects and in `data`, which are the server's: masked,
        they would name other objects to whoever uses them."""
        self._mask()
        masked = functools.partial(remove_values, no_log_strings=self.no_log_values.copy())
        as_it_is = {name for name, value in report.result.items() if name in data or isinstance(value, (int, type(None)))}
        result = {name: value if name in as_it_is else _with_names(masked(value), value) for name, value in report.result.items()}
        for warning in report.warnings:
            self.warn(masked(warning))
        if result != {name: masked(value) for name, value in result.items()}:
            # Ansible would mask the names too. So that it finds no secret any more, all that is left for it to show is masked here.
            self.params: dict[str, t.Any] = masked(self.params)
            self.no_log_values.clear()
        if report.failure is not None:
            super().fail_json(masked(report.failure), **result)
        super().exit_json(**result)
        raise AssertionError("unreachable")

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

    def _log_invocation(self) -> None:
        """Nothing, as above. Ansible's own ends in a traceback where a text has half a surrogate pair."""

    def _mask(self) -> None:
        """Collect the secrets."""
        self.no_log_values.update(schema.secrets(self._spec, self.params))
        self.no_log_values.update(value for value in (self._secrets(self.params) if self._secrets else ()) if value)


# What names an object, what became of it, and the kind of a problem, in an entry of `changes`, `failures`, `problems` and the like.
_NAMES = ("kind", "object", "identity", "action", "code")


def _with_names(masked: t.Any, value: t.Any) -> t.Any:
    """The masked value, with the names of changes as they are."""
    if not isinstance(value, list):
        return masked
    return [
        {**entry, **{name: original[name] for name in _NAMES if name in original}} if isinstance(original, dict) else entry
        for entry, original in zip(masked, value)
    ]
