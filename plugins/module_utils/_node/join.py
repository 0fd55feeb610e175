# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""kubeadm join, reset and init on this machine, each only where it has something to do.

Private to this collection. Runs on nodes, so Python 3.9 and the standard library alone.
"""

from __future__ import annotations

import contextlib
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.module import ServiceModule
from ansible_collections.eco2.platform.plugins.module_utils._node import kubeadm_config, kubeadm_errors
from ansible_collections.eco2.platform.plugins.module_utils._node.kubeadm import KubeadmError, Machine

Params = t.Mapping[str, t.Any]
Result = t.Dict[str, t.Any]
Spec = t.Dict[str, t.Dict[str, t.Any]]

_REGISTERED_WITHIN = 60  # seconds; one or two are usual
_BOOTSTRAP = "etc/kubernetes/bootstrap-kubelet.conf"


def run(argument_spec: Spec, work: t.Callable[[str], t.Callable[[Machine, Params, bool], Result]]) -> t.NoReturn:
    """The whole of a module: declare, do what `work` gives for the wanted state, end with the result or with one line."""
    module = ServiceModule(argument_spec, _secrets, ("", None))
    try:
        result = work(module.params.get("state", ""))(Machine(), module.params, module.check_mode)
    except KubeadmError as error:
        module.fail(kubeadm_errors.mask(str(error), *_secrets(module.params)))
    module.exit(**result)


def _secrets(params: Params) -> list[str]:
    token = str(params.get("token") or "")
    return [part for part in (token, token.partition(".")[2]) if part]


def registration_spec() -> Spec:
    """The option node_registration of kube_join and kube_init."""
    return {
        "name": {"type": "str"},
        "cri_socket": {"type": "str", "default": kubeadm_config.CRI_SOCKET},
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
    }


def join(machine: Machine, params: Params, check_mode: bool) -> Result:
    """A worker of the cluster with this CA, unless it is one already."""
    with _alone(machine, params, check_mode):
        if machine.there("etc/kubernetes/kubelet.conf"):
            _require_same_cluster(machine, params["ca_cert_hashes"])
            if not check_mode:
                _wait_until_registered(machine, params)
            return _unchanged("joined", "kubelet.conf of this cluster is there already")
        if check_mode:
            return {"changed": True, "state": "joined", "reason": "it would join", "preflight_warnings": []}
        _require(params)
        return _join(machine, params)


def _join(machine: Machine, params: Params) -> Result:
    timeout, secrets = params["timeout"], _secrets(params)
    kubeadm = machine.kubeadm_version()
    version = params["config_version"] or kubeadm_config.config_version(kubeadm)
    registration = _registration(params)
    registration["taints"] = registration["taints"] or []
    configuration = kubeadm_config.text(
        kubeadm_config.join(
            version,
            token=params["token"],
            endpoint=params["endpoint"],
            ca_cert_hashes=params["ca_cert_hashes"],
            registration=registration,
            timeout=timeout,
        )
    )
    machine.validate(configuration, kubeadm, *secrets)
    try:
        ran = machine.run(["kubeadm", "join", "--config", "/dev/stdin"], configuration, timeout, *secrets)
        if ran.code != 0:
            raise KubeadmError(
                "kubeadm join: "
                + kubeadm_errors.explain(
                    ran.output,
                    endpoint=params["endpoint"],
                    kubelet_says=machine.kubelet_error(*secrets),
                    timed_out_after=timeout if ran.timed_out else None,
                )
            )
    finally:
        # Where kubeadm does not come to its end it leaves the token there.
        machine.remove(_BOOTSTRAP)
    _wait_until_registered(machine, params)
    return {
        "changed": True,
        "state": "joined",
        "reason": f"joined by {params['endpoint']} with kubeadm {kubeadm} ({version})",
        "preflight_warnings": kubeadm_errors.warnings(ran.output),
    }


def reset(machine: Machine, params: Params, check_mode: bool) -> Result:
    """Nothing of a join is left: kubeadm reset, without its phase that deletes etcd's data. Never on a control plane."""
    with _alone(machine, params, check_mode) as waited:
        leftovers = machine.leftovers()
        if not leftovers:
            return _unchanged("reset", "nothing of kubeadm is there")
        if waited and machine.there("etc/kubernetes/kubelet.conf") and not machine.there(_BOOTSTRAP):
            return _unchanged("reset", "another run's kubeadm join has just ended well; nothing is reset")
        _require_no_control_plane(machine)
        if check_mode:
            return {"changed": True, "state": "reset", "reason": f"would clear {', '.join(leftovers)}", "preflight_warnings": []}
        command = ["kubeadm", "reset", "--force", "--skip-phases", "remove-etcd-member"]
        ran = machine.run([*command, "--cri-socket", params["node_registration"]["cri_socket"]], "", params["timeout"])
        left = machine.leftovers()
        if ran.code != 0 or left:
            late = params["timeout"] if ran.timed_out else None
            trouble = kubeadm_errors.explain(ran.output, timed_out_after=late) if ran.code != 0 else f"{', '.join(left)} are still there"
            raise KubeadmError(f"kubeadm reset: {trouble}")
    return {"changed": True, "state": "reset", "reason": f"cleared {', '.join(leftovers)}", "preflight_warnings": []}


def init(machine: Machine, params: Params, check_mode: bool) -> Result:
    """The first control plane of a cluster, unless it is one already. What is half done is named, never cleared."""
    with _alone(machine, params, check_mode):
        leftovers, parts = machine.leftovers(), machine.control_plane()
        if {"/etc/kubernetes/manifests/kube-apiserver.yaml", "/etc/kubernetes/admin.conf"} <= {*parts} and len(leftovers) >= 3:
            return _unchanged("initialised", "a control plane is there already")
        if parts or leftovers:
            raise KubeadmError(_half_done(leftovers, parts))
        if check_mode:
            return {"changed": True, "state": "initialised", "reason": "it would be initialised", "preflight_warnings": []}
        return _init(machine, params)


def _init(machine: Machine, params: Params) -> Result:
    kubeadm = machine.kubeadm_version()
    version = params["config_version"] or kubeadm_config.config_version(kubeadm)
    documents = [
        kubeadm_config.init(
            version,
            registration=_registration(params),
            advertise_address=params["advertise_address"] or "",
            timeout=max(30, params["timeout"] // 2),
        ),
        kubeadm_config.cluster(version, params["cluster_configuration"]),
    ]
    if params["kubelet_configuration"]:
        documents.append(kubeadm_config.kubelet(params["kubelet_configuration"]))
    if params["kube_proxy_configuration"]:
        documents.append(kubeadm_config.kube_proxy(params["kube_proxy_configuration"]))
    configuration = kubeadm_config.text(*documents)
    machine.validate(configuration, kubeadm)
    command = ["kubeadm", "init", "--skip-token-print", "--skip-certificate-key-print", "--config", "/dev/stdin"]
    ran = machine.run(command, configuration, params["timeout"])
    if ran.code != 0:
        late = params["timeout"] if ran.timed_out else None
        said = machine.kubelet_error()
        raise KubeadmError(f"kubeadm init: {kubeadm_errors.explain(ran.output, kubelet_says=said, timed_out_after=late)}")
    return {
        "changed": True,
        "state": "initialised",
        "reason": f"initialised with kubeadm {kubeadm} ({version})",
        "preflight_warnings": kubeadm_errors.warnings(ran.output),
    }


def _wait_until_registered(machine: Machine, params: Params) -> None:
    name = machine.node_name()
    if name:
        machine.wait_until_registered(name, min(params["timeout"], _REGISTERED_WITHIN))


def _alone(machine: Machine, params: Params, check_mode: bool) -> t.ContextManager[bool]:
    return contextlib.nullcontext(False) if check_mode else machine.alone(params["timeout"])


def _half_done(leftovers: t.Sequence[str], parts: t.Sequence[str]) -> str:
    if not parts and "/etc/kubernetes/kubelet.conf" in leftovers:
        return "this machine is a worker of a cluster already (/etc/kubernetes/kubelet.conf); it is not made a control plane"
    found = ", ".join([*parts, *(name for name in leftovers if name not in parts)])
    return (
        f"kubeadm init was begun here and not finished: there are {found}. Nothing is deleted by itself. "
        "Where nothing of it is needed, run 'kubeadm reset' on this machine, empty /var/lib/etcd, and start again"
    )


def _registration(params: Params) -> Result:
    return {**params["node_registration"], "ignore_preflight_errors": params["ignore_preflight_errors"]}


def _require(params: Params) -> None:
    missing = [name for name in ("token", "endpoint", "ca_cert_hashes") if not params[name]]
    if missing:
        raise KubeadmError(f"state=joined needs {', '.join(missing)}; eco2.platform.kube_bootstrap_token returns them as `join`")


def _require_same_cluster(machine: Machine, wanted: t.Sequence[str]) -> None:
    pins = machine.joined_to()
    if pins and wanted and not {*pins} & {*wanted}:
        raise KubeadmError(
            f"this machine has joined a cluster with another CA ({', '.join(pins)}, not {', '.join(wanted)}); "
            "state=reset takes it out of that one first"
        )


def _require_no_control_plane(machine: Machine) -> None:
    parts = machine.control_plane()
    if parts:
        raise KubeadmError(f"this machine is a control plane ({', '.join(parts)}); it is never reset by this module")
    pods = machine.static_pods()
    if pods:
        raise KubeadmError(
            f"kubeadm reset would delete the static pods {', '.join(pods)} of /etc/kubernetes/manifests; move them away first"
        )


def _unchanged(state: str, reason: str) -> Result:
    return {"changed": False, "state": state, "reason": reason, "preflight_warnings": []}
