"""Whatever a person may write into a task of redis_sentinel, and whatever stands in a sentinel.conf, as Hypothesis strategies.

Most of it is nearly right: what is nonsense as a whole is refused at its first word.
"""

from __future__ import annotations

import typing as t

from hypothesis import strategies as st

from lab.redis import Group

Arguments = t.Dict[str, t.Any]

# Passwords and names that were trouble somewhere: other alphabets, blanks that only Python knows, quotes, escapes, comments, and so on.
CURIOUS = [
    "ä", "päß", "пароль", "漢字", "🐇", "a\u00a0b", "\u00a0", "a\u0085b", "a\u2028b", "a\u2029", "\ufeffa", "a\u3000", "\u200b", "a\u200e",
    "#", "#a", "a#b", "$x", "\\", "a\\b", "\\n", "\\x41", "\\xc3\\xa4", "a\\", "%s", "{{ x }}", "`id`", "a;b", "a|b", "*", ">a", "<a", "!a",
    "on", "off", "yes", "no", "null", "0", "1.10", "a,b", "a=b", "a:b", "@all", "+@all", "~*", "&*", "user", "sentinel", "x" * 200,
]  # fmt: skip
# Those that a server without quotes in its file cannot keep, and those that none can.
DELICATE = ["a b", " a", "a ", '"', "'", 'a"b', "a'b", '"a"', "'a'", '"a b"', "\\'", '\\"']
IMPOSSIBLE = ["a\nb", "a\r", "\x00", "a\tb", "\x1b[0m", "\x7f", "\x0b", "\x0c", "\ud800", "a\udcff", "x" * 20000]

letters = st.characters(blacklist_categories=("Cs",))
passwords = st.sampled_from(CURIOUS) | st.text(letters, min_size=1, max_size=12)
texts = passwords | st.sampled_from(DELICATE) | st.sampled_from(IMPOSSIBLE) | st.sampled_from(["", " ", None, 1, 1.5, True, [], {}])
numbers = st.sampled_from(
    [0, 1, 2, 3, 4, 5, 99, 100, 499, 500, 5000, -1, 2**31 - 1, 2**31, 2**63, 2**64, "2", " 2", "x", 1.5, True, None, ""]
)
flags = st.sampled_from([True, False, "yes", "no", "on", 1, 0, "maybe", None, ""])
ports = st.sampled_from([6379, 26379, 0, 1, 65535, 65536, -1, "6379", "x", None, 1.5])

_HOSTS = [
    "127.0.0.1", "0.0.0.0", "::",  # noqa: S104
    "::1", "localhost", "redis-a", "redis_a.example.org", "10.0.0.300", "10.1", "a..b", "x" * 64, "-a", "a b",
    "a\u00a0", "ä.de", "[::1]", "fe80::1%eth0", "1", "", " ", ".", "a.", "a/b", "http://a", "\ud800",
    "a\x00b", "255.255.255.255", "x." * 130,
]  # fmt: skip
# What stands in a sentinel.conf.
_WORDS = [
    "sentinel", "SENTINEL", "monitor", "auth-pass", "AUTH-PASS", "auth-user", "rename-command", "known-replica", "myid", "pubsub", "cache",
    "master-reboot-down-after-period", "primary-reboot-down-after-period", "CONFIG", "config", "127.0.0.1", "6379", "2", "5000", "#",
    "user", "include", "default", "on", "nopass", "port", "dir", '""', "''", '"p\\xc3\\xa4"', '"a b"', "'a b'", '"a', "'a", '"a"b', "\\",
    "\\x41", "requirepass",
]  # fmt: skip
_BLANKS = [" ", " ", " ", "\t", "  ", "\u00a0", "\u2028", "\u0085", "\v", ""]
_ENDS = ["\n", "\n", "\n", "\r\n", "\n\n", "\u2028", "\r", ""]
# Characters that matter to a reader of words, and some that do not.
SIGNS = ["a", "b", " ", "\t", '"', "'", "\\", "x", "4", "1", "n", "é", "я", "\u00a0", "\u0085", "\u2028", "#", "$", "\\x41", "\\xc3\\xa4"]
SIGNS += ['""', "''", '\\"', "\\'", '"a b"', "'a b'"]
lines = st.lists(st.sampled_from(SIGNS), max_size=9).map("".join)


@st.composite
def confs(draw: t.Any) -> str:
    """The text of a sentinel.conf, more or less."""
    pieces = ["sentinel monitor pubsub 127.0.0.1 6379 2\n"]
    for words in draw(st.lists(st.lists(st.sampled_from(_WORDS) | passwords, max_size=6), max_size=5)):
        blank, end = draw(st.sampled_from(_BLANKS)), draw(st.sampled_from(_ENDS))
        pieces.append(blank.join(words) + end)
    return "".join(pieces)


@st.composite
def hosts(draw: t.Any, real: t.Sequence[str]) -> t.Any:
    """Most are the lab's own."""
    anything = st.sampled_from(_HOSTS) | st.text(max_size=8)
    return draw(st.sampled_from(real) if real and draw(st.booleans()) else anything)


@st.composite
def tasks(draw: t.Any, group: Group) -> Arguments:
    """A task of redis_sentinel: the group's own sentinels and nodes, with any option right or wrong."""
    sentinels = [{"host": server.host} for server in group.sentinels][: draw(st.sampled_from([3, 3, 3, 3, 3, 3, 2, 1, 0]))]
    if sentinels and draw(st.integers(0, 2)) == 0:
        wrong = {"host": hosts([group.sentinels[0].host]), "port": ports, **_OF_SENTINEL}
        sentinels[0] = _some(draw, sentinels[0], wrong, 2)
    masters = [_master(draw, group) for dummy in range(draw(st.integers(0, 2)))]
    arguments: Arguments = {"sentinels": sentinels, "masters": draw(st.sampled_from([masters] * 30 + [None, "", {}, [None], ["a"]]))}
    return _some(draw, arguments, _OF_TASK, 2)


def _some(draw: t.Any, known: Arguments, more: t.Mapping[str, st.SearchStrategy[t.Any]], count: int) -> Arguments:
    chosen = draw(st.lists(st.sampled_from(sorted(more)), max_size=count, unique=True))
    return {**known, **{name: draw(more[name]) for name in chosen}}


def _master(draw: t.Any, group: Group) -> Arguments:
    real = [server.host for server in group.data]
    seeds = st.lists(hosts(real) | st.tuples(hosts(real), ports).map(lambda pair: f"{pair[0]}:{pair[1]}"), max_size=3)
    item: Arguments = {"name": draw(st.sampled_from(["pubsub"] * 6 + ["cache", "auth"]) | texts), "address": real[:1]}
    if draw(st.integers(0, 2)) == 0:
        item["address"] = draw(seeds | texts)
    return _some(draw, item, _OF_MASTER, 2)


_OF_SENTINEL: dict[str, st.SearchStrategy[t.Any]] = {
    "announce_ip": texts | st.sampled_from(_HOSTS),
    "announce_port": ports,
    "conf": confs() | texts,
}
_OF_MASTER: dict[str, st.SearchStrategy[t.Any]] = {
    "state": st.sampled_from(["present", "absent", "Present", None]),
    **dict.fromkeys(("quorum", "replicas", "down_after_milliseconds", "failover_timeout", "parallel_syncs"), numbers),
    "master_reboot_down_after_period": numbers,
    **dict.fromkeys(("auth_user", "auth_pass", "notification_script", "client_reconfig_script", "auth_password"), texts),
    "rename_commands": st.dictionaries(st.sampled_from(["CONFIG", "config", "ß", "", "a b"]), texts, max_size=2) | texts,
}
_OF_SETTINGS: dict[str, st.SearchStrategy[t.Any]] = {
    **dict.fromkeys(("resolve_hostnames", "announce_hostnames"), flags),
    **dict.fromkeys(("sentinel_user", "sentinel_pass", "sentinel-pass"), texts),
    "loglevel": st.sampled_from(["debug", "notice", "loud", "", None]),
}
_OF_TASK: dict[str, st.SearchStrategy[t.Any]] = {
    "settings": st.dictionaries(st.sampled_from(sorted(_OF_SETTINGS)), texts | flags, max_size=2) | texts,
    "prune": flags,
    "forget_stale": flags,
    "update_hidden": st.sampled_from(["on_create", "from_file", "always", "never", None]),
    "repair": flags,
    "unreachable_sentinels": st.sampled_from(["fail", "skip", "ignore", None]),
    "timeout": st.sampled_from([1, 0.5, 0, -1, "x", "nan", "inf", None]),
    **dict.fromkeys(("username", "password", "data_username", "data_password", "ca_cert"), texts),
    "tls": st.sampled_from([False, "no", None, "x"]),
}
