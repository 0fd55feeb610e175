"""README and guides: every refusal is explained, every link leads somewhere, every command and block is run or checked."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
import yaml

pytest.importorskip("ansible.cli", reason="needs ansible-core")

import guides

PROJECT = Path(__file__).resolve().parents[2]
PLUGINS = PROJECT / "plugins"
CODE = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*")


def codes() -> set[str]:
    """What problems are given as their code, in plain text: found without the reader that writes the guide."""
    found = set()
    for path in PLUGINS.rglob("*.py"):
        for call in (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)):
            name = getattr(call.func, "id", getattr(call.func, "attr", ""))
            first = call.args[0] if call.args else None
            if re.search("Problem$|Advice$|problem$|refuse$|doubt$|refused$", name) and isinstance(first, ast.Constant):
                found |= {str(first.value)} if CODE.fullmatch(str(first.value)) else set()
    return found


def test_every_refusal_is_in_the_guide() -> None:
    said = set(re.findall(r"`([a-z0-9_]+\.[a-z0-9_]+)` \|$", (PROJECT / "docs" / "troubleshooting.md").read_text(), re.MULTILINE))
    assert len(codes()) > 250
    assert sorted(codes() - said) == []
    assert not [line for line in said if "…" in line]


# Links


def anchors(path: Path) -> set[str]:
    """The anchors of a page as GitHub makes them."""
    found: dict[str, int] = {}
    for heading in re.findall(r"^#+ +(.*)$", re.sub(r"(?ms)^```.*?^```", "", path.read_text()), re.MULTILINE):
        anchor = re.sub(r"[^\w\- ]", "", re.sub(r"[`*]", "", heading).strip().lower()).replace(" ", "-")
        found[anchor if anchor not in found else f"{anchor}-{found[anchor]}"] = 1
    return set(found)


PAGES = [path for path in PROJECT.rglob("*.md") if not {"build", ".venv", ".lab"} & set(path.relative_to(PROJECT).parts)]


@pytest.mark.parametrize("page", sorted(PAGES), ids=lambda page: str(page.relative_to(PROJECT)))
def test_links_inside_the_project_lead_somewhere(page: Path) -> None:
    wrong = []
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        target, dummy, anchor = link.partition("#")
        place = (page.parent / target).resolve() if target else page
        if re.match("[a-z]+:", link):
            continue
        if not place.exists() or (anchor and anchor not in anchors(place)):
            wrong.append(link)
    assert wrong == []


# Blocks and commands

BLOCKS = guides.blocks()


def test_there_are_blocks_to_check() -> None:
    assert len(BLOCKS) > 30


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_what_a_guide_shows_is_taken_by_what_it_is_for(block: guides.Block) -> None:
    """YAML by the argument specifications, commands by the parsers of their programs; a language or a program that is new fails."""
    if block.language in ("yaml", "yml"):
        assert list(guides.wrong_yaml(block)) == []
    elif block.language in ("console", "sh", "bash", "shell"):
        assert guides.wrong_syntax(block) == ""
        assert [wrong for command in guides.commands(block) if (wrong := guides.wrong_command(command))] == []
    elif block.language == "ini":
        assert settings(block.text) or hosts(block.text)
    else:
        # Of Terraform: tests/unit/test_inventory.py renders the example. Diagrams and outputs have no language.
        assert block.language in ("hcl", "text", "json", "")


def settings(text: str) -> bool:
    """Whether it is an ansible.cfg, whose keys Ansible knows."""
    from ansible import constants  # noqa: PLC0415

    definitions = constants.config.get_configuration_definitions().values()
    known = {f"[{place['section']}] {place['key']}" for definition in definitions for place in definition.get("ini") or ()}
    section, *lines = text.splitlines()
    return {f"{section} {line.split(' = ')[0]}" for line in lines} <= known


def hosts(text: str) -> list[str]:
    """The hosts of an inventory, as Ansible reads it."""
    import tempfile  # noqa: PLC0415

    from ansible.inventory.manager import InventoryManager  # noqa: PLC0415
    from ansible.parsing.dataloader import DataLoader  # noqa: PLC0415

    with tempfile.NamedTemporaryFile("w", suffix=".ini") as file:
        file.write(text)
        file.flush()
        return sorted(str(name) for name in InventoryManager(loader=DataLoader(), sources=[file.name]).hosts)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("console", "ansible-playbook -i hosts.yml eco2.platform.no_such_playbook"),
        ("console", "ansible-playbook -i hosts.yml eco2.platform.rabbitmq --no-such-option"),
        ("console", "make no-such-target"),
        ("console", "ansible-doc eco2.platform.no_such_module"),
        ("console", "terraform output -raw no_such_output"),
        ("console", "kubectl explode everything"),
        ("console", "new-program now"),
        ("console", "if true"),
        ("yaml", "rabbitmq_queus: []"),
        ("yaml", "redis_sentinel_sets: 3"),
        ("yaml", "no_such_variable: 3"),
        ("yaml", "plugin: eco2.platform.no_such_plugin"),
        ("yaml", "- {name: a, type: no_such_type, durabel: true}"),
        ("yaml", "- name: a\n  eco2.platform.rabbitmq_info: {urls: x}"),
        ("yaml", "- name: a\n  ansible.builtin.no_such_module: {}"),
        ("yaml", "- name: a\n  some.other.module: {}"),
        ("yaml", "- hosts: all\n  no_such_keyword: 1"),
        ("perl", "1"),
    ],
)
def test_what_is_wrong_or_new_in_a_guide_would_be_seen(language: str, text: str) -> None:
    with pytest.raises(AssertionError):
        test_what_a_guide_shows_is_taken_by_what_it_is_for(guides.Block("guide", 1, language, text))


@pytest.mark.parametrize("playbook", sorted((PROJECT / "playbooks").glob("*.yml")), ids=lambda path: path.stem)
def test_the_readme_says_which_groups_each_playbook_wants(playbook: Path) -> None:
    (row,) = re.findall(
        rf"^\| (?:`[\w.]+`, )?`eco2\.platform\.{playbook.stem}`(?:, `[\w.]+`)? \| (.*?) \|",
        (PROJECT / "README.md").read_text(),
        re.MULTILINE,
    )
    for groups in re.findall(r"hosts: .*?default\('([\w:]+)", playbook.read_text()):
        for group in groups.split(":"):
            assert f"`{group}`" in row


THEIRS = PROJECT / ".venv" / "bundle" / "ansible_collections" / "community" / "rabbitmq" / "plugins"


@pytest.mark.skipif(not THEIRS.exists(), reason="community.rabbitmq is not installed: tools/venv brings it")
def test_the_migration_names_every_module_and_option_of_community_rabbitmq() -> None:
    guide = (PROJECT / "docs" / "migration.md").read_text()
    said = set(re.findall(r"\w+", " ".join(re.findall("`([^`]+)`", guide))))
    missing = []
    for path in sorted((THEIRS / "modules").glob("rabbitmq_*.py")):
        documentation = yaml.safe_load(re.search("(?s)DOCUMENTATION = r?(\"{3}|'{3})(.*?)\\1", path.read_text())[2])
        # Modules that have nothing in their place are only named.
        kept = f"`{path.stem}` | - |" in guide or f"`{path.stem}`, " in guide or f", `{path.stem}` | - |" in guide
        missing += [] if path.stem in said else [path.stem]
        missing += [] if kept else [f"{path.stem}: {option}" for option in documentation["options"] if option not in said]
    assert missing == []
