# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The frame of every rabbitmq module: arguments, masking, errors, results. Private to this collection."""

from __future__ import annotations

import contextlib
import re
import typing as t

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from ansible_collections.eco2.platform.plugins.module_utils._convergence import (
    ChangeFailed,
    NoAnswer,
    Refused,
    Unreachable,
    summary,
)
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq import arguments, manifests
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.client import (
    REQUESTS_IMPORT_ERROR,
    Client,
    connection,
)


class _MaskingModule(AnsibleModule):
    """An AnsibleModule that hides what no argument specification can mark: Secrets in manifests, passwords in addresses.

    Both may be in the arguments that Ansible echoes when it refuses them, so they are masked on every way out.
    """

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
        hidden = {*manifests.secrets(self.params.get("manifests")), *_passwords(self.params)}
        self.no_log_values.update(value for value in hidden if value)


def _passwords(params: t.Mapping[str, t.Any]) -> t.Iterator[str]:
    """Every password and hash among the arguments, whatever shape they are in.

    Up to ansible-core 2.19 those that the specification marks are forgotten where it refuses a list's items.
    """
    lists = [value for value in params.values() if isinstance(value, list)]
    for entry in (params, *(item for items in lists for item in items if isinstance(item, dict))):
        for name in ("password", "password_hash"):
            yield str(entry.get(name) or "")
    urls = params.get("url") or []
    for url in [urls] if isinstance(urls, str) else urls:
        # Also in an address that is none, such as admin:secret@host.
        user = re.sub("^[A-Za-z]*://", "", str(url).rpartition("@")[0])
        yield user.partition(":")[2]


class RabbitMQModule:
    """Wraps the AnsibleModule: declares, then either `exit` or `fail`."""

    def __init__(self, argument_spec: arguments.Spec) -> None:
        self._module = _MaskingModule(argument_spec=argument_spec, supports_check_mode=True)
        if REQUESTS_IMPORT_ERROR is not None:
            self._module.fail_json(msg=missing_required_lib("requests"), exception=REQUESTS_IMPORT_ERROR)

    @property
    def params(self) -> dict[str, t.Any]:
        return t.cast("dict[str, t.Any]", self._module.params)

    @property
    def check_mode(self) -> bool:
        return bool(self._module.check_mode)

    @property
    def diff(self) -> bool:
        return bool(self._module._diff)

    def exit(self, **result: t.Any) -> t.NoReturn:
        self._module.exit_json(**result)

    def fail(self, message: str, **result: t.Any) -> t.NoReturn:
        self._module.fail_json(msg=message, **result)

    @contextlib.contextmanager
    def reporting(self) -> t.Iterator[Client]:
        """A client for the broker of the arguments; what it or the planner refuses ends the module with one line."""
        try:
            yield Client(connection(self.params))
        except Refused as refusal:
            self.fail(summary(refusal.problems), changed=False, changes=[], unchanged=0, problems=refusal.problems)
        except (ChangeFailed, NoAnswer, Unreachable) as error:
            self.fail(str(error), changed=False, changes=[], unchanged=0)
