# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kubelet's flags as text, and what of them can be handed to kubeadm. Private to this collection.

Rules: pflag's (a boolean flag takes its value only behind '='), the kubelet's (underscores mean dashes) and those of
kubeadm, which joins all flags with spaces in /var/lib/kubelet/kubeadm-flags.env, where systemd splits them again
(k8s.io/kubernetes, cmd/kubeadm/app/phases/kubelet/flags.go).
"""

from __future__ import annotations

import re
import shlex
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._kube.scalars import shortened

NODE_LABELS = "node-labels"
REGISTER_WITH_TAINTS = "register-with-taints"

_NAME = re.compile("[a-z][a-z0-9-]*")
# What neither a space-separated list nor a shell that isn't there would leave as it is.
_FRAGILE = re.compile(r"[^!-~]|[\"'\\$`]")

BOOLEAN = frozenset(
    {
        "anonymous-auth",
        "authentication-token-webhook",
        "cgroups-per-qos",
        "contention-profiling",
        "cpu-cfs-quota",
        "enable-controller-attach-detach",
        "enable-debugging-handlers",
        "enable-load-reader",
        "enable-server",
        "exit-on-lock-contention",
        "experimental-allocatable-ignore-eviction",
        "fail-cgroupv1",
        "fail-swap-on",
        "keep-terminated-pod-volumes",
        "kernel-memcg-notification",
        "local-storage-capacity-isolation",
        "log-cadvisor-usage",
        "log-json-split-stream",
        "log-text-split-stream",
        "make-iptables-util-chains",
        "protect-kernel-defaults",
        "register-node",
        "register-schedulable",
        "rotate-certificates",
        "rotate-server-certificates",
        "runonce",
        "seccomp-default",
        "serialize-image-pulls",
        "storage-driver-secure",
    }
)

# What decides how a node belongs to its cluster: kubeadm's and the roles', not a profile's.
_NOT_A_PROFILES = {
    "config": "kubeadm gives it",
    "kubeconfig": "kubeadm gives it",
    "bootstrap-kubeconfig": "kubeadm gives it",
    "hostname-override": "the node's name is the variable kube_node_name",
    "register-node": "kubeadm waits for the node to register itself",
}


def name_of(text: str) -> str:
    """The name of a flag as the kubelet knows it. Raises ValueError with one line."""
    name = text[2:] if text.startswith("--") else text
    name = name.replace("_", "-")
    if not _NAME.fullmatch(name):
        hint = f": write --v={text[2:].lstrip('=') or 'LEVEL'}" if text.startswith("-v") else ": a flag is written --name=value"
        raise ValueError(f"{shortened(text)} is no flag of the kubelet{hint}")
    return name


def problem(name: str, value: str) -> str | None:
    """Why a profile cannot give the kubelet this flag; None where it can. One line that begins with the flag."""
    if name in _NOT_A_PROFILES:
        return f"flag --{name} is not a profile's to give ({_NOT_A_PROFILES[name]}): leave it out"
    fragile = _FRAGILE.search(value)
    if fragile:
        return (
            f"flag --{name} has {fragile.group()!r} in its value {shortened(value)}: kubeadm joins flags with spaces,"
            " unquoted, so quotes, spaces and what a shell would replace don't reach the kubelet; set it in KubeletConfiguration instead"
        )
    return None


def pairs(text: str) -> t.Iterator[tuple[str, str]]:
    """Name and value of each flag of a command line, in order. Raises ValueError with one line."""
    try:
        words = shlex.split(text.replace("\\\n", " "))
    except ValueError as error:
        raise ValueError(f"flags {shortened(text)} cannot be split as a shell does ({error}): check the quotes") from error
    while words:
        word = words.pop(0)
        if not word.startswith("-"):
            raise ValueError(f"{shortened(word)} is no flag: write --name=value, and quote a value that has spaces")
        flag, equals, value = word.partition("=")
        if flag.startswith("-v"):
            flag = word
        name = name_of(flag)
        takes_next = bool(words) and not words[0].startswith("-")
        if equals:
            yield name, value
        elif name in BOOLEAN:
            if takes_next:
                raise ValueError(f"flag --{name} {shortened(words[0])}: the kubelet takes a boolean only as --{name}={words[0]}")
            yield name, "true"
        elif takes_next:
            yield name, words.pop(0)
        else:
            raise ValueError(f"flag --{name} has no value: write --{name}=VALUE")
