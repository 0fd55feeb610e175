# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Explain kubeadm's output in one line that says what to do, and mask secrets in it.

Private to this collection. Pure; runs on nodes, so Python 3.9 and no libraries. The messages are those of kubeadm 1.28 to 1.37
(cmd/kubeadm/app: discovery/token, preflight/checks.go, cmd/phases/join/kubelet.go).
"""

from __future__ import annotations

import itertools
import re
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._host.command import TIMED_OUT, Done

MASK = "********"

# Secrets that kubeadm may print: bootstrap tokens, certificate keys, private keys, JSON web tokens, a kubeconfig's key.
_SECRETS = (
    (re.compile(r"(?<![A-Za-z0-9])[a-z0-9]{6}\.[a-z0-9]{16}(?![A-Za-z0-9])"), MASK),
    (re.compile(r"(?<![A-Za-z0-9:])[0-9a-f]{64}(?![A-Za-z0-9])"), MASK),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL), MASK),
    (re.compile(r"eyJ[\w-]+\.[\w-]*\.[\w-]*"), MASK),
    (re.compile(r"(client-key-data|token):[ \t]*[^\s,]{20,}"), rf"\1: {MASK}"),
)

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_CHECK = re.compile(r"^\s*\[(ERROR|WARNING) ([^\]]+)\]: (.*)$")
_KLOG_ERROR = re.compile(r"^E\d{4} \d\d:\d\d:\d\d\.\d+ +\d+ [^\]]+\] ?")

# What to do about each preflight check. Prefixes end in '-'.
_REMEDIES = {
    "CRI": "containerd does not answer; role containerd installs it and enables its CRI plugin",
    "ContainerRuntimeVersion": "update containerd",
    "Swap": "turn swap off (kubernetes_node_swap: off) or set failSwapOn: false in the KubeletConfiguration",
    "SystemVerification": "read the message; on cgroup v1 set failCgroupV1: false in the KubeletConfiguration and ignore this check",
    "KubeletVersion": "install kubelet and kubeadm of the same minor version (kube_version)",
    "KubernetesVersion": "kubeadm deploys only its own minor version and the one before",
    "IsPrivilegedUser": "run with become: true",
    "HTTPProxy": "add the address to no_proxy",
    "NumCPU": "the machine is too small for a control plane",
    "Mem": "the machine is too small for a control plane",
    "ImagePull": "check that the registry is reachable, or set a mirror (containerd_registry_mirrors)",
    "Port-10250": "another kubelet or another program listens on this port; find it with ss -ltnp 'sport = :10250'",
    "Port-": "another program listens on this port, perhaps an earlier control plane",
    "DirAvailable--var-lib-etcd": "the data of an earlier control plane; this collection never deletes it",
    "FileAvailable-": "left over from an earlier join or init; kubeadm reset removes it",
    "FileExisting-": "install the package that brings it",
    "FileContent--proc-sys-net-": "enable forwarding (role kubernetes_node sets net.ipv4.ip_forward)",
    "Service-kubelet": "enable the service",
}


def mask(text: str, *secrets: str) -> str:
    """The text without these secrets and without anything that looks like a secret."""
    for secret in sorted((secret for secret in secrets if secret), key=len, reverse=True):
        text = text.replace(secret, MASK)
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text


def warnings(output: str) -> list[str]:
    """kubeadm's preflight warnings, `CHECK: message`."""
    return [f"{name}: {said}" for severity, name, said in _checks(output) if severity == "WARNING"]


def explain(done: Done, *, endpoint: str = "", kubelet_says: str = "") -> str:
    """What went wrong and what to do, in one line. `done`: of kubeadm, masked; `kubelet_says`: the kubelet's own last error."""
    failed = [(name, said) for severity, name, said in _checks(done.output) if severity == "ERROR"]
    if failed:
        return "preflight checks failed: " + "; ".join(f"{name}: {said.rstrip('. ')} ({_remedy(name)})" for name, said in failed)
    for pattern, meaning in _MEANINGS:
        found = re.search(pattern, done.output)
        if found:
            known = {**found.groupdict(), "endpoint": endpoint or "the API server"}
            return _with_kubelet(meaning.format(**known), kubelet_says if "kubelet" in meaning else "")
    last = _last_line(done.output)
    return _with_kubelet(f"{done.errors} and was stopped; its last line: {last}" if done.code == TIMED_OUT else last, kubelet_says)


def wrote_nothing(done: Done) -> bool:
    """Whether kubeadm failed in its preflight phase, before it writes anything."""
    return bool(done.code != TIMED_OUT and "error execution phase preflight" in done.output)


def kubelet_error(journal: str) -> str:
    """The kubelet's last error in the journal (oldest line first), without klog's prefix; "" where there is none."""
    lines = journal.splitlines()
    for number in reversed(range(len(lines))):
        if _KLOG_ERROR.match(lines[number]) or re.match(r'(Error: |"command failed" )', lines[number]):
            said = [_KLOG_ERROR.sub("", lines[number])]
            if said[0].endswith("=<"):  # klog writes a value of several lines this way
                said += itertools.takewhile(lambda line: line.strip() != ">", lines[number + 1 :])
            return " ".join(" ".join(said).split())[:600]
    return ""


# Patterns of kubeadm's errors, the most specific first.
_MEANINGS = (
    (
        r"could not find a JWS signature in the cluster-info ConfigMap for token ID \"(?P<id>\w+)\"|token id \"(?P<old>\w+)\" is invalid",
        "the cluster does not know the token: it has expired, was removed, or is not signed yet (check that the controller manager runs, "
        "which signs it within seconds); run the play again, which makes a new token",
    ),
    (
        r"failed to verify JWS signature",
        "the cluster has a token with this ID and another secret; check that {endpoint} belongs to the right cluster",
    ),
    (
        r"none of the public keys \"?(?P<found>[^\"]+?)\"? are pinned",
        "the CA of {endpoint} is not the expected one (it has {found}); check whether another cluster answers there or the CA was renewed",
    ),
    (
        r"a Node with name \"(?P<node>[^\"]+)\" and status \"Ready\" already exists",
        "the cluster already has a Ready Node {node}; set node_join_existing=replace to delete it first, or choose another kube_node_name",
    ),
    (
        r"x509: certificate has expired or is not yet valid: current time (?P<now>\S+) is before (?P<start>\S+)",
        "the certificate of {endpoint} is valid from {start} on, and this machine's clock says {now}; set the clock (see timedatectl)",
    ),
    (
        r"x509: certificate has expired or is not yet valid: current time (?P<now>\S+) is after (?P<end>\S+)",
        "the certificate of {endpoint} has expired: it is valid until {end}, and this machine's clock says {now}; renew it (kubeadm certs "
        "renew all, on the control plane), or set the clock",
    ),
    (
        r"failed to request the cluster-info ConfigMap: .*?(?P<why>x509[^\n]*)",
        "the certificate of {endpoint} cannot be trusted: {why}; check that the address is one of the certificate's names and leads to the "
        "right cluster",
    ),
    (
        r"failed to request the cluster-info ConfigMap: .*?(?P<why>[^\n:]*forbidden[^\n]*)",
        "{endpoint} does not show the ConfigMap kube-public/cluster-info to this machine: {why}; kubeadm join reads it without credentials "
        "(kubeadm init phase bootstrap-token allows that)",
    ),
    (
        r"failed to request the cluster-info ConfigMap: .*?"
        r"(?P<why>(dial tcp|EOF|context deadline|Client\.Timeout|no such host)[^\n]*)",
        "{endpoint} does not answer this machine: {why}; check the address, firewalls and routes",
    ),
    (
        r"failed while waiting for the kubelet to start|kubelet isn't running or healthy|[Tt]he kubelet is not healthy after",
        "the kubelet does not become healthy",
    ),
    (
        r"failed while waiting for TLS bootstrap|timed out waiting for the condition",
        "the kubelet did not get a client certificate from {endpoint} in time; check that the controller manager runs, which signs it",
    ),
    (
        r"(kube-apiserver|kube-controller-manager|kube-scheduler) check failed|waiting for the (kubelet to boot up the )?control plane",
        "the control plane does not become healthy; see 'crictl ps -a' and the kubelet's journal",
    ),
)


def _checks(output: str) -> list[tuple[str, str, str]]:
    found: list[tuple[str, str, str]] = []
    for line in _COLOURS.sub("", output).splitlines():
        match = _CHECK.match(line)
        if match and match.groups() not in found:
            found.append(t.cast("tuple[str, str, str]", match.groups()))
    return found


def _remedy(check: str) -> str:
    exact = _REMEDIES.get(check)
    if exact:
        return exact
    prefixes = [name for name in _REMEDIES if name.endswith("-") and check.startswith(name)]
    return _REMEDIES[max(prefixes, key=len)] if prefixes else "see kubeadm's documentation of this check"


def _with_kubelet(line: str, kubelet_says: str) -> str:
    return f"{line}; the kubelet says: {kubelet_says}" if kubelet_says else line


def _last_line(output: str) -> str:
    """kubeadm's own error line, else the last one that is not empty."""
    lines = [" ".join(line.split()) for line in _COLOURS.sub("", output).splitlines() if line.strip()]
    lines = [line for line in lines if "To see the stack trace" not in line]
    errors = [line for line in lines if line.startswith("error: ") or "error execution phase" in line]
    return (errors or lines or ["it said nothing"])[-1][:600]
