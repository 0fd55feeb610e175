"""The playbook awx_configure against a stand-in of AWX's API (see awx_stand_in.py), which runs no jobs."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import sys
import typing as t
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from awx_stand_in import FIELDS, TOKEN, StandIn
from harness import KubeTask

from lab.apiserver import ApiServer
from lab.host import LabError

PROJECT = Path(__file__).resolve().parents[2]
LONG = int(os.environ.get("ECO2_TIMES", "1")) > 1
Body = t.Dict[str, t.Any]

pytestmark = pytest.mark.skipif(not FIELDS.is_file(), reason=f"there are no fields of AWX's API in {FIELDS}")
long = pytest.mark.skipif(
    not LONG, reason="1 case for make test-long: it runs a module for each of the objects of the project, several times"
)


class Loader(yaml.SafeLoader):
    """Keeps Ansible's `!unsafe`."""


class Dumper(yaml.SafeDumper):
    pass


class Unsafe(str):
    pass


Loader.add_constructor("!unsafe", lambda loader, node: Unsafe(loader.construct_scalar(node)))  # type: ignore[arg-type]
Dumper.add_representer(Unsafe, lambda dumper, text: dumper.represent_scalar("!unsafe", str(text)))

# One object of each kind, and what these name.
KEPT = {
    "aap_teams": ["platform-operators"],
    "controller_credential_types": ["eco2 RabbitMQ", "eco2 Terraform state"],
    "controller_credentials": ["eco2-rabbitmq", "eco2-state"],
    "controller_templates": ["verify", "rabbitmq"],
}
NODES = ("verify", "approval")
PRIVATE_KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\ncanary+one\ncanary+two\n-----END OPENSSH PRIVATE KEY-----\n"


@dataclass
class Site:
    """A project, AWX, and the playbook that brings one to the other."""

    project: Path
    server: StandIn

    def configure(self, *options: str, host: str | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
        paths = f"{PROJECT}/build:{PROJECT}/.venv/bundle"
        ours = {"ANSIBLE_COLLECTIONS_PATH": paths, "CONTROLLER_HOST": host or self.server.url, "CONTROLLER_OAUTH_TOKEN": TOKEN}
        ours |= {"ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.json", "ANSIBLE_LOCALHOST_WARNING": "false", "ECO2_SUMMARY": str(self.summary)}
        if self.single.exists():
            options = ("-e", f"awx_configuration={self.single}", *options)
        command = [str(Path(sys.executable).with_name("ansible-playbook")), "-vvv", "awx_configure.yml", *options]
        given = {**os.environ, **ours, **environment}
        return subprocess.run(command, cwd=self.project, env=given, capture_output=True, text=True, check=False)

    @property
    def single(self) -> Path:
        """Where a test declares what it is about, and nothing else."""
        return self.project.parent / "single"

    @property
    def summary(self) -> Path:
        return self.project.parent / "summary.json"

    def done(self, *options: str, **environment: str) -> Body:
        """The result of the task."""
        ran = self.configure(*options, **environment)
        assert "canary" not in ran.stdout + ran.stderr
        assert not self.summary.exists() or "canary" not in self.summary.read_text()
        begin = ran.stdout.find("{\n")
        assert begin >= 0, ran.stdout + ran.stderr
        tasks = json.JSONDecoder().raw_decode(ran.stdout[begin:])[0]["plays"][0]["tasks"]
        found = [task["hosts"]["localhost"] for task in tasks if task["task"]["name"] == "Bring AWX to the declaration"]
        assert found, ran.stdout[-3000:]
        return t.cast("Body", {**found[0], "code": ran.returncode})

    def refused(self, code: str, *options: str, **environment: str) -> Body:
        """The one problem. AWX has got no write."""
        before = len(self.server.store.writes)
        result = self.done(*options, **environment)
        assert result["code"] != 0 and result["failed"], result
        assert len(self.server.store.writes) == before
        assert "\n" not in result["msg"]
        (problem,) = result["problems"]
        assert problem["code"] == code, problem
        return t.cast("Body", problem)

    def declare(self, **variables: t.Any) -> None:
        self.single.mkdir(exist_ok=True)
        (self.single / "objects.yml").write_text(yaml.dump(variables, Dumper=Dumper))


def project(place: Path) -> Path:
    """The project with a vault of canaries."""
    made = place / "project"
    shutil.copytree(PROJECT / "awx", made)
    example = (made / "configuration" / "vault.yml.example").read_text()
    filled = re.sub(r'(?m)^(\w+): ""$', r"\1: canary-\1", example)
    assert filled.count("canary") > 8
    filled = re.sub("(?m)^(vault_machine_ssh_key): .*$", lambda found: f"{found[1]}: {json.dumps(PRIVATE_KEY)}", filled)
    (made / "configuration" / "vault.yml").write_text(filled)
    return made


def reduced(made: Path) -> Path:
    """One object of each kind."""
    for path in (made / "configuration").glob("*.yml"):
        found = yaml.load(path.read_text(encoding="utf-8"), Loader)  # noqa: S506
        for variable, names in KEPT.items():
            if variable in found:
                found[variable] = [entry for entry in found[variable] if entry["name"] in names]
        for template in found.get("controller_templates", []):
            template["credentials"] = ["eco2-rabbitmq"]
        for workflow in found.get("controller_workflows", []):
            nodes = [node for node in workflow["simplified_workflow_nodes"] if node["identifier"] in NODES]
            workflow["simplified_workflow_nodes"] = nodes
            del nodes[1]["success_nodes"]
        if "controller_roles" in found:
            found["controller_roles"] = [entry for entry in found["controller_roles"] if entry["team"] in KEPT["aap_teams"]]
            found["controller_roles"][0]["job_templates"] = KEPT["controller_templates"]
        path.write_text(yaml.dump(found, Dumper=Dumper, sort_keys=False))
    return made


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Site]:
    """An AWX that has a few objects."""
    made = project(tmp_path_factory.mktemp("awx"))
    with StandIn(made) as server:
        store = server.store
        organization = {"organization": store.create("organizations", {"name": "eco2"})["id"]}
        store.create("teams", {"name": "platform-operators", **organization})
        kind = store.create("credential_types", {"name": "T", "kind": "cloud", "inputs": {"fields": [{"id": "a", "label": "A"}]}})["id"]
        store.create("credentials", {"name": "eco2-rabbitmq", "credential_type": kind, "inputs": {"a": "b"}, **organization})
        of = {
            "project": store.create("projects", {"name": "eco2-platform", "scm_type": "git", **organization})["id"],
            "inventory": store.create("inventories", {"name": "eco2-platform", **organization})["id"],
        }
        store.create("job_templates", {"name": "verify", "playbook": "verify.yml", **of})
        yield Site(made, server)


@pytest.fixture(autouse=True)
def undone(request: pytest.FixtureRequest) -> t.Iterator[None]:
    yield
    if "site" in request.fixturenames:
        shutil.rmtree(request.getfixturevalue("site").single, ignore_errors=True)


def test_check_mode_predicts_what_a_run_makes_and_a_second_run_changes_nothing(tmp_path: Path) -> None:
    with StandIn(reduced(project(tmp_path))) as server:
        site, store = Site(server.store.project, server), server.store
        predicted = site.done("--check")
        assert store.writes == []
        assert predicted["code"] == 0 and len(predicted["changes"]) >= 15
        applied = site.done()
        assert applied["changes"] == predicted["changes"], applied
        writes = len(store.writes)
        again = site.done()
        assert (again["changes"], again["code"], again["changed"]) == ([], 0, False)
        assert again["unchanged"] == len(applied["changes"])
        assert len(store.writes) == writes


def test_a_run_that_changed_something_says_so_in_its_summary(site: Site) -> None:
    site.declare(aap_teams=[{"name": "platform-operators", "organization": "eco2", "description": "others"}])
    changes = [{"kind": "team", "object": "platform-operators", "action": "update"}]
    assert site.done("--check")["changes"] == changes
    assert site.done()["changes"] == changes
    summary = json.loads(site.summary.read_text())
    assert summary["playbook"].endswith("awx_configure") and summary["verdict"] == "changed"
    assert [change["object"] for change in summary["hosts"]["localhost"]["changes"]] == ["platform-operators"]


MACHINE = {"name": "m", "organization": "eco2", "credential_type": "Machine", "inputs": {"username": "x", "password": "canary-m"}}


def test_a_template_with_a_new_credential_is_predicted_though_the_credential_is_not_there(site: Site) -> None:
    template = {"name": "verify", "organization": "eco2", "credentials": ["eco2-rabbitmq", "m"]}
    site.declare(controller_credentials=[MACHINE], controller_templates=[template])
    changes = [("credential", "m", "create"), ("job template", "verify", "update")]
    for options in (["--check"], []):
        assert [tuple(change[key] for key in ("kind", "object", "action")) for change in site.done(*options)["changes"]] == changes


RRULE = "DTSTART:20260101T020000Z RRULE:FREQ=DAILY;INTERVAL=1"
TEMPLATE = {"organization": "eco2", "project": "eco2-platform", "inventory": "eco2-platform", "playbook": "verify.yml"}


def test_secrets_are_written_again_only_when_asked(site: Site) -> None:
    site.declare(controller_credentials=[{**MACHINE, "name": "n"}])
    assert [change["action"] for change in site.done()["changes"]] == ["create"]
    site.declare(controller_credentials=[{**MACHINE, "name": "n", "inputs": {"username": "x", "password": "canary-new"}}])
    assert site.done()["changes"] == []
    assert [change["action"] for change in site.done("-e", "awx_update_credentials=n")["changes"]] == ["update"]
    (kept,) = [one["inputs"] for one in site.server.store.objects["credentials"].values() if one["name"] == "n"]
    assert kept["password"] == "canary-new"


def test_a_private_key_that_awx_refuses_is_not_shown(site: Site) -> None:
    """AWX answers with the first 100 characters of it."""
    wrong = PRIVATE_KEY.replace("-----END", "-----ENDE")
    for name, inputs in (("p", {"username": "x", "ssh_key_data": wrong}), ("q", {"username": "x", "ssh_key_data": f"canary {wrong}"})):
        site.declare(controller_credentials=[{**MACHINE, "name": name, "inputs": inputs}])
        result = site.done()
        assert "AWX refuses its inputs (ssh_key_data)" in result["msg"] and "BEGIN" not in result["msg"], result


def test_only_the_credentials_that_are_named_are_written_again(site: Site) -> None:
    site.declare(controller_credentials=[{**MACHINE, "name": "r"}, {**MACHINE, "name": "s"}])
    site.done()
    for options in (["--check"], []):
        changes = site.done("-e", "awx_update_credentials=s", *options)["changes"]
        assert changes == [{"kind": "credential", "object": "s", "action": "update"}]
    assert [change["object"] for change in site.done("-e", "awx_update_credentials=all")["changes"]] == ["r", "s"]
    assert site.refused("awx.credential", "-e", "awx_update_credentials=t")["item"] == "t"


def test_a_credential_without_a_secret_keeps_that_of_awx(site: Site) -> None:
    fields = [{"id": "a", "label": "A", "secret": True}]
    kind = {"name": "secret", "kind": "cloud", "inputs": {"fields": fields, "required": ["a"]}}
    credential = {"name": "u", "organization": "eco2", "credential_type": "secret", "inputs": {"a": "canary-u"}}
    empty = {**credential, "inputs": {"a": ""}}
    site.declare(controller_credential_types=[kind], controller_credentials=[empty])
    assert site.refused("awx.input")["item"] == "credential u"
    site.declare(controller_credential_types=[kind], controller_credentials=[credential])
    assert len(site.done()["changes"]) == 2
    site.declare(controller_credential_types=[kind], controller_credentials=[empty])
    assert (site.done()["changes"], site.done("-e", "awx_update_credentials=all")["changes"]) == ([], [])
    (kept,) = [one["inputs"] for one in site.server.store.objects["credentials"].values() if one["name"] == "u"]
    assert kept == {"a": "canary-u"}
    assert site.refused("awx.input", "-e", "awx_update_credentials=u")["field"] == "inputs"


def test_an_object_that_awx_refuses_stops_what_names_it_and_nothing_else(site: Site) -> None:
    site.declare(
        controller_schedules=[{"name": "s", "unified_job_template": "verify", "rrule": "DTSTART:20260101T020000Z RRULE:FREQ=DAILY"}],
        controller_credential_types=[{"name": "bad", "kind": "cloud", "inputs": {"fields": [{"id": "a"}]}}],
        controller_credentials=[{"name": "c", "organization": "eco2", "credential_type": "bad", "inputs": {"a": "canary-c"}}],
        aap_teams=[{"name": "third", "organization": "eco2"}],
    )
    result = site.done()
    assert result["code"] != 0
    assert {(entry["kind"], entry["object"]) for entry in result["failures"]} == {("credential type", "bad"), ("schedule", "s")}
    assert "INTERVAL required" in result["msg"]
    assert [entry["object"] for entry in result["not_attempted"]] == ["c"]
    assert [change["object"] for change in result["changes"]] == ["third"]


def test_what_must_be_absent_is_deleted(site: Site) -> None:
    organization = site.server.store.listed("organizations", {"name": "eco2"})[0]["id"]
    site.server.store.create("teams", {"name": "fourth", "organization": organization})
    site.declare(aap_teams=[{"name": "fourth", "organization": "eco2", "state": "absent"}])
    for options in (["--check"], []):
        assert site.done(*options)["changes"] == [{"kind": "team", "object": "fourth", "action": "delete"}]
    assert site.done()["changes"] == []


@pytest.mark.parametrize(
    ("code", "variables", "words"),
    [
        ("awx.unknown", {"aap_teams": [{"name": "x", "organization": "ecco"}]}, "no ecco"),
        ("awx.playbook", {"controller_templates": [{"name": "x", "playbook": "eco2.platform.site"}]}, "no playbook eco2.platform.site"),
        ("awx.option", {"aap_teams": [{"name": "x", "organization": "eco2", "descripton": ""}]}, "descripton"),
        ("awx.variable", {"aap_teams": [{"name": "{{ nowhere }}"}]}, "nowhere"),
        ("awx.variable", {"aap_teams": "x"}, "list of dictionaries"),
    ],
    ids=[
        "a name that AWX does not know",
        "a playbook that is not there",
        "an option that is not there",
        "a variable that is not set",
        "no list",
    ],
)
def test_bad_data_is_refused_in_one_line_before_any_write(site: Site, code: str, variables: Body, words: str) -> None:
    site.declare(**variables)
    problem = site.refused(code)
    assert words in problem["message"], problem


def test_an_awx_that_cannot_be_used_is_refused_in_one_line(site: Site) -> None:
    assert "CONTROLLER_HOST" in site.refused("awx.host", CONTROLLER_HOST="")["remedy"]
    assert "401" in site.refused("awx.connection", CONTROLLER_OAUTH_TOKEN="canary-token")["message"]
    assert site.refused("awx.connection", CONTROLLER_HOST="http://127.0.0.1:9")["item"] == "http://127.0.0.1:9"


def test_a_project_that_awx_cannot_fetch_fails_in_time(site: Site) -> None:
    for state, words in (("failed", "could not fetch it"), ("pending", "aborted due to timeout")):
        site.server.store.updates = state
        site.declare(controller_projects=[{"name": "eco2-platform", "organization": "eco2", "description": state}])
        result = site.done("-e", "awx_project_timeout=1")
        site.server.store.updates = "successful"
        assert [entry["object"] for entry in result["failures"]] == ["eco2-platform"] and words in result["msg"], result


def test_another_organization_may_have_a_job_template_of_the_same_name(site: Site) -> None:
    store = site.server.store
    other = store.create("organizations", {"name": "others"})["id"]
    project = store.create("projects", {"name": "others", "scm_type": "git", "organization": other})["id"]
    double = store._keep("job_templates", {"name": "verify", "project": project, "playbook": "verify.yml"})
    site.declare(
        controller_schedules=[{"name": "t", "organization": "eco2", "unified_job_template": "verify", "rrule": RRULE}],
        controller_workflows=[
            {"name": "w", "organization": "eco2", "simplified_workflow_nodes": [{"identifier": "one", "unified_job_template": "verify"}]}
        ],
        controller_roles=[{"team": "platform-operators", "role": "execute", "job_templates": ["verify"], "lookup_organization": "eco2"}],
    )
    predicted, applied = site.done("--check")["changes"], site.done()["changes"]
    site.declare(controller_roles=[{"team": "x", "role": "execute", "lookup_organization": "others", "job_templates": ["rabbitmq"]}])
    try:
        assert predicted == applied and len(applied) == 4
        assert all(one["unified_job_template"] != double["id"] for one in store.objects["schedules"].values())
        ran = site.done()
        assert {problem["field"] for problem in ran["problems"]} == {"team", "job_templates"}, ran
        assert "of organization others" in ran["msg"]
    finally:
        del store.objects["job_templates"][double["id"]]


@pytest.mark.parametrize("before", [set(), {"site.yml"}], ids=["whose first fetch failed", "which has got a playbook since"])
def test_a_project_is_fetched_again(site: Site, before: set[str]) -> None:
    store = site.server.store
    store.fetched = set(before)
    name = f"after {len(before)}"
    site.declare(controller_templates=[{**TEMPLATE, "name": name}, {**TEMPLATE, "name": f"{name} too"}])
    created = [{"kind": "job template", "object": made, "action": "create"} for made in (name, f"{name} too")]
    fetched = {"kind": "project", "object": "eco2-platform", "action": "fetch"}
    predicted = site.done("--check")
    assert predicted["changes"] == [fetched, *created] and store.fetched == before
    applied = site.done()
    assert (applied["changes"], applied["unchanged"]) == ([fetched, *created], 0)
    assert (site.done()["changes"], site.done()["unchanged"]) == ([], 2)


def test_a_project_that_cannot_be_fetched_again_stops_its_job_templates(site: Site) -> None:
    store = site.server.store
    store.fetched, store.updates = set(), "failed"
    site.declare(controller_templates=[{**TEMPLATE, "name": "never"}])
    result = site.done()
    store.updates = "successful"
    store.fetch()
    assert [entry["object"] for entry in result["failures"]] == ["eco2-platform"] and "could not fetch it" in result["msg"], result
    assert [entry["object"] for entry in result["not_attempted"]] == ["never"]


# The kubeconfig that AWX keeps


def test_a_kubeconfig_with_the_rights_that_jobs_need_is_made_and_stored(site: Site, kube: ApiServer, tmp_path: Path) -> None:
    credential_types = yaml.load((PROJECT / "awx/configuration/credentials.yml").read_text(), Loader)["controller_credential_types"]  # noqa: S506
    credential = {
        "name": "eco2-kubernetes",
        "organization": "eco2",
        "credential_type": "eco2 Kubernetes",
        "inputs": {"kubeconfig": "{{ awx_kubeconfig | default(old, true) }}"},
    }
    types = {"controller_credential_types": [entry for entry in credential_types if entry["name"] == "eco2 Kubernetes"]}
    # AWX has the credential already, with a kubeconfig that no longer works.
    site.declare(**types, controller_credentials=[credential], old="canary-old")
    assert [change["action"] for change in site.done()["changes"]] == ["create", "create"]
    site.declare(**types, controller_credentials=[credential], old="")
    asked_for = ("-e", "awx_service_account=true", "-e", f"kube_kubeconfig={kube.kubeconfig}")
    for options in (["--check"], []):
        assert site.done(*asked_for, *options)["changes"] == [{"kind": "credential", "object": "eco2-kubernetes", "action": "update"}]
    assert site.done(*asked_for)["changes"] == []
    # A later run does not know the kubeconfig, and leaves it alone.
    assert site.done()["changes"] == []
    (kept,) = [one["inputs"]["kubeconfig"] for one in site.server.store.objects["credentials"].values() if one["name"] == "eco2-kubernetes"]
    token = yaml.safe_load(kept)["users"][0]["user"]["token"]
    (cluster,) = [entry["cluster"] for entry in yaml.safe_load(kept)["clusters"]]
    assert sorted(cluster) == ["certificate-authority-data", "server"]
    shown = site.configure(*asked_for, "--diff").stdout
    assert token not in shown and base64.b64encode(token.encode()).decode() not in shown
    # What the jobs do with it.
    path = tmp_path / "kubeconfig"
    path.write_text(kept)
    kube.kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "awx-1"}}).encode())
    nodes = KubeTask(kube, "kube_nodes")
    nodes.defaults = {"kubeconfig": str(path)}
    assert nodes.apply(nodes=[{"name": "awx-1", "labels": {"pool": "awx"}}])["changed"]
    assert nodes.apply(nodes=[{"name": "awx-1", "state": "absent"}])["changed"]
    reads = KubeTask(kube, "kube_nodes_info")
    reads.defaults = {"kubeconfig": str(path)}
    assert "nodes" in reads.apply()
    tokens = KubeTask(kube, "kube_bootstrap_token")
    tokens.defaults = {"kubeconfig": str(path)}
    made = tokens.apply()
    # The API server of the tests has no cluster-info, which kubeadm makes: no right is missing.
    assert made.get("changed") or "403" not in made["msg"], made
    # And no more.
    for verb, what in (("create", "pods"), ("get", "secrets"), ("create", "clusterrolebindings"), ("update", "nodes")):
        with pytest.raises(LabError):
            kube.kubectl("auth", "can-i", verb, what, "--as=system:serviceaccount:eco2-platform:awx", "--namespace=kube-system")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "does not exist"),
        ("", "its current-context names no cluster"),
        ("contexts: [{name: a, context: {cluster: b}}]\nclusters: [{name: b, cluster: {server: https://192.0.2.1}}]", "use-context"),
        ("current-context: a\ncontexts: [{name: a, context: {cluster: c}}]\nclusters: [{name: b, cluster: {server: x}}]", "use-context"),
    ],
)
def test_a_kubeconfig_that_names_no_cluster_is_refused_in_one_line(site: Site, tmp_path: Path, content: str | None, words: str) -> None:
    path = tmp_path / "kubeconfig"
    if content is not None:
        path.write_text(content)
    ran = site.configure("-e", "awx_service_account=true", K8S_AUTH_KUBECONFIG=str(path))
    assert ran.returncode == 2
    (message,) = {line for line in re.findall(r'"msg": "(.*?)"', ran.stdout) if words in line}
    assert str(path) in message


# What the stand-in refuses, each rule once.


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[StandIn]:
    with StandIn(project(tmp_path_factory.mktemp("rules"))) as server:
        for endpoint, body in (
            ("organizations", {"name": "o"}),
            ("projects", {"name": "p", "organization": 5, "scm_type": "git"}),
            ("inventories", {"name": "i", "organization": 5}),
            ("credential_types", {"name": "t", "kind": "cloud", "inputs": {"fields": [{"id": "a", "label": "A"}], "required": ["a"]}}),
            ("job_templates", {"name": "j", "project": 6, "inventory": 7, "playbook": "site.yml", "survey_enabled": True}),
        ):
            assert asked(server, endpoint, body)[0] == 201, (endpoint, asked(server, endpoint, body))
        yield server


def asked(server: StandIn, address: str, body: Body) -> tuple[int, t.Any]:
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{server.url}/api/v2/{address}/", json.dumps(body).encode(), headers, method="POST")
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


JOB = {"name": "x", "project": 6, "inventory": 7, "playbook": "site.yml"}
TYPE = {"name": "x", "kind": "cloud", "inputs": {"fields": [{"id": "a", "label": "A"}]}}


@pytest.mark.parametrize(
    ("endpoint", "body", "field"),
    [
        ("teams", {"name": "x"}, "organization"),
        ("teams", {"name": "x", "organization": 5, "colour": "red"}, "colour"),
        ("teams", {"name": 5, "organization": 5}, "name"),
        ("teams", {"name": "x" * 513, "organization": 5}, "name"),
        ("teams", {"name": "x", "organization": 99}, "organization"),
        ("organizations", {"name": "x", "max_hosts": -1}, "max_hosts"),
        ("organizations", {"name": "o"}, "__all__"),
        ("job_templates", {**JOB, "playbook": "eco2.platform.site"}, "playbook"),
        ("job_templates", {**JOB, "playbook": "inventory/group_vars/all.yml"}, "playbook"),
        ("job_templates", {**JOB, "inventory": None}, "inventory"),
        ("job_templates", {**JOB, "job_type": "scan"}, "job_type"),
        ("job_templates", {**JOB, "forks": True}, "forks"),
        ("job_templates", {**JOB, "extra_vars": "a: ["}, "extra_vars"),
        ("credentials", {"name": "x", "credential_type": 8, "inputs": {"a": "1", "b": "2"}}, "inputs"),
        ("credentials", {"name": "x", "credential_type": 8, "inputs": {}}, "inputs"),
        ("credentials", {"name": "x", "credential_type": 8, "inputs": {"a": 1}}, "inputs"),
        ("credential_types", {**TYPE, "injectors": {"env": {"A": "{{ b }}"}}}, "injectors"),
        ("credential_types", {**TYPE, "injectors": {"files": {}}}, "injectors"),
        ("credential_types", {**TYPE, "inputs": {"fields": [{"id": "a"}]}}, "inputs"),
        ("credential_types", {**TYPE, "kind": "ssh"}, "kind"),
        ("inventory_sources", {"name": "x", "inventory": 7, "source": "scm"}, "source_project"),
        ("schedules", {"name": "x", "unified_job_template": 9, "rrule": "RRULE:FREQ=DAILY;INTERVAL=1"}, "rrule"),
        ("notification_templates", {"name": "x", "organization": 5, "notification_type": "webhook"}, "notification_configuration"),
    ],
)
def test_the_stand_in_refuses_what_awx_refuses(server: StandIn, endpoint: str, body: Body, field: str) -> None:
    status, answer = asked(server, endpoint, body)
    assert (status, list(answer)) == (400, [field]), answer


@pytest.mark.parametrize("survey", [{}, {"name": "", "description": "", "spec": [{"variable": "a"}]}])
def test_the_stand_in_refuses_a_survey_that_is_none(server: StandIn, survey: Body) -> None:
    assert asked(server, "job_templates/9/survey_spec", survey)[0] == 400


def test_the_surveys_of_the_project_are_taken_and_their_answers_judged_as_awx_does(server: StandIn) -> None:
    declared = yaml.load((server.store.project / "configuration" / "templates.yml").read_text(), Loader)["controller_templates"]  # noqa: S506
    wrong: dict[str, list[t.Any]] = {
        "integer": ["5", True, 1.5],
        "text": [1.3, True],
        "textarea": [["a"]],
        "multiplechoice": [True, "other"],
    }
    right: dict[str, t.Any] = {"integer": 5, "text": "1.30", "textarea": "[a, b]", "multiselect": ["queues"]}
    tried = 0
    for template in declared:
        survey = template.get("survey_spec")
        if survey:
            assert asked(server, "job_templates/9/survey_spec", survey)[0] == 200, template["name"]
        for question in (survey or {}).get("spec", []):
            name, kind = question["variable"], question["type"]
            for answer in wrong.get(kind, ["queues", ["other"]]):
                assert asked(server, "job_templates/9/launch", {"extra_vars": {name: answer}})[0] == 400, (name, answer)
                tried += 1
            good = question["choices"][0] if kind == "multiplechoice" else right[kind]
            for answer in ("", None, good):
                status, told = asked(server, "job_templates/9/launch", {"extra_vars": {name: answer, "other": 1}})
                assert (status, told["ignored_fields"]) == (201, {"extra_vars": {"other": 1}}), (name, answer, told)
    assert tried > 15


@long
def test_all_objects_of_the_project_are_made_and_a_second_run_changes_nothing(tmp_path: Path) -> None:
    with StandIn(project(tmp_path)) as server:
        whole = Site(server.store.project, server)
        predicted, applied, again = whole.done("--check"), whole.done(), whole.done()
    assert applied["code"] == 0 and applied["changes"] == predicted["changes"]
    assert (again["changes"], again["code"]) == ([], 0)
