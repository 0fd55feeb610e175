# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The profile of a node: its labels, taints and kubelet flags, however they are written. Private to this collection.

Written as the kubelet's flags (`--node-labels=role=api --register-with-taints=role=api:NoSchedule --max-pods=50`), as a
dictionary ({labels, taints, kubelet_extra_args}) or as that dictionary in JSON, as a Terraform-made inventory has them.
"""

from __future__ import annotations

import json
import typing as t
from dataclasses import dataclass, field

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Refused
from ansible_collections.eco2.platform.plugins.module_utils._kube import labels, taints
from ansible_collections.eco2.platform.plugins.module_utils._kube.profile import kubelet_flags
from ansible_collections.eco2.platform.plugins.module_utils._kube.profile.kubelet_flags import NODE_LABELS, REGISTER_WITH_TAINTS
from ansible_collections.eco2.platform.plugins.module_utils._kube.scalars import as_text, described, shortened
from ansible_collections.eco2.platform.plugins.module_utils._kube.taints import Taint

_KEYS = {
    "labels": "labels",
    "node_labels": "labels",
    "taints": "taints",
    "node_taints": "taints",
    "kubelet_extra_args": "flags",
}
_CLOUD_LABELS = {"zone": labels.ZONE, "region": labels.REGION, "instance_type": labels.INSTANCE_TYPE}
_CLOUD_FLAGS = {"provider_id": "provider-id", "cloud_provider": "cloud-provider"}


@dataclass(frozen=True)
class Profile:
    """What a node shall be. `flags` are the kubelet's others, by name without dashes."""

    labels: dict[str, str] = field(default_factory=dict)
    taints: tuple[Taint, ...] = ()
    flags: dict[str, str] = field(default_factory=dict)

    def why_by_api(self) -> dict[str, str]:
        """For each label that only the API can set: the reason."""
        reasons = {key: labels.refused_by_kubelet(key) for key in self.labels}
        reasons.update({key: "kubeadm sets it on control planes, through the API" for key in self.labels if key in labels.KUBEADM_KEYS})
        return {key: reason for key, reason in reasons.items() if reason}

    def as_dict(self) -> dict[str, t.Any]:
        """Split by how each part comes to the node.

        labels: all of them; registration_labels: those a kubelet may give itself; api_labels: the others, and why;
        taints: to be kept; startup_taints: given at registration and never again, since an agent takes them away;
        kubelet_extra_args: the other flags, as kubeadm's v1beta4 lists them.
        """
        why = self.why_by_api()
        return {
            "labels": dict(self.labels),
            "registration_labels": {key: value for key, value in self.labels.items() if key not in why},
            "api_labels": {key: value for key, value in self.labels.items() if key in why},
            "taints": [taint.as_dict() for taint in self.taints if taint.key not in taints.STARTUP_KEYS],
            "startup_taints": [taint.as_dict() for taint in self.taints if taint.key in taints.STARTUP_KEYS],
            "kubelet_extra_args": [{"name": name, "value": value} for name, value in self.flags.items()],
            "why": why,
        }


def parse(value: t.Any, cloud: t.Mapping[str, t.Any] | None = None) -> Profile:
    """A profile of any of the forms, with what the cloud says about the machine.

    cloud: any of provider_id, cloud_provider, zone, region, instance_type; what is empty or null does not count.
    Raises Refused with every problem, one line each.
    """
    draft = _Draft()
    draft.read(value)
    draft.read_cloud(cloud or {})
    if draft.problems:
        raise Refused(draft.problems)
    return Profile(draft.labels, tuple(draft.taints.values()), draft.flags)


def torn_off(names: t.Iterable[str]) -> str | None:
    """What the names of an inventory's variables that begin with two dashes mean; None where there are none."""
    found = ", ".join(sorted(names))
    return (
        f"the inventory has a variable named {found}: it was torn off a profile without quotes;"
        " on a host's line of an INI inventory put the whole profile in quotes"
        if found
        else None
    )


class _Draft:
    """A profile while it is read. What is wrong is noted, and reading goes on."""

    def __init__(self) -> None:
        self.labels: dict[str, str] = {}
        self.taints: dict[tuple[str, str], Taint] = {}
        self.flags: dict[str, str] = {}
        self.problems: list[str] = []
        self._taint_flags = 0

    def read(self, value: t.Any) -> None:
        if isinstance(value, str):
            self._read_text(value.strip())
        elif isinstance(value, dict):
            self._read_dict(value)
        elif value is not None:
            self._refuse(f"the profile is {described(value)}: {_FORMS}")

    def _read_text(self, text: str) -> None:
        if text.startswith("{"):
            try:
                value = json.loads(text, object_pairs_hook=_without_duplicates)
            except ValueError as error:
                self._refuse(f"the profile {shortened(text)} is no JSON ({error}): {_JSON_HINT}")
            else:
                self._read_dict(value)
        elif text and not text.startswith("-"):
            self._refuse(f"the profile is the text {shortened(text)}: {_FORMS}")
        else:
            self._read_command_line(text)

    def _read_dict(self, value: t.Mapping[t.Any, t.Any]) -> None:
        read = {"labels": self._read_labels, "taints": self._read_taints, "flags": self._read_flags}
        for key, part in value.items():
            if key in _KEYS:
                read[_KEYS[key]](part)
            else:
                known = ", ".join(key for key in _KEYS if not key.startswith("node_"))
                self._refuse(f"the profile has {shortened(key)}: it has {known}, and other flags go under kubelet_extra_args")

    # Labels

    def _read_labels(self, part: t.Any) -> None:
        if isinstance(part, str):
            for text in part.split(","):
                if text.strip():
                    self._read_label_text(text)
        elif isinstance(part, dict):
            for key, value in part.items():
                self._add_label(key, value)
        elif isinstance(part, (list, tuple)):
            for entry in part:
                self._read_label(entry)
        elif part is not None:
            self._refuse(f"labels are {described(part)}: write a dictionary, or a list of key=value")

    def _read_label(self, entry: t.Any) -> None:
        if isinstance(entry, str):
            self._read_label_text(entry)
        elif isinstance(entry, dict) and set(entry) in ({"key", "value"}, {"name", "value"}):
            self._add_label(entry.get("key", entry.get("name")), entry["value"])
        else:
            self._refuse(f"label {shortened(entry)} in a list: write key=value, or a dictionary with key and value")

    def _read_label_text(self, text: str) -> None:
        """As the kubelet reads one: spaces around don't count, and without '=' the value is empty."""
        key, dummy, value = text.partition("=")
        self._add_label(key.strip(), value.strip())

    def _add_label(self, key: t.Any, value: t.Any) -> None:
        if not isinstance(key, str):
            self._refuse(f"a label's key is {described(key)}: write it in quotes")
            return
        try:
            text = as_text(value)
        except ValueError as error:
            self._refuse(f"label {shortened(key)} {error}")
            return
        problem = labels.problem(key, text)
        if problem:
            self._refuse(f"label {shortened(key)} {problem}")
        elif self.labels.setdefault(str(key), text) != text:
            self._refuse(f"label {shortened(key)} is given as {shortened(self.labels[key])} and as {shortened(text)}: keep one")

    # Taints

    def _read_taints(self, part: t.Any) -> None:
        if isinstance(part, str):
            entries: t.Iterable[t.Any] = part.split(",") if part.strip() else ()
        elif isinstance(part, (list, tuple)):
            entries = part
        elif isinstance(part, dict) and all(isinstance(entry, dict) for entry in part.values()):
            entries = part.values()
        elif part is None:
            entries = ()
        else:
            self._refuse(f"taints are {described(part)}: write a list of key=value:Effect, or of dictionaries with key, value and effect")
            return
        for entry in entries:
            self._add_taint(entry)

    def _add_taint(self, entry: t.Any) -> None:
        try:
            taint = taints.parse_any(entry)
        except ValueError as error:
            self._refuse(str(error))
            return
        other = self.taints.setdefault(taint.identity, taint)
        if taint.key in taints.CONTROLLERS_KEYS:
            self._refuse(f"taint {taint} is set and removed by Kubernetes itself, as the node's condition changes: leave it out")
        elif other is not taint:
            given = "is given twice" if other == taint else f"has the key and effect of taint {other}"
            self._refuse(f"taint {taint} {given}, and a node has one of each: keep one")

    # Flags

    def _read_flags(self, part: t.Any) -> None:
        if isinstance(part, str):
            self._read_command_line(part)
        elif isinstance(part, dict):
            for name, value in part.items():
                self._read_flag(name, value)
        elif isinstance(part, (list, tuple)):
            for entry in part:
                self._read_listed_flag(entry)
        elif part is not None:
            self._refuse(f"kubelet_extra_args is {described(part)}: write a dictionary, a list of name and value, or --name=value")

    def _read_listed_flag(self, entry: t.Any) -> None:
        if isinstance(entry, str):
            self._read_command_line(entry)
        elif isinstance(entry, dict) and set(entry) == {"name", "value"}:
            self._read_flag(entry["name"], entry["value"])
        else:
            self._refuse(f"flag {shortened(entry)} in a list: write --name=value, or a dictionary with name and value")

    def _read_command_line(self, text: str) -> None:
        try:
            for name, value in kubelet_flags.pairs(text):
                self._add_flag(name, value)
        except ValueError as error:
            self._refuse(str(error))

    def _read_flag(self, given: t.Any, value: t.Any) -> None:
        if not isinstance(given, str):
            self._refuse(f"a flag's name is {described(given)}: write it in quotes")
            return
        try:
            self._add_flag(kubelet_flags.name_of(given), value)
        except ValueError as error:
            self._refuse(str(error))

    def _add_flag(self, name: str, value: t.Any) -> None:
        if name == NODE_LABELS:
            self._read_labels(value)
        elif name == REGISTER_WITH_TAINTS:
            self._taint_flags += 1
            if self._taint_flags == 2:
                self._refuse(f"flag --{name} is given twice, and a kubelet heeds only the last: join them into one")
            self._read_taints(value)
        else:
            self._add_other_flag(name, value)

    def _add_other_flag(self, name: str, value: t.Any) -> None:
        try:
            text = as_text(value)
        except ValueError as error:
            self._refuse(f"flag --{name} {error}")
            return
        problem = kubelet_flags.problem(name, text)
        if problem:
            self._refuse(problem)
        elif name in self.flags:
            self._refuse(f"flag --{name} is given as {shortened(self.flags[name])} and as {shortened(text)}: keep one")
        else:
            self.flags[name] = text

    # The cloud

    def read_cloud(self, cloud: t.Mapping[str, t.Any]) -> None:
        for name, value in cloud.items():
            if value is None or value == "":
                continue
            if name in _CLOUD_LABELS:
                self._add_label(_CLOUD_LABELS[name], value)
            elif name in _CLOUD_FLAGS:
                self._add_cloud_flag(_CLOUD_FLAGS[name], value)
            else:
                known = ", ".join((*_CLOUD_FLAGS, *_CLOUD_LABELS))
                self._refuse(f"the cloud's facts have {shortened(name)}: they are {known}")

    def _add_cloud_flag(self, name: str, value: t.Any) -> None:
        if self.flags.get(name) != value:
            self._add_other_flag(name, value)

    def _refuse(self, problem: str) -> None:
        # One line, whatever was in what it quotes.
        self.problems.append("".join(mark if mark.isprintable() else repr(mark)[1:-1] for mark in problem))


def _without_duplicates(members: list[tuple[str, t.Any]]) -> dict[str, t.Any]:
    found: dict[str, t.Any] = {}
    for name, value in members:
        if name in found:
            raise ValueError(f"{shortened(name)} is there twice")
        found[name] = value
    return found


_FORMS = (
    "write flags (--node-labels=role=api --register-with-taints=role=api:NoSchedule),"
    " or a dictionary with labels, taints and kubelet_extra_args, or that as JSON"
)
_JSON_HINT = "on a host's line of an INI inventory put the whole value in single quotes"
