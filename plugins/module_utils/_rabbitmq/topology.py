# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""rabbitmq_topology from end to end: declare, observe, plan, prove, apply. Private to this collection."""

from __future__ import annotations

import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine import former as _convergence
from ansible_collections.eco2.platform.plugins.module_utils._engine.former import Outcome
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Refused
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq import desired, kinds, manifests, observe, plan, proof
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.client import Client
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.prune import Prune
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.write import BrokerWriter

# Connections side by side. More do not make a broker faster: see docs/measurements.md.
WORKERS = 8

Params = t.Mapping[str, t.Any]


def converge(client: Client, params: Params, check_mode: bool, diff: bool) -> tuple[dict[str, t.Any], Outcome | None]:
    """The module's result, and the outcome of the writes (None where there were none to make).

    Raises Refused before the first write, and the client's errors where the broker cannot be read.
    """
    items = [*desired.items_of_lists(params), *manifests.items(params["manifests"], params["cluster_reference"])]
    declarations = desired.declare(items)
    options = plan.Options(
        prune=Prune(
            kinds=tuple(kinds.BY_OPTION[name] for name in params["prune"]),
            ignore=tuple(params["prune_ignore"]),
            limit=params["prune_limit"],
        ),
        on_immutable_change=params["on_immutable_change"],
        accept_loss_window=params["accept_loss_window"],
    )
    broker = observe.connect(client)
    _observe(client, broker, declarations.values(), options)
    planned = plan.plan(declarations, broker, options)
    lost = proof.problems(client, planned, params["allow_message_loss"], options.accept_loss_window)
    if lost:
        raise Refused(lost)
    if check_mode or not planned.changes:
        return _convergence.predicted(planned, diff), None
    writer = BrokerWriter(client, broker, params["allow_message_loss"], options.accept_loss_window)
    outcome = _convergence.apply(planned, writer, WORKERS)
    return _convergence.achieved(planned, outcome, diff), outcome


def _observe(client: Client, broker: observe.Broker, declarations: t.Iterable[desired.Declared], options: plan.Options) -> None:
    """Read the kinds that are declared or pruned, and those that planning them takes."""
    named = {entry.kind.name: entry.kind for entry in declarations}
    named.update((kind.name, kind) for kind in options.prune.kinds)
    replacing = options.on_immutable_change != "fail" and any(kind.immutable for kind in named.values())
    if replacing or kinds.EXCHANGE in options.prune.kinds:
        named[kinds.BINDING.name] = kinds.BINDING
    if replacing and kinds.EXCHANGE.name in named and broker.administrator:
        named[kinds.TOPIC_PERMISSION.name] = kinds.TOPIC_PERMISSION
    vhosts = {entry.identity["vhost"] for entry in declarations if entry.kind.in_vhost}
    vhosts |= {entry.identity["name"] for entry in declarations if entry.kind is kinds.VHOST}
    observe.read(client, broker, observe.with_related(named.values()), vhosts)
