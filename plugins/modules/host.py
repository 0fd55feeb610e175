# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files, kernel modules, sysctls, swap and services of a Linux host."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: host
short_description: Manage files, kernel modules, sysctls, swap and services of a host in one task
version_added: 1.0.0
author:
  - The eco2.platform authors (@eco2-platform)
description:
  - Brings a host to the declared state in this order; files, kernel modules, sysctls, swap, services.
  - Creates missing directories. Replaces files atomically.
  - Restarts a service if a file that it reads has changed since the service was started, no matter who changed it. If a run is
    interrupted between the two, the next run restarts the service.
  - Requires only Python's standard library on the host.
extends_documentation_fragment:
  - eco2.platform.attributes
  - eco2.platform.attributes.root
attributes:
  check_mode:
    support: full
    details: >-
      Works on a host where nothing is installed yet. If the package of a service is missing, check mode assumes that the package
      starts and enables the service.
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  name:
    description: The base name of the files that load the modules and set the sysctls after a reboot.
    type: str
    default: kubernetes
  files:
    description: Files that must be present or absent.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: The absolute path of the file.
        type: str
        required: true
      content:
        description: The content of the file.
        type: str
      secret_content:
        description: The content of the file, in place of O(files[].content). It is never shown in output or diffs.
        type: str
      mode:
        description: The permissions in octal, such as V(0644). If omitted, a present file keeps its mode and a new file gets V(0644).
        type: str
      state:
        description: Whether the file must be present or absent.
        type: str
        choices: [present, absent]
        default: present
      validate:
        description:
          - A command that checks the new content before anything is written, in check mode too. C(%s) stands for the path of a temporary
            file with the new content.
          - Skipped if the program is not installed.
        type: str
      validate_early:
        description: >-
          Whether to run O(files[].validate) in check mode too. Set it to V(false) if an earlier task of the play installs another version
          of the program, which check mode only predicts.
        type: bool
        default: true
      reject:
        description: Words of a warning on standard error of O(files[].validate) for which the content is refused too.
        type: str
  purge:
    description:
      - Path patterns. A file that matches is removed if it is not declared and a role of this collection wrote it, as its first line
        says.
    type: list
    elements: str
    default: []
  modules:
    description: Kernel modules to load now and after a reboot. A module that is built into the kernel counts as loaded.
    type: list
    elements: str
    default: []
  sysctls:
    description: Kernel parameters to set now and after a reboot.
    type: dict
    default: {}
  swap:
    description: >-
      V(off) turns swap off, comments out the swap entries of C(/etc/fstab), and masks other swap units and services that turn swap on
      (C(zramswap), C(dphys-swapfile), C(zram-config), C(armbian-zram-config), C(swapspace)). V(leave) does not change swap.
    type: str
    choices: ["off", leave]
    default: leave
  services:
    description: Services to start, enable or restart.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The name of the unit without C(.service).
        type: str
        required: true
      state:
        description: V(started) starts the service. If omitted, the service is neither started nor stopped.
        type: str
        choices: [started]
      enabled:
        description: Whether the service starts at boot. Not changed if omitted.
        type: bool
      restart_after:
        description: Paths of the files that the service reads when it starts, such as its configuration and its program.
        type: list
        elements: str
        default: []
      restart:
        description: Whether to restart the service in any case, for example if it runs but does not work. Each run reports a change.
        type: bool
        default: false
seealso:
  - module: eco2.platform.kube_host_info
"""

EXAMPLES = r"""
- name: What Kubernetes requires of a host
  eco2.platform.host:
    modules: [overlay, br_netfilter]
    sysctls:
      net.ipv4.ip_forward: 1
    swap: "off"
  become: true

- name: Use one registry mirror for all images
  eco2.platform.host:
    files:
      - path: /etc/containerd/certs.d/_default/hosts.toml
        content: |
          # Managed by eco2.platform
          [host."https://mirror.example.org"]
            capabilities = ["pull", "resolve"]
    purge: [/etc/containerd/certs.d/*/hosts.toml]
    services:
      - name: containerd
        state: started
        enabled: true
        restart_after: [/etc/containerd/config.toml]
  become: true
"""

RETURN = r"""
changes:
  description:
    - The changes that were made, or in check mode would be made, in order. Kinds are V(file), V(module), V(sysctl), V(unit), V(swap)
      and V(service). After a failure only the changes that were made.
  returned: always
  type: list
  elements: dict
  sample:
    - kind: sysctl
      object: net.ipv4.ip_forward
      identity: {"key": "net.ipv4.ip_forward"}
      action: update
      differences: [{"field": "value", "before": "0", "after": "1"}]
unchanged:
  description: The number of declared objects that were as declared.
  returned: always
  type: int
predicted:
  description: Whether the result is a prediction of check mode.
  returned: success
  type: bool
failures:
  description: The changes that failed, each with the reason.
  returned: when a change failed
  type: list
  elements: dict
not_attempted:
  description: The changes that were not tried because an earlier one failed.
  returned: when a change failed
  type: list
  elements: dict
problems:
  description: Why the task was refused before anything was changed; each with C(code), C(message), C(item), C(field) and C(remedy).
  returned: when the task was refused
  type: list
  elements: dict
"""

from ansible_collections.eco2.platform.plugins.module_utils._engine.module import converging
from ansible_collections.eco2.platform.plugins.module_utils._engine.schema import Spec
from ansible_collections.eco2.platform.plugins.module_utils._host.host import Host

FILE: Spec = {
    "path": {"type": "str", "required": True},
    "content": {"type": "str"},
    "secret_content": {"type": "str", "no_log": True},
    "mode": {"type": "str"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "validate": {"type": "str"},
    "validate_early": {"type": "bool", "default": True},
    "reject": {"type": "str"},
}
SERVICE: Spec = {
    "name": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["started"]},
    "enabled": {"type": "bool"},
    "restart_after": {"type": "list", "elements": "str", "default": []},
    "restart": {"type": "bool", "default": False},
}


def argument_spec() -> Spec:
    return {
        "name": {"type": "str", "default": "kubernetes"},
        "files": {"type": "list", "elements": "dict", "default": [], "options": FILE},
        "purge": {"type": "list", "elements": "str", "default": []},
        "modules": {"type": "list", "elements": "str", "default": []},
        "sysctls": {"type": "dict", "default": {}},
        "swap": {"type": "str", "choices": ["off", "leave"], "default": "leave"},
        "services": {"type": "list", "elements": "dict", "default": [], "options": SERVICE},
    }


def main() -> None:
    converging(argument_spec(), Host, root=True)


if __name__ == "__main__":
    main()
