# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What brokers take: arguments of queues and exchanges, and keys of policies, by release. Private to this collection. Data.

Read in the code that the packages of 3.10.8, 4.0.5 and 4.3.6 run, and measured on them (tests/live/test_settings.py). Of a release between
two of these only that is refused which both would refuse, so the table is never stricter than the broker.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

Release = t.Tuple[int, ...]
LINES: tuple[Release, ...] = ((3, 10), (4, 0), (4, 3))


@dataclass(frozen=True)
class Value:
    """What a value must be. `form`: a regular expression that the whole of a text must match. No `type`: anything but null."""

    type: type | None = None
    least: int | None = None
    most: int | None = None
    words: tuple[str | int, ...] = ()
    form: str = ""


@dataclass(frozen=True)
class Rule:
    """A value, for releases from `since` on and before `until`. `types`: the types of queues that take the argument."""

    value: Value
    source: str
    types: tuple[str, ...] = ()
    # Whether the broker refuses another value; else it stores it, and the setting has no effect.
    checked: bool = True
    since: Release = ()
    until: Release = (1000,)

    def holds(self, release: Release) -> bool:
        return self.since <= release < self.until


Table = t.Mapping[str, t.Tuple[Rule, ...]]

_TEN_YEARS = 315_360_000_000  # milliseconds

ANYTHING = Value()
INTEGER = Value(int)
COUNT = Value(int, 0)
POSITIVE = Value(int, 1)
TEXT = Value(str)
FLAG = Value(bool)
# The broker's own expression ends at the end of the first line.
AGE = Value(str, form=r"0*[1-9][0-9]*[YMDhms](?:\n[\s\S]*)?")
OVERFLOW = Value(str, words=("drop-head", "reject-publish", "reject-publish-dlx"))
STRATEGY = Value(str, words=("at-most-once", "at-least-once"))
MODE = Value(str, words=("default", "lazy"))
VERSION = Value(int, words=(1, 2))
SEGMENT = Value(int, 0, 3_000_000_000)
FILTER = Value(int, 16, 255)
RETRY = Value(str, words=("all", "failed", "returned", "disabled"))
_LEADERS = ("client-local", "balanced", "random", "least-leaders")

CLASSIC, QUORUM, STREAM = ("classic",), ("quorum",), ("stream",)
_CQ, _QS, _ALL = CLASSIC + QUORUM, QUORUM + STREAM, CLASSIC + QUORUM + STREAM

# Sources, as modules of RabbitMQ's own code.
_DECLARE = "rabbit_amqqueue:declare_args, and capabilities of the queue types"
_CAPABLE = "capabilities of the queue types"
_STREAM = "rabbit_stream_queue, checks of its declaration"
_POLICY = "rabbit_policies:validate_policy"
_QUORUM_POLICY = "rabbit_quorum_queue:validate_policy"
_MIRRORS = "rabbit_mirror_queue_misc:validate_policy, removed in 4.0"
_MASTERS = "rabbit_queue_master_location_misc, later rabbit_classic_queue:validate_policy"
_FEDERATION = "rabbit_federation_parameters:validate_policy"
_HASH = "rabbit_exchange_type_consistent_hash:validate"

ARGUMENTS: Table = {
    "x-expires": (Rule(Value(int, 1, _TEN_YEARS), _DECLARE, _CQ),),
    "x-message-ttl": (Rule(Value(int, 0, _TEN_YEARS), _DECLARE, _CQ),),
    "x-dead-letter-exchange": (Rule(TEXT, _DECLARE, _CQ),),
    "x-dead-letter-routing-key": (Rule(TEXT, _DECLARE, _CQ),),
    "x-dead-letter-strategy": (Rule(STRATEGY, _DECLARE, QUORUM),),
    "x-max-length": (Rule(COUNT, _DECLARE, _CQ),),
    "x-max-length-bytes": (Rule(COUNT, _DECLARE, _ALL),),
    "x-max-in-memory-length": (Rule(COUNT, _DECLARE, QUORUM),),
    "x-max-in-memory-bytes": (Rule(COUNT, _DECLARE, QUORUM),),
    "x-max-priority": (Rule(Value(int, 0, 255), _DECLARE, CLASSIC),),
    "x-overflow": (Rule(OVERFLOW, _DECLARE, _CQ),),
    "x-queue-mode": (Rule(MODE, _DECLARE, CLASSIC, until=(4, 1)), Rule(ANYTHING, _CAPABLE, CLASSIC, since=(4, 1))),
    "x-queue-version": (
        Rule(VERSION, _DECLARE, CLASSIC, until=(4, 3)),
        Rule(Value(int, words=(2,)), _DECLARE, CLASSIC, since=(4, 3)),
    ),
    "x-single-active-consumer": (Rule(FLAG, _DECLARE, _CQ),),
    "x-quorum-initial-group-size": (Rule(POSITIVE, _DECLARE, QUORUM),),
    "x-delivery-limit": (Rule(INTEGER, _CAPABLE, QUORUM, checked=False),),
    "x-max-age": (Rule(AGE, _DECLARE, STREAM),),
    "x-stream-max-segment-size-bytes": (Rule(SEGMENT, _STREAM, STREAM),),
    "x-stream-filter-size-bytes": (Rule(FILTER, _STREAM, STREAM, since=(4, 3)),),
    "x-initial-cluster-size": (Rule(POSITIVE, _DECLARE, STREAM),),
    "x-queue-leader-locator": (
        Rule(Value(str, words=_LEADERS), _DECLARE, _QS, until=(3, 11)),
        Rule(Value(str, words=(*_LEADERS, "min-masters")), _DECLARE, _ALL, since=(3, 11)),
    ),
    # 3.10 never answers where it is a number with a fraction.
    "x-queue-master-locator": (
        Rule(Value(str, words=("client-local", "min-masters", "random")), _DECLARE, CLASSIC, until=(3, 11)),
        Rule(TEXT, _CAPABLE, CLASSIC, checked=False, since=(3, 11)),
    ),
    "x-consumer-timeout": (Rule(COUNT, _DECLARE, QUORUM, since=(4, 3)),),
    "x-consumer-disconnected-timeout": (Rule(COUNT, _DECLARE, QUORUM, since=(4, 3)),),
    "x-delayed-retry-type": (Rule(RETRY, _CAPABLE, QUORUM, checked=False, since=(4, 3)),),
    "x-delayed-retry-min": (Rule(POSITIVE, _CAPABLE, QUORUM, checked=False, since=(4, 3)),),
    "x-delayed-retry-max": (Rule(POSITIVE, _CAPABLE, QUORUM, checked=False, since=(4, 3)),),
}

EXCHANGE_ARGUMENTS: Table = {
    "alternate-exchange": (Rule(TEXT, "rabbit_exchange, measured: 400"),),
    "hash-header": (Rule(ANYTHING, _HASH),),
    "hash-property": (Rule(ANYTHING, _HASH),),
}

POLICY: Table = {
    "alternate-exchange": (Rule(TEXT, _POLICY),),
    "dead-letter-exchange": (Rule(TEXT, _POLICY),),
    "dead-letter-routing-key": (Rule(TEXT, _POLICY),),
    "dead-letter-strategy": (Rule(STRATEGY, _POLICY),),
    "message-ttl": (Rule(COUNT, _POLICY),),
    "expires": (Rule(POSITIVE, _POLICY),),
    "max-length": (Rule(COUNT, _POLICY),),
    "max-length-bytes": (Rule(COUNT, _POLICY),),
    "max-in-memory-length": (Rule(COUNT, _POLICY),),
    "max-in-memory-bytes": (Rule(COUNT, _POLICY),),
    "queue-mode": (Rule(MODE, _POLICY),),
    "queue-version": (Rule(VERSION, _POLICY),),
    "overflow": (Rule(OVERFLOW, _POLICY),),
    "delivery-limit": (Rule(COUNT, _POLICY, until=(3, 11)), Rule(INTEGER, _POLICY, since=(3, 11))),
    "max-age": (Rule(AGE, _POLICY),),
    "stream-max-segment-size-bytes": (Rule(SEGMENT, _POLICY),),
    "stream-filter-size-bytes": (Rule(FILTER, _POLICY, since=(3, 11)),),
    "queue-leader-locator": (Rule(Value(str, words=_LEADERS), _POLICY),),
    "initial-cluster-size": (Rule(COUNT, _POLICY),),
    "consumer-timeout": (Rule(COUNT, _POLICY, since=(3, 11)),),
    "consumer-disconnected-timeout": (Rule(COUNT, _POLICY, since=(4, 1)),),
    "target-group-size": (Rule(POSITIVE, _QUORUM_POLICY, since=(3, 11)),),
    "delayed-retry-type": (Rule(RETRY, _QUORUM_POLICY, since=(4, 1)),),
    "delayed-retry-min": (Rule(POSITIVE, _QUORUM_POLICY, since=(4, 1)),),
    "delayed-retry-max": (Rule(POSITIVE, _QUORUM_POLICY, since=(4, 1)),),
    "queue-master-locator": (Rule(ANYTHING, _MASTERS),),
    "federation-upstream": (Rule(TEXT, _FEDERATION),),
    "federation-upstream-set": (Rule(TEXT, _FEDERATION),),
    "federation-upstream-pattern": (Rule(TEXT, _FEDERATION),),
    "ha-mode": (Rule(Value(str, words=("all", "exactly", "nodes")), _MIRRORS, until=(4, 0)),),
    "ha-params": (Rule(ANYTHING, _MIRRORS, until=(4, 0)),),
    "ha-sync-mode": (Rule(Value(str, words=("manual", "automatic")), _MIRRORS, until=(4, 0)),),
    "ha-sync-batch-size": (Rule(POSITIVE, _MIRRORS, until=(4, 0)),),
    "ha-promote-on-shutdown": (Rule(Value(str, words=("always", "when-synced")), _MIRRORS, until=(4, 0)),),
    "ha-promote-on-failure": (Rule(Value(str, words=("always", "when-synced")), _MIRRORS, until=(4, 0)),),
}

# The keys that an operator policy may have, and the release from which on it may.
OPERATOR: t.Mapping[str, Release] = {
    **dict.fromkeys(("expires", "message-ttl", "max-length", "max-length-bytes"), ()),
    **dict.fromkeys(("max-in-memory-length", "max-in-memory-bytes", "delivery-limit"), ()),
    **dict.fromkeys(("overflow", "queue-version", "queue-master-locator", "target-group-size"), (3, 11)),
    **dict.fromkeys(("delayed-retry-type", "delayed-retry-min", "delayed-retry-max"), (4, 1)),
}
OPERATOR_POLICY: Table = {
    name: tuple(Rule(rule.value, rule.source, since=max(rule.since, since), until=rule.until) for rule in POLICY[name])
    for name, since in OPERATOR.items()
}

# What a policy may apply to (rabbit_policy:apply_to_validation), and the release from which on it may.
APPLY_TO: t.Mapping[str, Release] = dict.fromkeys(("classic_queues", "quorum_queues", "streams"), (3, 11))
