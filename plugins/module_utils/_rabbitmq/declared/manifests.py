# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Custom resources of the Messaging Topology Operator as items of our lists. Private to this collection.

The fields and defaults are those of the operator's CRDs (rabbitmq.com/v1beta1): an exchange is transient and a queue is durable unless
it says otherwise, an absent permission is the empty pattern, an operator policy applies to queues. What a resource omits is what the
operator sends then (internal/*_settings.go, internal/user.go of 1.20): no tags, no tracing, no description, and it deletes limits.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import re
import typing as t
from dataclasses import dataclass, replace

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import is_exactly
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem, Refused
from ansible_collections.eco2.platform.plugins.module_utils._engine.schema import texts
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq import rules
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.desired import TYPES, Item
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.kinds.model import Kind, Values
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.kinds.table import BY_NAME, KINDS

Resource = t.Dict[str, t.Any]

GROUP = "rabbitmq.com"
# Kinds of the operator that are not taken here, and what to do with them.
_ELSEWHERE = {
    "Federation": "declare it under parameters, component federation-upstream",
    "Shovel": "declare it under parameters, component shovel",
    "SuperStream": "declare its exchange, streams and bindings",
    "SchemaReplication": "leave it to the operator, and out of manifests",
}
# Kinds of the group that are no topology.
_OF_CLUSTERS = ("RabbitmqCluster",)
# Fields whose empty text is the same as none to the operator: it does not send them.
_BLANK = {"Queue": "type", "Vhost": "defaultQueueType", "Permission": "user", "TopicPermission": "user"}


@dataclass(frozen=True)
class Shape:
    """How a resource's spec maps to an item: spec field to our field, the operator's own defaults, and fields that have no effect here."""

    kind: Kind
    fields: t.Mapping[str, str]
    defaults: Values
    ignored: tuple[str, ...]


def _shapes() -> t.Iterator[tuple[str, Shape]]:
    for kind in KINDS:
        if kind.resource is not None:
            ours = [entry.name for entry in (*kind.identity, *kind.fields) if entry.name not in kind.resource.without]
            fields = {re.sub("_(.)", lambda match: match[1].upper(), name): name for name in ours}
            fields.update(kind.resource.more, **({"limits": "limits"} if kind.resource.limits else {}))
            ignored = ("rabbitmqClusterReference", "deletionPolicy", *kind.resource.ignored)
            yield kind.resource.kind, Shape(kind, fields, kind.resource.defaults, ignored)


SHAPES = dict(_shapes())


def _refused(code: str, message: str, field: str = "", remedy: str = "", item: str = "") -> Refused:
    return Refused([Problem(f"manifest.{code}", message, item, field, remedy)])


def items(
    manifests: t.Any,
    cluster_reference: str | None,
    credentials: t.Mapping[str, t.Any] | None = None,
    warn: t.Callable[[str], None] = lambda line: None,
) -> list[Item]:
    """The items that the manifests declare: dicts, YAML text, or a list of either. Refused with every problem found.

    `credentials`: what Secrets that are not in the manifests hold, by the Secret's name or NAMESPACE/NAME. `warn` takes each warning.
    """
    book = _Book(_resources(manifests) if manifests else (), credentials or {})
    problems = book.problems
    found: list[Item] = []
    for resource in _of_one_cluster(book.topology, cluster_reference, problems):
        try:
            found += _items(resource, book)
        except Refused as refusal:
            problems += [replace(problem, item=problem.item or _name(resource)) for problem in refusal.problems]
    if problems:
        raise Refused(problems)
    for line in book.warnings():
        warn(line)
    return found


def secrets_of_credentials(credentials: t.Any) -> t.Iterator[str]:
    """What `credentials` holds beside usernames, for masking; never raises."""
    for values in _mapping(credentials).values():
        yield from texts({name: value for name, value in _mapping(values).items() if name != "username"})


def secrets(manifests: t.Any) -> t.Iterator[str]:
    """Every value of every Secret but its username, encoded and decoded, for masking; never raises."""
    for number, entry in enumerate(_listed(manifests)):
        if isinstance(entry, str):
            try:
                documents = _parsed(entry, number)
            except Refused:
                documents = [entry]
            # Unreadable text may hold anything: hide it whole.
            yield from (document for document in documents if isinstance(document, str))
            yield from secrets([document for document in documents if not isinstance(document, str)])
        elif isinstance(entry, list):
            yield from secrets(entry)
        elif isinstance(entry, dict) and entry.get("kind") == "List":
            yield from secrets(entry.get("items"))
        elif isinstance(entry, dict) and entry.get("kind") == "Secret":
            yield from _values_of(entry)


def _values_of(secret: Resource) -> t.Iterator[str]:
    for part in ("data", "stringData"):
        for name, value in _mapping(secret.get(part)).items():
            if name == "username":
                continue  # it names the object in every result; masked, it would be masked wherever else it occurs
            yield str(value)
            with contextlib.suppress(ValueError):
                yield base64.b64decode(str(value), validate=True).decode()


def _mapping(value: t.Any) -> dict[str, t.Any]:
    """What should be a mapping; empty where it is none."""
    return value if isinstance(value, dict) else {}


def _listed(manifests: t.Any) -> list[t.Any]:
    return manifests if isinstance(manifests, list) else [manifests]


def _resources(manifests: t.Any) -> t.Iterator[Resource]:
    """Each resource of the manifests, those inside a List too."""
    for number, entry in enumerate(_listed(manifests)):
        documents = _parsed(entry, number) if isinstance(entry, str) else [entry]
        for document in documents:
            if document is None:
                continue
            _refuse_malformed(document, f"manifests[{number}]")
            if document.get("kind") == "List":
                yield from _resources(document.get("items") or [])
            else:
                yield document


def _refuse_malformed(document: t.Any, where: str) -> None:
    if not isinstance(document, dict):
        raise _refused("malformed", f"is {type(document).__name__}, and must be a resource with kind, metadata and spec", item=where)
    for part, wanted, words in (("kind", str, "a string"), ("metadata", dict, "a mapping")):
        if document.get(part) is not None and not isinstance(document[part], wanted):
            raise _refused("malformed", f"must be {words}", part, item=where)


@functools.cache  # called twice: for the items, and for what must be masked
def _parsed(text: str, number: int) -> list[t.Any]:
    try:
        # Here, because it takes longer than all else that a task without manifests imports of this collection.
        import yaml  # noqa: PLC0415
    except ImportError:
        remedy = "install it there, or pass dictionaries (from_yaml_all)"
        needed = "YAML text needs PyYAML on the host that runs the module"
        raise _refused("no_yaml", needed, remedy=remedy, item=f"manifests[{number}]") from None
    # Five to ten times as fast, where PyYAML was built with libyaml.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return list(yaml.load_all(text, Loader=loader))
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        # Neither the error's own text nor what it quotes: the line may hold a secret.
        problem = re.sub("'.*'|\".*\"", "...", getattr(error, "problem", None) or "cannot be parsed", flags=re.DOTALL)
        raise _refused("not_yaml", f"is not YAML{where}: {problem}", item=f"manifests[{number}]") from None


def _name(resource: Resource) -> str:
    if resource.get("kind") == _GIVEN:
        return f"{_GIVEN}[{resource['of']}]"
    metadata = resource.get("metadata") or {}
    namespace = f"{metadata['namespace']}/" if metadata.get("namespace") else ""
    return f"{resource.get('kind', 'resource without kind')} {namespace}{metadata.get('name', '(without name)')}"


class _Book:
    """The resources by their use: those to declare, and the Secrets and Users that they refer to, by name."""

    def __init__(self, resources: t.Iterable[Resource], credentials: t.Mapping[str, t.Any]) -> None:
        self.topology: list[Resource] = []
        self.problems: list[Problem] = []
        self._named: dict[tuple[str, str], list[Resource]] = {}
        self._skipped: dict[str, int] = {}
        for resource in resources:
            kind, version = resource.get("kind"), str(resource.get("apiVersion", ""))
            group = version.split("/", maxsplit=1)[0]
            if group == GROUP and kind in SHAPES:
                self.topology.append(resource)
            elif (kind, group) != ("Secret", "v1"):
                if (kind and group not in ("", GROUP)) or kind in _OF_CLUSTERS:
                    self._skipped[f"{kind} ({version})"] = self._skipped.get(f"{kind} ({version})", 0) + 1
                else:
                    self.problems.append(_unknown(resource))
                continue
            self._named.setdefault((str(kind), _place(resource)[1]), []).append(resource)
        self._unused = set(credentials)
        for name, values in credentials.items():
            if not isinstance(values, dict) or set(values) - set(_CREDENTIALS):
                message = f"must be a mapping with the keys of the Secret: {', '.join(_CREDENTIALS)}"
                self.problems.append(Problem("manifest.credentials", message, f"credentials[{name}]"))
            else:
                space, short = str(name).rpartition("/")[::2]
                given = {"kind": _GIVEN, "metadata": {"namespace": space, "name": short}, "of": name, "stringData": values}
                self._named.setdefault((_GIVEN, short), []).append(given)

    def find(self, kind: str, name: str, resource: Resource) -> Resource | None:
        """What has this name in the resource's namespace; where one of the two names no namespace, the only one of the name."""
        named, space = self._named.get((kind, name), []), _place(resource)[0]
        fitting = [each for each in named if _place(each)[0] == space]
        fitting = fitting or [each for each in named if not space or not _place(each)[0]]
        distinct = [each for number, each in enumerate(fitting) if each not in fitting[:number]]
        if len(distinct) > 1:
            message = f"refers to {kind} {name}, which may be any of {len(distinct)} resources: {', '.join(map(_name, distinct))}"
            raise _refused("ambiguous", message, remedy="give each its namespace, and each namespace only one of that name")
        return distinct[0] if distinct else None

    def secret(self, name: str, resource: Resource) -> Resource | None:
        """What credentials gives for it wins."""
        given = self.find(_GIVEN, name, resource)
        if given is None:
            return self.find("Secret", name, resource)
        self._unused.discard(given["of"])
        return given

    def warnings(self) -> t.Iterator[str]:
        if self._skipped:
            named = ", ".join(f"{count} {kind}" for kind, count in sorted(self._skipped.items()))
            yield f"manifests: resources that are no topology are skipped: {named}"
        if self._unused:
            yield f"credentials: no User in manifests refers to a Secret {', '.join(sorted(map(str, self._unused)))}"


def _unknown(resource: Resource) -> Problem:
    kind = resource.get("kind")
    if kind in _ELSEWHERE:
        return Problem("manifest.kind", f"{kind} resources are not supported", _name(resource), remedy=_ELSEWHERE[kind])
    message = f"unknown kind {kind!r} of {resource.get('apiVersion')!r}: manifests take Secret, and {', '.join(SHAPES)} of {GROUP}/v1beta1"
    return Problem("manifest.kind", message, _name(resource))


def _place(resource: Resource) -> tuple[str, str]:
    """Namespace, empty where a file leaves it to what applies it, and name."""
    metadata = resource.get("metadata") or {}
    return (str(metadata.get("namespace") or ""), str(metadata.get("name", "")))


def _of_one_cluster(resources: list[Resource], wanted: str | None, problems: list[Problem]) -> list[Resource]:
    """The resources of the wanted cluster; all of them where they name no more than one."""
    clusters = {(space, name) for space, name in map(_cluster, resources) if name}
    if wanted is None:
        if len({name for dummy, name in clusters}) > 1 or len({space for space, dummy in clusters if space}) > 1:
            names = ", ".join(sorted(f"{space}/{name}" if space else name for space, name in clusters))
            message = f"the resources belong to several clusters ({names})"
            problems.append(Problem("manifest.clusters", message, "manifests", remedy="choose one with cluster_reference"))
        return resources
    space, name = wanted.rpartition("/")[::2]
    chosen = [resource for resource in resources if _cluster(resource)[1] == name and (not space or _cluster(resource)[0] in (space, ""))]
    if resources and not chosen:
        names = ", ".join(sorted(f"{space}/{name}" if space else name for space, name in clusters)) or "none"
        message = f"no resource belongs to cluster {wanted!r}: they name {names}"
        problems.append(Problem("manifest.cluster_unknown", message, field="cluster_reference", remedy="correct or remove it"))
    return chosen


def _cluster(resource: Resource) -> tuple[str, str]:
    """Namespace (empty where neither the reference nor the resource names one) and name of its cluster."""
    spec = resource.get("spec")
    reference = spec.get("rabbitmqClusterReference") if isinstance(spec, dict) else None
    if not isinstance(reference, dict):
        return ("", "")
    namespace = reference.get("namespace") or (resource.get("metadata") or {}).get("namespace") or ""
    secret = _mapping(reference.get("connectionSecret"))
    return (str(namespace), str(reference.get("name") or secret.get("name", "")))


def _items(resource: Resource, book: _Book) -> t.Iterator[Item]:
    """One resource as items: its object, and an item for each of its limits."""
    shape, source = SHAPES[resource["kind"]], _name(resource)
    values = _values(resource, shape)
    limits = values.pop("limits", {})
    hint = ""
    if "importCredentialsSecret" in shape.fields:
        values.update(_credentials(values.pop("credentials", None), resource, book))
    elif "permissions" in shape.fields:
        hint = _hint(values.get("user"), resource, book)
        values["user"] = _user_of(values.pop("user_reference", None), values.get("user"), resource, book)
        values.update(_patterns(shape.kind, values.pop("permissions", {})))
    yield Item(shape.kind, values, source, hint)
    if shape.kind.resource and shape.kind.resource.limits and "name" in values:
        yield from _limits(BY_NAME[shape.kind.resource.limits], limits, values["name"], source)


def _limits(kind: Kind, limits: Values, owner: str, source: str) -> t.Iterator[Item]:
    """An item for each limit that there can be: one that the resource omits is deleted."""
    whose, choice = kind.identity
    names = {name.replace("max-", ""): name for name in choice.choices or ()}
    unknown = sorted(set(limits) - set(names))
    if unknown:
        raise Refused([Problem("manifest.unknown_field", "unknown field", field=f"spec.limits.{name}") for name in unknown])
    for short, name in names.items():
        value = limits.get(short)
        yield Item(kind, {whose.name: owner, "name": name, **({"state": "absent"} if value is None else {"value": value})}, source)


def _values(resource: Resource, shape: Shape) -> Values:
    spec = resource.get("spec")
    if not isinstance(spec, dict):
        raise _refused("no_spec", "has no spec")
    unknown = sorted(map(str, set(spec) - set(shape.fields) - set(shape.ignored)))
    if unknown:
        takes = f"unknown field: the spec has {', '.join(shape.fields)}"
        raise Refused([Problem("manifest.unknown_field", takes, field=f"spec.{name}") for name in unknown])
    values = dict(shape.defaults)
    blank = _BLANK.get(resource["kind"])
    given = {name: value for name, value in spec.items() if value is not None and not (name == blank and value == "")}
    values.update((ours, _plain(given[theirs])) for theirs, ours in shape.fields.items() if theirs in given)
    problems = list(_type_problems(values, shape))
    if problems:
        raise Refused(problems)
    return values


# What the mappings and lists hold whose parts the CRD's schema knows.
_INSIDE = {"tags": "str", "limits": "int", "credentials": "str", "permissions": "str", "user_reference": "str"}


def _type_problems(values: Values, shape: Shape) -> t.Iterator[Problem]:
    """The types that the CRD's schema would enforce."""
    expected = {entry.name: entry.type for entry in (*shape.kind.identity, *shape.kind.fields)}
    expected.update(limits="dict", credentials="dict", permissions="dict", user_reference="dict")
    theirs = {ours: name for name, ours in shape.fields.items()}
    for name, value in values.items():
        wanted = TYPES[expected[name]]
        if not is_exactly(value, wanted):
            yield Problem("manifest.type", f"must be {rules.WORDS[wanted]}, and is {value!r}", field=f"spec.{theirs[name]}")
        elif name in _INSIDE:
            wanted = TYPES[_INSIDE[name]]
            for part, inner in value.items() if isinstance(value, dict) else enumerate(value):
                if not is_exactly(inner, wanted) and not (inner is None and isinstance(value, dict)):
                    yield Problem("manifest.type", f"must be {rules.WORDS[wanted]}, and is {inner!r}", field=f"spec.{theirs[name]}.{part}")


def _plain(value: t.Any) -> t.Any:
    """The value as the operator would send it: through JSON, where 1.0 and 1 are one number."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {str(name): _plain(entry) for name, entry in value.items()}
    if isinstance(value, list):
        return [_plain(entry) for entry in value]
    # YAML's dates and the like are no JSON: text to Kubernetes.
    return value if value is None or isinstance(value, (str, int, float)) else str(value)


# The option that stands for Secrets which live elsewhere, and the keys of a Secret that the operator reads.
_GIVEN = "credentials"
_CREDENTIALS = ("username", "password", "passwordHash")


def _credentials(reference: t.Any, resource: Resource, book: _Book) -> Values:
    """Name and password of a User, which are in a Secret of the same namespace. A hash wins, an empty one too."""
    field, remedy = "spec.importCredentialsSecret", "add the Secret to manifests, or what it holds to credentials"
    name = _mapping(reference).get("name")
    if not name:
        raise _refused("no_credentials", "is required: it names the Secret with the user's name and password", field, remedy)
    secret = book.secret(str(name), resource)
    if secret is None:
        raise _refused("no_secret", f"the manifests have no Secret {name} in its namespace", field, remedy)
    if "sops" in secret:
        raise _refused("encrypted", "is encrypted with SOPS", remedy="decrypt it, or add what it holds to credentials", item=_name(secret))
    data = _decoded(secret)
    if not data.get("username"):
        raise _refused("no_username", "has no username", item=_name(secret))
    if "passwordHash" in data:
        return {"name": data["username"], "password_hash": data["passwordHash"], "hashing_algorithm": "sha512"}
    if not data.get("password"):
        remedy = "add one of them; an empty passwordHash forbids logins with a password"
        raise _refused("no_password", "has neither password nor passwordHash", remedy=remedy, item=_name(secret))
    return {"name": data["username"], "password": data["password"]}


def _decoded(secret: Resource) -> dict[str, str]:
    data: dict[str, str] = {}
    for part in ("data", "stringData"):
        for name, value in _mapping(secret.get(part)).items():
            if name not in _CREDENTIALS:
                continue
            if not isinstance(value, str):
                message = f"must be a string, and is {rules.WORDS.get(type(value), 'none')}"
                raise _refused("type", message, f"{part}.{name}", "write it in quotes", _name(secret))
            try:
                data[name] = base64.b64decode(value, validate=True).decode() if part == "data" else value
            except ValueError as error:
                raise _refused("not_base64", "is not the base64 of a text", f"data.{name}", item=_name(secret)) from error
    return data


def _user_of(reference: t.Any, user: str | None, resource: Resource, book: _Book) -> str:
    if (reference is None) == (user is None):
        raise _refused("user", "needs either user or userReference", "spec")
    if user is not None:
        return user
    name = str(reference.get("name") or "")
    other = book.find("User", name, resource)
    if other is None:
        message = f"the manifests have no User {name} in its namespace"
        raise _refused("no_user", message, "spec.userReference", "add the User to manifests, or name it in user")
    return str(_credentials(_mapping(other.get("spec")).get("importCredentialsSecret"), other, book)["name"])


def _hint(user: str | None, resource: Resource, book: _Book) -> str:
    """What to do if there is no user of the name that a resource gives: it may have meant the name of a User resource."""
    if user is None or book.find("User", user, resource) is None:
        return ""
    return f"{user} is the metadata.name of a User resource: refer to it with userReference, or give the username of its Secret"


def _patterns(kind: Kind, permissions: Values) -> Values:
    """The fields that the resource has inside `permissions`: those that the shape leaves out."""
    names = kind.resource.without if kind.resource else ()
    unknown = sorted(set(permissions) - set(names))
    if unknown:
        raise Refused([Problem("manifest.unknown_field", "unknown field", field=f"spec.permissions.{name}") for name in unknown])
    return {name: permissions.get(name) or "" for name in names}
