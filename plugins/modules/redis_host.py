# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Instances of Redis or Valkey and of Sentinel on their host."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: redis_host
short_description: Manage instances of Redis or Valkey and of Sentinel on a host
version_added: 1.0.0
author:
  - The eco2.platform authors (@eco2-platform)
description:
  - Manages files, users and services of instances of the unit templates that Debian's packages bring, such as C(redis-server@NAME) and
    C(redis-sentinel@NAME).
  - Never overwrites what Redis and Sentinel keep in their configuration files.
  - An instance has three files. C(redis-NAME.conf) or C(sentinel-NAME.conf) is written once, with O(instances[].replicaof); afterwards
    Redis and Sentinel rewrite it. C(*.static.conf) has the settings; a drop-in of the unit makes the server read it last, so that it
    overrides the copies that Redis writes into the first file. C(*.acl) has the users. The files have mode 0640 and belong to the server.
  - Settings of a running instance are not changed. RV(instances[].pending) shows the differences, and O(restart) applies them.
  - A restart keeps the data, whatever the settings become. A start reads the append-only file if C(appendonly) is on, otherwise the
    snapshot. So the running server first begins the append-only file and finishes it, or saves a snapshot and is told to save again when it
    ends. If a restart would read other files (C(dbfilename), C(appendfilename), C(appenddirname)), the task is refused, unless the server
    has no keys or is a replica that is connected to its master. Fewer C(databases) than have keys are always refused.
  - An instance that does not run is started with the settings that find its data. Changes of them wait for its next restart.
  - A data directory or a file of the instance that belongs to another user, such as a new disk, is given to the server. The task is refused
    if it has files that are not a server's.
  - Users are changed at once, without a restart and without closing connections, through a socket that only root and the server can use.
  - Requires only Python's standard library on the host.
extends_documentation_fragment:
  - eco2.platform.attributes
  - eco2.platform.attributes.root
attributes:
  check_mode:
    support: full
    details: Works on a host where nothing is installed yet.
  diff_mode:
    support: full
    details: Passwords and secret settings are hidden.
  idempotent:
    support: full
options:
  flavor:
    description:
      - Whose packages the instances use.
      - An instance of C(redis) up to 7.2 becomes one of C(valkey) with its next O(restart). It keeps its data, its port and its main file.
        Until then RV(instances[].pending) shows the difference. A change from C(valkey) to C(redis) is not possible.
    type: str
    choices: [redis, valkey]
    default: redis
  masked:
    description:
      - Services that must not run, such as those that Debian's packages start with sample configurations. They are masked. A service can
        be masked before its package is installed.
      - A running service is stopped, unless it is in use; then the task is refused. A server is in use if it has keys, functions, a
        password, clients, subscribers or replicas, if it follows a master, or if its configuration is not as the package brings it. A
        Sentinel is in use if it monitors a master other than the sample C(mymaster), or knows replicas or other Sentinels.
    type: list
    elements: str
    default: []
  service:
    description:
      - Settings of the section C([Service]) of all units, such as C(LimitNOFILE).
      - Those that decide what is started, as which user, and which files it sees, such as C(ExecStart), C(User) and C(TemporaryFileSystem),
        are refused.
    type: dict
    default: {}
  transparent_hugepage:
    description: The mode of transparent huge pages, now and after a reboot. It is not changed when this is omitted.
    type: str
    choices: [madvise, never]
  instances:
    description: The instances.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The name of the instance; letters, digits, dot, minus and underscore.
        type: str
        required: true
      kind:
        description: What the instance is.
        type: str
        choices: [server, sentinel]
        default: server
      state:
        description:
          - V(absent) stops the service, disables it, and removes its files. Other instances are not touched.
          - A running server saves a snapshot first, unless O(instances[].keep_data) is V(false). For that it needs O(instances[].admin) and
            O(instances[].users).
        type: str
        choices: [present, absent]
        default: present
      keep_data:
        description: Whether the directory of a server that becomes V(absent) stays, with its data. That of a Sentinel is removed.
        type: bool
        default: true
      directory:
        description:
          - The directory of the data, such as C(/srv/redis/NAME) on another disk. By default C(/var/lib/redis/NAME) or
            C(/var/lib/valkey/NAME). It is created if it does not exist; the unit may then write there.
          - It cannot be changed while the instance exists, because the server would start without its data.
        type: str
      socket_mode:
        description:
          - The mode of the Unix socket C(/run/redis-NAME/server.sock). With V(770) the members of the group C(redis) can use it.
          - For C(valkey) the socket is in C(/run/valkey-NAME) and the group is C(valkey).
        type: str
        default: '700'
      scripts:
        description:
          - Scripts on the host that a Sentinel may run, by their paths, such as C(notification-script) of a master. The unit may then run
            them, and the programs in C(/bin) and C(/usr/bin), and the Sentinel lets M(eco2.platform.redis_sentinel) set them.
        type: list
        elements: str
        default: []
      settings:
        description:
          - Settings by their names in C(redis.conf). A list becomes one line for each item.
          - The module sets the paths of files, log and users. Settings of Sentinel belong to M(eco2.platform.redis_sentinel).
          - C(rename-command) of a command that the collection, Sentinel or replicas use, and C(cluster-enabled), are refused.
        type: dict
        default: {}
      secret_settings:
        description:
          - Settings of a server that are never shown, such as C(masterauth). They are in its main file and are changed at once with
            C(CONFIG SET) and C(CONFIG REWRITE), without a restart.
          - Quotes and backslashes are refused with O(flavor=valkey). Valkey 8.1 writes them without escapes, and does not start afterwards.
        type: dict
        default: {}
      service:
        description: Settings of the unit of this instance. They override those of O(service).
        type: dict
        default: {}
      users:
        description: All users. Other users are removed; C(default) is not changed if it is not listed.
        type: list
        elements: dict
        default: []
        suboptions:
          name:
            description: The name of the user.
            type: str
            required: true
          passwords:
            description: The passwords of the user. Give the former and the new one while clients change from one to the other.
            type: list
            elements: str
            default: []
          rules:
            description: The rights of the user, as C(ACL SETUSER) takes them.
            type: str
            default: ""
      admin:
        description: The user of O(instances[].users) who can change the users.
        type: str
        default: default
      replicaof:
        description:
          - The master as C(HOST:PORT), for the first start only. Later Sentinel decides.
          - A server that follows itself, because its first run had a wrong address, follows this master from now on.
        type: str
  restart:
    description:
      - The RV(instances[].id) of instances that are restarted if something is pending, such as C(server/NAME) or C(sentinel/NAME).
      - An instance with nothing pending is not restarted.
    type: list
    elements: str
    default: []
  backup:
    description: The RV(instances[].id) of servers whose data is copied before anything else is done.
    type: list
    elements: str
    default: []
  backup_directory:
    description: The directory of the copies, readable by root only. A copy is named C(NAME-TIME.rdb).
    type: str
    default: /var/backups/redis
  count_keys:
    description: Whether to return RV(instances[].key_count).
    type: bool
    default: false
seealso:
  - module: eco2.platform.redis_sentinel
  - module: eco2.platform.redis_failover
"""

EXAMPLES = r"""
- name: Mask the services that the packages start
  eco2.platform.redis_host:
    masked: [redis-server, redis-sentinel]
  become: true

- name: Manage a data node and a Sentinel
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
    - The changes that were made, or in check mode would be made, in order. Kinds are V(backup), V(unit), V(kernel), V(data), V(file),
      V(directory), V(service), V(users), V(settings) and V(replication). V(data) is what a running server does before its restart. After
      a failure only the changes that were made.
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
  description: The number of declared objects that were as declared.
  returned: always
  type: int
established:
  description: The instances that were on this host before the task, declared or not, each with its flavor.
  returned: success
  type: dict
  sample: {"server/pubsub": "redis", "sentinel/main": "redis"}
self_replicas:
  description: The servers on this host that follow themselves, declared or not. They have no data of their own.
  returned: success
  type: list
  elements: str
  sample: []
instances:
  description: The declared instances as they were before the task.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: Kind and name.
      type: str
      sample: server/pubsub
    unit:
      description: The unit.
      type: str
      sample: redis-server@pubsub.service
    config:
      description: The main file, which the server rewrites.
      type: str
      sample: /etc/redis/redis-pubsub.conf
    established:
      description: Whether the instance existed before the task.
      type: bool
    active:
      description: Whether the instance was running.
      type: bool
    follows:
      description: The master that the main file names, as C(HOST:PORT).
      type: str
    key_count:
      description: The number of keys of a running server. Null unless O(count_keys) is set.
      type: int
    pending:
      description: The differences that a restart applies, each with field, before and after.
      type: list
      elements: dict
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
from ansible_collections.eco2.platform.plugins.module_utils._redis.instances.host import RedisHost
from ansible_collections.eco2.platform.plugins.module_utils._redis.instances.instance import secrets

USER: Spec = {
    "name": {"type": "str", "required": True},
    "passwords": {"type": "list", "elements": "str", "default": [], "no_log": True},
    "rules": {"type": "str", "default": ""},
}
INSTANCE: Spec = {
    "name": {"type": "str", "required": True},
    "kind": {"type": "str", "choices": ["server", "sentinel"], "default": "server"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "keep_data": {"type": "bool", "default": True},
    "directory": {"type": "str"},
    "socket_mode": {"type": "str", "default": "700"},
    "scripts": {"type": "list", "elements": "str", "default": []},
    "settings": {"type": "dict", "default": {}},
    "secret_settings": {"type": "dict", "default": {}, "no_log": True},
    "service": {"type": "dict", "default": {}},
    "users": {"type": "list", "elements": "dict", "default": [], "options": USER},
    "admin": {"type": "str", "default": "default"},
    "replicaof": {"type": "str"},
}


def argument_spec() -> Spec:
    return {
        "flavor": {"type": "str", "choices": ["redis", "valkey"], "default": "redis"},
        "masked": {"type": "list", "elements": "str", "default": []},
        "service": {"type": "dict", "default": {}},
        "transparent_hugepage": {"type": "str", "choices": ["madvise", "never"]},
        "instances": {"type": "list", "elements": "dict", "default": [], "options": INSTANCE},
        "restart": {"type": "list", "elements": "str", "default": []},
        "backup": {"type": "list", "elements": "str", "default": []},
        "backup_directory": {"type": "str", "default": "/var/backups/redis"},
        "count_keys": {"type": "bool", "default": False},
    }


def main() -> None:
    converging(argument_spec(), RedisHost, secrets, root=True)


if __name__ == "__main__":
    main()
