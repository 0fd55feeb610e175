"""A stand-in of AWX's API, for tests: it keeps objects and refuses what AWX refuses. It runs no job and is no AWX.

The fields of each endpoint, with their types, choices and limits, are those of AWX 24.6, as data in ../shared/awx. What this file adds are
AWX's rules that no list of fields tells: playbooks of the project, surveys, inputs and injectors of credential types.
"""

from __future__ import annotations

import base64
import functools
import json
import re
import threading
import typing as t
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import jinja2
import yaml

PLACES = [above / "shared" / "awx" / "awx-24.6-fields.json" for above in Path(__file__).resolve().parents[2].parents]
FIELDS = next((place for place in PLACES if place.is_file()), PLACES[0])
TOKEN, USER, PASSWORD = "token-of-the-stand-in", "admin", "password-of-the-stand-in"
HIDDEN = "$encrypted$"
_BEGINS = re.compile(r"(?m)^\s*-?\s*(hosts|include|(ansible\.builtin\.)?import_playbook):")

Body = t.Dict[str, t.Any]
# The endpoint of what a field names, where it differs from the field's plural.
NAMES = {
    "inventory": "inventories",
    "source_project": "projects",
    "default_environment": "execution_environments",
    "webhook_credential": "credentials",
    "signature_validation_credential": "credentials",
}
JOBS = ("job_templates", "workflow_job_templates", "projects", "inventory_sources", "workflow_approval_templates")
ROLES = {
    "organizations": ["admin", "execute", "project_admin", "inventory_admin", "auditor", "member", "read", "approval"],
    "teams": ["admin", "member", "read"],
    "projects": ["admin", "use", "update", "read"],
    "inventories": ["admin", "update", "adhoc", "use", "read"],
    "credentials": ["admin", "use", "read"],
    "job_templates": ["admin", "execute", "read"],
    "workflow_job_templates": ["admin", "execute", "read", "approval"],
}
ANSWERS = {
    "text": (str,),
    "textarea": (str,),
    "password": (str,),
    "multiplechoice": (str,),
    "multiselect": (list,),
    "integer": (int,),
    "float": (int, float),
}
BUILT_IN = {
    "Machine": ["username", "password", "ssh_key_data", "ssh_key_unlock", "become_method", "become_username", "become_password"],
    "Vault": ["vault_password", "vault_id"],
    "Source Control": ["username", "password", "ssh_key_data", "ssh_key_unlock"],
    "Red Hat Ansible Automation Platform": ["host", "username", "password", "oauth_token", "verify_ssl"],
}


class Refusal(Exception):
    """An answer other than 2xx."""

    def __init__(self, body: t.Any, status: int = 400) -> None:
        super().__init__(str(body))
        self.body, self.status = body, status


def refuse(field: str, message: str) -> t.NoReturn:
    raise Refusal({field: [message]})


@functools.lru_cache(maxsize=None)
def fields() -> dict[str, Body]:
    found = json.loads(FIELDS.read_text(encoding="utf-8"))
    # Two endpoints that are not in the data.
    found["users"] = {"fields": {"id": "integer"}, "post": {"username": {"type": "string", "required": True}}}
    approval = {"name": {"type": "string", "required": True}, "description": {"type": "string"}, "timeout": {"type": "integer"}}
    found["workflow_approval_templates"] = {"fields": {"id": "integer"}, "post": approval}
    return t.cast("dict[str, Body]", found)


class Store:
    """What AWX keeps in its database."""

    def __init__(self, project: Path) -> None:
        self.project = project
        self.objects: dict[str, dict[int, Body]] = {name: {} for name in fields()}
        self.lists: dict[str, list[int]] = {}  # associations, by their address
        self.surveys: dict[int, Body] = {}
        self.fetched: set[str] = set()  # the playbooks at the last fetch of the project that succeeded
        self.updates = "successful"  # or "pending", or "failed"
        self.writes: list[str] = []
        self.last = 0
        for name, inputs in BUILT_IN.items():
            described = [{"id": field, "type": "string", "secret": bool(re.search("pass|key|token", field))} for field in inputs]
            self._keep("credential_types", {"name": name, "kind": "vault" if name == "Vault" else "ssh", "inputs": {"fields": described}})

    def _keep(self, endpoint: str, body: Body) -> Body:
        self.last += 1
        defaults = {name: spec.get("default") for name, spec in fields()[endpoint]["post"].items()}
        self.objects[endpoint][self.last] = {**defaults, **body, "id": self.last}
        return self.objects[endpoint][self.last]

    def shown(self, endpoint: str, found: Body) -> Body:
        url = f"/api/v2/{endpoint}/{found['id']}/"
        related = {"survey_spec": f"{url}survey_spec/", "update": f"{url}update/"}
        template = found.get("unified_job_template")
        if template and template in self.objects["workflow_approval_templates"]:
            related["unified_job_template"] = f"/api/v2/workflow_approval_templates/{template}/"
        roles = {f"{role}_role": {"id": found["id"] * 100 + number} for number, role in enumerate(ROLES.get(endpoint, []))}
        more = {"type": endpoint[:-1], "url": url, "related": related, "summary_fields": {"object_roles": roles}}
        if endpoint == "credential_types":
            more["managed"] = found["name"] in BUILT_IN
        if endpoint == "projects":
            more["scm_revision"] = "1"
        if endpoint == "job_templates" and found["project"]:
            more["organization"] = self.objects["projects"][found["project"]]["organization"]
        if endpoint == "credentials":
            more["inputs"] = {name: HIDDEN if self._secret(found, name) else value for name, value in found["inputs"].items()}
        return {**found, **more}

    def _type(self, credential: Body) -> Body:
        return self.objects["credential_types"][credential["credential_type"]]

    def _described(self, credential: Body) -> dict[str, Body]:
        return {entry["id"]: entry for entry in self._type(credential)["inputs"].get("fields", [])}

    def _secret(self, credential: Body, name: str) -> bool:
        return bool(self._described(credential).get(name, {}).get("secret"))

    def listed(self, endpoint: str, query: t.Mapping[str, str]) -> list[Body]:
        if endpoint == "unified_job_templates":
            return [one for name in JOBS for one in self.listed(name, query)]
        if endpoint not in self.objects:
            raise Refusal({"detail": "Not found."}, 404)
        query = {name: value for name, value in query.items() if name not in ("page_size", "page")}
        of = query.pop("organization__name", None)
        either = {name[4:]: query.pop(name) for name in list(query) if name.startswith("or__")}
        found = [self.shown(endpoint, one) for one in self.objects[endpoint].values()]
        found = [one for one in found if of is None or self._organization(one) == of]
        found = [one for one in found if all(str(one.get(name)) == value for name, value in query.items())]
        return [one for one in found if not either or any(str(one.get(name)) == value for name, value in either.items())]

    def _organization(self, found: Body) -> str:
        return str(self.objects["organizations"].get(found.get("organization") or 0, {}).get("name"))

    # Writing

    def create(self, endpoint: str, body: Body) -> Body:
        post = fields()[endpoint]["post"]
        missing = [name for name, spec in post.items() if spec.get("required") and body.get(name) is None]
        if missing:
            raise Refusal({name: ["This field is required."] for name in missing})
        body = self._checked(endpoint, body, {})
        name = body.get("name") or body.get("identifier")
        parents = {
            key: str(body[key]) for key in ("organization", "inventory", "workflow_job_template", "credential_type") if body.get(key)
        }
        if self.listed(endpoint, {"identifier" if "identifier" in body else "name": str(name), **parents}):
            raise Refusal({"__all__": [f"{endpoint} with this name already exists: {name}"]})
        if endpoint == "projects":
            self.fetch()
        return self._keep(endpoint, body)

    def change(self, endpoint: str, number: int, body: Body) -> Body:
        found = self.one(endpoint, number)
        found.update(self._checked(endpoint, body, found))
        return found

    def one(self, endpoint: str, number: int) -> Body:
        if number not in self.objects.get(endpoint, {}):
            raise Refusal({"detail": "Not found."}, 404)
        return self.objects[endpoint][number]

    def _checked(self, endpoint: str, body: Body, before: Body) -> Body:
        known = fields()[endpoint]
        kept = {}
        for name, value in body.items():
            if name in known["post"]:
                kept[name] = self._value(name, known["post"][name], value)
            elif name not in known["fields"]:
                refuse(name, "Unknown field.")
        rule = getattr(self, f"_check_{endpoint}", None)
        if rule:
            defaults = {name: spec.get("default") for name, spec in known["post"].items()}
            rule({**defaults, **before, **kept}, kept)
        return kept

    def _value(self, name: str, spec: Body, value: t.Any) -> t.Any:
        kind = spec["type"]
        # AWX takes null for an empty text or choice.
        if value is None and (kind in ("id", "field") or not spec.get("required")):
            return spec.get("default")
        wanted = {"string": str, "boolean": bool, "integer": int, "id": int}.get(kind)
        if wanted and (not isinstance(value, wanted) or (wanted is int and isinstance(value, bool))):
            refuse(name, f"Not a valid {kind}.")
        if kind == "choice" and value not in [choice[0] for choice in spec["choices"]]:
            refuse(name, f'"{value}" is not a valid choice.')
        if kind == "json" and not isinstance(_parsed(value), (dict, list)):
            refuse(name, "Cannot parse as JSON or YAML.")
        if kind == "id" or (name == "credential" and value):
            endpoint = NAMES.get(name, f"{name}s")
            if not any(one["id"] == value for one in self.listed(endpoint, {})):
                refuse(name, f'Invalid pk "{value}" - object does not exist.')
        if isinstance(value, str) and len(value) > spec.get("max_length", len(value)):
            refuse(name, f"Ensure this field has no more than {spec['max_length']} characters.")
        if wanted is int and not spec.get("min_value", value) <= value <= spec.get("max_value", value):
            refuse(name, "Ensure this value is within its limits.")
        return value

    # Rules of single endpoints: all fields, and those that were sent.

    def _check_job_templates(self, full: Body, sent: Body) -> None:
        if not full["project"]:
            refuse("project", "This field may not be null.")
        if full["playbook"] not in self.fetched:
            refuse("playbook", "Playbook not found for project.")
        if not full["inventory"] and not full["ask_inventory_on_launch"]:
            refuse("inventory", "Job Template must provide 'inventory' or allow prompting for it.")

    def fetch(self) -> None:
        if self.updates == "successful":
            self.fetched = self._playbooks()

    def _playbooks(self) -> set[str]:
        """The files with a line that begins a play, outside of the directories of roles and variables."""
        found = set()
        for path in sorted(self.project.rglob("*")):
            parts = path.relative_to(self.project).parts
            hidden = any(part.startswith(".") or part in ("roles", "tasks", "group_vars", "host_vars") for part in parts)
            if path.suffix in (".yml", ".yaml") and not hidden and _BEGINS.search(path.read_text(encoding="utf-8")):
                found.add("/".join(parts))
        return found

    def _check_credentials(self, full: Body, sent: Body) -> None:
        described = self._described(full)
        for name, value in (sent.get("inputs") or {}).items():
            if name not in described:
                refuse("inputs", f"Additional properties are not allowed ('{name}' was unexpected)")
            if described[name].get("type", "string") == "string" and not isinstance(value, (str, bool)):
                refuse("inputs", f"{value!r} is not of type 'string' ({name})")
            if name == "ssh_key_data" and not re.fullmatch(r"\s*-----BEGIN [A-Z ]+-----\n.+\n-----END [A-Z ]+-----\s*", value, re.DOTALL):
                raise Refusal({"inputs": {name: [f"Invalid certificate or key: {value[:100]}..."]}})
        for name in self._type(full)["inputs"].get("required", []):
            if full["inputs"].get(name) in (None, ""):
                refuse("inputs", f"required for {self._type(full)['name']} ({name})")

    def _check_credential_types(self, full: Body, sent: Body) -> None:
        names = set()
        for entry in full["inputs"].get("fields", []):
            if not {"id", "label"} <= set(entry) or not set(entry) <= {
                *("id", "label", "type", "secret", "multiline", "help_text", "format", "choices", "default", "ask_at_runtime")
            }:
                refuse("inputs", f"a field is not as AWX's schema wants it: {entry}")
            if entry.get("type", "string") not in ("string", "boolean"):
                refuse("inputs", f"'{entry['type']}' is not one of ['string', 'boolean']")
            names.add(entry["id"])
        if not set(full["inputs"].get("required", [])) <= names:
            refuse("inputs", "a required field is not defined")
        files = full["injectors"].get("file", {})
        if not set(full["injectors"]) <= {"env", "file", "extra_vars"} or any(not re.match(r"template(\.\w+)?$", name) for name in files):
            refuse("injectors", "unknown kind of injector")
        values = {**dict.fromkeys(names, "EXAMPLE"), "tower": {"filename": {name.partition(".")[2]: "PATH" for name in files} or "PATH"}}
        environment = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=True)
        for injected in full["injectors"].values():
            for name, text in injected.items():
                try:
                    environment.from_string(text).render(values)
                except jinja2.exceptions.TemplateError as error:
                    refuse("injectors", f"{name} uses an undefined field ({error})")

    def _check_inventory_sources(self, full: Body, sent: Body) -> None:
        if full["source"] == "scm" and not full["source_project"]:
            refuse("source_project", "Project required for scm type sources.")
        if full["credential"] and self._type(self.objects["credentials"][full["credential"]])["kind"] in ("vault", "insights"):
            refuse("credential", "Credentials of type insights and vault are disallowed for scm inventory sources.")

    def _check_schedules(self, full: Body, sent: Body) -> None:
        if not re.match(r"DTSTART(;TZID=[\w/]+)?:\d{8}T\d{6}Z? RRULE:", full["rrule"]):
            refuse("rrule", "Valid DTSTART required in rrule. Value should start with: DTSTART:YYYYMMDDTHHMMSSZ")
        if "INTERVAL=" not in full["rrule"]:
            refuse("rrule", "INTERVAL required in rrule.")

    def _check_notification_templates(self, full: Body, sent: Body) -> None:
        if full["notification_type"] == "webhook":
            for name in ("url", "headers"):
                if name not in full["notification_configuration"]:
                    refuse("notification_configuration", f"Missing required fields for Notification Configuration: {name}")
            # AWX adds what is not given.
            added = {"http_method": "POST", "disable_ssl_verification": False, "username": "", "password": ""}
            sent["notification_configuration"] = {**added, **full["notification_configuration"]}

    # Associations

    def associate(self, endpoint: str, number: int, part: str, body: Body) -> None:
        found = self.lists.setdefault(f"{endpoint}/{number}/{part}", [])
        if body.get("disassociate"):
            found.remove(body["id"])
            return
        of = {"credentials": "credentials", "instance_groups": "instance_groups", "teams": "teams", "users": "users"}
        target = "workflow_job_template_nodes" if part.endswith("_nodes") else of.get(part, "notification_templates")
        one = self.one(target, body["id"])
        if part == "credentials":
            kinds = [self.objects["credentials"][other]["credential_type"] for other in found]
            if one["credential_type"] in kinds:
                refuse("detail", f"Cannot assign multiple {self._type(one)['name']} credentials.")
        found.append(body["id"])

    def associated(self, endpoint: str, number: int, part: str) -> list[Body]:
        return [{"id": one} for one in self.lists.get(f"{endpoint}/{number}/{part}", [])]

    def approval(self, node: int, body: Body) -> Body:
        found = self.create("workflow_approval_templates", body)
        self.objects["workflow_job_template_nodes"][node]["unified_job_template"] = found["id"]
        return found

    # Surveys and launching

    def survey(self, number: int, body: Body) -> None:
        wrong = _wrong_survey(body)
        if wrong:
            raise Refusal({"error": wrong})
        self.surveys[number] = body

    def launch(self, number: int, body: Body) -> Body:
        """Whether AWX takes these answers, and which it drops."""
        template = self.one("job_templates", number)
        answers = body.get("extra_vars") or {}
        questions = {entry["variable"]: entry for entry in self.surveys.get(number, {}).get("spec", [])}
        if not template["survey_enabled"]:
            questions = {}
        wrong = [_wrong_answer(entry, answers.get(name)) for name, entry in questions.items()]
        if any(wrong):
            raise Refusal({"variables_needed_to_start": [message for message in wrong if message]})
        ignored = {name: value for name, value in answers.items() if name not in questions}
        return {"job": 1, "ignored_fields": {"extra_vars": ignored} if ignored else {}}


def _parsed(value: t.Any) -> t.Any:
    try:
        return (yaml.safe_load(value) or {}) if isinstance(value, str) else value
    except yaml.YAMLError:
        return None


def _wrong_survey(body: Body) -> str:
    if not isinstance(body.get("name"), str) or not isinstance(body.get("description"), str) or not body.get("spec"):
        return "'name', 'description' and 'spec' are required in survey spec."
    seen = set()
    for number, entry in enumerate(body["spec"]):
        missing = [name for name in ("type", "question_name", "variable", "required") if name not in entry]
        if missing:
            return f"'{missing[0]}' missing from survey question {number}."
        if entry["type"] not in ANSWERS:
            return f"'{entry['type']}' in survey question {number} is not one of allowed question types."
        if entry["variable"] in seen:
            return f"'variable' '{entry['variable']}' duplicated in survey question {number}."
        seen.add(entry["variable"])
        if entry["type"] in ("multiplechoice", "multiselect") and not _choices(entry):
            return f"Survey question {number} must specify choices."
        if entry.get("default") not in (None, ""):
            wrong = _wrong_answer(entry, entry["default"])
            if wrong:
                return f"Default of survey question {number}: {wrong}"
    return ""


def _choices(entry: Body) -> list[t.Any]:
    choices = entry.get("choices") or []
    return choices.splitlines() if isinstance(choices, str) else list(choices)


def _wrong_answer(entry: Body, answer: t.Any) -> str:
    name, kind = entry["variable"], entry["type"]
    if answer is None or answer == "":
        return f"'{name}' value missing" if entry["required"] else ""
    if isinstance(answer, bool) or not isinstance(answer, ANSWERS[kind]):
        return f"Value {answer!r} for '{name}' expected to be of the type {kind}."
    chosen = answer if kind == "multiselect" else [answer] if kind == "multiplechoice" else []
    for one in chosen:
        if one not in _choices(entry):
            return f"Value {one} for '{name}' expected to be one of {_choices(entry)}."
    size = len(answer) if isinstance(answer, str) else answer
    if not chosen and not isinstance(answer, list):
        for limit, beyond in (("min", lambda least: size < least), ("max", lambda most: size > most)):
            if entry.get(limit) not in (None, "") and beyond(entry[limit]):
                return f"'{name}' value {answer} is beyond {limit} {entry[limit]}."
    return ""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet
    server: StandIn

    def log_message(self, *dummy: t.Any) -> None:
        pass

    def _answer(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        content = self.rfile.read(size)
        with self.server.lock:
            try:
                status, body = self._routed(json.loads(content) if content else {})
            except Refusal as refusal:
                status, body = refusal.status, refusal.body
        data = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {
            "Content-Type": "application/json",
            "Content-Length": str(len(data)),
            "X-API-Product-Name": "AWX",
            "X-API-Product-Version": "24.6.1",
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PATCH = do_DELETE = _answer

    def _allowed(self) -> bool:
        basic = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        return self.headers.get("Authorization") in (f"Bearer {TOKEN}", f"Basic {basic}")

    def _routed(self, body: Body) -> tuple[int, t.Any]:
        address = urllib.parse.urlsplit(self.path)
        parts = address.path.removeprefix("/api/v2/").strip("/").split("/")
        store, query = self.server.store, dict(urllib.parse.parse_qsl(address.query))
        if not self._allowed():
            raise Refusal({"detail": "Authentication credentials were not provided."}, 401)
        if self.command != "GET" and parts[0] != "tokens":
            store.writes.append(f"{self.command} {address.path}")
        if parts[0] == "tokens":
            return (201, {"id": 1, "token": TOKEN}) if self.command == "POST" else (204, None)
        if parts[0] == "project_updates":
            done = store.updates != "pending"
            return 200, {"id": 1, "status": store.updates, "finished": done, "failed": store.updates == "failed", "scm_revision": "2"}
        if len(parts) == 1:
            if self.command == "POST":
                return 201, store.shown(parts[0], store.create(parts[0], body))
            return 200, _page(store.listed(parts[0], query))
        return self._single(store, parts, body)

    def _single(self, store: Store, parts: list[str], body: Body) -> tuple[int, t.Any]:
        endpoint, number = parts[0], int(parts[1])
        if len(parts) == 2:
            if self.command == "PATCH":
                return 200, store.shown(endpoint, store.change(endpoint, number, body))
            found = store.shown(endpoint, store.one(endpoint, number))
            if self.command == "DELETE":
                del store.objects[endpoint][number]
                return 204, None
            return 200, found
        if endpoint != "roles":
            store.one(endpoint, number)
        if parts[2] == "survey_spec":
            if self.command == "POST":
                store.survey(number, body)
            elif self.command == "DELETE":
                store.surveys.pop(number, None)
            return 200, store.surveys.get(number, {})
        if parts[2] == "launch":
            return 201, store.launch(number, body)
        if parts[2] == "playbooks":
            return 200, sorted(store.fetched)
        if parts[2] == "update":
            store.fetch()
            return 202, {"id": 1, "url": "/api/v2/project_updates/1/", "status": "pending"}
        if parts[2] == "create_approval_template":
            return 201, store.shown("workflow_approval_templates", store.approval(number, body))
        if self.command == "POST":
            store.associate(endpoint, number, parts[2], body)
            return 204, None
        return 200, _page(store.associated(endpoint, number, parts[2]))


def _page(found: list[Body]) -> Body:
    return {"count": len(found), "next": None, "previous": None, "results": found}


class StandIn(ThreadingHTTPServer):
    """Serves on a free port of loopback until it is left."""

    daemon_threads = True

    def __init__(self, project: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.store, self.lock = Store(project), threading.Lock()
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def __enter__(self) -> StandIn:
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *dummy: t.Any) -> None:
        self.shutdown()
        self.server_close()
