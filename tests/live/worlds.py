"""Random topologies for Hypothesis, as arguments of rabbitmq_topology.

Names come from small pools, so that two worlds drawn after one another share, change and drop objects of every kind. Every
name begins with PREFIX.
"""

from __future__ import annotations

import typing as t

from hypothesis import strategies as st

PREFIX = "hyp-"
VHOSTS = (PREFIX + "a", PREFIX + "b/c")
USERS = (PREFIX + "u1", PREFIX + "u 2")
PRUNABLE = ("users", "user_limits", "vhost_limits", "permissions", "topic_permissions", "policies", "operator_policies")
PRUNABLE += ("exchanges", "queues", "bindings", "parameters")

World = t.Dict[str, t.List[t.Dict[str, t.Any]]]
Draw = t.Callable[[st.SearchStrategy[t.Any]], t.Any]

_patterns = st.sampled_from(["", ".*", "^hyp", r"^a\.b\\c$"])
_ttl = st.sampled_from([1000, 60000])
_binding_arguments = st.sampled_from([{}, {"x": 1}, {"x": 1.0}, {"x": True}, {"x": "1"}, {"y": [1, {"z": False}]}])


@st.composite
def worlds(draw: Draw, version: tuple[int, int], may_remove: bool) -> World:
    """A consistent topology; with `may_remove`, objects may also be declared absent."""
    world: World = {}
    maker = _Maker(draw, version, may_remove, world)
    vhosts = maker.vhosts()
    users = maker.users()
    for user in users:
        maker.maybe("user_limits", {"user": user, "name": draw(st.sampled_from(["max-connections", "max-channels"]))}, maker.limit)
    for vhost in vhosts:
        maker.inside(vhost, users)
    return world


class _Maker:
    """Draws items into `world`. `maybe` leaves an object out, declares it, or declares it absent."""

    def __init__(self, draw: Draw, version: tuple[int, int], may_remove: bool, world: World) -> None:
        self.draw = draw
        self.version = version
        self.may_remove = may_remove
        self.world = world

    def maybe(self, option: str, identity: dict[str, t.Any], fields: t.Callable[[], dict[str, t.Any]]) -> bool:
        """Whether the object is declared present."""
        # A vhost that goes takes everything along: mostly it stays, so that the rest gets its turn.
        stays = ("present",) * (6 if option in ("vhosts", "users") else 2)
        choice = self.draw(st.sampled_from((*stays, "omit", "absent")))
        if choice == "omit" or (choice == "absent" and not self.may_remove):
            return False
        item = {**identity, **fields()} if choice == "present" else {**identity, "state": "absent"}
        self.world.setdefault(option, []).append(item)
        return choice == "present"

    def some(self, **strategies: st.SearchStrategy[t.Any]) -> dict[str, t.Any]:
        """Any of these fields, each drawn or left out."""
        return {name: self.draw(strategy) for name, strategy in strategies.items() if self.draw(st.booleans())}

    def vhosts(self) -> list[str]:
        def fields() -> dict[str, t.Any]:
            types = {"default_queue_type": st.sampled_from(["classic", "quorum"])} if self.version >= (3, 11) else {}
            tags = st.lists(st.sampled_from(["x", "y", "z"]), max_size=2)
            return self.some(description=st.sampled_from(["", "one", "tür & tor"]), tags=tags, tracing=st.booleans(), **types)

        return [name for name in VHOSTS if self.maybe("vhosts", {"name": name}, fields)]

    def users(self) -> list[str]:
        def fields() -> dict[str, t.Any]:
            tags = st.lists(st.sampled_from(["management", "monitoring", "custom"]), max_size=2)
            password = st.sampled_from(["correct horse", "battery/staple"])
            return self.some(tags=tags, password=password, update_password=st.sampled_from(["always", "on_create"]))

        return [name for name in USERS if self.maybe("users", {"name": name}, fields)]

    def limit(self) -> dict[str, t.Any]:
        return {"value": self.draw(st.sampled_from([-1, 100, 1000]))}

    def policy(self) -> dict[str, t.Any]:
        definition = st.sampled_from([{"max-length": 10}, {"max-length": 20}, {"max-length": 20, "expires": 3600000}])
        fields = self.some(priority=st.integers(0, 3), apply_to=st.sampled_from(["all", "queues"]))
        return {"pattern": self.draw(_patterns), "definition": self.draw(definition), **fields}

    def inside(self, vhost: str, users: list[str]) -> None:
        place = {"vhost": vhost}
        for limit in ("max-connections", "max-queues"):
            self.maybe("vhost_limits", {**place, "name": limit}, self.limit)
        for option in ("policies", "operator_policies"):
            self.maybe(option, {**place, "name": "p 1"}, self.policy)
        upstream = {**place, "component": "federation-upstream", "name": "u/1"}
        self.maybe("parameters", upstream, lambda: {"value": {"uri": "amqp://", "max-hops": self.draw(st.integers(1, 2))}})
        exchanges = [name for name in ("e1", "e/2") if self.maybe("exchanges", {**place, "name": name}, self.exchange)]
        self.maybe("exchanges", {**place, "name": "gone-with-its-last-binding"}, lambda: {"auto_delete": True})
        queues = [name for name in ("q1", "q%2", "ü q") if self.maybe("queues", {**place, "name": name}, self.queue)]
        for name, queue_type in (("quorum", "quorum"), ("stream", "stream")):
            # Fixed: a change of these takes a proof of seven seconds, which has tests of its own.
            self.maybe("queues", {**place, "name": name}, lambda kind=queue_type: {"type": kind})
        for user in users:
            self.maybe("permissions", {**place, "user": user}, lambda: self.patterns("configure", "write", "read"))
            for exchange in ["", "amq.topic", *exchanges[:1]]:
                identity = {**place, "user": user, "exchange": exchange}
                self.maybe("topic_permissions", identity, lambda: self.patterns("write", "read"))
        self.bindings(place, exchanges, queues)

    def patterns(self, *names: str) -> dict[str, t.Any]:
        return {name: self.draw(_patterns) for name in names}

    def exchange(self) -> dict[str, t.Any]:
        arguments = st.sampled_from([{}, {"alternate-exchange": "amq.fanout"}, {"hash-header": "h"}])
        kinds = st.sampled_from(["direct", "topic", "fanout", "headers", "x-consistent-hash"])
        return self.some(type=kinds, durable=st.booleans(), internal=st.booleans(), arguments=arguments)

    def queue(self) -> dict[str, t.Any]:
        arguments = st.sampled_from([{}, {"x-message-ttl": 1000}, {"x-max-length": 5, "x-overflow": "reject-publish"}])
        # 4.3 refuses transient queues that are not exclusive.
        durable = st.booleans() if self.version < (4, 3) else st.just(True)
        return {"type": "classic", **self.some(durable=durable, arguments=arguments)}

    def bindings(self, place: dict[str, str], exchanges: list[str], queues: list[str]) -> None:
        ends = [(source, "queue", queue) for source in exchanges for queue in queues]
        ends += [("amq.headers", "queue", queue) for queue in queues[:1]]
        ends += [(one, "exchange", two) for one in exchanges for two in exchanges if one != two]
        for source, destination_type, destination in ends:
            key = self.draw(st.sampled_from(["", "k", "a.*/b +", "%"]))
            arguments = self.draw(_binding_arguments)
            # A consistent hash exchange wants a number for a key; an integer is right for every type.
            identity = {**place, "source": source, "destination": destination, "destination_type": destination_type}
            self.maybe("bindings", {**identity, "routing_key": key if source == "amq.headers" else "1", "arguments": arguments}, dict)
