# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The profile of a node: its labels, taints and kubelet flags, in all accepted forms. Private to this collection.

Written as the kubelet's flags (`--node-labels=role=api --register-with-taints=role=api:NoSchedule --max-pods=50`), as a
dictionary ({labels, taints, kubelet_extra_args}) or as that dictionary in JSON, as a Terraform-made inventory has them.
"""

from __future__ import annotations

import json
import typing as t
from dataclasses import dataclass, field, replace

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem, Refused
from ansible_collections.eco2.platform.plugins.module_utils._kube import labels, taints
from ansible_collections.eco2.platform.plugins.module_utils._kube.profile import kubelet_flags
from ansible_collections.eco2.platform.plugins.module_utils._kube.profile.kubelet_flags import (
    KUBELET_EXTRA_ARGS,
    NODE_LABELS,
    REGISTER_WITH_TAINTS,
)
from ansible_collections.eco2.platform.plugins.module_utils._kube.scalars import described, shortened, with_certain_text
from ansible_collections.eco2.platform.plugins.module_utils._kube.taints import Taint

_ReadText = t.Callable[[str], None]
_ReadPair = t.Callable[[t.Any, t.Any], None]

_KEYS = {
    "labels": "labels",
    "node_labels": "labels",
    "taints": "taints",
    "node_taints": "taints",
    "kubelet_extra_args": "flags",
}
CLOUD_LABELS = {"zone": labels.ZONE, "region": labels.REGION, "instance_type": labels.INSTANCE_TYPE}
_CLOUD_FLAGS = {"provider_id": "provider-id", "cloud_provider": "cloud-provider"}


@dataclass(frozen=True)
class Profile:
    """What a node must be. `flags`: the other flags of the kubelet, by name without dashes."""

    labels: dict[str, str] = field(default_factory=dict)
    taints: tuple[Taint, ...] = ()
    flags: dict[str, str] = field(default_factory=dict)

    def why_by_api(self) -> dict[str, str]:
        """For each label that only the API can set, the reason."""
        reasons = {key: labels.refused_by_kubelet(key) for key in self.labels}
        reasons.update({key: "kubeadm sets it on control planes, through the API" for key in self.labels if key in labels.KUBEADM_KEYS})
        return {key: reason for key, reason in reasons.items() if reason}

    def as_dict(self) -> dict[str, t.Any]:
        """Split by how each part comes to the node.

        labels: all of them; registration_labels: those that a kubelet may set itself; api_labels: the others, with the reasons in why;
        taints: those to keep; startup_taints: set at registration only, since an agent removes them;
        kubelet_extra_args: the other flags, in the form of kubeadm's v1beta4.
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

    cloud: any of provider_id, cloud_provider, zone, region, instance_type; what is empty or null is ignored.
    Raises Refused with every problem.
    """
    draft = _Draft()
    draft.read(value)
    draft.read_cloud(cloud)
    if draft.problems:
        raise Refused(draft.problems)
    return Profile(draft.labels, tuple(draft.taints.values()), draft.flags)


def filled(cloud: t.Mapping[str, t.Any] | None) -> dict[str, t.Any]:
    """What is known of a machine's cloud: neither null nor empty."""
    return {name: value for name, value in (cloud or {}).items() if value not in (None, "")}


def torn_off(variables: t.Iterable[t.Any]) -> str | None:
    """The problem of variables in the inventory whose names begin with two dashes; None where there are none."""
    found = ", ".join(sorted(name for name in map(str, variables) if name.startswith("--")))
    return (
        f"the inventory has a variable named {found}: it was torn off a profile without quotes;"
        " on the line of a host in an INI inventory put the whole profile in quotes"
        if found
        else None
    )


class _Draft:
    """A profile while it is read. A problem is kept, and reading goes on."""

    def __init__(self) -> None:
        self.labels: dict[str, str] = {}
        self.taints: dict[str, Taint] = {}
        self.flags: dict[str, str] = {}
        self.problems: list[Problem] = []
        self._taint_flags = 0

    def read(self, value: t.Any) -> None:
        if isinstance(value, str):
            self._read_text(value.strip())
        elif isinstance(value, dict):
            self._read_dict(value)
        elif value is not None:
            self._refuse("profile.form", f"the profile is {described(value)}: {_FORMS}")

    def _read_text(self, text: str) -> None:
        if text.startswith("{"):
            try:
                value = json.loads(text, object_pairs_hook=_without_duplicates)
            except ValueError as error:
                self._refuse("profile.json", f"the profile {shortened(text)} is not JSON ({error}): {_JSON_HINT}")
            else:
                self._read_dict({key: with_certain_text(part) for key, part in value.items()})
        elif text and not kubelet_flags.is_command_line(text):
            self._refuse("profile.form", f"the profile is the text {shortened(text)}: {_FORMS}")
        else:
            self._read_command_line(text)

    def _read_dict(self, value: t.Mapping[t.Any, t.Any]) -> None:
        read = {"labels": self._read_labels, "taints": self._read_taints, "flags": self._read_flags}
        for key, part in value.items():
            if key in _KEYS:
                read[_KEYS[key]](part)
            else:
                known = ", ".join(key for key in _KEYS if not key.startswith("node_"))
                message = f"the profile has no key {shortened(key)}: its keys are {known}; put other flags under kubelet_extra_args"
                self._refuse("profile.unknown_key", message)

    def _read_pairs(self, what: str, part: t.Any, form: str, *, text: _ReadText, entry: _ReadText, pair: _ReadPair) -> None:
        """Names with values, as text, as a dictionary, or as a list of both. `form`: what an entry of the list looks like as text.

        `text`, `entry` and `pair` read the text, one entry of the list, and a name with its value.
        """
        if isinstance(part, str):
            text(part)
        elif isinstance(part, dict):
            for name, value in part.items():
                pair(name, value)
        elif isinstance(part, (list, tuple)):
            for one in part:
                keys = set(one) if isinstance(one, dict) else set()
                if isinstance(one, str):
                    entry(one)
                elif keys in ({"key", "value"}, {"name", "value"}):
                    pair(one.get("key", one.get("name")), one["value"])
                else:
                    self._refuse(f"{what}.form", f"{what} {shortened(one)} in a list: write {form}, or a dictionary with name and value")
        elif part is not None:
            self._refuse(f"{what}s.form", f"{what}s are {described(part)}: write a dictionary, or a list of {form}")

    # Labels

    def _read_labels(self, part: t.Any) -> None:
        self._read_pairs("label", part, "key=value", text=self._read_label_texts, entry=self._read_label_text, pair=self._add_label)

    def _read_label_texts(self, text: str) -> None:
        for part in text.split(","):
            if part.strip():
                self._read_label_text(part)

    def _read_label_text(self, text: str) -> None:
        """As the kubelet reads one: spaces around it are ignored, and without '=' the value is empty."""
        key, dummy, value = text.partition("=")
        self._add_label(key.strip(), value.strip())

    def _add_label(self, key: t.Any, value: t.Any) -> None:
        try:
            text = labels.read(key, value)
        except ValueError as error:
            self._refuse("label.invalid", str(error))
            return
        other = self.labels.setdefault(key, text)
        if other != text:
            self._refuse("label.twice", f"label {shortened(key)} is given as {shortened(other)} and as {shortened(text)}: keep one")

    # Taints

    def _read_taints(self, part: t.Any) -> None:
        if isinstance(part, str):
            entries: t.Iterable[t.Any] = part.split(",") if part.strip() else ()
        elif part is None or isinstance(part, (list, tuple)):
            entries = part or ()
        elif isinstance(part, dict) and all(isinstance(entry, dict) for entry in part.values()):
            entries = part.values()
        else:
            forms = "write a list of key=value:Effect, or of dictionaries with key, value and effect"
            self._refuse("taints.form", f"taints are {described(part)}: {forms}")
            return
        for entry in entries:
            self._add_taint(entry)

    def _add_taint(self, entry: t.Any) -> None:
        try:
            taint = taints.declared(entry)
        except ValueError as error:
            self._refuse("taint.invalid", str(error))
            return
        other = self.taints.setdefault(taint.identity, taint)
        if other is not taint:
            given = "is given twice" if other == taint else f"has the key and effect of taint {other}"
            self._refuse("taint.twice", f"taint {taint} {given}, and a node has one of each: keep one")

    # Flags

    def _read_flags(self, part: t.Any) -> None:
        self._read_pairs("flag", part, "--name=value", text=self._read_command_line, entry=self._read_command_line, pair=self._read_flag)

    def _read_command_line(self, text: str) -> None:
        try:
            for name, value in kubelet_flags.pairs(text):
                self._add_flag(name, value)
        except ValueError as error:
            self._refuse("flag.invalid", str(error))

    def _read_flag(self, given: t.Any, value: t.Any) -> None:
        try:
            self._add_flag(kubelet_flags.name_of(given), value)
        except ValueError as error:
            self._refuse("flag.invalid", str(error))

    def _add_flag(self, name: str, value: t.Any) -> None:
        if name == KUBELET_EXTRA_ARGS:
            self._read_flags(value)
        elif name == NODE_LABELS:
            self._read_labels(value)
        elif name == REGISTER_WITH_TAINTS:
            self._taint_flags += 1
            if self._taint_flags == 2:
                self._refuse("flag.twice", f"flag --{name} is given twice, and a kubelet uses only the last: join them into one")
            self._read_taints(value)
        else:
            self._add_other_flag(name, value)

    def _add_other_flag(self, name: str, value: t.Any) -> None:
        try:
            text = kubelet_flags.value_of(name, value)
        except ValueError as error:
            self._refuse("flag.invalid", str(error))
            return
        if name in self.flags:
            self._refuse("flag.twice", f"flag --{name} is given as {shortened(self.flags[name])} and as {shortened(text)}: keep one")
        else:
            self.flags[name] = text

    # The cloud

    def read_cloud(self, cloud: t.Mapping[str, t.Any] | None) -> None:
        for name, value in filled(cloud).items():
            known = len(self.problems)
            self._read_cloud_fact(name, value)
            # By the name of the inventory's variable.
            self.problems[known:] = [replace(problem, field=f"kube_{name}") for problem in self.problems[known:]]

    def _read_cloud_fact(self, name: str, value: t.Any) -> None:
        flag = _CLOUD_FLAGS.get(name, "")
        if name in CLOUD_LABELS:
            self._add_label(CLOUD_LABELS[name], value)
        elif not flag:
            known = ", ".join((*_CLOUD_FLAGS, *CLOUD_LABELS))
            self._refuse("cloud.unknown_key", f"the cloud's facts have no key {shortened(name)}: their keys are {known}")
        elif self.flags.get(flag) != value:
            self._add_other_flag(flag, value)

    def _refuse(self, code: str, message: str) -> None:
        # One line, whatever the message quotes.
        line = "".join(mark if mark.isprintable() else repr(mark)[1:-1] for mark in message)
        self.problems.append(Problem(code, line))


def _without_duplicates(members: list[tuple[str, t.Any]]) -> dict[str, t.Any]:
    found: dict[str, t.Any] = {}
    for name, value in members:
        if name in found:
            raise ValueError(f"it has {shortened(name)} twice")
        found[name] = value
    return found


_FORMS = (
    "write flags (--node-labels=role=api --register-with-taints=role=api:NoSchedule),"
    " or a dictionary with labels, taints and kubelet_extra_args, or that as JSON"
)
_JSON_HINT = "on a host's line of an INI inventory put the whole value in single quotes"
