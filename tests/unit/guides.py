"""The blocks and commands of README and guides, and whether the programs and modules that they are for take them."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import subprocess
import typing as t
from dataclasses import dataclass
from pathlib import Path

import yaml
from test_examples import KEYWORDS, filled, spec_of, troubles

PROJECT = Path(__file__).resolve().parents[2]
# What is for people who work on the project has commands of its own.
GUIDES = [
    PROJECT / "README.md",
    PROJECT / "inventory" / "terraform" / "README.md",
    *(path for path in sorted((PROJECT / "docs").glob("*.md")) if path.stem not in ("architecture", "measurements", "tests-by-the-clock")),
]
# Variables of a play's connection, which are Ansible's own.
ANSIBLE = re.compile("ansible_(host|user|connection|python_interpreter|port|become|ssh_private_key_file)$")


@dataclass(frozen=True)
class Block:
    guide: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.guide}:{self.line}"


def blocks() -> list[Block]:
    found = []
    for path in GUIDES:
        text = path.read_text(encoding="utf-8")
        for match in re.finditer(r"^( *)```(\w*)\n(.*?)^ *```$", text, re.DOTALL | re.MULTILINE):
            content = re.sub(f"(?m)^{match[1]}", "", match[3])
            found.append(Block(str(path.relative_to(PROJECT)), text.count("\n", 0, match.start()) + 1, match[2], content))
    return found


def commands(block: Block) -> list[list[str]]:
    """The commands of a console block, each as words; && and | separate them."""
    found: list[list[str]] = []
    for line in block.text.replace("\\\n", " ").splitlines():
        found.append([])
        for word in _words(line):
            if word in ("&&", "|", ";"):
                found.append([])
            else:
                found[-1].append(word)
    return [command for command in found if command]


def _words(line: str) -> list[str]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars="&|;")
    lexer.whitespace_split = True
    return list(lexer)


# Commands


def wrong_command(words: list[str]) -> str:
    """Why the program does not take this command; "" if it does. A program that is not known here is wrong."""
    program, *arguments = words
    arguments = arguments[: arguments.index(">")] if ">" in arguments else arguments
    if program.startswith("tools/"):
        return "" if os.access(PROJECT / program, os.X_OK) else f"there is no {program}"
    check = _PROGRAMS.get(program)
    return check(arguments) if check else f"{program}: no test knows this program"


def _parsed(cli: str, name: str) -> t.Callable[[list[str]], str]:
    def check(arguments: list[str]) -> str:
        module = importlib.import_module(f"ansible.cli.{cli}")
        parser_of = getattr(module, name)([f"ansible-{cli}", *arguments])
        try:
            parser_of.init_parser()
            options = parser_of.parser.parse_args(arguments)
        except SystemExit as ended:
            return "" if ended.code in (None, 0) else f"ansible-{cli} does not take {' '.join(arguments)}"
        return _wrong_names(cli, vars(options).get("args") or [])

    return check


def _wrong_names(cli: str, names: t.Any) -> str:
    ours = [name[len("eco2.platform.") :] for name in ([names] if isinstance(names, str) else names) if name.startswith("eco2.platform.")]
    if cli == "playbook":
        return "".join(f"there is no playbook {name}; " for name in ours if not (PROJECT / "playbooks" / f"{name}.yml").exists())
    places = ("plugins/modules/{}.py", "plugins/inventory/{}.py", "plugins/filter/{}.py", "roles/{}/README.md")
    missing = [name for name in ours if not any((PROJECT / place.format(name)).exists() for place in places)]
    return "".join(f"there is no {name}; " for name in missing if cli == "doc")


def _make(arguments: list[str]) -> str:
    targets = set(re.findall(r"^([a-z0-9.-]+):", (PROJECT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    return "".join(f"the Makefile has no {target}; " for target in arguments if "=" not in target and target not in targets)


def _terraform(arguments: list[str]) -> str:
    outputs = "".join(path.read_text(encoding="utf-8") for path in (PROJECT / "inventory" / "terraform").rglob("outputs.tf"))
    if arguments[:1] == ["output"]:
        names = [word for word in arguments[1:] if not word.startswith("-")]
        return "".join(f"the example has no output {name}; " for name in names if f'output "{name}"' not in outputs)
    return "" if arguments[0] in ("init", "apply", "show", "plan", "destroy") else f"terraform {arguments[0]}"


def _git(arguments: list[str]) -> str:
    repository = yaml.safe_load((PROJECT / "galaxy.yml").read_text(encoding="utf-8"))["repository"]
    return "" if arguments == ["clone", repository] else f"git {' '.join(arguments)}"


def _pip(arguments: list[str]) -> str:
    known = re.findall(r"^[\w-]+", (PROJECT / "meta" / "ee-requirements.txt").read_text(encoding="utf-8"), re.MULTILINE)
    given = [word for word in arguments[1:] if not word.startswith("-") and word != "wheels"]
    return "".join(f"pip {arguments[0]}: {name} is no requirement; " for name in given if name not in [*known, "ansible-core"])


def _run_elsewhere(program: str) -> t.Callable[[list[str]], str]:
    """A command of another project must be one that the demo, molecule or a live test runs, word for word."""
    files = [path for top in ("tools", "tests/live", "molecule") for path in (PROJECT / top).rglob("*") if path.is_file()]
    text = "\n".join(path.read_text(encoding="utf-8", errors="replace") for path in files)
    return lambda arguments: "" if f"{program} {' '.join(arguments)}" in text else f"nothing runs {program} {' '.join(arguments)}"


def _shell(arguments: list[str]) -> str:
    return ""


_PROGRAMS: dict[str, t.Callable[[list[str]], str]] = {
    "ansible": _parsed("adhoc", "AdHocCLI"),
    "ansible-playbook": _parsed("playbook", "PlaybookCLI"),
    "ansible-galaxy": _parsed("galaxy", "GalaxyCLI"),
    "ansible-doc": _parsed("doc", "DocCLI"),
    "ansible-vault": _parsed("vault", "VaultCLI"),
    "ansible-inventory": _parsed("inventory", "InventoryCLI"),
    "make": _make,
    "terraform": _terraform,
    "git": _git,
    "pip": _pip,
    "kubectl": _run_elsewhere("kubectl"),
    "redis-cli": _run_elsewhere("redis-cli"),
    **dict.fromkeys(("cd", "export", "mkdir", "read"), _shell),
}


def wrong_syntax(block: Block) -> str:
    return subprocess.run(["bash", "-n"], input=block.text, capture_output=True, text=True, check=False).stderr


# YAML


def wrong_yaml(block: Block) -> t.Iterator[str]:
    for document in yaml.safe_load_all(block.text):
        if isinstance(document, list):
            yield from _wrong_list(document)
        elif isinstance(document, dict) and "all" in document:
            yield from (f"{key} in an inventory" for key in document["all"] if key not in ("hosts", "children", "vars"))
        elif isinstance(document, dict) and set(document) == {"collections"}:
            yield from (f"{entry} is no requirement" for entry in document["collections"] if set(entry) - {"name", "version"})
        elif isinstance(document, dict) and str(document.get("plugin", "")).startswith("eco2.platform."):
            yield from _wrong_source(document)
        elif isinstance(document, dict) and "apiVersion" in document:
            yield from (f"a resource without {key}" for key in ("kind", "metadata") if key not in document)
        elif isinstance(document, dict) and document:
            yield from _wrong_variables(document)
        elif document is not None:
            yield "neither tasks nor variables, inventory or requirements"


def _wrong_source(source: dict[str, t.Any]) -> t.Iterator[str]:
    """An inventory source: the options of the plugin, and those that Ansible has for constructed inventories and caches."""
    path = PROJECT / "plugins" / "inventory" / f"{source['plugin'][len('eco2.platform.') :]}.py"
    said = re.search("(?s)^DOCUMENTATION = r?(\"{3}|'{3})(.*?)\\1", path.read_text(encoding="utf-8") if path.exists() else "", re.MULTILINE)
    options = {"compose", "groups", "keyed_groups", "strict", "cache", "cache_plugin", "cache_timeout", "cache_connection"}
    options |= set(yaml.safe_load(said[2])["options"]) if said else set()
    yield from [] if said else [f"there is no inventory plugin {source['plugin']}"]
    yield from (f"the inventory plugin has no option {name}" for name in source if name not in {"plugin", *options})


def _wrong_list(entries: list[t.Any]) -> t.Iterator[str]:
    queues = spec_of("rabbitmq_topology")["queues"]["options"]
    if entries and all(set(entry) <= set(queues) for entry in entries):
        # The answer to a question for queues.
        yield from troubles({"eco2.platform.rabbitmq_topology": {"queues": entries}})
        return
    for entry in entries:
        if "hosts" in entry or "ansible.builtin.import_playbook" in entry:
            unknown = set(entry) - _PLAY
            yield from (f"{key} in a play" for key in unknown)
            for role in entry.get("roles", ()):
                yield from _wrong_variables(role.get("vars", {}) if isinstance(role, dict) else {})
            yield from _wrong_list(entry.get("tasks", []))
        else:
            yield from _wrong_task(entry)


_PLAY = {"name", "hosts", "become", "gather_facts", "roles", "tasks", "vars", "vars_files", "ansible.builtin.import_playbook", "connection"}
_PLAY |= {"tags", "when"}


def _wrong_task(task: dict[str, t.Any]) -> t.Iterator[str]:
    inner = [part for part in ("block", "rescue", "always") if part in task]
    for part in inner:
        yield from _wrong_list(task[part])
    if not inner:
        modules = [key for key in task if key not in KEYWORDS]
        if len(modules) != 1:
            yield f"a task with the modules {modules}"
        elif modules[0].startswith("eco2.platform."):
            yield from troubles(task)
        elif modules[0].startswith("ansible.builtin."):
            name = modules[0].rpartition(".")[2]
            yield from [] if importlib.util.find_spec(f"ansible.modules.{name}") else [f"there is no {modules[0]}"]
        elif not modules[0].startswith("community.rabbitmq."):  # run by tests/live/test_migration.py
            yield f"nothing checks {modules[0]}"


def _wrong_variables(variables: dict[str, t.Any]) -> t.Iterator[str]:
    broker = {name[len("rabbitmq_") :]: value for name, value in variables.items() if name.startswith("rabbitmq_")}
    broker.pop("hosts", None)
    yield from troubles({"eco2.platform.rabbitmq_topology": broker}) if broker else []
    for name, value in variables.items():
        if name.startswith("rabbitmq_") or ANSIBLE.match(name):
            continue
        entry = _role_options().get(name)
        if entry is not None:
            yield from troubles_of(name, value, entry)
        elif not re.search(rf"\b{name}\b", _texts()):
            yield f"no playbook, role or inventory has the variable {name}"


def troubles_of(name: str, value: t.Any, entry: dict[str, t.Any]) -> list[str]:
    from ansible.module_utils.common.arg_spec import ArgumentSpecValidator  # noqa: PLC0415

    given = filled({name: value}, {"options": {name: entry}})
    return list(ArgumentSpecValidator({name: entry}).validate(given).error_messages)


def _role_options() -> dict[str, dict[str, t.Any]]:
    found: dict[str, dict[str, t.Any]] = {}
    for path in (PROJECT / "roles").glob("*/meta/argument_specs.yml"):
        for entry_point in yaml.safe_load(path.read_text(encoding="utf-8"))["argument_specs"].values():
            found.update(entry_point.get("options", {}))
    return found


def _texts() -> str:
    places = [*(PROJECT / "playbooks").rglob("*.yml"), *(PROJECT / "inventory").rglob("*.yml"), *(PROJECT / "roles").rglob("*.yml")]
    return "\n".join(path.read_text(encoding="utf-8") for path in places)
