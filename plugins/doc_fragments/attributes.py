# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The attributes of this collection's modules."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
attributes:
  check_mode:
    description: Can run in check mode and predict what a run would change, without changing anything.
  diff_mode:
    description: Returns in diff mode what changed, or in check mode what would.
  idempotent:
    description: A second run with the same arguments changes nothing.
  platform:
    description: Where the module can run.
    platforms: posix
    support: full
"""

    APT = r"""
attributes:
  action_group:
    description: The group for C(module_defaults) that this module belongs to.
    membership:
      - eco2.platform.apt
    support: full
"""

    RABBITMQ = r"""
attributes:
  action_group:
    description: The group for C(module_defaults) that this module belongs to.
    membership:
      - eco2.platform.rabbitmq
    support: full
"""

    KUBE = r"""
attributes:
  action_group:
    description: The group for C(module_defaults) that this module belongs to.
    membership:
      - eco2.platform.kube
    support: full
"""

    REDIS = r"""
attributes:
  action_group:
    description: The group for C(module_defaults) that this module belongs to.
    membership:
      - eco2.platform.redis
    support: full
"""

    ROOT = r"""
attributes:
  root:
    description: Requires root on the host. Without it nothing is read or changed, because a file that may not be read looks absent.
    details: Set C(become=true); C(ansible_become) in the inventory takes precedence over C(become) in the play.
    support: full
"""
