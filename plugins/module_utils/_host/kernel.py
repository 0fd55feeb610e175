# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernel modules and sysctls of a host, now and after a reboot. Private to this collection."""

from __future__ import annotations

import os
import re
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Change, ChangeFailed, Difference
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem
from ansible_collections.eco2.platform.plugins.module_utils._host.command import run
from ansible_collections.eco2.platform.plugins.module_utils._host.files import MARK, File, of_kernel

MODULES, SYSCTLS = 1, 2  # stages
# Paths that exist only with a module. A module that is built into the kernel and has no parameters is in no list inside a container.
_SIGNS = {"br_netfilter": "proc/sys/net/bridge", "nf_conntrack": "proc/sys/net/netfilter", "ip_vs": "proc/net/ip_vs"}


def problems(modules: t.Iterable[str], sysctls: t.Mapping[str, t.Any]) -> t.Iterator[Problem]:
    for name in modules:
        if not re.fullmatch(r"[A-Za-z0-9_-]+", name):
            yield Problem("module.name", f"{name!r} is not a name of letters, digits, '-' and '_'", f"module {name}")
    for key, value in sysctls.items():
        if not re.fullmatch(r"[A-Za-z0-9_*-]+([./][A-Za-z0-9_*:@-]+)+", key):
            yield Problem("sysctl.name", f"{key!r} is not a name such as net.ipv4.ip_forward", f"sysctl {key}")
        if value.__class__ not in (int, str):
            yield Problem("sysctl.value", f"{value!r} is neither a number nor a string", f"sysctl {key}", remedy="quote the value")


def files(name: str, modules: t.Sequence[str], sysctls: t.Mapping[str, t.Any]) -> list[File]:
    """The files that set them after a reboot (modules-load.d(5), sysctl.d(5)). Their names sort last, so that they win."""
    found = []
    if modules:
        found.append(File(f"/etc/modules-load.d/{name}.conf", f"# {MARK}\n" + "".join(f"{module}\n" for module in modules), 0o644))
    if sysctls:
        lines = "".join(f"{key} = {value}\n" for key, value in sorted(sysctls.items()))
        found.append(File(f"/etc/sysctl.d/99-zz-{name}.conf", f"# {MARK}\n{lines}", 0o644))
    return found


def is_loaded(name: str, root: str = "/") -> bool:
    """Loaded, or built into the kernel."""
    plain = name.replace("-", "_")
    if os.path.isdir(f"{root}sys/module/{plain}") or os.path.exists(f"{root}{_SIGNS.get(plain, 'nowhere')}"):
        return True
    listed = [f"{root}proc/modules", f"{root}proc/filesystems", f"{root}lib/modules/{os.uname().release}/modules.builtin"]
    pattern = re.compile(rf"^(?:{plain} |(?:nodev)?\t{plain}$|.*/{plain.replace('_', '[_-]')}\.ko$)", re.MULTILINE)
    return any(pattern.search(of_kernel(path) or "") for path in listed)


def module_changes(modules: t.Iterable[str], loaded: t.Collection[str]) -> t.Iterator[Change]:
    for name in modules:
        if name not in loaded:
            yield Change("module", name, {"name": name}, "create", (Difference("loaded", False, True),), MODULES)


def load(name: str) -> None:
    """Raises ChangeFailed."""
    done = run("modprobe", name)
    if done.code != 0 and not is_loaded(name):
        release = os.uname().release
        hint = "" if os.path.isdir(f"/lib/modules/{release}") else f"; /lib/modules/{release} does not exist here (a container?)"
        raise ChangeFailed(f"{done.complaint}{hint}")


def _path(key: str, root: str = "/") -> str:
    # sysctl.d(5): whichever of dot and slash comes first is the separator.
    first = re.search("[./]", key)
    return f"{root}proc/sys/" + (key if first and first.group() == "/" else key.translate(str.maketrans("./", "/.")))


def value(key: str, root: str = "/") -> str | None:
    """The present value; None where the kernel does not have the key (yet)."""
    content = of_kernel(_path(key, root))
    return None if content is None else " ".join(content.split())


def sysctl_changes(wanted: t.Mapping[str, t.Any], now: t.Mapping[str, str | None]) -> t.Iterator[Change]:
    for key, want in wanted.items():
        wants = " ".join(str(want).split())
        if now[key] != wants:
            yield Change("sysctl", key, {"key": key}, "update", (Difference("value", now[key], wants),), SYSCTLS, payload=wants)


def set_value(key: str, wanted: str) -> None:
    """Raises ChangeFailed."""
    try:
        with open(_path(key), "w", encoding="ascii") as file:
            file.write(wanted)
    except FileNotFoundError as error:
        module = "the kernel module that brings it (kubernetes_node_modules, or the option modules)"
        raise ChangeFailed(f"the kernel does not have this key; load {module}") from error
    except OSError as error:
        raise ChangeFailed(f"{error.strerror}: the kernel refuses {wanted!r}") from error
