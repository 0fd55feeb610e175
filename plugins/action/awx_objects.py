# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings AWX to the objects that are declared, by the modules of awx.awx."""

from __future__ import annotations

import ast
import os
import typing as t
from pathlib import Path

import yaml
from ansible.errors import AnsibleError
from ansible.module_utils.common.parameters import remove_values
from ansible.plugins.loader import lookup_loader

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem, Refused, counted, first, summary
from ansible_collections.eco2.platform.plugins.plugin_utils._awx import checks, kinds
from ansible_collections.eco2.platform.plugins.plugin_utils._awx.kinds import Arguments, Item, Key
from ansible_collections.eco2.platform.plugins.plugin_utils.controller import Action, Result

_NO_COLLECTION = Problem(
    "awx.collection",
    "the collection awx.awx is not installed",
    remedy="install its version 24.6.1: ansible-galaxy collection install awx.awx:==24.6.1",
)
_NO_HOST = Problem(
    "awx.host",
    "no address of AWX is set",
    remedy="set CONTROLLER_HOST and CONTROLLER_OAUTH_TOKEN (or CONTROLLER_USERNAME and CONTROLLER_PASSWORD) in the environment",
)


class ActionModule(Action):
    def work(self, options: t.Mapping[str, t.Any]) -> Result:
        self.options = options
        self.there: dict[tuple[Key, str], bool] = {}
        declared = kinds.items(checks.shaped(self._read()))
        hidden = checks.hidden(declared)
        try:
            return dict(remove_values(self._converge(declared), hidden))
        except Refused as refusal:
            raise Refused([Problem(**remove_values(problem, hidden)) for problem in refusal.shown()]) from None

    def _converge(self, declared: t.Sequence[Item]) -> Result:
        specs = {module: self._spec(module) for module in {item.kind.module for item in declared}}
        project = self.options["project_directory"]
        playbooks = checks.playbooks_of(Path(project)) if project else None
        found = [*checks.problems(declared, specs, playbooks), *checks.unknown_credentials(declared, self.options["update_credentials"])]
        order = kinds.ordered(declared)
        if found or not os.environ.get("CONTROLLER_HOST"):
            raise Refused(found or [_NO_HOST])
        found = [*self._unknown(declared), *self._without_secret(declared)]
        if found:
            raise Refused(found)
        self.playbooks = kinds.projects(declared)
        return self._apply(order)

    # Before the first change

    def _read(self) -> dict[str, t.Any]:
        """The variables of KINDS that the files declare. Other variables, of the files and of the play, may stand in them."""
        arguments = {
            "dir": str(Path(self.options["directory"]).absolute()),
            "extensions": ["yml", "yaml"],
            "ignore_unknown_extensions": True,
        }
        read = self.on_controller("ansible.builtin.include_vars", arguments)
        if read.get("failed"):
            raise Refused([Problem("awx.files", _one_line(read.get("message") or read.get("msg")), self.options["directory"])])
        known = read["ansible_facts"]
        names = [kind.variable for kind in kinds.KINDS if kind.variable in known]
        templar = self._templar.copy_with_new_env(available_variables={**self.variables, **known})
        return {name: _templated(templar, name, known[name]) for name in names}

    def _spec(self, module: str) -> dict[str, t.Any]:
        """The options of a module of awx.awx, from its documentation."""
        context = self._shared_loader_obj.module_loader.find_plugin_with_context(f"awx.awx.{module}")
        if not context.resolved:
            raise Refused([_NO_COLLECTION])
        tree = ast.parse(Path(context.plugin_resolved_path).read_text(encoding="utf-8"))
        assigned = [node for node in tree.body if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "DOCUMENTATION"]
        options = yaml.safe_load(ast.literal_eval(assigned[0].value))["options"]
        kept = ("type", "elements", "required", "choices", "aliases")
        return {name: {key: entry[key] for key in kept if key in entry} for name, entry in options.items()}

    def _unknown(self, declared: t.Sequence[Item]) -> t.Iterator[Problem]:
        """Names of objects that are neither declared nor in AWX."""
        known = {item.key for item in declared}
        self._is_there(("organizations", ""))
        for item in declared:
            for option, name, keys in item.named():
                organization = item.organization_of(option)
                if known.isdisjoint(keys) and not any(self._is_there(key, organization) for key in keys):
                    what = " or ".join(key[0].replace("_", " ") for key in keys) + (
                        f" of organization {organization}" if organization else ""
                    )
                    yield Problem(
                        "awx.unknown", f"AWX has no {name} among its {what}", str(item), option, "declare it, or correct the name"
                    )

    def _without_secret(self, declared: t.Sequence[Item]) -> t.Iterator[Problem]:
        """A secret that AWX has and nobody gives now stays as it is."""
        self.kept: set[Key] = set()
        for item, problem in checks.without_secret(declared):
            if item.name in self.options["update_credentials"] or not self._is_there(
                item.key, str(item.arguments.get("organization") or "")
            ):
                yield problem
            self.kept.add(item.key)

    def _is_there(self, key: Key, organization: str = "") -> bool:
        """Also the first request: an AWX that cannot be used is refused here, in one line."""
        try:
            if (key, organization) not in self.there:
                self.there[key, organization] = bool(_asked(key[0], self.variables, _query(key[1], organization)))
            return self.there[key, organization]
        except AnsibleError as error:
            remedy = "check CONTROLLER_HOST and the credentials in the environment"
            raise Refused([Problem("awx.connection", _one_line(error.message), os.environ["CONTROLLER_HOST"], remedy=remedy)]) from None

    # The changes

    def _apply(self, order: t.Sequence[Item]) -> Result:
        """An object that fails stops what names it, and nothing else."""
        self.pending: set[Key] = set()  # what this run would create
        self.fetched: set[str] = set()  # projects
        lost: set[Key] = set()
        unchanged = 0
        changes: list[Arguments] = []
        failures: list[Arguments] = []
        skipped: list[Arguments] = []
        warnings: list[str] = []
        for item in order:
            if lost & set(kinds.needs(item)):
                lost.add(item.key)
                skipped.append({"kind": item.kind.title, "object": item.name})
                continue
            result = self._bring(item)
            warnings += result.get("warnings") or []
            if result.get("failed"):
                lost.add(item.key)
                failures.append({"kind": item.kind.title, "object": item.name, "message": _reason_of(item, result)})
            elif result.get("changed"):
                changes.append({"kind": item.kind.title, "object": item.name, "action": self._named(item, result)})
            else:
                unchanged += item.kind is not kinds.FETCH
        return _report(unchanged, changes, failures, skipped, warnings)

    def _bring(self, item: Item) -> Result:
        if item.kind is kinds.FETCH:
            return self._fetched_again(item)
        arguments = dict(item.arguments)
        if item.kind.module == "credential":
            arguments["update_secrets"] = (
                bool({item.name, checks.ALL} & set(self.options["update_credentials"])) and item.key not in self.kept
            )
            if item.key in self.kept:
                arguments["inputs"] = None
        pending = [(option, name) for option, name, keys in item.named() if self.pending & set(keys)]
        if self.pending & set(item.after) or any(option in item.kind.parents for option, dummy in pending):
            return {"changed": True, **({"id": 0} if item.links else {})}
        for option, name in pending:
            arguments[option] = [other for other in arguments[option] if other != name] if isinstance(arguments[option], list) else None
        result = self.on_controller(f"awx.awx.{item.kind.module}", arguments)
        if pending and not result.get("failed"):
            result["changed"] = True
        if item.kind.module == "project" and result.get("changed") and not result.get("failed"):
            return {**result, **self._fetched(item)}
        return result

    def _fetched_again(self, item: Item) -> Result:
        """A project that is as declared, but whose last fetch failed, or which has got playbooks since."""
        if item.name in self.fetched or self.pending & set(kinds.needs(item)):
            return {}
        try:
            known = self._offered(item)
        except AnsibleError as error:
            return {"failed": True, "msg": error.message}
        return {} if known is None or self.playbooks[item.name] <= known else {"changed": True, **self._fetched(item)}

    def _offered(self, item: Item) -> set[str] | None:
        """The playbooks that AWX offers of a project; None where it takes any."""
        found = _asked("projects", self.variables, _query(item.name, item.organization_of("name")))
        if not found or found[0].get("allow_override"):
            return None
        (known,) = _asked(f"projects/{found[0]['id']}/playbooks", self.variables, {})
        return set(known)

    def _fetched(self, item: Item) -> Result:
        """Before AWX has fetched a project, it refuses job templates with its playbooks."""
        self.fetched.add(item.name)
        if self.options["predicted"]:
            return {}
        names = {option: item.arguments[option] for option in ("name", "organization") if item.arguments.get(option)}
        result = self.on_controller(
            "awx.awx.project_update", {**names, "wait": True, "timeout": self.options["project_timeout"], "interval": 1}
        )
        return {"failed": True, "msg": f"AWX could not fetch it: {_reason(result)}"} if result.get("failed") else {}

    def _named(self, item: Item, result: Result) -> str:
        """The modules tell a new object by `name` after a change, and by no `id` when they predict one."""
        if item.absent or item.kind is kinds.FETCH:
            return "delete" if item.absent else "fetch"
        predicted = self.options["predicted"]
        new = item.kind.module == "role" or ("id" not in result if predicted else "name" in result and not item.links)
        if new and predicted:
            self.pending.add(item.key)
        return "create" if new else "update"


def _templated(templar: t.Any, name: str, value: t.Any) -> t.Any:
    try:
        return templar.template(value)
    except AnsibleError as error:
        raise Refused([Problem("awx.variable", _one_line(error.message), name, remedy="declare it in a file of the directory")]) from None


def _query(name: str, organization: str) -> dict[str, str]:
    return {key: value for key, value in {"name": name, "organization__name": organization}.items() if value}


def _asked(endpoint: str, variables: t.Mapping[str, t.Any], query: t.Mapping[str, str]) -> list[t.Any]:
    """What AWX has at an endpoint. Raises AnsibleError."""
    return list(lookup_loader.get("awx.awx.controller_api").run([endpoint], variables, query_params=dict(query)))


def _one_line(text: t.Any) -> str:
    return " ".join(str(text).split())


def _reason(result: Result) -> str:
    response = result.get("response")
    answer = response.get("json") if isinstance(response, dict) else None
    return _one_line(f"{result.get('msg')}{f': {answer}' if answer else ''}")


def _reason_of(item: Item, result: Result) -> str:
    """AWX repeats values of inputs, or the first characters of one: no list of secrets finds these."""
    reason = _reason(result)
    if item.kind.module != "credential" or "inputs" not in reason:
        return reason
    named = ", ".join(sorted(name for name in checks.given_inputs(item) if name in reason))
    return f"AWX refuses its inputs{f' ({named})' if named else ''}; its answer is not shown, because it can hold secrets"


def _report(unchanged: int, changes: list[Arguments], failures: list[Arguments], skipped: list[Arguments], warnings: list[str]) -> Result:
    result: Result = {"changed": bool(changes), "changes": changes, "unchanged": unchanged}
    if warnings:
        result["warnings"] = list(dict.fromkeys(warnings))
    if failures:
        lines = [f"{entry['kind']} {entry['object']}: {entry['message']}" for entry in failures]
        left = f"; not attempted: {first([entry['object'] for entry in skipped])}" if skipped else ""
        done = f" ({counted(len(changes), 'change')} made, {len(failures)} failed, {len(skipped)} not attempted{left})"
        result.update(failed=True, msg=summary(lines) + done, failures=failures, not_attempted=skipped)
    return result
