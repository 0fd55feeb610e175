# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The services of the modules `kube_join` and `kube_init`: one run of kubeadm, where it has something to do.

Private to this collection. Runs on nodes, so it uses Python 3.9 and the standard library only.
"""

from __future__ import annotations

import contextlib
import os
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Change, ChangeFailed, Difference, HalfDone, Plan
from ansible_collections.eco2.platform.plugins.module_utils._engine.converge import Late, Outcome, Result, Service
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem, Refused
from ansible_collections.eco2.platform.plugins.module_utils._engine.schema import Spec
from ansible_collections.eco2.platform.plugins.module_utils._host import files
from ansible_collections.eco2.platform.plugins.module_utils._host.files import File
from ansible_collections.eco2.platform.plugins.module_utils._node import flags, kubeadm_config, kubeadm_errors
from ansible_collections.eco2.platform.plugins.module_utils._node.containerd import SOCKET
from ansible_collections.eco2.platform.plugins.module_utils._node.kubeadm import BOOTSTRAP_CONF, KUBELET_CONF, Machine

Params = t.Mapping[str, t.Any]

_REGISTERED_WITHIN = 60  # seconds; one or two are usual
_KUBEADM = 1  # the stage; files come before

# The options that kube_join and kube_init have in common.
OPTIONS: Spec = {
    "node_registration": {
        "type": "dict",
        "apply_defaults": True,
        "default": {},
        "options": {
            "name": {"type": "str"},
            "cri_socket": {"type": "str", "default": SOCKET},
            "labels": {"type": "dict", "default": {}},
            "taints": {
                "type": "list",
                "elements": "dict",
                "options": {
                    "key": {"type": "str", "required": True, "no_log": False},
                    "value": {"type": "str"},
                    "effect": {"type": "str", "required": True, "choices": ["NoSchedule", "PreferNoSchedule", "NoExecute"]},
                },
            },
            "kubelet_extra_args": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {"name": {"type": "str", "required": True}, "value": {"type": "str", "default": ""}},
            },
        },
    },
    "kubelet_patch": {"type": "dict", "default": {}},
    "config_version": {"type": "str", "choices": ["v1beta3", "v1beta4"]},
    "ignore_preflight_errors": {"type": "list", "elements": "str", "default": []},
}


class Kubeadm(Service):
    """One run of kubeadm. A subclass says what `kind` of change it is, which state the machine has afterwards, and why it has to run."""

    kind, action, becomes, why = "", "create", "", ""

    def __init__(self, params: Params, machine: Machine | None = None) -> None:
        super().__init__()
        self.params = params
        self.machine = machine or Machine()
        self.timeout: int = params["timeout"]
        self.registration = {**params["node_registration"], "ignore_preflight_errors": params["ignore_preflight_errors"]}
        # kubeadm writes it in lower case.
        self.name = (self.registration["name"] or os.uname().nodename).lower()
        settings = {**(params.get("kubelet_configuration") or {}), **(params.get("kubelet_patch") or {})}
        self.wanted = flags.wanted({**self.registration, "name": self.name}, settings)
        self.preflight_warnings: list[str] = []
        # Whether this run had to wait for another kubeadm.
        self.waited = False

    @contextlib.contextmanager
    def alone(self) -> t.Iterator[None]:
        with self.machine.alone(self.timeout) as self.waited:
            yield

    def observe(self) -> None:
        self.state = self.machine.state()
        self.leftovers = self.machine.leftovers()
        self.defaults = files.read(self.machine.path(flags.DEFAULTS))

    def done_before(self) -> str:
        """Why there is nothing to do, "" where there is. Raises Refused where the machine must be left alone."""
        raise NotImplementedError

    def plan(self) -> Plan:
        done = self.done_before()
        self.reason = done or self.why
        self.predicted = self.state if done else self.becomes
        if done:
            return Plan((), 1)
        differences = (Difference("state", self.state, self.becomes),)
        first = tuple(self.first())
        needs = frozenset(change.key for change in first)
        return Plan((*first, Change(self.kind, self.name, {"name": self.name}, self.action, differences, _KUBEADM, needs)))

    def first(self) -> t.Iterator[Change]:
        """What changes before kubeadm runs."""
        return iter(())

    def work(self) -> None:
        raise NotImplementedError

    def write(self, change: Change) -> Change:
        if change.kind == "file":
            files.apply(change.payload)
            return change
        try:
            self.work()
        finally:
            self.state = self.machine.state()
        return change

    def configure(self, *arguments: str, documents: t.Callable[[str], list[kubeadm_config.Document]]) -> None:
        """Run kubeadm with a configuration in the version that the installed kubeadm reads."""
        kubeadm = self.machine.kubeadm_version()
        version = self.params["config_version"] or kubeadm_config.config_version(kubeadm)
        wanted = documents(version)
        patched = self._patch(wanted, version, kubeadm)
        configuration = kubeadm_config.text(*wanted)
        self.machine.validate(configuration, kubeadm)
        if patched:
            files.apply(patched)
        done = self.machine.run("kubeadm", self.kind, *arguments, "--config", "/dev/stdin", stdin=configuration, timeout=self.timeout)
        if done.code != 0:
            said = kubeadm_errors.explain(done, endpoint=self.params.get("endpoint") or "", kubelet_says=self.machine.kubelet_error())
            self.reason = f"kubeadm {self.kind}: {said}"
            raise ChangeFailed(self.reason) if kubeadm_errors.wrote_nothing(done) and not patched else HalfDone(self.reason)
        self.preflight_warnings = kubeadm_errors.warnings(done.output)
        self.warnings += [f"kubeadm {self.kind}: {warning}" for warning in self.preflight_warnings]
        self.reason = f"kubeadm {kubeadm} ({version}) ran {self.kind}"

    def _patch(self, documents: list[kubeadm_config.Document], version: str, kubeadm: str) -> files.File | None:
        """The file with the settings of this node's kubelet, which the first document then names; None if there are none.

        kubeadm validates no patch, and a kubelet ignores a field that it does not know. As a KubeletConfiguration they are validated.
        """
        patch = self.params.get("kubelet_patch")
        if not patch:
            return None
        cluster = kubeadm_config.cluster(version, {"kubernetesVersion": kubeadm})
        self.machine.validate(kubeadm_config.text(cluster, kubeadm_config.kubelet(patch)), kubeadm)
        documents[0]["patches"] = {"directory": kubeadm_config.PATCHES}
        return files.File(self.machine.path(kubeadm_config.PATCH), kubeadm_config.patch_text(patch), 0o644)

    def problems(self, plan: Plan) -> t.Iterator[Problem]:
        patch = self.params.get("kubelet_patch")
        problem = kubeadm_config.patch_problem(patch) if plan.changes and patch else None
        if problem:
            yield Problem("kubelet_patch.invalid", problem, field="kubelet_patch", remedy="remove it")

    def facts(self, predicted: bool) -> Result:
        state = self.predicted if predicted else self.state
        return {"state": state, "reason": self.reason, "preflight_warnings": self.preflight_warnings}


class _Registers(Kubeadm):
    """What starts a kubelet that registers its Node."""

    def first(self) -> t.Iterator[Change]:
        """/etc/default/kubelet loses what contradicts the declared flags, because the kubelet reads that file last."""
        have = self.defaults.content if self.defaults else ""
        wants = flags.cleaned(have, self.wanted)
        if wants != have:
            path = self.machine.path(flags.DEFAULTS)
            difference = Difference("content", have.splitlines(), wants.splitlines())
            yield Change("file", flags.DEFAULTS, {"path": flags.DEFAULTS}, "update", (difference,), payload=File(path, wants))

    def prove(self, plan: Plan) -> t.Iterator[Problem]:
        """The installed kubelet must take all flags that it will get: with one that it does not know it does not start."""
        declared = [flags.Flag(name, value, (f"--{name}={value}",)) for name, value in flags.given(self.registration).items()]
        places = dict.fromkeys(flags.kept(self.defaults.content if self.defaults else "", self.wanted), flags.DEFAULTS)
        places = {**{flag: path for path, flag in self.machine.drop_in_flags()}, **places}
        for flag, said in flags.refused(self.machine.ask, [*declared, *places]) if plan.changes else ():
            place = places.get(flag, "")
            where = ": ".join(part for part in (place, f"flag {flag}" if flag.name else str(flag)) if part)
            message = f"the installed kubelet does not take it ({said})"
            yield Problem("kubelet.flag", message, where, remedy="remove it, or correct its value")


class Check(_Registers):
    """Only proves the flags."""

    def done_before(self) -> str:
        return "only the flags of the kubelet were tried"

    def prove(self, plan: Plan) -> t.Iterator[Problem]:
        return super().prove(Plan((Change(self.kind, self.name, {}, "update", ()),)))


class Join(_Registers):
    """A worker of the cluster with this CA."""

    kind, becomes, why = "join", "joined", "this machine has not joined a cluster"

    def __init__(self, params: Params, machine: Machine | None = None) -> None:
        super().__init__(params, machine)
        token = params["token"] or ""
        self.machine.secrets = (token, token.partition(".")[2])

    def done_before(self) -> str:
        if not self.machine.has(KUBELET_CONF):
            return ""
        pins, wanted = self.machine.joined_to(), self.params["ca_cert_hashes"]
        if pins and wanted and not {*pins} & {*wanted}:
            message = f"this machine has joined a cluster with another CA ({', '.join(pins)}, not {', '.join(wanted)})"
            raise Refused(
                [
                    Problem(
                        "join.other_cluster",
                        message,
                        remedy="reset the machine first (node_join_other_cluster: reset in the role node_join)",
                    )
                ]
            )
        return "kubelet.conf of this cluster exists"

    def missing(self, plan: Plan) -> t.Iterator[Problem]:
        lacks = [name for name in ("token", "endpoint", "ca_cert_hashes") if not self.params[name]]
        if plan.changes and lacks:
            remedy = "take them from `join` of eco2.platform.kube_bootstrap_token"
            yield Problem("join.missing", f"state=joined requires {', '.join(lacks)}", remedy=remedy)

    def work(self) -> None:
        registration = {**self.registration, "taints": self.registration["taints"] or []}
        arguments = {name: self.params[name] for name in ("token", "endpoint", "ca_cert_hashes", "timeout")}
        try:
            self.configure(documents=lambda version: [kubeadm_config.join(version, registration=registration, **arguments)])
        finally:
            # kubeadm leaves the token in this file where it fails.
            self.machine.remove(BOOTSTRAP_CONF)

    def settle(self, outcome: Outcome) -> t.Iterator[Late]:
        name = self.machine.node_name() if outcome.complete else ""
        why = self.machine.unregistered(name, min(self.timeout, _REGISTERED_WITHIN)) if name else None
        if why:
            yield Late("node", name, {"name": name}, why)


class Reset(Kubeadm):
    """Removes all files of a join: kubeadm reset without the phase that deletes etcd's data. Never on a control plane."""

    kind, action, becomes = "reset", "delete", "reset"

    def done_before(self) -> str:
        if not self.leftovers:
            return "there are no files of kubeadm"
        if self.waited and self.state == "joined" and not self.machine.has(BOOTSTRAP_CONF):
            return "kubeadm join of another run has just succeeded, so nothing is reset"
        parts = self.machine.control_plane()
        if parts:
            message = f"this machine is a control plane ({', '.join(parts)}), which this module never resets"
            raise Refused([Problem("reset.control_plane", message)])
        pods = self.machine.static_pods()
        if pods:
            message = f"kubeadm reset would delete the static pods {', '.join(pods)}"
            raise Refused([Problem("reset.static_pods", message, remedy="move them out of /etc/kubernetes/manifests first")])
        self.why = f"this machine has {', '.join(self.leftovers)}"
        return ""

    def work(self) -> None:
        socket = self.registration["cri_socket"]
        self.machine.remember_reset()
        command = ("kubeadm", "reset", "--force", "--skip-phases", "remove-etcd-member", "--cri-socket", socket)
        done = self.machine.run(*command, timeout=self.timeout)
        left = self.machine.leftovers()
        if done.code != 0 or left:
            said = kubeadm_errors.explain(done) if done.code != 0 else f"it left {', '.join(left)}"
            raise HalfDone(f"kubeadm reset: {said}")
        self.reason = f"kubeadm reset removed {', '.join(self.leftovers)}"


class Init(_Registers):
    """The first control plane of a cluster. The files of an unfinished init are named and never deleted."""

    kind, becomes, why = "init", "initialised", "this machine has no control plane"

    def done_before(self) -> str:
        if self.state == "initialised":
            return "the control plane exists"
        parts = self.machine.control_plane()
        if not parts and f"/{KUBELET_CONF}" in self.leftovers:
            message = f"this machine is already a worker of a cluster (/{KUBELET_CONF})"
            raise Refused([Problem("init.worker", message, remedy="choose another machine, or reset this one first")])
        if parts or self.leftovers:
            found = ", ".join([*parts, *(name for name in self.leftovers if name not in parts)])
            remedy = "if you need nothing of it, run 'kubeadm reset' on this machine, empty /var/lib/etcd, and run the task again"
            raise Refused([Problem("init.unfinished", f"an earlier kubeadm init did not finish and left {found}", remedy=remedy)])
        return ""

    def work(self) -> None:
        self.configure("--skip-token-print", "--skip-certificate-key-print", documents=self.documents)

    def documents(self, version: str) -> list[kubeadm_config.Document]:
        params, timeout = self.params, max(30, self.timeout // 2)
        address = params["advertise_address"] or ""
        documents = [
            kubeadm_config.init(version, registration=self.registration, advertise_address=address, timeout=timeout),
            kubeadm_config.cluster(version, params["cluster_configuration"]),
        ]
        for name, made in (("kubelet_configuration", kubeadm_config.kubelet), ("kube_proxy_configuration", kubeadm_config.kube_proxy)):
            documents += [made(params[name])] if params[name] else []
        return documents
