# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The facts of a host that matter to Kubernetes."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: kube_host_info
short_description: Read a host's containerd, kubelet, cluster membership and packages in one call
version_added: 1.0.0
author:
  - The eco2.platform authors (@eco2-platform)
description:
  - Reads the facts that a join or a report on a node requires, in a third of a second or less.
  - What is missing is null, false or empty. A host where nothing is installed is not an error.
  - The configuration of containerd is the one in force (C(containerd config dump)), not that of a file.
  - Requires only Python's standard library on the host.
extends_documentation_fragment:
  - eco2.platform.attributes
  - eco2.platform.attributes.root
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
    description: Packages whose versions and holds to read.
    type: list
    elements: str
    default: []
  sysctls:
    description: Sysctls whose values to read.
    type: list
    elements: str
    default: []
  digests:
    description: Paths or path patterns of files whose SHA-256 digests to read.
    type: list
    elements: str
    default: []
  wanted:
    description:
      - Paths in RV(host), such as V(containerd.config.cgroup_systemd), each with the value that it should have.
      - If a path ends with C(version), the epoch and the revision of a package and a C(v) in front do not count. The pre-release
        C(1.36.3~rc.1-1.1) is not V(1.36.3).
    type: dict
    default: {}
  wait_for_boot:
    description: Seconds to wait until cloud-init has finished, if it is enabled.
    type: float
    default: 0.0
  cloud:
    description: V(ec2) also asks the metadata service of EC2 (IMDSv2).
    type: str
    choices: [ec2]
  cloud_address:
    description: The address of the metadata service.
    type: str
    default: http://169.254.169.254
  cloud_timeout:
    description: Seconds to wait for the metadata service in total.
    type: float
    default: 3.0
seealso:
  - module: eco2.platform.host
"""

EXAMPLES = r"""
- name: Read the host and compare it
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
      description: The host name.
      type: str
    distribution:
      description: Such as V(debian) or V(ubuntu).
      type: str
    codename:
      description: Such as V(bookworm).
      type: str
    architecture:
      description: The architecture as Debian names it, such as V(amd64).
      type: str
    boot:
      description: C(cloud_init), which is V(absent), V(running), V(done) or V(error), and its C(errors).
      type: dict
    addresses:
      description: The addresses of the host, IPv4 before IPv6, without loopback and link-local ones.
      type: list
      elements: str
    packages:
      description: The version and the hold of each package of O(packages) that is installed.
      type: dict
      sample: {"kubelet": {"version": "1.36.3-1.1", "held": true}}
    services:
      description: >-
        containerd and kubelet; C(active) as systemd names it or V(missing), C(enabled), and C(failure), the last line of the journal
        that tells why the service fails.
      type: dict
      sample: {"containerd": {"active": "active", "enabled": true, "failure": null}}
    containerd:
      description: >-
        Its C(version), its C(config) in force and its C(drop_ins). The configuration has the C(version) of the format, C(cri_disabled),
        C(cgroup_systemd), C(sandbox_image), C(registry_config_path), C(cni_bin_dirs), C(cni_conf_dir), C(settings) (all of it, as
        C(containerd config dump) prints it, without passwords of registries), C(ignored) (keys that containerd does not know, each with
        the plugin or file that has it), and C(problem). Each file of C(/etc/containerd/conf.d) has
        a C(path), a C(version) and the names of its C(settings). Null where containerd is not installed.
      type: dict
    cri:
      description: Whether the CRI is C(ready), and the C(problem) if it is not.
      type: dict
    kubelet_version:
      description: Such as V(1.36.3).
      type: str
    kubeadm_version:
      description: Such as V(1.36.3).
      type: str
    kubeadm_running:
      description: Whether a kubeadm that this collection started is still running, for example after its play was interrupted.
      type: bool
    kubeadm_files:
      description: The files of a join or of a control plane that are present.
      type: list
      elements: str
    reset_from:
      description: The pins of the cluster that M(eco2.platform.kube_join) has reset the machine from since the last boot.
      type: list
      elements: str
    cni_interfaces:
      description: The interfaces that CNI plugins have made, such as V(cni0).
      type: list
      elements: str
    swap:
      description: The devices and files in use as swap.
      type: list
      elements: str
    sysctls:
      description: The values of O(sysctls) as strings; null if the kernel does not have the key.
      type: dict
      sample: {"net.ipv4.ip_forward": "1"}
    digests:
      description: The SHA-256 of each file of O(digests) that exists.
      type: dict
    containerd_starts:
      description: The command of C(containerd.service). Empty if there is no such unit.
      type: str
    containerd_places:
      description: C(root) and C(state) in C(/etc/containerd/config.toml), as they are written there.
      type: dict
    other_programs:
      description: The paths of a containerd, kubeadm or kubelet that is found before the one of the package in C(/usr/bin).
      type: list
      elements: str
    cgroup_version:
      description: V(1) or V(2).
      type: int
    kubelet_conf:
      description: >-
        The facts of C(/etc/kubernetes/kubelet.conf); C(node_name) (from the certificate), C(server), C(ca_pin), C(ca_pins),
        C(certificate_not_after), C(certificate_expired). Null if the file does not exist.
      type: dict
    bootstrap_kubelet_conf:
      description: Whether C(bootstrap-kubelet.conf) exists, which a join removes at its end.
      type: bool
    ca_pin:
      description: The pin of C(/etc/kubernetes/pki/ca.crt), the first if there are several.
      type: str
      sample: sha256:2f1e6a7d0b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6
    ca_pins:
      description: All pins of C(/etc/kubernetes/pki/ca.crt).
      type: list
      elements: str
    static_pods:
      description: The names of the files of static pods.
      type: list
      elements: str
    kubelet_config:
      description: Whether C(/var/lib/kubelet/config.yaml) exists.
      type: bool
    kubelet_flags:
      description: The flags that kubeadm passes to the kubelet (C(KUBELET_KUBEADM_ARGS)).
      type: str
    default_kubelet:
      description: The flags in C(/etc/default/kubelet) (C(KUBELET_EXTRA_ARGS)).
      type: str
    kubelet_drop_ins:
      description: >-
        The files in systemd's directories that change how the kubelet is started, except the one of the package; C(path), C(flags) (the
        flags in it), and C(starts), whether it starts the kubelet without the flags that kubeadm writes.
      type: list
      elements: dict
    cni_configured:
      description: The files of C(/etc/cni/net.d).
      type: list
      elements: str
    cloud:
      description: C(provider_id), C(zone), C(region), C(instance_type), C(private_ip), or the C(problem). Null without O(cloud).
      type: dict
differences:
  description: The facts that differ from O(wanted).
  returned: success
  type: list
  elements: dict
  sample: [{"what": "kubelet_version", "is": "1.36.2", "wanted": "1.36.3"}]
"""

from ansible_collections.eco2.platform.plugins.module_utils._engine.module import reading
from ansible_collections.eco2.platform.plugins.module_utils._engine.schema import Spec
from ansible_collections.eco2.platform.plugins.module_utils._node import facts
from ansible_collections.eco2.platform.plugins.module_utils._node.cloud import ADDRESS


def argument_spec() -> Spec:
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
    reading(argument_spec(), facts.read, root=True)


if __name__ == "__main__":
    main()
