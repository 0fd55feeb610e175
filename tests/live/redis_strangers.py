"""Whatever a person may write into a task of redis_sentinel, and whatever stands in a sentinel.conf, thrown with dice.

Most of it is nearly right: what is nonsense as a whole is refused at its first word.
"""

from __future__ import annotations

import random
import typing as t

from lab.redis import Group

Arguments = t.Dict[str, t.Any]

# Passwords and names that were trouble somewhere: other alphabets, blanks that only Python knows, quotes, escapes, comments, and so on.
CURIOUS = [
    "ä", "päß", "пароль", "漢字", "🐇", "a\u00a0b", "\u00a0", "a\u0085b", "a\u2028b", "a\u2029", "\ufeffa", "a\u3000", "\u200b", "a\u200e",
    "#", "#a", "a#b", "$x", "\\", "a\\b", "\\n", "\\x41", "\\xc3\\xa4", "a\\", "%s", "{{x}}", "`id`", "a;b", "a|b", "*", ">a", "<a", "!a",
    "on", "off", "yes", "no", "null", "0", "1.10", "a,b", "a=b", "a:b", "@all", "+@all", "~*", "&*", "user", "sentinel", "x" * 200,
]  # fmt: skip
# Those that a server without quotes in its file cannot keep, and those that none can.
DELICATE = ["a b", " a", "a ", '"', "'", 'a"b', "a'b", '"a"', "'a'", '"a b"', "\\'", '\\"']
IMPOSSIBLE = ["a\nb", "a\r", "\x00", "a\tb", "\x1b[0m", "\x7f", "\x0b", "\x0c", "\ud800", "a\udcff", "x" * 20000]
LETTERS = "abcxyzABC019.,:;-_#$%&*()[]{}<>!?/\\|~^@+=äößéłñøжяωאبह漢字🐇\u00a0\u0085\u2028\u3000\u00ad\u200d\ufffd"

_HOSTS = [
    "127.0.0.1", "0.0.0.0", "::", "::1", "localhost", "redis-a", "redis_a.example.org", "10.0.0.300", "10.1", "a..b",  # noqa: S104
    "x" * 64, "-a", "a b", "a\u00a0", "ä.de", "[::1]", "fe80::1%eth0", "1", "", " ", ".", "a.", "a/b", "http://a", "\ud800", "a\x00b",
    "255.255.255.255", "x." * 130, "a:b:c", "[a", "a]", "a:0", "a:99999", "a:\u0661", "::ffff:127.0.0.1", "127.1", "0x7f.1",
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
# Signs that matter to a reader of words, and some that do not.
_SIGNS = ["a", "b", " ", "\t", '"', "'", "\\", "x", "4", "1", "n", "é", "я", "\u00a0", "\u0085", "\u2028", "#", "$", "\\x41", "\\xc3\\xa4"]
_SIGNS += ['""', "''", '\\"', "\\'", '"a b"', "'a b'"]
_NUMBERS = [0, 1, 2, 3, 4, 5, 99, 100, 499, 500, 5000, -1, 2**31 - 1, 2**31, 2**63, 2**64, "2", " 2", "x", 1.5, True, None, ""]
_FLAGS = [True, False, "yes", "no", "on", 1, 0, "maybe", None, ""]
_PORTS = [6379, 26379, 0, 1, 65535, 65536, -1, "6379", "x", None, 1.5]
_NO_TEXTS = ["", " ", None, 1, 1.5, True, [], {}]


class Stranger:
    """Throws dice. The same seed writes the same."""

    def __init__(self, seed: str) -> None:
        self.dice = random.Random(seed)

    def one_in(self, number: int) -> bool:
        return self.dice.randrange(number) == 0

    def some(self, known: Arguments, more: t.Mapping[str, t.Callable[[], t.Any]], count: int) -> Arguments:
        """With up to so many more options."""
        return {**known, **{name: more[name]() for name in self.dice.sample(sorted(more), self.dice.randint(0, count))}}

    def line(self) -> str:
        return "".join(self.dice.choices(_SIGNS, k=self.dice.randint(0, 9)))

    def password(self) -> str:
        return self.dice.choice(CURIOUS) if self.one_in(3) else "".join(self.dice.choices(LETTERS, k=self.dice.randint(1, 12)))

    def text(self) -> t.Any:
        return self.dice.choice([self.password(), self.password(), *(self.dice.choice(some) for some in (DELICATE, IMPOSSIBLE, _NO_TEXTS))])

    def number(self) -> t.Any:
        return self.dice.choice(_NUMBERS)

    def flag(self) -> t.Any:
        return self.dice.choice(_FLAGS)

    def port(self) -> t.Any:
        return self.dice.choice(_PORTS)

    def host(self) -> str:
        if self.one_in(2):
            return self.dice.choice(_HOSTS)
        return "".join(self.dice.choices("ab019.:-[]%/_ é\u00a0\u0661", k=self.dice.randint(0, 12)))

    def conf(self) -> str:
        """The text of a sentinel.conf, more or less."""
        pieces = ["sentinel monitor pubsub 127.0.0.1 6379 2\n"]
        for dummy in range(self.dice.randint(0, 5)):
            words = [self.password() if self.one_in(4) else self.dice.choice(_WORDS) for dummy in range(self.dice.randint(0, 6))]
            pieces.append(self.dice.choice(_BLANKS).join(words) + self.dice.choice(_ENDS))
        return "".join(pieces)

    def task(self, group: Group) -> Arguments:
        """A task of redis_sentinel: the group's own sentinels and nodes, with any option right or wrong."""
        sentinels: list[Arguments] = [{"host": server.host} for server in group.sentinels][: self.dice.choice([3, 3, 3, 3, 3, 3, 2, 1, 0])]
        if sentinels and self.one_in(3):
            wrong = {"host": self.host, "port": self.port, "announce_ip": self.host, "announce_port": self.port, "conf": self.conf}
            sentinels[0] = self.some(sentinels[0], wrong, 2)
        masters: t.Any = [self._master(group) for dummy in range(self.dice.randint(0, 2))]
        if self.one_in(40):
            masters = self.dice.choice([None, "", {}, [None], ["a"]])
        return self.some({"sentinels": sentinels, "masters": masters}, self._of_task(), 2)

    def _master(self, group: Group) -> Arguments:
        item: Arguments = {"name": self.dice.choice(["pubsub"] * 6 + ["cache", "auth", self.text()]), "address": [group.data[0].host]}
        if self.one_in(3):
            seeds = [
                self.dice.choice([server.host for server in group.data] + [self.host(), f"{self.host()}:{self.port()}"]) for dummy in "ab"
            ]
            item["address"] = self.dice.choice([seeds, seeds[:1], seeds[0], self.text()])
        return self.some(item, self._of_master(), 2)

    def _of_master(self) -> dict[str, t.Callable[[], t.Any]]:
        names = ("quorum", "replicas", "down_after_milliseconds", "failover_timeout", "parallel_syncs", "master_reboot_down_after_period")
        texts = ("auth_user", "auth_pass", "notification_script", "client_reconfig_script", "auth_password")
        return {
            **dict.fromkeys(names, self.number),
            **dict.fromkeys(texts, self.text),
            "state": lambda: self.dice.choice(["present", "absent", "Present", None]),
            "rename_commands": lambda: self.dice.choice(
                [{self.dice.choice(["CONFIG", "config", "ß", "", "a b"]): self.text()}, self.text()]
            ),
        }

    def _of_task(self) -> dict[str, t.Callable[[], t.Any]]:
        names = ("resolve_hostnames", "announce_hostnames", "sentinel_user", "sentinel_pass", "sentinel-pass", "loglevel")
        texts = ("username", "password", "data_username", "data_password", "ca_cert")
        return {
            **dict.fromkeys(texts, self.text),
            **dict.fromkeys(("prune", "forget_stale", "repair"), self.flag),
            "settings": lambda: self.dice.choice([{self.dice.choice(names): self.dice.choice([self.text(), self.flag()])}, self.text()]),
            "update_hidden": lambda: self.dice.choice(["on_create", "from_file", "always", "never", None]),
            "unreachable_sentinels": lambda: self.dice.choice(["fail", "skip", "ignore", None]),
            "timeout": lambda: self.dice.choice([1, 0.5, 0, -1, "x", "nan", "inf", None]),
            "tls": lambda: self.dice.choice([False, "no", None, "x"]),
        }
