# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a Kubernetes node needs of its host."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: kube_host
short_description: Bring files, kernel modules, sysctls, swap and services of a node to a declared state
version_added: 1.0.0
author:
  - The eco2.platform authors (@eco2-platform)
description:
  - Does in one task what preparing a node takes, in this order; files, kernel modules, sysctls, swap, services.
  - Directories are made as needed. Files are written at once or not at all.
  - A service is started again where it was started before a file that it reads was last changed, whoever changed it. So
    a run that was cut off between the two is made good by the next one.
  - Needs Python's standard library alone on the node.
extends_documentation_fragment:
  - eco2.platform.attributes
attributes:
  check_mode:
    support: full
    details: >-
      Also on a bare machine. Of a service whose package is not installed yet it is taken that the package starts and
      enables it.
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  name:
    description: The name of the files that keep modules and sysctls after a boot.
    type: str
    default: kubernetes
  files:
    description: Files to be there, or not.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: Its path.
        type: str
        required: true
      content:
        description: What it holds.
        type: str
      secret_content:
        description: What it holds, in place of O(files[].content), where that is not to be shown anywhere.
        type: str
      mode:
        description: Its permissions in octal, such as V(0644). When omitted, as they are, V(0644) for a new file.
        type: str
      state:
        description: Whether it is to be there.
        type: str
        choices: [present, absent]
        default: present
      validate:
        description:
          - A command that has to end well before the file is put in place; C(%s) stands for the draft's path.
          - Not run where the program is not installed.
        type: str
  purge:
    description:
      - Patterns of paths. Files that match, that a role of this collection wrote (their first line says so) and that are not
        declared are removed.
    type: list
    elements: str
    default: []
  modules:
    description: Kernel modules to be loaded, now and after a boot. What is built into the kernel counts as loaded.
    type: list
    elements: str
    default: []
  sysctls:
    description: Kernel parameters and their values, now and after a boot.
    type: dict
    default: {}
  swap:
    description: >-
      V(off) switches swap off, comments its entries in C(/etc/fstab) out and masks other swap units; V(leave) leaves it alone.
    type: str
    choices: ["off", leave]
    default: leave
  services:
    description: Services.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Its name, without C(.service).
        type: str
        required: true
      state:
        description: V(started), or left as it is when omitted.
        type: str
        choices: [started]
      enabled:
        description: Whether it starts at boot. Left as it is when omitted.
        type: bool
      restart_after:
        description: Paths of what it reads at its start, its program included.
        type: list
        elements: str
        default: []
      restart:
        description: Whether to start it anew in any case, for one that runs and does not work. Reports a change each time.
        type: bool
        default: false
seealso:
  - module: eco2.platform.kube_host_info
"""

EXAMPLES = r"""
- name: What Kubernetes asks of a host
  eco2.platform.kube_host:
    modules: [overlay, br_netfilter]
    sysctls:
      net.ipv4.ip_forward: 1
    swap: "off"
  become: true

- name: A mirror for everything, and containerd running with it
  eco2.platform.kube_host:
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
    - What was changed, or in check mode would be, in order; kinds V(file), V(module), V(sysctl), V(unit), V(swap) and V(service).
      After a failure only what was done.
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
  description: How many declared things were as declared.
  returned: always
  type: int
predicted:
  description: Whether this is the prediction of check mode.
  returned: always
  type: bool
failures:
  description: What could not be changed, each with the reason.
  returned: when a change failed
  type: list
  elements: dict
not_attempted:
  description: What was not tried since what it needs failed.
  returned: when a change failed
  type: list
  elements: dict
problems:
  description: Why the task was refused before anything was changed, one line each.
  returned: when it was refused
  type: list
  elements: str
"""

import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.former import failure_message
from ansible_collections.eco2.platform.plugins.module_utils._host import host
from ansible_collections.eco2.platform.plugins.module_utils._host.module import HostModule

FILE = {
    "path": {"type": "str", "required": True},
    "content": {"type": "str"},
    "secret_content": {"type": "str", "no_log": True},
    "mode": {"type": "str"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "validate": {"type": "str"},
}
SERVICE = {
    "name": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["started"]},
    "enabled": {"type": "bool"},
    "restart_after": {"type": "list", "elements": "str", "default": []},
    "restart": {"type": "bool", "default": False},
}


def argument_spec() -> dict[str, dict[str, t.Any]]:
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
    module = HostModule(argument_spec())
    with module.failures():
        result, outcome = host.converge(module.params, module.check_mode, module.diff)
        if outcome is not None and not outcome.complete:
            module.fail(failure_message(outcome), **result)
        module.exit(**result)


if __name__ == "__main__":
    main()
