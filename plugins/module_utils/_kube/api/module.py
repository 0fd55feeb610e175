# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The main of every kube module that reaches an API server. Private to this collection."""

from __future__ import annotations

import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine import module
from ansible_collections.eco2.platform.plugins.module_utils._engine.converge import Service
from ansible_collections.eco2.platform.plugins.module_utils._engine.module import Params
from ansible_collections.eco2.platform.plugins.module_utils._engine.schema import Spec
from ansible_collections.eco2.platform.plugins.module_utils._kube.api import arguments, kubeconfig
from ansible_collections.eco2.platform.plugins.module_utils._kube.api.client import Client
from ansible_collections.eco2.platform.plugins.module_utils._kube.api.library import KUBERNETES_IMPORT_ERROR

_LIBRARY = ("kubernetes", KUBERNETES_IMPORT_ERROR)


def converging(spec: Spec, service: t.Callable[[Client, Params], Service]) -> t.NoReturn:
    module.converging(spec, lambda params: service(Client(arguments.settled(params, spec)), params), secrets, _LIBRARY)


def reading(spec: Spec, read: t.Callable[[Client, Params], dict[str, t.Any]]) -> t.NoReturn:
    module.reading(spec, lambda params: read(Client(arguments.settled(params, spec)), params), secrets, _LIBRARY)


def secrets(params: Params) -> t.Iterator[str]:
    """The secrets that an argument specification cannot mark: in the content of a kubeconfig, and passwords in addresses."""
    yield from kubeconfig.secrets(params.get("kubeconfig"))
    for name in ("host", "proxy"):
        user = str(params.get(name) or "").rpartition("@")[0].rpartition("//")[2]
        yield user.partition(":")[2]
