# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Users and their passwords. Private to this collection."""

from __future__ import annotations

import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import Secret
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem
from ansible_collections.eco2.platform.plugins.module_utils._engine.schema import Field
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq import passwords
from ansible_collections.eco2.platform.plugins.module_utils._rabbitmq.kinds import model

DOCUMENTATION = r"""
users:
  description:
    - Users of the broker's internal database. A field that an item omits stays as it is on the broker; a user that is created
      without password and hash can log in only with a certificate or with OAuth.
    - Deleting a user deletes its permissions.
  options:
    name: Name of the user.
    password:
      - The password. The module compares it with the stored hash without a login and sends only a hash, so that the broker's own
        rules for passwords do not see it.
    password_hash:
      - The hash to store in place of a password, as RV(eco2.platform.rabbitmq_info#module:topology) returns it. Empty to forbid
        logins with a password.
    hashing_algorithm: The algorithm of O(users[].password_hash).
    tags: The complete list of the user's tags, such as V(administrator) or V(monitoring).
    update_password: V(on_create) sets the password only when it creates the user; V(always) also replaces one that differs.
"""


class _User(model.Kind):
    def problems(self, values: model.Values) -> t.Iterator[Problem]:
        for tag in values.get("tags", ()):
            if not tag.isascii():
                message = f"the broker stores {tag!r} as other characters: tags must be ASCII"
                yield Problem("user.tag_not_ascii", message, field="tags", remedy="choose another tag")
        if "password" in values and "password_hash" in values:
            yield Problem("user.two_passwords", "both password and password_hash are given", remedy="give only one of them")
        if values.get("password") == "":
            remedy = "to forbid logins with a password, set password_hash to an empty string"
            yield Problem("user.password_empty", "is empty", field="password", remedy=remedy)
        if "password_hash" in values:
            problem = passwords.problem(values["password_hash"], values.get("hashing_algorithm", "sha256"))
            if problem:
                yield Problem("user.password_hash", problem, field="password_hash")

    def declared(self, values: model.Values) -> model.Values:
        given = {name: value for name, value in values.items() if name != "password"}
        if "tags" in given:  # the broker takes them as one text, with commas between them
            given["tags"] = ",".join(given["tags"]).split(",")
        fields = super().declared(given)
        if "password" in values:
            fields["password"] = Secret(passwords.Password(values["password"]))
        elif "password_hash" in values:
            algorithm = passwords.MODULES[values.get("hashing_algorithm", "sha256")]
            fields["password"] = Secret(passwords.Hash(values["password_hash"], algorithm))
        return fields

    def conflicts(self, declared: model.Declared, broker: model.Broker) -> t.Iterator[Problem]:
        observed = broker.objects.get(declared.key)
        if observed is None or "protected" not in observed.fields["tags"] or not broker.is_at_least(4, 3):
            return
        if not declared.present or declared.differing(observed):
            message = "has the tag protected, so the broker refuses to change or delete it through its API"
            yield declared.problem("user.protected", message, "use rabbitmqctl on a node of the broker")

    def initial(self, values: model.Values) -> frozenset[str]:
        return frozenset({"password"} if values.get("update_password") == "on_create" else ())

    def equal(self, wanted: t.Any, actual: t.Any) -> bool:
        if isinstance(wanted, Secret):
            return passwords.matches(wanted.reveal(), actual.reveal())
        return super().equal(wanted, actual)

    def read(self, row: model.Values) -> tuple[model.Values, model.Values]:
        tags = row["tags"].split(",") if isinstance(row["tags"], str) else row["tags"]
        stored = passwords.Hash(row["password_hash"], row["hashing_algorithm"])
        return {"tags": sorted(tag for tag in tags if tag), "password": Secret(stored)}, {}

    def body(self, fields: model.Values) -> model.Values:
        stored = passwords.to_store(fields["password"].reveal() if "password" in fields else passwords.NO_PASSWORD)
        return {"tags": ",".join(fields.get("tags", [])), "password_hash": stored.text, "hashing_algorithm": stored.algorithm}

    def exported(self, entry: model.Observed, secrets: bool) -> model.Values:
        item = super().exported(entry, False)
        if secrets:
            stored = entry.fields["password"].reveal()
            words = {name: short for short, name in passwords.MODULES.items()}
            item.update(password_hash=stored.text, hashing_algorithm=words.get(stored.algorithm, stored.algorithm))
        return item


USER = _User(
    "user",
    "users",
    stage=2,
    identity=(Field("name", required=True),),
    fields=(Field("password", secret=True), Field("tags", "list", elements="str")),
    options=(
        Field("password_hash", secret=True),
        Field("hashing_algorithm", default="sha256", choices=tuple(passwords.MODULES)),
        Field("update_password", default="always", choices=("always", "on_create"), secret=False),
    ),
    path=("users", "{name}"),
    readers=model.ADMINISTRATOR,
    writers=model.ADMINISTRATOR,
    resource=model.Resource(
        "User", {"tags": []}, without=("name", "password"), more={"importCredentialsSecret": "credentials"}, limits="user_limit"
    ),
)
