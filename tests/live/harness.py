"""Runs a module as Ansible would, in this process: real arguments in, the JSON it prints out."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import typing as t

from ansible.module_utils.common import warnings
from ansible.module_utils.testing import patch_module_args

from lab.apiserver import ApiServer
from lab.brokers import Broker


class ModuleTask:
    """A task of one module, with --diff; the defaults stand in where a run does not say otherwise."""

    diff = True

    def __init__(self, module: str, **defaults: t.Any) -> None:
        self.module = importlib.import_module(f"ansible_collections.eco2.platform.plugins.modules.{module}")
        self.defaults = defaults

    def apply(self, **arguments: t.Any) -> dict[str, t.Any]:
        return self._run(arguments, check=False)

    def check(self, **arguments: t.Any) -> dict[str, t.Any]:
        return self._run(arguments, check=True)

    def _run(self, arguments: dict[str, t.Any], check: bool) -> dict[str, t.Any]:
        values = {**self.defaults, **arguments, "_ansible_check_mode": check, "_ansible_diff": self.diff}
        output = io.StringIO()
        # A module is a process of its own, which has the warnings of no other.
        warnings._global_warnings.clear()
        with patch_module_args(values), contextlib.redirect_stdout(output), contextlib.suppress(SystemExit):
            self.module.main()
        return t.cast("dict[str, t.Any]", json.loads(output.getvalue()))


class Task(ModuleTask):
    """A task of one module against one broker.

    >>> Task(broker).apply(queues=[{"name": "a"}])["changed"]
    True
    """

    def __init__(self, broker: Broker, module: str = "rabbitmq_topology", **defaults: t.Any) -> None:
        super().__init__(module, **{"url": [broker.url], "username": broker.username, "password": broker.password, **defaults})


class KubeTask(ModuleTask):
    """A task of one module against one API server, with all rights unless the defaults say otherwise."""

    def __init__(self, server: ApiServer, module: str = "kube_nodes", **defaults: t.Any) -> None:
        super().__init__(module, **{"kubeconfig": server.kubeconfig, **defaults})


def apply(broker: Broker, arguments: dict[str, t.Any]) -> dict[str, t.Any]:
    """One run of rabbitmq_topology, for a process of its own."""
    return Task(broker).apply(**arguments)
