# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hosts.toml of each registry, from the option registry_mirrors of the role. Pure. Private to this collection.

containerd ignores a whole file with one value of the wrong type, and says so only in its journal at the next pull. So every value is
brought to its type here, or refused.
"""

from __future__ import annotations

import hashlib
import itertools
import re
import ssl
import typing as t

from ansible.module_utils.parsing.convert_bool import boolean

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem
from ansible_collections.eco2.platform.plugins.module_utils._node import toml

HEAD = "# Managed by eco2.platform (role containerd)\n"
REGISTRIES = "/etc/containerd/certs.d"
# What a role wrote and may remove again.
PURGE = (f"{REGISTRIES}/*/hosts.toml", f"{REGISTRIES}/*/ca-*.pem")
OPTION = "containerd_registry_mirrors"

Numbers = t.Tuple[int, int]
Given = t.Mapping[str, t.Any]

_REGISTRY = re.compile(r"_default|[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?|\[[0-9a-fA-F:]+\](:[0-9]{1,5})?")
_ADDRESS = re.compile(
    r"https?://(?P<user>[^/@\s]*@)?([A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?|\[[0-9a-fA-F:]+\])(:[0-9]{1,5})?"
    r"(?P<path>(/([A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})*)*)"
)
_CAPABILITIES = ("pull", "resolve", "push")
_FLAGS = ("skip_verify", "override_path")
_OF_HOST = ("capabilities", "ca", "client", *_FLAGS, "header", "dial_timeout")
# time.ParseDuration of Go, more than 0 and less than it can hold.
_DURATION = re.compile(r"(?=.*[1-9])(([0-9]{1,5}(\.[0-9]{1,9})?|\.[0-9]{1,9})(ns|us|µs|ms|s|m|h)){1,7}")
_DIAL_TIMEOUT_SINCE = (2, 1)
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\ud7ff\ue000-\U0010ffff]*")
_BEGIN = "-----BEGIN"


def files(mirrors: t.Sequence[Given]) -> t.Iterator[dict[str, t.Any]]:
    """The files of all registries. `mirrors` has no problems."""
    for mirror in mirrors:
        directory = f"{REGISTRIES}/{mirror['registry']}"
        yield _hosts(directory, mirror)
        for text in _texts(_all([mirror])):
            yield {"path": f"{directory}/{_ca_name(text)}", "content": HEAD + text.strip() + "\n", "mode": "0644"}


def paths(mirrors: t.Sequence[Given]) -> list[str]:
    """The files that the user puts on the host: certificates and keys."""
    found: set[str] = set()
    for given in _all(mirrors):
        pairs = [pair if isinstance(pair, list) else [pair] for pair in _several(given.get("client"))]
        found |= {path for path in itertools.chain(_several(given.get("ca")), *pairs) if path and _BEGIN not in path}
    return sorted(found)


def _all(mirrors: t.Iterable[Given]) -> t.Iterator[Given]:
    """The options of each server and host."""
    for mirror in mirrors:
        yield mirror
        yield from mirror.get("hosts") or []


def _hosts(directory: str, mirror: Given) -> dict[str, t.Any]:
    """hosts.toml of a registry (docs/hosts.md of containerd). Headers may contain credentials, so they are never shown."""
    hosts = {host["url"]: _options(host) for host in mirror.get("hosts") or []}
    table = {**({"server": mirror["server"]} if mirror.get("server") else {}), **_options(mirror), "host": hosts}
    secret = any("header" in options for options in (table, *hosts.values()))
    content = {"secret_content" if secret else "content": HEAD + toml.render(table)}
    return {"path": f"{directory}/hosts.toml", **content, "mode": "0600" if secret else "0644"}


def _options(given: Given) -> dict[str, t.Any]:
    """The keys that the server and each host have alike, with their types."""
    found: dict[str, t.Any] = {name: given[name] for name in _OF_HOST if given.get(name) is not None}
    found.update({name: boolean(found[name]) for name in _FLAGS if name in found})
    if "capabilities" in found:
        found["capabilities"] = _words(found["capabilities"])
    if "ca" in found:
        found["ca"] = [_ca_name(text) if _BEGIN in text else text for text in _several(found["ca"])]
    if "header" in found:
        found["header"] = {name: _several(value) for name, value in found["header"].items()}
    return found


def _words(value: t.Any) -> list[t.Any]:
    """A list, also where an inventory in INI has a text with commas."""
    return [word.strip() for word in value.split(",")] if isinstance(value, str) else value


def _several(value: t.Any) -> list[t.Any]:
    return [] if value is None else value if isinstance(value, list) else [value]


def _texts(given: t.Iterable[Given]) -> list[str]:
    """The certificates that are given as text."""
    texts = [text for each in given for text in _several(each.get("ca")) if _BEGIN in text]
    return list(dict.fromkeys(texts))


def _ca_name(text: str) -> str:
    """Relative to hosts.toml. containerd reads *.crt of a registry without hosts.toml too, so it is not called that."""
    return f"ca-{hashlib.sha256(text.strip().encode()).hexdigest()[:12]}.pem"


def problems(mirrors: t.Any, numbers: Numbers) -> t.Iterator[Problem]:
    """Everything that containerd of this version would not take, ignore, or take for something else."""
    if not isinstance(mirrors, list):
        remedy = "list the registries, each with registry, and server or hosts"
        yield Problem("containerd.mirror", "is not a list", field=OPTION, remedy=remedy)
        return
    seen: set[str] = set()
    for number, mirror in enumerate(mirrors):
        field = f"{OPTION}[{number}]"
        if not isinstance(mirror, dict):
            yield Problem("containerd.mirror", "is not a mapping", field=field, remedy="give registry, and server or hosts")
            continue
        name = mirror.get("registry")
        if not isinstance(name, str) or not _REGISTRY.fullmatch(name):
            remedy = "name it as in the names of images, such as registry.k8s.io or 10.0.0.5:5000, or _default for all others"
            yield Problem("containerd.registry", "this is not the name of a registry", field=f"{field}.registry", remedy=remedy)
        elif name in seen:
            yield Problem("containerd.registry_twice", f"{name} is listed twice", field=f"{field}.registry", remedy="keep one of the two")
        else:
            seen.add(name)
        yield from _mirror(mirror, field, numbers)


def _mirror(mirror: Given, field: str, numbers: Numbers) -> t.Iterator[Problem]:
    yield from unknown_keys(mirror, ("registry", "server", "hosts", *_OF_HOST), field)
    if mirror.get("server") not in (None, ""):
        yield from _address(mirror["server"], mirror, f"{field}.server")
    yield from _of_host(mirror, field, numbers)
    hosts = mirror.get("hosts")
    if hosts is None and mirror.get("server"):
        return
    if not isinstance(hosts, list):
        yield Problem("containerd.mirror", "is not a list", field=f"{field}.hosts", remedy="list the mirrors, each with a url")
        return
    seen: set[t.Any] = set()
    for number, host in enumerate(hosts):
        where = f"{field}.hosts[{number}]"
        if not isinstance(host, dict):
            yield Problem("containerd.mirror", "is not a mapping", field=where, remedy="write it such as {url: https://mirror.example.org}")
            continue
        url = host.get("url")
        yield from unknown_keys(host, ("url", *_OF_HOST), where)
        yield from _address(url, host, f"{where}.url")
        yield from _of_host(host, where, numbers)
        if isinstance(url, str) and url in seen:
            yield Problem("containerd.host_twice", "this address is listed twice", field=f"{where}.url", remedy="keep one of the two")
        seen.add(url if isinstance(url, str) else None)


def unknown_keys(given: Given, known: t.Collection[str], field: str) -> t.Iterator[Problem]:
    unknown = sorted(str(name) for name in given if name not in known)
    if unknown:
        message = f"unknown keys {', '.join(unknown)}"
        yield Problem("containerd.unknown_key", message, field=field, remedy=f"use {', '.join(sorted(known))}")


def _address(url: t.Any, given: Given, field: str) -> t.Iterator[Problem]:
    """Addresses are not shown, because some have a password."""
    found = _ADDRESS.fullmatch(url) if isinstance(url, str) else None
    if not found:
        remedy = "write it such as https://mirror.example.org:5000/path"
        yield Problem("containerd.address", "this is not an address that containerd reads", field=field, remedy=remedy)
    elif found.group("user"):
        message = "containerd ignores a user and a password in an address"
        remedy = "remove them, and set header: {Authorization: Basic ...}"
        yield Problem("containerd.address_credentials", message, field=field, remedy=remedy)
    else:
        parts = [part for part in found.group("path").split("/") if part]
        if "v2" in parts[:-1] and not _flag(given.get("override_path")):
            message = f"containerd would ask for /{'/'.join(parts)}/v2"
            yield Problem("containerd.override_path", message, field=field, remedy="set override_path: true, if the path is the whole path")


def _flag(value: t.Any) -> bool | None:
    """None for what is not a boolean."""
    try:
        return bool(boolean(value))
    except TypeError:
        return None


def _of_host(given: Given, field: str, numbers: Numbers) -> t.Iterator[Problem]:
    for name in _OF_HOST:
        value = given.get(name)
        if value is None:
            continue
        reason = _CHECKS[name](value)
        if reason:
            yield Problem(f"containerd.{name}", reason[0], field=f"{field}.{name}", remedy=reason[1])
    if given.get("dial_timeout") is not None and numbers < _DIAL_TIMEOUT_SINCE:
        message = f"containerd {numbers[0]}.{numbers[1]} ignores it"
        yield Problem("containerd.too_old", message, field=f"{field}.dial_timeout", remedy="install containerd 2.1 or newer, or remove it")


# What is wrong, and what to do.
Reason = t.Optional[t.Tuple[str, str]]


def _bad_flag(value: t.Any) -> Reason:
    return ("is neither true nor false", "write true or false") if _flag(value) is None else None


def _bad_capabilities(value: t.Any) -> Reason:
    words = _words(value)
    if isinstance(words, list) and all(word in _CAPABILITIES for word in words):
        return None
    return "is not a list of capabilities", f"use {', '.join(_CAPABILITIES)}"


def _bad_ca(value: t.Any) -> Reason:
    for text in _several(value):
        if isinstance(text, str) and _BEGIN in text:
            if not _is_certificate(text):
                return "this text has no certificate that can be read", "give the whole text, from BEGIN CERTIFICATE to END CERTIFICATE"
        elif not _is_path(text):
            return "is neither an absolute path nor the text of a certificate", "give one of the two, or a list of them"
    return None


def _is_certificate(text: str) -> bool:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=text)
    except (ssl.SSLError, ValueError):
        return False
    return "PRIVATE KEY" not in text


def _is_path(value: t.Any) -> bool:
    return isinstance(value, str) and value.startswith("/") and value.isprintable()


def _bad_client(value: t.Any) -> Reason:
    for pair in _several(value):
        if isinstance(pair, list):
            good = len(pair) == 2 and _is_path(pair[0]) and (pair[1] == "" or _is_path(pair[1]))
        else:
            good = _is_path(pair)
        if not good:
            return "is not a client certificate", "give an absolute path, or a list of paths and of pairs [certificate, key]"
    return None


def _bad_header(value: t.Any) -> Reason:
    """Values are secret."""
    if not isinstance(value, dict):
        return "is not a mapping of names and values", "write it such as {Authorization: Basic ...}"
    for name, texts in value.items():
        if not isinstance(name, str) or not _HEADER_NAME.fullmatch(name):
            return "has a name that cannot be the name of a header", "use letters, digits and '-'"
        if not _several(texts) or not all(isinstance(text, str) and _HEADER_VALUE.fullmatch(text) for text in _several(texts)):
            return f"{name} is not a text of one line, or a list of such texts", "write numbers and booleans in quotes"
    return None


def _bad_duration(value: t.Any) -> Reason:
    if isinstance(value, str) and _DURATION.fullmatch(value):
        return None
    return "is not a time with its unit", "write it such as 5s or 500ms"


_CHECKS: dict[str, t.Callable[[t.Any], Reason]] = {
    "capabilities": _bad_capabilities,
    "ca": _bad_ca,
    "client": _bad_client,
    "skip_verify": _bad_flag,
    "override_path": _bad_flag,
    "header": _bad_header,
    "dial_timeout": _bad_duration,
}
