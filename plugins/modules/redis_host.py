# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Instances of Redis or Valkey and of Sentinel on their host."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: redis_host
short_description: Set up instances of Redis or Valkey and of Sentinel on a host, and never overwrite what they keep themselves
version_added: 1.0.0
author:
  - The eco2.platform authors (@eco2-platform)
description:
  - Brings instances of the templates of units that Debian's packages have, such as C(redis-server@NAME) and C(redis-sentinel@NAME), to
    files, users and a running service, in one task.
  - An instance has three files. C(redis-NAME.conf) or C(sentinel-NAME.conf) is written once, since Redis and Sentinel rewrite it;
    it has O(instances[].replicaof) and what they keep there. C(*.static.conf) has the settings, and a drop-in of the unit has it read last,
    so that it wins over copies that Redis made. C(*.acl) has the users. All of them are 0640 and the server's own.
  - Differences of settings of an instance that runs are not written. RV(instances[].pending) tells them, and O(restart) applies them.
  - Users are changed at once, without a restart and without cutting connections; through a socket that only root and the server may use.
  - Needs Python's standard library alone on the host.
extends_documentation_fragment:
  - eco2.platform.attributes
attributes:
  check_mode:
    support: full
    details: Also on a bare machine.
  diff_mode:
    support: full
    details: Passwords and secret settings stay hidden.
  idempotent:
    support: full
options:
  flavor:
    description:
      - What the packages are called.
      - An instance of C(redis) up to 7.2 becomes one of C(valkey) with its next O(restart); it keeps its data, its port and what it has in
        its main file. Until then it stays what it is, and RV(instances[].pending) tells. There is no way back.
    type: str
    choices: [redis, valkey]
    default: redis
  masked:
    description:
      - Services that must not run, such as those that Debian's packages start by themselves with sample configurations. They are
        masked, which works before the package is there.
      - One that runs is stopped, unless it is in use, which is refused. A server is in use if it has keys or a password, a Sentinel if it
        watches anything but its sample C(mymaster).
    type: list
    elements: str
    default: []
  service:
    description: Settings of the units' section C([Service]), such as C(LimitNOFILE).
    type: dict
    default: {}
  transparent_hugepage:
    description: What transparent huge pages are to be, now and after a boot. Left alone when omitted.
    type: str
    choices: [madvise, never]
  instances:
    description: The instances.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Its name; letters, digits, dot, minus and underscore.
        type: str
        required: true
      kind:
        description: What it is.
        type: str
        choices: [server, sentinel]
        default: server
      settings:
        description:
          - Its settings by their names in C(redis.conf). A list makes a line for each of its items.
          - Where its files, its log and its users are is the module's; what is Sentinel's is M(eco2.platform.redis_sentinel)'s.
        type: dict
        default: {}
      secret_settings:
        description:
          - Settings of a server that are not to be shown, such as C(masterauth). They are in its main file, and changed at once, with
            C(CONFIG SET) and C(CONFIG REWRITE), without a restart.
        type: dict
        default: {}
      service:
        description: Settings of its unit, beside those of O(service) and before them.
        type: dict
        default: {}
      users:
        description: All its users. Others are removed; C(default) stays as it is where it is not among them.
        type: list
        elements: dict
        required: true
        suboptions:
          name:
            description: The user's name.
            type: str
            required: true
          passwords:
            description: Its passwords. With two of them one may be changed for the other without an outage.
            type: list
            elements: str
            default: []
          rules:
            description: What it may do, in the words of C(ACL SETUSER).
            type: str
            default: ""
      admin:
        description: The user of O(instances[].users) who may change the others.
        type: str
        default: default
      replicaof:
        description: The master to follow as C(HOST:PORT), for its first start alone. Afterwards that is Sentinel's.
        type: str
  restart:
    description:
      - Instances by their RV(instances[].id) that are restarted where something is pending, each as C(server/NAME) or C(sentinel/NAME).
      - Nothing is done for one where nothing is pending.
    type: list
    elements: str
    default: []
  backup:
    description: Servers by their RV(instances[].id) of which a snapshot is made and copied, before anything else.
    type: list
    elements: str
    default: []
  backup_directory:
    description: Where the copies go, for root alone, each as C(NAME-TIME.rdb).
    type: str
    default: /var/backups/redis
seealso:
  - module: eco2.platform.redis_sentinel
  - module: eco2.platform.redis_failover
"""

EXAMPLES = r"""
- name: Keep the packages from starting their samples
  eco2.platform.redis_host:
    masked: [redis-server, redis-sentinel]
  become: true

- name: A data node and a sentinel
  eco2.platform.redis_host:
    service:
      LimitNOFILE: 65535
    instances:
      - name: pubsub
        settings:
          port: 6379
          maxmemory: 2gb
          masteruser: replica
        secret_settings:
          masterauth: "{{ redis_masterauth }}"
        users:
          - name: default
            passwords: ["{{ redis_password }}"]
            rules: "~* &* +@all -@admin"
          - name: admin
            passwords: ["{{ redis_admin_password }}"]
            rules: "~* &* +@all"
          - name: replica
            passwords: ["{{ redis_masterauth }}"]
            rules: +psync +replconf +ping
        admin: admin
        replicaof: 10.0.1.11:6379
      - name: main
        kind: sentinel
        settings:
          port: 26379
        users:
          - name: default
            passwords: ["{{ redis_sentinel_password }}"]
            rules: "~* &* +@all"
  become: true
"""

RETURN = r"""
changes:
  description:
    - What was changed, or in check mode would be, in order; kinds V(backup), V(unit), V(kernel), V(file), V(directory),
      V(service), V(users) and V(settings).
      After a failure only what was done.
  returned: always
  type: list
  elements: dict
  sample:
    - kind: service
      object: redis-server@pubsub
      identity: {"name": "redis-server@pubsub"}
      action: update
      differences: [{"field": "state", "before": "failed", "after": "active"}]
unchanged:
  description: How many declared things were as declared.
  returned: always
  type: int
established:
  description: The instances that were set up on this host before, declared or not, each with its flavor.
  returned: success
  type: dict
  sample: {"server/pubsub": "redis", "sentinel/main": "redis"}
instances:
  description: The declared instances as they were found.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: Kind and name.
      type: str
      sample: server/pubsub
    unit:
      description: Its unit.
      type: str
      sample: redis-server@pubsub.service
    config:
      description: Its main file, which it rewrites itself.
      type: str
      sample: /etc/redis/redis-pubsub.conf
    established:
      description: Whether it was set up before.
      type: bool
    active:
      description: Whether it ran.
      type: bool
    follows:
      description: Whose replica its main file says that it is, as C(HOST:PORT).
      type: str
    key_count:
      description: How many keys a server that runs has.
      type: int
    pending:
      description: What differs and waits for a restart, each with field, before and after.
      type: list
      elements: dict
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
from ansible_collections.eco2.platform.plugins.module_utils._engine.module import ServiceModule
from ansible_collections.eco2.platform.plugins.module_utils._redis.instances import host

USER = {
    "name": {"type": "str", "required": True},
    "passwords": {"type": "list", "elements": "str", "default": [], "no_log": True},
    "rules": {"type": "str", "default": ""},
}
INSTANCE = {
    "name": {"type": "str", "required": True},
    "kind": {"type": "str", "choices": ["server", "sentinel"], "default": "server"},
    "settings": {"type": "dict", "default": {}},
    "secret_settings": {"type": "dict", "default": {}, "no_log": True},
    "service": {"type": "dict", "default": {}},
    "users": {"type": "list", "elements": "dict", "required": True, "options": USER},
    "admin": {"type": "str", "default": "default"},
    "replicaof": {"type": "str"},
}


def argument_spec() -> dict[str, dict[str, t.Any]]:
    return {
        "flavor": {"type": "str", "choices": ["redis", "valkey"], "default": "redis"},
        "masked": {"type": "list", "elements": "str", "default": []},
        "service": {"type": "dict", "default": {}},
        "transparent_hugepage": {"type": "str", "choices": ["madvise", "never"]},
        "instances": {"type": "list", "elements": "dict", "default": [], "options": INSTANCE},
        "restart": {"type": "list", "elements": "str", "default": []},
        "backup": {"type": "list", "elements": "str", "default": []},
        "backup_directory": {"type": "str", "default": "/var/backups/redis"},
    }


def _secrets(params: t.Mapping[str, t.Any]) -> t.Iterator[str]:
    """Whatever shape the arguments are in: they may be the very ones that Ansible refuses."""
    for item in params.get("instances") or []:
        if isinstance(item, dict):
            settings, users = item.get("secret_settings"), item.get("users")
            yield from (str(value) for value in settings.values()) if isinstance(settings, dict) else ()
            for user in users if isinstance(users, list) else ():
                passwords = user.get("passwords") if isinstance(user, dict) else None
                yield from (str(value) for value in passwords) if isinstance(passwords, list) else ()


def main() -> None:
    module = ServiceModule(argument_spec(), _secrets, ("", None))
    with module.failures():
        result, outcome = host.converge(module.params, module.check_mode, module.diff)
        if outcome is not None and not outcome.complete:
            module.fail(failure_message(outcome), **result)
        module.exit(**result)


if __name__ == "__main__":
    main()
