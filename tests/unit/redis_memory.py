"""Sentinels and data nodes of one set in memory, behind the client's `ask`: what was sent, and which write is refused."""

from __future__ import annotations

import typing as t

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import NoAnswer
from ansible_collections.eco2.platform.plugins.module_utils._redis import errors
from ansible_collections.eco2.platform.plugins.module_utils._redis.connection import Server

Words = t.Tuple[str, ...]
READS = {("INFO",), ("PING",), ("ROLE",), ("CONFIG", "GET"), ("CLIENT", "LIST"), ("ACL", "DRYRUN")} | {
    ("SENTINEL", word) for word in ("MYID", "MASTERS", "MASTER", "REPLICAS", "SENTINELS", "GET-MASTER-ADDR-BY-NAME")
}
READS |= {("SENTINEL", "CONFIG", "GET")}
SENTINELS = [f"10.0.1.{number}" for number in (1, 2, 3)]
DATA = [f"10.0.2.{number}" for number in (1, 2, 3)]
# The data nodes of each set; those of DATA can be switched.
SETS = {name: [f"10.0.{net}.{number}" for number in (1, 2, 3)] for net, name in enumerate(("other", "new", "moved", "unwanted"), 2)}
DEFAULTS = {"down-after-milliseconds": "30000", "failover-timeout": "180000", "parallel-syncs": "1"}


def parameters(spec: dict[str, t.Any], **given: t.Any) -> dict[str, t.Any]:
    """As Ansible would hand them to the module."""
    result = ArgumentSpecValidator(spec).validate({"sentinels": [{"host": host} for host in SENTINELS], **given})
    assert not result.error_messages
    return t.cast("dict[str, t.Any]", result.validated_parameters)


def is_read(words: Words) -> bool:
    return any(words[: len(read)] == read for read in READS)


class Memory:
    """The first data node of each set is its master. `fail`: the number of the write that is answered with an error, or with silence."""

    def __init__(self, fail: int | None = None, silent: bool = False, scripts: bool = True) -> None:
        self.master = DATA[0]
        self.watched: dict[str, dict[str, dict[str, str]]] = {host: {} for host in SENTINELS}
        self.settings = {host: {"resolve-hostnames": "no", "sentinel-user": "", "sentinel-pass": ""} for host in SENTINELS}
        self.nodes = {
            host: {"replica-priority": "100", "min-replicas-to-write": "0", "min-replicas-max-lag": "10", "paused": ""} for host in DATA
        }
        self.roles = {host: "master" if host == self.master else "slave" for host in DATA}
        self.sent: list[Words] = []
        self.fail, self.silent, self.scripts = fail, silent, scripts
        # Commands that the user of the sentinels may not run; whether a sentinel promotes anybody; who says that it is failing over.
        self.denied: set[str] = set()
        self.promotes, self.leading = True, ""
        self._queue: list[tuple[Server, Words]] | None = None

    @property
    def state(self) -> t.Any:
        """All that a write can change."""
        watched = {host: {name: dict(entry) for name, entry in masters.items()} for host, masters in self.watched.items()}
        tables = ({host: dict(values) for host, values in table.items()} for table in (self.settings, self.nodes))
        return watched, *tables, dict(self.roles), self.master

    @property
    def writes(self) -> list[Words]:
        return [words for words in self.sent if not is_read(words) and words[0] != "MULTI" and words[:2] != ("SENTINEL", "FLUSHCONFIG")]

    def ask(self, server: Server, *given: t.Any) -> t.Any:
        words = tuple(map(str, given))
        if self._queue is not None and words[0] != "EXEC":
            self._queue.append((server, words))
            return "QUEUED"
        self.sent.append(words)
        if words[0] == "MULTI":
            self._queue = []
            return "OK"
        if not is_read(words) and len(self.writes) == self.fail and words[:2] != ("SENTINEL", "FLUSHCONFIG"):
            self._queue = None
            if self.silent:
                raise NoAnswer("silent for once")
            raise self.error(server, words, "refused for once")
        if words[0] == "EXEC":
            queue, self._queue = self._queue or [], None
            return [self.answer(*item) for item in queue]
        return self.answer(server, words)

    def error(self, server: Server, words: Words, text: str) -> errors.ServerError:
        return errors.from_answer(server.name, " ".join(words[:2]), "ERR", text, "options")

    def answer(self, server: Server, words: Words) -> t.Any:
        host = server.host
        if words[0] == "INFO":
            return "redis_version:7.0.15\n" + ("redis_mode:sentinel" if host in SENTINELS else self.info(host))
        if words[:3] == ("SENTINEL", "CONFIG", "GET"):
            return self.settings[host]
        if words[:3] == ("SENTINEL", "CONFIG", "SET"):
            self.settings[host][words[3]] = words[4]
        elif words[0] == "SENTINEL":
            return self.sentinel(server, words)
        elif words[:2] == ("CONFIG", "GET"):
            return self.nodes[host]
        elif words[:2] == ("CONFIG", "SET"):
            self.nodes[host][words[2]] = words[3]
        elif words[:2] == ("ACL", "DRYRUN"):
            return f"no permissions to run {words[3]}" if words[3] in self.denied else "OK"
        elif words[:2] == ("CLIENT", "LIST"):
            return "".join(f"addr={host}:1 name=sentinel-{n}-cmd user=watcher\n" for n, host in enumerate(SENTINELS))
        elif words[0] == "CLIENT" and words[1] != "KILL":
            self.nodes[host]["paused"] = "yes" if words[1] == "PAUSE" else ""
        elif words[0] == "ROLE":
            return [self.roles[host], self.master, 6379]
        elif words[0] == "SLAVEOF":
            self.roles[host] = "slave"
        return "OK"

    def info(self, host: str) -> str:
        fellows = next(hosts for hosts in SETS.values() if host in hosts)
        master = self.master if fellows == DATA else fellows[0]
        role = self.roles.get(host, "master" if host == master else "slave")
        others = [place for place in fellows if self.roles.get(place, "" if place == master else "slave") == "slave"]
        online = "".join(f"slave{number}:ip={place},port=6379,state=online\n" for number, place in enumerate(others))
        lines = f"run_id:{host}\nrole:{role}\nmaster_repl_offset:7\nslave_repl_offset:7\nconnected_slaves:2\n"
        return lines + (online if role == "master" else f"master_host:{master}\nmaster_port:6379\nmaster_link_status:up\n")

    def sentinel(self, server: Server, words: Words) -> t.Any:
        masters, verb = self.watched[server.host], words[1]
        name = words[2] if len(words) > 2 else ""
        if verb == "MYID":
            return f"id-{server.host}"
        if verb == "MASTERS":
            return [self.row(server.host, each) for each in masters]
        if verb == "MONITOR":
            if name in masters:
                raise self.error(server, words, "Duplicate master name.")
            masters[name] = {**DEFAULTS, "ip": words[3], "port": words[4], "quorum": words[5]}
        elif verb not in ("FLUSHCONFIG",) and name not in masters:
            raise self.error(server, words, "No such master with that name")
        elif verb == "MASTER":
            return self.row(server.host, name)
        elif verb == "REPLICAS":
            master = self.master if SETS[name] == DATA else SETS[name][0]
            about = {"port": "6379", "flags": "slave", "master-link-status": "ok", "master-host": master, "master-port": "6379"}
            priorities = {place: self.nodes.get(place, {}).get("replica-priority", "100") for place in SETS[name] if place != master}
            return [{"ip": place, "slave-priority": priority, **about} for place, priority in priorities.items()]
        elif verb == "SENTINELS":
            others = [place for place in SENTINELS if place != server.host]
            return [{"ip": o, "port": "26379", "runid": f"id-{o}", "flags": "sentinel", "last-ok-ping-reply": "0"} for o in others]
        elif verb == "GET-MASTER-ADDR-BY-NAME":
            return [masters[name]["ip"], masters[name]["port"]]
        elif verb == "SET":
            if any("script" in word for word in words[3::2]) and not self.scripts:
                raise self.error(
                    server, words, "Reconfiguration of scripts path is denied for security reasons. Check deny-scripts-reconfig"
                )
            masters[name].update(zip(words[3::2], words[4::2]))
        elif verb == "REMOVE":
            del masters[name]
        elif verb == "FAILOVER" and self.promotes:
            self.promote(name)
        elif verb == "FAILOVER":
            self.leading = server.host
        elif verb == "RESET":
            self.leading = ""
        return "OK"

    def promote(self, name: str) -> None:
        """The replica with the lowest priority; the old master goes on as a master until somebody demotes it."""
        replicas = [host for host in DATA if self.roles[host] == "slave"]
        self.master = min(replicas, key=lambda host: int(self.nodes[host]["replica-priority"]))
        self.roles[self.master] = "master"
        for masters in self.watched.values():
            masters[name]["ip"] = self.master

    def row(self, host: str, name: str) -> dict[str, str]:
        shown = {word: value for word, value in self.watched[host][name].items() if word not in ("auth-user", "auth-pass")}
        about = {
            "flags": "master,failover_in_progress" if host == self.leading else "master",
            "num-slaves": "2",
            "num-other-sentinels": "2",
            "config-epoch": "0",
            "runid": f"run id of {name}",
            "role-reported": "master",
        }
        return {"name": name, **shown, **about}
