# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All that a join or a report asks of a host."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: kube_host_info
short_description: Read a host's containerd, kubelet, cluster membership and packages in one call
version_added: 1.0.0
author:
  - The eco2.platform authors (@eco2-platform)
description:
  - Reads what the decision to join a node, or a report on one, takes; in a third of a second or less.
  - What is missing is null, false or empty. A bare machine is a normal answer.
  - containerd's configuration is what is in force (C(containerd config dump)), not what a file says.
  - Needs Python's standard library alone on the host.
extends_documentation_fragment:
  - eco2.platform.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: N/A
    details: Changes nothing.
  idempotent:
    support: N/A
    details: Changes nothing.
options:
  packages:
    description: Packages whose versions and holds are of interest.
    type: list
    elements: str
    default: []
  sysctls:
    description: Sysctls whose values are of interest.
    type: list
    elements: str
    default: []
  digests:
    description: Files, by path or pattern, of which a digest of the content is of interest.
    type: list
    elements: str
    default: []
  wanted:
    description:
      - Parts of RV(host) by their path, such as V(containerd.config.cgroup_systemd), with the value that each should have.
      - Of a path that ends with C(version), a package's revision and a C(v) in front do not count.
    type: dict
    default: {}
  wait_for_boot:
    description: Seconds to wait until cloud-init has finished, where it runs.
    type: float
    default: 0.0
  cloud:
    description: V(ec2) asks EC2's metadata service (IMDSv2) too.
    type: str
    choices: [ec2]
  cloud_address:
    description: The address of the metadata service.
    type: str
    default: http://169.254.169.254
  cloud_timeout:
    description: Seconds to wait for the metadata service in all.
    type: float
    default: 3.0
notes:
  - Run it as root (C(become)); what only root may read is missing otherwise.
seealso:
  - module: eco2.platform.host
"""

EXAMPLES = r"""
- name: What is this host, and is it as it should be?
  eco2.platform.kube_host_info:
    packages: [kubelet, containerd.io]
    wanted:
      kubelet_version: 1.36.3
      packages.kubelet.held: true
      containerd.config.cgroup_systemd: true
  register: node
  become: true
"""

RETURN = r"""
host:
  description: The host.
  returned: success
  type: dict
  contains:
    hostname:
      description: The operating system's name of it.
      type: str
    distribution:
      description: Such as V(debian) or V(ubuntu).
      type: str
    codename:
      description: Such as V(bookworm).
      type: str
    architecture:
      description: Debian's name of it, such as V(amd64).
      type: str
    boot:
      description: C(cloud_init), which is V(absent), V(running), V(done) or V(error), and its C(errors).
      type: dict
    packages:
      description: Of those asked for, version and hold of what is installed.
      type: dict
      sample: {"kubelet": {"version": "1.36.3-1.1", "held": true}}
    services:
      description: >-
        containerd and kubelet; C(active) in systemd's words or V(missing), C(enabled), and C(failure), the last line of its
        journal that tells why, where it fails.
      type: dict
      sample: {"containerd": {"active": "active", "enabled": true, "failure": null}}
    containerd:
      description: >-
        Its C(version), and C(config), what is in force; C(version) of the form, C(cri_disabled), C(cgroup_systemd),
        C(sandbox_image), C(registry_config_path), C(cni_bin_dirs), C(cni_conf_dir), C(runtime_settings) (plain values of the
        CRI's runtime section), and C(problem). Null where it is not installed.
      type: dict
    cri:
      description: Whether the CRI is C(ready), and else the C(problem).
      type: dict
    kubelet_version:
      description: Such as V(1.36.3).
      type: str
    kubeadm_version:
      description: Such as V(1.36.3).
      type: str
    kubeadm_running:
      description: Whether a kubeadm that this collection has started is still at work, as where its play was cut off.
      type: bool
    swap:
      description: What is used as swap.
      type: list
      elements: str
    sysctls:
      description: The values of those asked for as text; null where the kernel has no such key.
      type: dict
      sample: {"net.ipv4.ip_forward": "1"}
    digests:
      description: Of each file asked for that is there, the SHA-256 of its content.
      type: dict
    cgroup_version:
      description: V(1) or V(2).
      type: int
    kubelet_conf:
      description: >-
        Of C(/etc/kubernetes/kubelet.conf); C(node_name) (of the certificate), C(server), C(ca_pin), C(ca_pins),
        C(certificate_not_after), C(certificate_expired). Null where there is no such file.
      type: dict
    bootstrap_kubelet_conf:
      description: Whether there is a C(bootstrap-kubelet.conf), which a join removes at its end.
      type: bool
    ca_pin:
      description: The pin of C(/etc/kubernetes/pki/ca.crt), the first where there are several.
      type: str
      sample: sha256:2f1e6a7d0b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6
    ca_pins:
      description: All its pins.
      type: list
      elements: str
    static_pods:
      description: The static pods, by their files' names.
      type: list
      elements: str
    kubelet_config:
      description: Whether there is a C(/var/lib/kubelet/config.yaml).
      type: bool
    kubelet_flags:
      description: What kubeadm passes to the kubelet (C(KUBELET_KUBEADM_ARGS)).
      type: str
    default_kubelet:
      description: What C(/etc/default/kubelet) passes to it (C(KUBELET_EXTRA_ARGS)).
      type: str
    cni_configured:
      description: The files of C(/etc/cni/net.d).
      type: list
      elements: str
    cloud:
      description: C(provider_id), C(zone), C(region), C(instance_type), C(private_ip), or the C(problem). Null when not asked.
      type: dict
differences:
  description: Where the host is not as O(wanted).
  returned: success
  type: list
  elements: dict
  sample: [{"what": "kubelet_version", "is": "1.36.2", "wanted": "1.36.3"}]
"""

import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._host.module import HostModule
from ansible_collections.eco2.platform.plugins.module_utils._node import facts as host_facts
from ansible_collections.eco2.platform.plugins.module_utils._node.cloud import ADDRESS


def argument_spec() -> dict[str, dict[str, t.Any]]:
    return {
        "packages": {"type": "list", "elements": "str", "default": []},
        "sysctls": {"type": "list", "elements": "str", "default": []},
        "digests": {"type": "list", "elements": "str", "default": []},
        "wanted": {"type": "dict", "default": {}},
        "wait_for_boot": {"type": "float", "default": 0.0},
        "cloud": {"type": "str", "choices": ["ec2"]},
        "cloud_address": {"type": "str", "default": ADDRESS},
        "cloud_timeout": {"type": "float", "default": 3.0},
    }


def main() -> None:
    module = HostModule(argument_spec())
    with module.failures():
        host = host_facts.gather(module.params)
        module.exit(changed=False, host=host, differences=host_facts.differences(host, module.params["wanted"]))


if __name__ == "__main__":
    main()
