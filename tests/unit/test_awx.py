"""The AWX project, its objects, and what is refused before AWX is asked. tests/live/test_awx.py runs it against a stand-in of AWX."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
import yaml

pytest.importorskip("ansible.module_utils.common.arg_spec", reason="needs ansible-core")

from ansible.module_utils.common.parameters import remove_values

from ansible_collections.eco2.platform.plugins.action import awx_objects
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem, Refused
from ansible_collections.eco2.platform.plugins.plugin_utils._awx import checks, kinds, surveys

PROJECT = Path(__file__).resolve().parents[2]
AWX = PROJECT / "awx"
# A job of adopt would write its files into a container that is removed when the job ends.
NOT_IN_AWX = {"adopt"}
PLAYBOOKS = sorted({path.stem for path in (PROJECT / "playbooks").glob("*.yml")} - NOT_IN_AWX)


class Loader(yaml.SafeLoader):
    """Reads Ansible's `!unsafe` as the text that it is."""


Loader.add_constructor("!unsafe", lambda loader, node: loader.construct_scalar(node))  # type: ignore[arg-type]


def declared() -> dict[str, list[dict[str, t.Any]]]:
    found: dict[str, t.Any] = {}
    for path in sorted((AWX / "configuration").glob("*.yml")):
        found.update(yaml.load(path.read_text(encoding="utf-8"), Loader))  # noqa: S506
    return {kind.variable: found[kind.variable] for kind in kinds.KINDS}


def items(**of: list[dict[str, t.Any]]) -> list[kinds.Item]:
    return kinds.items(of)


def specs(anything: bool = True) -> dict[str, t.Any]:
    """Modules that take any of these options, so that each test is about one rule."""
    options = (
        "name",
        "organization",
        "survey_spec",
        "inputs",
        "injectors",
        "credential_type",
        "playbook",
        "extra_vars",
        "default_environment",
    )
    options = (*options, "wait", "kind", "unified_job_template", "identifier", "workflow_job_template", "team", "role", "state")
    kinds_of = {"survey_spec": "dict", "inputs": "dict", "injectors": "dict", "extra_vars": "dict", "wait": "bool"}
    return {kind.module: {name: {"type": kinds_of.get(name, "str")} for name in options} for kind in (*kinds.KINDS, kinds.NODE)}


def found(playbooks: t.Collection[str] | None = None, **of: list[dict[str, t.Any]]) -> list[Problem]:
    return list(checks.problems(items(**of), specs(), playbooks))


def the_one(playbooks: t.Collection[str] | None = None, **of: list[dict[str, t.Any]]) -> Problem:
    (problem,) = found(playbooks, **of)
    return problem


# The project


def test_every_playbook_of_the_collection_but_adopt_is_one_of_the_project() -> None:
    """AWX offers only files of the project."""
    assert all((PROJECT / "playbooks" / f"{name}.yml").is_file() for name in NOT_IN_AWX)
    wrappers = {path.stem: yaml.safe_load(path.read_text())[0] for path in AWX.glob("*.yml")}
    assert sorted(wrappers) == PLAYBOOKS
    for name, play in wrappers.items():
        assert play["ansible.builtin.import_playbook"] == f"eco2.platform.{name}"
        assert play["name"]


def test_awx_would_offer_exactly_these_playbooks() -> None:
    assert checks.playbooks_of(AWX) == {f"{name}.yml" for name in PLAYBOOKS}


def test_every_playbook_has_one_job_template() -> None:
    assert sorted(template["playbook"] for template in declared()["controller_templates"]) == [f"{name}.yml" for name in PLAYBOOKS]


def test_whoever_launches_a_job_may_limit_it_and_see_first_what_it_would_change() -> None:
    asked = ("limit", "job_type", "diff_mode", "tags", "verbosity", "forks")
    for template in declared()["controller_templates"]:
        assert all(template[f"ask_{name}_on_launch"] for name in asked), template["name"]


def test_operators_may_launch_jobs_and_nothing_else() -> None:
    roles = [role for role in declared()["controller_roles"] if role["team"] == "platform-operators"]
    assert {role["role"] for role in roles} == {"execute"}
    launched = {name for role in roles for name in role["job_templates"]}
    assert launched and launched.isdisjoint({"awx_configure", "control_plane"})


def test_everything_is_looked_up_in_the_organization_of_the_project() -> None:
    """Another organization of the AWX may have a job template `verify` too."""
    for item in kinds.items(declared()):
        for option, name, dummy in item.named():
            if option in item.kind.within:
                assert item.organization_of(option) == "eco2", (item, option, name)


def test_an_inventory_that_cannot_be_read_fails_a_job() -> None:
    assert "any_unparsed_is_failed = true" in (AWX / "ansible.cfg").read_text()


def test_every_variable_of_a_vault_is_in_the_example_of_one() -> None:
    text = "".join(path.read_text() for path in (AWX / "configuration").glob("*.yml"))
    example = yaml.safe_load((AWX / "configuration" / "vault.yml.example").read_text())
    assert set(re.findall(r"\bvault_(?!password\b)\w+", text)) - {"vault_inventory_password"} <= set(example)
    assert set(example) <= set(re.findall(r"\bvault_\w+", text))


def test_the_declared_objects_have_no_problem_and_can_be_made_one_after_the_other() -> None:
    everything = kinds.items(declared())
    assert [str(problem) for problem in checks.problems(everything, _documented(), checks.playbooks_of(AWX))] == []
    order = [item.key for item in kinds.ordered(everything)]
    for item in everything:
        for key in kinds.needs(item):
            assert key not in order or order.index(key) < order.index(item.key), item


def _documented() -> dict[str, t.Any]:
    """The options of awx.awx's modules."""
    place = PROJECT / ".venv/bundle/ansible_collections/awx/awx/plugins/modules"
    if not place.is_dir():
        pytest.skip(f"awx.awx is not in {place}: tools/venv puts it there")
    found = {}
    for kind in (*kinds.KINDS, kinds.NODE):
        text = (place / f"{kind.module}.py").read_text(encoding="utf-8")
        documentation = re.search(r"^DOCUMENTATION = '''\n(.*?)'''", text, re.DOTALL | re.MULTILINE)
        assert documentation
        options = yaml.safe_load(documentation[1])["options"]
        kept = ("type", "elements", "required", "choices", "aliases")
        found[kind.module] = {name: {key: entry[key] for key in kept if key in entry} for name, entry in options.items()}
    return found


QUESTIONS = [question for template in declared()["controller_templates"] for question in template.get("survey_spec", {}).get("spec", [])]


@pytest.mark.parametrize("question", QUESTIONS, ids=[question["variable"] for question in QUESTIONS])
def test_a_blank_answer_means_what_the_inventory_says(question: dict[str, t.Any]) -> None:
    assert "default" not in question and question["required"] is False
    assert question["variable"] in _variables()


def _variables() -> set[str]:
    """What playbooks and roles read."""
    texts = [path.read_text() for top in ("playbooks", "roles") for path in (PROJECT / top).rglob("*.yml")]
    return {word for text in texts for word in re.findall(r"\b[a-z]+_[a-z_]+\b", text)}


@pytest.mark.parametrize("whole", [True, False], ids=["a whole file", "single values"])
def test_awx_reads_an_inventory_with_single_encrypted_values_and_none_with_an_encrypted_file(whole: bool, tmp_path: Path) -> None:
    """AWX reads the inventory without a password. docs/awx.md, docs/vault.md and docs/adopt.md say so."""
    (tmp_path / "password").write_text("password")
    (tmp_path / "hosts.yml").write_text("all: {hosts: {broker: {}}}\n")
    variables = tmp_path / "host_vars" / "broker" / "vault.yml"
    variables.parent.mkdir(parents=True)
    variables.write_text("vault_key: canary\n")
    inline = ("encrypt_string", "--name", "vault_key", "canary")
    done = _run(tmp_path, "ansible-vault", *(("encrypt", variables) if whole else inline), "--vault-password-file", "password")
    if not whole:
        variables.write_text(done.stdout)
    read = _run(tmp_path, "ansible-inventory", "-i", "hosts.yml", "--list", "--export")
    assert ("no vault secrets found" in read.stderr) is whole
    assert ("__ansible_vault" in read.stdout) is not whole
    assert "canary" not in read.stdout


def _run(here: Path, program: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [Path(sys.executable).with_name(program), *arguments]
    return subprocess.run(command, cwd=here, capture_output=True, text=True, check=False)


# What is refused


def test_a_playbook_that_the_project_does_not_have() -> None:
    problem = the_one(["site.yml"], controller_templates=[{"name": "a", "playbook": "sites.yml"}])
    assert (problem.code, problem.item, problem.field) == ("awx.playbook", "job template a", "playbook")
    assert "site.yml" in problem.remedy
    assert found(None, controller_templates=[{"name": "a", "playbook": "sites.yml"}]) == []


def test_an_option_that_the_module_does_not_have() -> None:
    problem = the_one(aap_teams=[{"name": "a", "organisation": "b"}])
    assert (problem.code, problem.item) == ("awx.option", "team a")
    assert "organisation" in problem.message


def test_an_object_that_is_declared_twice() -> None:
    assert the_one(aap_teams=[{"name": "a"}, {"name": "a"}]).code == "awx.twice"


TYPE = {"name": "T", "kind": "cloud", "inputs": {"fields": [{"id": "user"}, {"id": "key", "secret": True}], "required": ["user"]}}


@pytest.mark.parametrize(
    ("inputs", "words"),
    [({"user": "a", "pass": "b"}, "no input pass"), ({"key": "b"}, "user is missing"), ({"user": ""}, "user is missing")],
)
def test_inputs_that_the_credential_type_does_not_take(inputs: dict[str, str], words: str) -> None:
    problem = the_one(controller_credential_types=[TYPE], controller_credentials=[{"name": "c", "credential_type": "T", "inputs": inputs}])
    assert problem.code == "awx.input" and words in problem.message


def test_a_secret_that_is_missing_is_a_problem_only_where_awx_has_none() -> None:
    kind = {**TYPE, "inputs": {**TYPE["inputs"], "required": ["key"]}}
    credentials = [
        {"name": "c", "credential_type": "T", "inputs": {"key": ""}},
        {"name": "d", "credential_type": "T", "inputs": {"key": "x"}},
    ]
    of = {"controller_credential_types": [kind], "controller_credentials": credentials}
    assert found(**of) == []
    (told,) = checks.without_secret(items(**of))
    assert told[0].name == "c" and told[1].code == "awx.input" and "key is missing" in told[1].message


def test_credentials_to_write_again_that_are_not_declared() -> None:
    declared_items = items(controller_credentials=[{"name": "c"}, {"name": "d", "state": "absent"}])
    assert list(checks.unknown_credentials(declared_items, ["all", "c"])) == []
    assert [problem.item for problem in checks.unknown_credentials(declared_items, ["True", "d"])] == ["True", "d"]


@pytest.mark.parametrize("text", ["{{ pass }}", "{% if not pass %}x{% endif %}", "x {{pass}}"])
def test_an_injector_of_an_input_that_is_not_there(text: str) -> None:
    problem = the_one(controller_credential_types=[{**TYPE, "injectors": {"env": {"A": text}}}])
    assert problem.code == "awx.injector" and problem.field == "injectors.env.A" and "pass" in problem.message


def test_a_secret_outside_of_its_credential() -> None:
    credential = {"name": "c", "credential_type": "T", "inputs": {"user": "somebody", "key": "canary-1"}}
    template = {"name": "a", "extra_vars": {"list": [{"deep": "xx canary-1"}]}}
    problem = the_one(controller_credential_types=[TYPE], controller_credentials=[credential], controller_templates=[template])
    assert (problem.code, problem.item, problem.field) == ("awx.secret", "job template a", "extra_vars")
    assert "canary-1" not in str(problem)
    assert found(controller_credential_types=[TYPE], controller_templates=[{"name": "a", "extra_vars": {"a": "somebody"}}]) == []


KEY = '-----BEGIN KEY-----\ncanary  line "one"\n  canary line two\n-----END KEY-----\n'


@pytest.mark.parametrize(
    "told",
    [
        KEY,
        repr(KEY),
        json.dumps(KEY),
        " ".join(KEY.split()),
        f"at {KEY.splitlines()[1]}!",
        str({"inputs": [KEY]}),
        " ".join(repr(KEY).split()),
    ],
)
def test_a_secret_of_several_lines_is_masked_in_each_form_that_a_message_may_have(told: str) -> None:
    credential = {"name": "c", "credential_type": "T", "inputs": {"user": "a", "key": KEY}}
    texts = checks.hidden(items(controller_credential_types=[TYPE], controller_credentials=[credential]))
    assert "canary" not in str(remove_values({"msg": f"x {told}"}, texts))


def test_a_secret_that_is_part_of_another_or_a_number_is_masked() -> None:
    credentials = [
        {"name": name, "credential_type": "T", "inputs": {"user": "a", "key": key}}
        for name, key in (("c", "can"), ("d", "canary"), ("e", 12345678))
    ]
    texts = checks.hidden(items(controller_credential_types=[TYPE], controller_credentials=credentials))
    masked = str(remove_values({"msg": "x canary 12345678"}, texts))
    assert "ary" not in masked and "12345678" not in masked


def test_the_answer_of_awx_about_inputs_is_not_repeated() -> None:
    (item,) = items(
        controller_credentials=[{"name": "c", "credential_type": "Machine", "inputs": {"ssh_key_data": KEY, "username": "a b"}}]
    )
    answer = {"inputs": {"ssh_key_data": [f"Invalid certificate or key: {KEY[:30]}..."]}}
    created = awx_objects._reason_of(item, {"msg": f"Unable to create credential c: {answer}"})
    updated = awx_objects._reason_of(item, {"msg": "Unable to update credential c, see response", "response": {"json": answer}})
    assert created == updated and "(ssh_key_data)" in created and "canary" not in created
    assert "organization" in awx_objects._reason_of(item, {"msg": "Unable to create credential c: {'organization': ['missing']}"})


def test_inputs_that_are_no_dictionary_are_refused_without_a_word_of_them() -> None:
    credential = {"name": "c", "credential_type": "T", "inputs": "canary"}
    problems = found(controller_credential_types=[TYPE], controller_credentials=[credential])
    assert [problem.code for problem in problems] == ["awx.option", "awx.input"]
    assert "canary" not in str(problems)


def test_objects_that_name_one_another() -> None:
    of = {
        "aap_organizations": [{"name": "o", "default_environment": "e"}],
        "controller_execution_environments": [{"name": "e", "organization": "o"}],
    }
    with pytest.raises(Refused) as caught:
        kinds.ordered(items(**of))
    (problem,) = caught.value.problems
    assert problem.code == "awx.circle" and "organization o" in problem.message


def test_what_is_no_list_of_dictionaries() -> None:
    with pytest.raises(Refused) as caught:
        checks.shaped({"aap_teams": {"name": "a"}, "controller_roles": ["a"], "aap_organizations": []})
    assert [(problem.code, problem.item) for problem in caught.value.problems] == [
        ("awx.variable", "aap_teams"),
        ("awx.variable", "controller_roles"),
    ]


QUESTION = {"question_name": "q", "variable": "v", "type": "text", "required": False}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"type": "boolean"}, "no questions of the type boolean"),
        ({"variable": ""}, "no variable"),
        ({"type": "multiplechoice"}, "no choices"),
        ({"type": "multiplechoice", "choices": [True, "b"]}, "True is no text"),
        ({"type": "multiplechoice", "choices": ["a"], "default": "b"}, "'b' is none"),
        ({"type": "multiselect", "choices": "a\nb", "default": "a\nc"}, "'c' is none"),
        ({"default": 1.3}, "1.3 has the wrong type"),
        ({"type": "integer", "default": "5"}, "'5' has the wrong type"),
        ({"type": "integer", "default": True}, "True has the wrong type"),
        ({"type": "integer", "default": 5, "max": 4}, "not between"),
        ({"default": "abc", "min": 4}, "not between"),
        ({"type": "password", "default": "abc"}, "a secret has a default"),
    ],
)
def test_a_question_that_awx_cannot_ask(change: dict[str, t.Any], words: str) -> None:
    (problem,) = surveys.problems("job template a", {"spec": [{**QUESTION, **change}]})
    assert problem.code == "awx.survey" and words in problem.message


@pytest.mark.parametrize(
    "change",
    [{}, {"default": "abc"}, {"type": "integer", "default": 5, "min": 1}, {"type": "multiselect", "choices": "a\nb", "default": "a\nb"}],
)
def test_a_question_that_awx_asks(change: dict[str, t.Any]) -> None:
    assert list(surveys.problems("", {"spec": [{**QUESTION, **change}]})) == []


def test_two_questions_of_one_variable_and_no_list() -> None:
    assert [problem.code for problem in surveys.problems("", {"spec": [QUESTION, QUESTION]})] == ["awx.survey"]
    assert [problem.code for problem in surveys.problems("", {"spec": {"a": 1}})] == ["awx.survey"]


# The order


def test_the_links_of_a_workflow_come_after_all_its_nodes() -> None:
    nodes = [{"identifier": "a", "unified_job_template": "t", "success_nodes": ["b"]}, {"identifier": "b", "unified_job_template": "t"}]
    of = {"controller_workflows": [{"name": "w", "simplified_workflow_nodes": nodes}], "controller_templates": [{"name": "t"}]}
    order = [(item.kind.title, item.name, item.links) for item in kinds.ordered(items(**of))]
    assert order.index(("workflow node", "w/a", True)) == len(order) - 1
    assert order.index(("job template", "t", False)) < order.index(("workflow node", "w/b", False))


def test_a_project_is_looked_at_after_it_is_made_and_before_its_first_job_template() -> None:
    of = {
        "controller_templates": [{"name": name, "project": "p", "playbook": f"{name}.yml", "organization": "o"} for name in ("a", "b")],
        "controller_projects": [{"name": "p"}],
    }
    of["controller_templates"].append({"name": "c", "project": "q", "playbook": "c.yml", "state": "absent"})
    assert kinds.projects(items(**of)) == {"p": {"a.yml", "b.yml"}}
    order = kinds.ordered(items(**of))
    assert [(item.kind.module, item.name) for item in order] == [
        ("project", "p"),
        ("project_update", "p"),
        ("job_template", "a"),
        ("job_template", "b"),
        ("job_template", "c"),
    ]
    assert order[1].arguments == {"name": "p", "organization": "o"}


def test_what_must_be_absent_goes_last_and_the_other_way_round() -> None:
    of = {
        "aap_organizations": [{"name": "o", "state": "absent"}, {"name": "p"}],
        "aap_teams": [{"name": "a", "organization": "o", "state": "absent"}, {"name": "b", "organization": "p"}],
    }
    assert [item.name for item in kinds.ordered(items(**of))] == ["p", "b", "a", "o"]


# The execution environment


def test_the_collection_tells_what_it_needs_in_an_execution_environment(tmp_path: Path) -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("ansible-builder"), "introspect", PROJECT / "build"], capture_output=True, text=True, check=True
    )
    told = yaml.safe_load(done.stdout)
    for name in (PROJECT / "meta" / "ee-requirements.txt").read_text().split():
        # ansible-core brings PyYAML itself.
        assert any(line.startswith(name) for line in told["python"]) or name.startswith("PyYAML"), name
    assert any(line.startswith("openssh-client ") for line in told["system"])


def test_a_build_context_is_made_from_the_definition(tmp_path: Path) -> None:
    command = [Path(sys.executable).with_name("ansible-builder"), "create", "--context", tmp_path]
    subprocess.run(command, cwd=PROJECT, capture_output=True, check=True)
    steps = (tmp_path / "Containerfile").read_text()
    assert "pip_install" not in steps, "ensurepip is not in Debian"
    assert steps.index("Install-Recommends") < steps.index("$PKGMGR install $PYPKG")
    assert (tmp_path / "_build" / "requirements.yml").exists()
