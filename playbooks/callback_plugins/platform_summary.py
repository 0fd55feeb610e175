# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prints what a run changed, what failed and what is left, and writes the same as JSON."""

from __future__ import annotations

import json
import os
import time
import typing as t

from ansible import context
from ansible.plugins.callback import CallbackBase

from ansible_collections.eco2.platform.plugins.plugin_utils._run import families
from ansible_collections.eco2.platform.plugins.plugin_utils._run.record import RUN, Play
from ansible_collections.eco2.platform.plugins.plugin_utils._run.summary import summary, table

DOCUMENTATION = r"""
---
name: platform_summary
type: aggregate
short_description: Print a summary at the end of a playbook of this collection
version_added: 1.0.0
author:
  - The eco2.platform authors (@eco2-platform)
description:
  - Prints for each part of the platform and for each host what has changed, what has failed, and what is left to do.
  - Writes the same as JSON to the path in the extra variable C(platform_summary), or else in the environment variable E(ECO2_SUMMARY).
  - Ansible loads it by itself for the playbooks of this collection, since it lies beside them.
"""

RESCUED = "eco2.platform.platform_run"


class CallbackModule(CallbackBase):  # type: ignore[misc]
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "eco2.platform.platform_summary"

    def __init__(self, *args: t.Any, **kwargs: t.Any) -> None:
        super().__init__(*args, **kwargs)
        self.path = os.environ.get("ECO2_SUMMARY", "")
        self.started: dict[tuple[str, str], float] = {}

    def v2_playbook_on_start(self, playbook: t.Any) -> None:
        name = os.path.splitext(os.path.basename(playbook._file_name))[0]
        ours = os.path.dirname(os.path.realpath(playbook._file_name)) == os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
        RUN.__init__()  # type: ignore[misc]
        RUN.playbook = f"eco2.platform.{name}" if ours else name
        RUN.check = bool(context.CLIARGS.get("check"))
        RUN.tags = _tags()

    def v2_playbook_on_play_start(self, play: t.Any) -> None:
        manager = play.get_variable_manager()
        self.path = str(manager.extra_vars.get("platform_summary") or self.path)
        # Another playbook, such as one of the user that imports ours, counts under its own name; the play that ends a run does not count.
        family = families.of_tags(play.tags) or ("" if "always" in play.tags else RUN.playbook.rpartition(".")[2])
        RUN.play_begins(_play(play, family, manager) if family else None, time.time())

    def v2_runner_on_start(self, host: t.Any, task: t.Any) -> None:
        self.started[host.name, task._uuid] = time.time()

    def v2_runner_on_ok(self, result: t.Any) -> None:
        host, task = result._host.name, result._task
        if task.action == RESCUED and result._result.get("rescued"):
            RUN.rescued(host)
        else:
            RUN.task_done(host, result._result, task.get_name(), self._seconds(result))

    def v2_runner_on_skipped(self, result: t.Any) -> None:
        RUN.task_done(result._host.name, {}, "", self._seconds(result))

    def v2_runner_on_failed(self, result: t.Any, ignore_errors: bool = False) -> None:
        if ignore_errors:
            self.v2_runner_on_ok(result)
        else:
            self._failed(result, result._result)

    def v2_runner_on_unreachable(self, result: t.Any) -> None:
        self._failed(result, {**result._result, "unreachable": True})

    def v2_playbook_on_stats(self, stats: t.Any) -> None:
        RUN.play_ends(time.time())
        found = summary(RUN, time.time())
        for line in ["", *table(found)]:
            self._display.display(line)
        if self.path:
            self._write(json.dumps(found, indent=1, default=str, ensure_ascii=False) + "\n")

    def _failed(self, result: t.Any, known: t.Mapping[str, t.Any]) -> None:
        task = result._task
        RUN.task_failed(result._host.name, known, task.get_name(), self._seconds(result), bool(task.run_once))

    def _seconds(self, result: t.Any) -> float:
        now = time.time()
        return now - self.started.pop((result._host.name, result._task._uuid), now)

    def _write(self, text: str) -> None:
        try:
            with open(os.path.expanduser(self.path), "w", encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            self._display.warning(f"the summary cannot be written to {self.path}: {error.strerror}")


def _play(play: t.Any, family: str, manager: t.Any) -> Play:
    hosts, known = _hosts(play, manager._inventory), _hosts(play, manager._inventory, ignore_limits=True)
    limited = [name for name in known if name not in hosts]
    return Play(play.get_name(), family, families.VERIFY in play.tags, hosts, len(known), limited, selected=_selected(play, manager))


def _hosts(play: t.Any, inventory: t.Any, **options: bool) -> list[str]:
    """In a run of several parts, localhost counts only if the inventory names it: Ansible knows it in any inventory."""
    found = inventory.get_hosts(play.hosts, ignore_restrictions=True, **options)
    return [host.name for host in found if not (host.implicit and play.vars.get("platform_optional"))]


def _selected(play: t.Any, manager: t.Any) -> bool:
    """Whether --tags and --skip-tags leave a task of the play, or it has roles alone."""
    blocks, variables = [*play.pre_tasks, *play.tasks, *play.post_tasks], manager.get_vars(play=play)
    return not blocks or any(block.filter_tagged_tasks(variables).has_tasks() for block in blocks)


def _tags() -> str:
    """The options that select tags, as they were given."""
    only, without = (sorted(context.CLIARGS.get(name) or ()) for name in ("tags", "skip_tags"))
    given = [f"--tags {','.join(only)}"] if only and only != ["all"] else []
    return " ".join([*given, *([f"--skip-tags {','.join(without)}"] if without else [])])
