"""Rules that keep the collection what it is, file by file."""

from __future__ import annotations

import ast
import re
import typing as t
from pathlib import Path

import pytest
import yaml

PROJECT = Path(__file__).resolve().parents[2]
PLUGINS = PROJECT / "plugins"
MODULES = sorted(path for path in (PLUGINS / "modules").glob("*.py") if path.stem != "__init__")
UTILS = sorted(path for path in (PLUGINS / "module_utils").rglob("*.py") if path.stem != "__init__")
ACTIONS = sorted(path for top in ("action", "inventory", "plugin_utils") for path in (PLUGINS / top).rglob("*.py"))
SERVICES = sorted({path.stem.split("_")[0] for path in MODULES})
# Headings that an import into Galaxy or Automation Hub wants of a certified collection's README.
HEADINGS = (
    "requirements",
    "installation",
    "use cases",
    "testing",
    "communication",
    "support",
    "release notes",
    "related",
    "licen",
)

modules = pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
utils = pytest.mark.parametrize("path", UTILS, ids=lambda path: path.stem)


def test_there_are_files_to_look_at() -> None:
    assert len(MODULES) >= 1
    assert len(UTILS) > 10


@utils
def test_module_utils_are_private_and_say_so(path: Path) -> None:
    parts = path.relative_to(PLUGINS / "module_utils").parts
    assert any(part.startswith("_") for part in parts)
    assert "Private to this collection" in (ast.get_docstring(ast.parse(path.read_text())) or "")


# The rooms of module_utils, and those that each may import from: arrows point down only.
BELOW = {
    "_engine": set[str](),
    "_net": {"_engine"},
    "_host": {"_engine", "_net"},
    "_node": {"_engine", "_net", "_host"},
    "_kube": {"_engine", "_net"},
    "_rabbitmq": {"_engine", "_net"},
    "_redis": {"_engine", "_net", "_host"},
}
ROOMS = sorted(
    {path.parent for top in ("module_utils", "plugin_utils", "action", "filter", "inventory") for path in (PLUGINS / top).rglob("*.py")}
)


@utils
def test_rooms_import_only_from_those_below(path: Path) -> None:
    room = path.relative_to(PLUGINS / "module_utils").parts[0]
    imported = set(re.findall(r"plugins\.module_utils\.(_\w+)", path.read_text()))
    assert imported <= {room} | BELOW[room]
    assert "plugin_utils" not in path.read_text()


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: str(room.relative_to(PLUGINS)))
def test_no_room_is_crowded(room: Path) -> None:
    assert len([path for path in room.glob("*.py") if path.stem != "__init__"]) <= 15


@pytest.mark.parametrize("path", [*UTILS, *ACTIONS], ids=lambda path: path.stem)
def test_check_mode_is_read_and_time_is_slept_in_the_engine_alone(path: Path) -> None:
    read = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load)]
    names = {node.attr for node in read}
    names |= {node.id for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Name)}
    # The frame of the action plugins is the engine's part on the controller.
    if path.parent.name != "_engine" and path.stem != "controller":
        assert not names & {"check_mode", "_check_mode"}
        assert "time.sleep" not in path.read_text()


@modules
def test_the_main_of_a_module_is_one_line_that_converges_or_reads(path: Path) -> None:
    mains = [node for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef) and node.name == "main"]
    if (PLUGINS / "action" / path.name).exists():
        assert mains == [], "the documentation of an action plugin"
        return
    (statement,) = mains[0].body
    call = ast.unparse(statement)
    assert re.search(r"\b(reading|converging)\(", call), call
    assert path.stem.endswith("_info") == ("reading(" in call)


_IMPORT = re.compile(r"^from ansible_collections\.eco2\.platform\.(plugins\.module_utils[\w.]*) import (\([^)]*\)|.*)$", re.MULTILINE)


def behind(path: Path) -> set[Path]:
    """All files of module_utils that a file imports, however indirectly."""
    found: set[Path] = set()
    waiting = [path]
    while waiting:
        for place, names in _IMPORT.findall(waiting.pop().read_text()):
            base = PROJECT / place.replace(".", "/")
            files = {base.with_suffix(".py"), *(base / f"{name}.py" for name in re.findall(r"\w+", names))}
            new = {file for file in files if file.exists()} - found
            found |= new
            waiting += new
    return found


@modules
def test_a_module_that_works_on_a_host_requires_root(path: Path) -> None:
    """What only root may read would look absent to it."""
    rooms = {file.relative_to(PLUGINS / "module_utils").parts[0] for file in behind(path)}
    assert ("root=True" in path.read_text()) == ("_host" in rooms)
    assert ("eco2.platform.attributes.root" in documented(path)["extends_documentation_fragment"]) == ("_host" in rooms)


@pytest.mark.parametrize("path", [*UTILS, *ACTIONS], ids=lambda path: path.stem)
def test_nothing_is_made_where_every_user_makes_files(path: Path) -> None:
    """Anybody could be there first, with a lock, or with a link that leads elsewhere."""
    assert not re.search(r"\b(run/lock|var/lock|tmp|dev/shm)/", path.read_text())


@pytest.mark.parametrize("name", ["change", "converge", "problems"])
def test_the_engine_knows_no_service_and_does_no_io(name: str) -> None:
    tree = ast.parse((PLUGINS / "module_utils" / "_engine" / f"{name}.py").read_text())
    imported = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    own = {name for name in imported if "._engine." in name}
    assert imported - own <= {"__future__", "contextlib", "threading", "typing", "concurrent.futures", "dataclasses"}


@pytest.mark.parametrize("path", [*MODULES, *UTILS], ids=lambda path: path.stem)
def test_plugins_begin_with_their_licence_and_annotations_from_the_future(path: Path) -> None:
    text = path.read_text()
    assert "GNU General Public License v3.0" in text[:400]
    assert "SPDX-License-Identifier: GPL-3.0-or-later" in text[:500]
    assert "from __future__ import annotations\n" in text


@modules
def test_modules_are_named_after_what_they_touch(path: Path) -> None:
    documentation = documented(path)
    assert documentation["module"] == path.stem
    assert re.match(r"(host|on_controller)$|(apt|awx|kube|platform|rabbitmq|redis)_[a-z_]+$", path.stem)
    assert re.match(r"\d+\.\d+\.\d+$", str(documentation["version_added"]))


@modules
def test_modules_say_what_check_mode_and_diff_do(path: Path) -> None:
    attributes = documented(path)["attributes"]
    assert {"check_mode", "diff_mode", "idempotent"} <= attributes.keys()


@pytest.mark.parametrize("path", [path for path in MODULES if path.stem.endswith("_info")], ids=lambda path: path.stem)
def test_info_modules_support_check_mode_and_are_never_changed(path: Path) -> None:
    assert documented(path)["attributes"]["check_mode"]["support"] == "full"
    text = path.read_text()
    assert "reading(" in text
    assert "changed=True" not in text


@pytest.mark.parametrize("service", sorted({"rabbitmq", "kube", "redis"} & set(SERVICES)))
def test_the_action_group_of_a_service_holds_exactly_its_modules(service: str) -> None:
    groups = yaml.safe_load((PROJECT / "meta" / "runtime.yml").read_text())["action_groups"]
    # A module that runs on a node takes no connection, so it says of itself that it is no member.
    fragment = f"eco2.platform.attributes.{service}"
    members = [path.stem for path in MODULES if fragment in documented(path)["extends_documentation_fragment"]]
    assert sorted(groups[service]) == members
    assert all(name.startswith(f"{service}_") for name in members)


def test_every_action_group_is_a_services() -> None:
    groups = yaml.safe_load((PROJECT / "meta" / "runtime.yml").read_text())["action_groups"]
    assert set(groups) <= set(SERVICES)


def test_galaxy_yml_is_complete_and_its_tags_are_allowed() -> None:
    galaxy = yaml.safe_load((PROJECT / "galaxy.yml").read_text())
    assert (galaxy["namespace"], galaxy["name"]) == ("eco2", "platform")
    for name in ("version", "readme", "authors", "description", "license", "tags", "repository", "documentation", "homepage", "issues"):
        assert galaxy[name], name
    assert len(galaxy["tags"]) <= 20
    assert all(re.fullmatch("[a-z0-9]+", tag) for tag in galaxy["tags"])
    required = {
        "application",
        "cloud",
        "database",
        "infrastructure",
        "linux",
        "monitoring",
        "networking",
        "security",
        "storage",
        "tools",
        "windows",
    }
    assert required & set(galaxy["tags"]), "Automation Hub wants one of its own tags"


def test_runtime_yml_says_which_ansible_it_takes() -> None:
    runtime = yaml.safe_load((PROJECT / "meta" / "runtime.yml").read_text())
    assert re.fullmatch(r">=\d+\.\d+\.\d+", runtime["requires_ansible"])


def test_the_readme_describes_the_collection_and_has_the_headings_that_are_checked() -> None:
    readme = PROJECT / "README.md"
    opening, *sections = re.split("(?m)^##+ +", readme.read_text() if readme.exists() else "")
    if not sections:
        pytest.skip("README.md has no sections yet")
    assert len(opening.split()) > 30, "what stands before the first heading is the description"
    assert [heading for heading in HEADINGS if not any(section.lower().startswith(heading) for section in sections)] == []


def documented(path: Path) -> dict[str, t.Any]:
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "DOCUMENTATION":
            return t.cast("dict[str, t.Any]", yaml.safe_load(ast.literal_eval(node.value)))
    raise AssertionError(f"{path} has no DOCUMENTATION")
