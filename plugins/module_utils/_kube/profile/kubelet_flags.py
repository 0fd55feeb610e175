# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kubelet's flags as text, and which of them a profile may give. Private to this collection.

Rules: pflag's (a boolean flag takes its value only behind '='), the kubelet's (underscores mean dashes) and those of
kubeadm, which joins all flags with spaces in /var/lib/kubelet/kubeadm-flags.env, where systemd splits them again
(k8s.io/kubernetes, cmd/kubeadm/app/phases/kubelet/flags.go).
"""

from __future__ import annotations

import re
import shlex
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._kube.scalars import as_setting, described, shortened

NODE_LABELS = "node-labels"
KUBELET_EXTRA_ARGS = "kubelet-extra-args"
REGISTER_WITH_TAINTS = "register-with-taints"

# Flags are passed on under this name, as an option of a bootstrap script or as a variable of the kubelet's unit.
_WRAPPER = re.compile(r"\s*(?:export\s+)?(?:Environment=)?[\"']?KUBELET_EXTRA_ARGS=")
_DEEPEST = 3
_NAME = re.compile("[a-z][a-z0-9-]*")
# What does not survive in a list that is separated by spaces and read by no shell.
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

# Flags that decide how a node belongs to its cluster; kubeadm and the roles set them.
_NOT_A_PROFILES = {
    "config": "kubeadm gives it",
    "kubeconfig": "kubeadm gives it",
    "bootstrap-kubeconfig": "kubeadm gives it",
    "hostname-override": "the variable kube_node_name sets the node's name",
    "register-node": "kubeadm waits for the node to register itself",
}


def name_of(text: t.Any) -> str:
    """The name of a flag as the kubelet knows it. Raises ValueError with one line."""
    if not isinstance(text, str):
        raise ValueError(f"the name of a flag is {described(text)}: write it in quotes")
    name = text[2:] if text.startswith("--") else text
    name = name.replace("_", "-")
    if not _NAME.fullmatch(name):
        hint = f": write --v={text[2:].lstrip('=') or 'LEVEL'}" if text.startswith("-v") else ": a flag is written --name=value"
        raise ValueError(f"{shortened(text)} is not a flag of the kubelet{hint}")
    return name


def value_of(name: str, value: t.Any) -> str:
    """The value as text. Raises ValueError with one line, where a profile cannot give the kubelet this flag."""
    try:
        text = as_setting(value)
    except ValueError as error:
        raise ValueError(f"flag --{name} {error}") from error
    if name in _NOT_A_PROFILES:
        raise ValueError(f"flag --{name} cannot be in a profile ({_NOT_A_PROFILES[name]}): leave it out")
    fragile = _FRAGILE.search(text)
    if fragile:
        raise ValueError(
            f"flag --{name} has {fragile.group()!r} in its value {shortened(text)}: kubeadm joins flags with spaces and without quotes,"
            " so quotes, spaces and what a shell would replace do not reach the kubelet; set it in KubeletConfiguration instead"
        )
    return text


def is_command_line(text: str) -> bool:
    return text.startswith("-") or bool(_WRAPPER.match(text))


def _words(text: str, depth: int = 0) -> list[str]:
    """As a shell splits it, without what is written around the flags: --kubelet-extra-args, KUBELET_EXTRA_ARGS."""
    if depth > _DEEPEST:
        raise ValueError(f"{KUBELET_EXTRA_ARGS} inside of itself, more than {_DEEPEST} times")
    words = shlex.split(text.replace("\\\n", " "))
    if _WRAPPER.match(text):
        words = words[1:] if words[0] == "export" else words
        return _words(words[0].partition("KUBELET_EXTRA_ARGS=")[2], depth + 1) + words[1:]
    found = []
    while words:
        word = words.pop(0)
        flag, equals, value = word.partition("=")
        if flag.lstrip("-").replace("_", "-") != KUBELET_EXTRA_ARGS:
            found.append(word)
        elif equals or words:
            found += _words(value if equals else words.pop(0), depth + 1)
    return found


def pairs(text: str) -> t.Iterator[tuple[str, str]]:
    """Name and value of each flag of a command line, in order. Raises ValueError with one line."""
    try:
        words = _words(text)
    except ValueError as error:
        raise ValueError(f"flags {shortened(text)} cannot be split as a shell does ({error}): check the quotes") from error
    while words:
        word = words.pop(0)
        if not word.startswith("-"):
            raise ValueError(f"{shortened(word)} is not a flag: write --name=value, and put a value with spaces in quotes")
        flag, equals, value = word.partition("=")
        if flag.startswith("-v"):
            flag = word
        name = name_of(flag)
        takes_next = bool(words) and not words[0].startswith("-")
        if equals:
            yield name, value
        elif name in BOOLEAN:
            if takes_next:
                raise ValueError(f"flag --{name} {shortened(words[0])}: the kubelet takes a boolean value only as --{name}={words[0]}")
            yield name, "true"
        elif takes_next:
            yield name, words.pop(0)
        else:
            raise ValueError(f"flag --{name} has no value: write --{name}=VALUE")
