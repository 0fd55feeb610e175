# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A kubeconfig looked over before the client reads it: its errors would show what stands inside. Private to this collection."""

from __future__ import annotations

import os
import typing as t

try:
    import yaml
except ImportError:  # it comes with the kubernetes client, whose absence the client reports
    HAS_YAML = False
else:
    HAS_YAML = True

SECRET_FIELDS = ("token", "password", "client-key-data", "client-certificate-data")

Parsed = t.Dict[str, t.Any]


def problems(kubeconfig: t.Any, context: str | None) -> t.Iterator[str]:
    """Why this kubeconfig, a path or the content as a dictionary, cannot be used; one line each, never showing content."""
    if isinstance(kubeconfig, str) and not _is_path(kubeconfig):
        yield "kubeconfig: is the content of a file; give the path, or the content as a dictionary (with the filter from_yaml)"
    elif isinstance(kubeconfig, str):
        yield from _file_problems(kubeconfig, context)
    elif isinstance(kubeconfig, dict):
        yield from _content_problems("kubeconfig", [kubeconfig], context)
    else:
        yield "kubeconfig: must be the path of a file, or its content as a dictionary"


def secrets(kubeconfig: t.Any) -> t.Iterator[str]:
    """All that must not be shown of a kubeconfig given as content, whatever its shape."""
    if isinstance(kubeconfig, str) and not _is_path(kubeconfig):
        yield kubeconfig
        kubeconfig = _parsed_text(kubeconfig)
    if isinstance(kubeconfig, dict):
        yield from _secrets_inside(kubeconfig)


def _secrets_inside(value: t.Any, secret: bool = False) -> t.Iterator[str]:
    if isinstance(value, dict):
        # What a plugin is started with, and what a provider keeps, may be anything.
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
    if not HAS_YAML:
        return None
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return None


def _file_problems(paths: str, context: str | None) -> t.Iterator[str]:
    """Several files may be given, as in the variable KUBECONFIG; those that do not exist are passed over."""
    files = [os.path.expanduser(path) for path in paths.split(os.pathsep) if path]
    there = [path for path in files if os.path.exists(path)]
    if not there:
        yield f"kubeconfig: {' and '.join(files) or 'the path'} does not exist on the host that runs this task"
        return
    contents = []
    for path in there:
        try:
            with open(path, encoding="utf-8") as file:
                contents.append(yaml.safe_load(file))
        except OSError as error:
            yield f"kubeconfig: {path} cannot be read: {error.strerror}"
            return
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            mark = getattr(error, "problem_mark", None)
            yield f"kubeconfig: {path} is no YAML" + (f", see line {mark.line + 1}" if mark else "")
            return
    yield from _content_problems(f"kubeconfig: {' and '.join(there)}", contents, context)


def _content_problems(where: str, contents: list[t.Any], context: str | None) -> t.Iterator[str]:
    """https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/"""
    if not all(isinstance(content, dict) for content in contents):
        yield f"{where}: holds no kubeconfig"
        return
    named: dict[str, dict[str, Parsed]] = {}
    for part in ("contexts", "clusters", "users"):
        lists = [content.get(part) or [] for content in contents]
        if not all(isinstance(entries, list) and all(_is_entry(entry, part[:-1]) for entry in entries) for entries in lists):
            yield f"{where}: {part} must be a list of {{name: ..., {part[:-1]}: ...}}"
            return
        named[part] = {entry["name"]: entry[part[:-1]] or {} for entries in reversed(lists) for entry in entries}
    chosen = context or next((content["current-context"] for content in reversed(contents) if content.get("current-context")), None)
    if not chosen:
        yield f"{where}: has no current-context; name one of {_names(named['contexts'])} in context"
    elif chosen not in named["contexts"]:
        yield f"{where}: has no context {chosen}; it has {_names(named['contexts'])}"
    else:
        yield from _context_problems(where, chosen, named)


def _is_entry(entry: t.Any, content: str) -> bool:
    return (
        isinstance(entry, dict) and isinstance(entry.get("name"), str) and isinstance(entry.get(content) or {}, dict) and content in entry
    )


def _context_problems(where: str, chosen: str, named: dict[str, dict[str, Parsed]]) -> t.Iterator[str]:
    context = named["contexts"][chosen]
    cluster = named["clusters"].get(str(context.get("cluster")))
    if cluster is None:
        yield f"{where}: context {chosen} names the cluster {context.get('cluster')}, which is not there"
    elif not cluster.get("server"):
        yield f"{where}: cluster {context.get('cluster')} has no server"
    if context.get("user") and context["user"] not in named["users"]:
        yield f"{where}: context {chosen} names the user {context['user']}, who is not there"


def _names(entries: dict[str, Parsed]) -> str:
    return ", ".join(sorted(entries)) or "none"
