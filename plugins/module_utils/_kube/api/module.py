# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The frame of every kube module: its secrets and its client. Private to this collection."""

from __future__ import annotations

import contextlib
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.module import ServiceModule
from ansible_collections.eco2.platform.plugins.module_utils._kube.api import arguments, kubeconfig
from ansible_collections.eco2.platform.plugins.module_utils._kube.api.client import Client
from ansible_collections.eco2.platform.plugins.module_utils._kube.api.library import KUBERNETES_IMPORT_ERROR


def _secrets(params: t.Mapping[str, t.Any]) -> t.Iterator[str]:
    """Secrets in a kubeconfig's content, in headers for a proxy, and passwords in addresses."""
    yield from kubeconfig.secrets(params.get("kubeconfig"))
    headers = params.get("proxy_headers")
    for entry in (params, headers if isinstance(headers, dict) else {}):
        for name in ("api_key", "password", "basic_auth", "proxy_basic_auth"):
            yield str(entry.get(name) or "")
    for name in ("host", "proxy"):
        user = str(params.get(name) or "").rpartition("@")[0].rpartition("//")[2]
        yield user.partition(":")[2]


class KubeModule(ServiceModule):
    def __init__(self, argument_spec: arguments.Spec) -> None:
        super().__init__(argument_spec, _secrets, ("kubernetes", KUBERNETES_IMPORT_ERROR))
        self._spec = argument_spec

    @contextlib.contextmanager
    def reporting(self) -> t.Iterator[Client]:
        """A client for the API server of the arguments; what it or the planner refuses ends the module with one line."""
        with self.failures():
            yield Client(arguments.settled(self.params, self._spec))
