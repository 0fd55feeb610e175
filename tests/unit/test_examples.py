"""Documentation and argument specification are twins; every example is a task that the module takes."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
import yaml

arg_spec = pytest.importorskip("ansible.module_utils.common.arg_spec", reason="needs ansible-core")

PROJECT = Path(__file__).resolve().parents[2]
PACKAGE = "ansible_collections.eco2.platform.plugins"
MODULES = sorted(path.stem for path in (PROJECT / "plugins" / "modules").glob("*.py") if path.stem != "__init__")
GUIDES = [path for path in [PROJECT / "README.md", *sorted((PROJECT / "docs").rglob("*.md"))] if path.exists()]
KEYWORDS = {
    "name",
    "register",
    "when",
    "loop",
    "loop_control",
    "vars",
    "no_log",
    "delegate_to",
    "become",
    "tags",
    "until",
    "retries",
    "delay",
}
KEYWORDS |= {
    "run_once",
    "check_mode",
    "diff",
    "changed_when",
    "failed_when",
    "environment",
    "ignore_errors",
    "notify",
    "module_defaults",
    "throttle",
}

Spec = t.Dict[str, t.Any]


def module(name: str) -> t.Any:
    return importlib.import_module(f"{PACKAGE}.modules.{name}")


def spec_of(name: str) -> Spec:
    """An action plugin takes its options from its documentation, so that is its specification."""
    if (PROJECT / "plugins" / "action" / f"{name}.py").exists():
        return {
            option: {**entry, "choices": list(entry["choices"])} if "choices" in entry else entry
            for option, entry in documentation(name)["options"].items()
        }
    spec = module(name).argument_spec()
    assert spec
    return t.cast("Spec", spec)


def documentation(name: str) -> dict[str, t.Any]:
    """The module's own, with its fragments merged in as ansible-doc does."""
    own = yaml.safe_load(module(name).DOCUMENTATION)
    for fragment in own["extends_documentation_fragment"]:
        place, dummy, variable = fragment[len("eco2.platform.") :].partition(".")
        source = importlib.import_module(f"{PACKAGE}.doc_fragments.{place}").ModuleDocFragment
        shared = yaml.safe_load(getattr(source, (variable or "documentation").upper()))
        for part in ("options", "attributes"):
            for key, value in shared.get(part, {}).items():
                own.setdefault(part, {})[key] = {**value, **own.get(part, {}).get(key, {})}
    return t.cast("dict[str, t.Any]", own)


def disagreements(documented: Spec, spec: Spec, where: str) -> t.Iterator[str]:
    for name in sorted(documented.keys() ^ spec.keys()):
        yield f"{where}{name}: only in the {'documentation' if name in documented else 'argument specification'}"
    for name in sorted(documented.keys() & spec.keys()):
        ours, theirs = documented[name], spec[name]
        for part, otherwise in (("type", "str"), ("elements", None), ("default", None), ("required", False), ("choices", None)):
            said, done = ours.get(part, otherwise), theirs.get(part, otherwise)
            if part == "choices" and said and done:
                said, done = sorted(said), sorted(done)
            if said != done or type(said) is not type(done):
                yield f"{where}{name}: {part} is documented as {said!r} and is {done!r}"
        if not ours.get("description"):
            yield f"{where}{name}: has no description"
        yield from disagreements(ours.get("suboptions", {}), theirs.get("options", {}), f"{where}{name}.")


@pytest.mark.parametrize("name", MODULES)
def test_documentation_and_argument_specification_agree(name: str) -> None:
    assert list(disagreements(documentation(name)["options"], spec_of(name), "")) == []


@pytest.mark.parametrize("name", MODULES)
def test_what_is_secret_is_never_logged_and_what_looks_so_is_said_not_to_be(name: str) -> None:
    def walk(spec: Spec, where: str) -> t.Iterator[str]:
        for option, entry in spec.items():
            if re.search("passw|secret|token|hash$|_key$", option) and "no_log" not in entry and entry["type"] != "path":
                yield where + option
            yield from walk(entry.get("options", {}), f"{where}{option}.")

    # A routing key and the name of an algorithm open no door.
    harmless = {"bindings.routing_key"}
    assert set(walk(spec_of(name), "")) <= harmless


def test_the_documentation_that_comes_from_the_schema_is_up_to_date() -> None:
    checked = subprocess.run([sys.executable, str(PROJECT / "tools" / "document"), "--check"], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_comparison_sees_every_kind_of_disagreement() -> None:
    good: Spec = {"type": "str", "default": "a", "choices": ["a", "b"], "description": "x"}
    spec = {key: value for key, value in good.items() if key != "description"}
    assert not list(disagreements({"o": good}, {"o": spec}, ""))
    for wrong in (
        {"type": "int"},
        {"default": "b"},
        {"choices": ["a"]},
        {"required": True},
        {"elements": "str"},
        {"options": {"more": spec}},
    ):
        assert list(disagreements({"o": good}, {"o": {**spec, **wrong}}, "")), wrong
    assert list(disagreements({"o": good}, {}, ""))
    assert list(disagreements({}, {"o": spec}, ""))
    assert list(disagreements({"o": {**good, "default": 1}}, {"o": {**spec, "default": True}}, ""))


# Examples

_STAND_INS: dict[str, t.Any] = {
    "str": "text",
    "int": 1,
    "bool": True,
    "float": 1.0,
    "path": "/a/path",
    "raw": "text",
    "dict": {},
    "list": [],
}


def filled(value: t.Any, entry: Spec) -> t.Any:
    """The value with something of the right type in place of each template."""
    if isinstance(value, str) and "{{" in value:
        whole = re.fullmatch(r"\s*\{\{.*\}\}\s*", value, re.DOTALL)
        stand_in = next(iter(entry.get("choices") or [_STAND_INS[entry.get("type", "str")]]))
        return stand_in if whole else re.sub(r"\{\{.*?\}\}", "text", value)
    if isinstance(value, dict) and "options" in entry:
        return {name: filled(inner, entry["options"].get(name, {})) for name, inner in value.items()}
    if isinstance(value, list):
        return [filled(inner, {"type": entry.get("elements", "str"), "options": entry.get("options", {})}) for inner in value]
    return value


def tasks_in(document: t.Any) -> t.Iterator[dict[str, t.Any]]:
    """The tasks of our modules anywhere in it."""
    if isinstance(document, list):
        for entry in document:
            yield from tasks_in(entry)
    elif isinstance(document, dict):
        if any(str(key).startswith("eco2.platform.") for key in document):
            yield document
        for value in document.values():
            yield from tasks_in(value)


def troubles(task: dict[str, t.Any]) -> list[str]:
    """What is wrong with a task of one of our modules."""
    names = [key for key in task if key.startswith("eco2.platform.")]
    unknown = [key for key in task if key not in KEYWORDS and key not in names]
    if len(names) != 1 or unknown:
        return [f"has modules {names} and the unknown keywords {unknown}"]
    name = names[0][len("eco2.platform.") :]
    if name not in MODULES:
        return [f"there is no module {name}"]
    spec = spec_of(name)
    arguments = filled(task[names[0]] or {}, {"options": spec})
    # What the connection needs may come from module_defaults or the environment.
    arguments = {**{option: "text" for option, entry in spec.items() if entry.get("required")}, **arguments}
    return list(arg_spec.ArgumentSpecValidator(spec).validate(arguments).error_messages)


@pytest.mark.parametrize("name", MODULES)
def test_every_example_is_a_task_that_the_module_takes(name: str) -> None:
    tasks = list(tasks_in(yaml.safe_load(module(name).EXAMPLES)))
    assert tasks
    assert any(f"eco2.platform.{name}" in task for task in tasks)
    for task in tasks:
        assert task.get("name"), "an example says what it is for"
        assert troubles(task) == [], task["name"]


@pytest.mark.parametrize("name", MODULES)
def test_a_module_documents_what_it_returns(name: str) -> None:
    returned = yaml.safe_load(module(name).RETURN)
    assert returned
    for option, entry in returned.items():
        assert {"description", "returned", "type"} <= entry.keys(), option


@pytest.mark.parametrize(
    "task",
    [
        {"eco2.platform.rabbitmq_topology": {"queue": []}},
        {"eco2.platform.rabbitmq_topology": {"queues": [{"nam": "a"}]}},
        {"eco2.platform.rabbitmq_topology": {"queues": [{"name": "a", "state": "gone"}]}},
        {"eco2.platform.rabbitmq_topology": {"prune_limit": "many"}},
        {"eco2.platform.rabbitmq_topologies": {}},
        {"eco2.platform.rabbitmq_topology": {}, "registers": "x"},
    ],
)
def test_a_wrong_example_would_be_seen(task: dict[str, t.Any]) -> None:
    assert troubles(task)


@pytest.mark.parametrize("path", sorted((PROJECT / "playbooks" / "plays").glob("*.yml")), ids=lambda path: path.name)
def test_playbooks_use_the_modules_as_they_are(path: Path) -> None:
    for task in tasks_in(yaml.safe_load(path.read_text())):
        assert troubles(task) == [], task


def test_the_rabbitmq_playbook_passes_every_option_on() -> None:
    path = PROJECT / "playbooks" / "plays" / "rabbitmq.yml"
    (task,) = [task for task in tasks_in(yaml.safe_load(path.read_text())) if "eco2.platform.rabbitmq_topology" in task]
    given = task["eco2.platform.rabbitmq_topology"]
    assert set(given) == set(spec_of("rabbitmq_topology"))
    for option, value in given.items():
        assert f"rabbitmq_{option} | default(omit)" in value


@pytest.mark.skipif(not GUIDES, reason="there is neither README.md nor docs yet")
@pytest.mark.parametrize("path", GUIDES, ids=lambda path: str(path.relative_to(PROJECT)))
def test_tasks_in_guides_are_tasks_that_the_modules_take(path: Path) -> None:
    for block in re.findall(r"^ *```ya?ml\n(.*?)^ *```", path.read_text(), re.DOTALL | re.MULTILINE):
        for document in yaml.safe_load_all(re.sub(r"(?m)^\s+$", "", block)):
            for task in tasks_in(document):
                assert troubles(task) == [], task
