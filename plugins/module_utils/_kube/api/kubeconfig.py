# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of a kubeconfig before the kubernetes client reads it, whose errors may show its content. Private to this collection."""

from __future__ import annotations

import os
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem, Refused
from ansible_collections.eco2.platform.plugins.module_utils._kube.api.library import yaml

SECRET_FIELDS = ("token", "password", "client-key-data", "client-certificate-data")

Parsed = t.Dict[str, t.Any]


def problems(kubeconfig: t.Any, context: str | None) -> list[Problem]:
    """Why this kubeconfig, a path or the content as a dictionary, cannot be used; never shows content."""
    try:
        where, contents = ("", [kubeconfig]) if isinstance(kubeconfig, dict) else _read(kubeconfig)
        _check_content(where, contents, context)
    except Refused as refusal:
        return refusal.problems
    return []


def _refused(code: str, message: str) -> Refused:
    return Refused([Problem(f"kubeconfig.{code}", message.strip(), field="kubeconfig")])


def secrets(kubeconfig: t.Any) -> t.Iterator[str]:
    """Every value that must be hidden of a kubeconfig given as content, whatever its shape."""
    if isinstance(kubeconfig, str) and not _is_path(kubeconfig):
        yield kubeconfig
        kubeconfig = _parsed_text(kubeconfig)
    if isinstance(kubeconfig, dict):
        yield from _secrets_inside(kubeconfig)


def _secrets_inside(value: t.Any, secret: bool = False) -> t.Iterator[str]:
    if isinstance(value, dict):
        # The environment of a plugin and the data of a provider may contain anything.
        for key, inner in value.items():
            yield from _secrets_inside(inner, secret or key in (*SECRET_FIELDS, "auth-provider", "env"))
    elif isinstance(value, list):
        for inner in value:
            yield from _secrets_inside(inner, secret)
    elif secret and isinstance(value, (str, int)) and len(str(value)) > 3:
        yield str(value)


def _is_path(text: str) -> bool:
    return "\n" not in text.strip() and not text.lstrip().startswith("{")


def _parsed_text(text: str) -> t.Any:
    if yaml is None:
        return None
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return None


def _read(paths: t.Any) -> tuple[str, list[t.Any]]:
    """The paths and contents of the files. Several may be given, as in the variable KUBECONFIG; those that do not exist are ignored."""
    if not isinstance(paths, str):
        raise _refused("wrong_type", "must be the path of a file, or its content as a dictionary")
    if not _is_path(paths):
        raise _refused("content_as_text", "is the content of a file as text: give the path, or a dictionary (filter from_yaml)")
    files = [os.path.expanduser(path) for path in paths.split(os.pathsep) if path]
    contents, there = [], []
    for path in files:
        try:
            with open(path, encoding="utf-8") as file:
                contents.append(yaml.safe_load(file))
                there.append(path)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise _refused("unreadable", f"{path} cannot be read ({error.strerror})") from error
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            mark = getattr(error, "problem_mark", None)
            raise _refused("not_yaml", f"{path} is not YAML" + (f", see line {mark.line + 1}" if mark else "")) from error
    if not there:
        raise _refused("missing", f"{' and '.join(files) or 'the path'} does not exist on the host that runs this task")
    return " and ".join(there), contents


def _check_content(where: str, contents: list[t.Any], context: str | None) -> None:
    """https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/"""
    if not all(isinstance(content, dict) for content in contents):
        raise _refused("empty", f"{where} does not contain a kubeconfig")
    named: dict[str, dict[str, Parsed]] = {}
    for part in ("contexts", "clusters", "users"):
        lists = [content.get(part) or [] for content in contents]
        if not all(isinstance(entries, list) and all(_is_entry(entry, part[:-1]) for entry in entries) for entries in lists):
            raise _refused("malformed", f"{where} {part} must be a list of {{name: ..., {part[:-1]}: ...}}")
        named[part] = {entry["name"]: entry[part[:-1]] or {} for entries in reversed(lists) for entry in entries}
    chosen = context or next((str(content["current-context"]) for content in reversed(contents) if content.get("current-context")), None)
    known = ", ".join(sorted(named["contexts"])) or "none"
    if not chosen:
        raise _refused("no_current_context", f"{where} has no current-context: set the option context to one of its contexts ({known})")
    if chosen not in named["contexts"]:
        raise _refused("unknown_context", f"{where} has no context {chosen}; it has {known}")
    cluster, user = (named["contexts"][chosen].get(part) for part in ("cluster", "user"))
    if str(cluster) not in named["clusters"]:
        raise _refused("unknown_cluster", f"{where} context {chosen} names the cluster {cluster}, which the kubeconfig does not have")
    if not named["clusters"][str(cluster)].get("server"):
        raise _refused("no_server", f"{where} cluster {cluster} has no server")
    if user and str(user) not in named["users"]:
        raise _refused("unknown_user", f"{where} context {chosen} names the user {user}, which the kubeconfig does not have")


def _is_entry(entry: t.Any, content: str) -> bool:
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
        return False
    return content in entry and isinstance(entry[content] or {}, dict)
