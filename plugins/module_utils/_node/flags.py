# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kubelet's flags in files of the machine that others wrote, and whether the installed kubelet takes flags. Private to this collection.

/etc/default/kubelet is read last (drop-in 10-kubeadm.conf of the package kubelet), so a flag there takes precedence over kubeadm's. The
file has the syntax of EnvironmentFile (systemd.exec(5)); systemd splits the value at spaces outside of quotes (systemd.service(5)).
"""

from __future__ import annotations

import re
import shlex
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._host.command import MISSING, Done

DEFAULTS, EXTRA = "/etc/default/kubelet", "KUBELET_EXTRA_ARGS"
# kubeadm's unit sets them itself. In /etc/default/kubelet they would take the place of all that kubeadm gives to the kubelet.
_OF_KUBEADM = ("KUBELET_KUBECONFIG_ARGS", "KUBELET_CONFIG_ARGS", "KUBELET_KUBEADM_ARGS")
_ASSIGNMENT = re.compile(r"^[ \t]*([A-Za-z_]\w*)[ \t]*=((?:\\.|'[^']*'|\"(?:\\.|[^\"\\])*\"|[^\n\\])*)\n?", re.MULTILINE | re.DOTALL)
_QUOTED = re.compile(r"'([^']*)'|\"((?:\\.|[^\"\\])*)\"", re.DOTALL)

# By the name of each flag the value that the kubelet must get; None if the flag must not be there at all.
Wanted = t.Mapping[str, t.Optional[str]]
Run = t.Callable[..., Done]


class Flag(t.NamedTuple):
    """`name` without dashes, "" of a word that is no flag; `words`: as they are on the command line."""

    name: str
    value: str
    words: tuple[str, ...]

    def __str__(self) -> str:
        return " ".join(self.words)


def wanted(registration: t.Mapping[str, t.Any], settings: t.Mapping[str, t.Any] | None = None) -> Wanted:
    """What a Node that registers like this needs of the kubelet. Labels and taints come with its registration only.

    `settings`: declared fields of the KubeletConfiguration. A flag takes precedence over the field of the same name.
    """
    own = {"hostname-override": registration.get("name"), "container-runtime-endpoint": registration.get("cri_socket")}
    return {
        "config": "/var/lib/kubelet/config.yaml",
        "kubeconfig": "/etc/kubernetes/kubelet.conf",
        "bootstrap-kubeconfig": "/etc/kubernetes/bootstrap-kubelet.conf",
        "register-node": "true",
        **{name: str(value) for name, value in own.items() if value},
        **{_flag_of(field): _text(value) for field, value in (settings or {}).items() if value is not None},
        **given(registration),
        "node-labels": None,
        "register-with-taints": None,
    }


def _flag_of(field: str) -> str:
    """max-pods of maxPods, cluster-dns of clusterDNS."""
    return re.sub(r"(?<=[a-z\d])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", field).lower()


def _text(value: t.Any) -> str:
    """As a flag has it."""
    if isinstance(value, dict):
        return ",".join(f"{name}={inner}" for name, inner in value.items())
    if isinstance(value, list):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def given(registration: t.Mapping[str, t.Any]) -> dict[str, str]:
    """The declared flags."""
    return {str(flag["name"]).replace("_", "-"): str(flag.get("value") or "") for flag in registration.get("kubelet_extra_args") or ()}


def variable(content: str | None, name: str = EXTRA) -> str:
    """The last value that an environment file gives the variable, on one line; "" where it gives none."""
    return variables(content).get(name, "")


def variables(content: str | None) -> dict[str, str]:
    """All variables of an environment file, each on one line."""
    return {name: " ".join(_value(raw).split()) for name, raw in _ASSIGNMENT.findall(content or "")}


def words(value: str) -> list[str]:
    """As systemd splits a value."""
    try:
        return shlex.split(value)
    except ValueError:  # a quote is not closed, which systemd ignores
        return re.sub("[\"']", "", value).split()


def _value(raw: str) -> str:
    """As systemd reads it: quotes count at the beginning of a value and after other quotes."""
    text, rest = "", raw.strip()
    quoted = _QUOTED.match(rest)
    while quoted:
        single, double = quoted.groups()
        text += single if double is None else re.sub(r'\\(["\\$`\n])', _unescaped, double)
        rest = rest[quoted.end() :].lstrip()
        quoted = _QUOTED.match(rest)
    return text + re.sub(r"\\(.)", _unescaped, rest, flags=re.DOTALL)


def _unescaped(escaped: re.Match[str]) -> str:
    return "" if escaped.group(1) == "\n" else escaped.group(1)


def parsed(value: str) -> list[Flag]:
    """The flags of a command line, or of the value of a variable that systemd splits."""
    left = words(value)
    flags = []
    while left:
        word = left.pop(0)
        name, equals, text = word.lstrip("-").replace("_", "-", word.partition("=")[0].count("_")).partition("=")
        if not word.startswith("-"):
            flags.append(Flag("", word, (word,)))
        elif not equals and left and not left[0].startswith("-"):
            flags.append(Flag(name, left[0], (word, left.pop(0))))
        else:
            flags.append(Flag(name, text if equals else "true", (word,)))
    return flags


def contradictions(value: str, wants: Wanted) -> list[Flag]:
    """The flags that give the kubelet another value than the wanted one."""
    return [flag for flag in parsed(value) if flag.name in wants and not _same(flag.value, wants[flag.name])]


def _same(value: str, want: str | None) -> bool:
    return want is not None and _plain(value) == _plain(want)


def _plain(value: str) -> str:
    """Sockets have several names, and lists of addresses may have spaces."""
    return re.sub(r"^(unix://)?(/var)?/run/", "/run/", value.replace(" ", ""))


def kept(content: str | None, wants: Wanted) -> list[Flag]:
    """The flags of /etc/default/kubelet that stay."""
    value = variable(content)
    gone = contradictions(value, wants)
    return [flag for flag in parsed(value) if flag not in gone]


def cleaned(content: str, wants: Wanted) -> str:
    """/etc/default/kubelet without what contradicts the wanted flags. Nothing else of it changes."""
    lasts = {name: number for number, (name, dummy) in enumerate(_ASSIGNMENT.findall(content))}
    number = -1

    def replaced(found: re.Match[str]) -> str:
        nonlocal number
        number += 1
        name = found.group(1)
        if name in _OF_KUBEADM:
            return ""
        if name != EXTRA or lasts[name] != number or not contradictions(_value(found.group(2)), wants):
            return found.group()
        return f"{EXTRA}={_quoted(kept(found.group(), wants))}\n"

    return _ASSIGNMENT.sub(replaced, content)


def _quoted(flags: t.Iterable[Flag]) -> str:
    texts = [word if re.fullmatch(r"[^\s\"'\\]+", word) else f'"{_escaped(word)}"' for flag in flags for word in flag.words]
    return f'"{_escaped(" ".join(texts))}"' if texts else ""


def _escaped(text: str) -> str:
    return re.sub(r'(["\\$`])', r"\\\1", text)


def refused(run: Run, flags: t.Iterable[Flag]) -> t.Iterator[tuple[Flag, str]]:
    """Each flag that the installed kubelet does not take, and what it says. Nothing where no kubelet is installed.

    `kubelet FLAGS --version` stops at the first flag that it does not take, so it is asked again without that one.
    """
    left = list(flags)
    while left:
        done = run("kubelet", *(word for flag in left for word in flag.words), "--version", timeout=30)
        if done.code in (0, MISSING):
            return
        said = _said(done)
        name = re.search(r"--?([A-Za-z][\w-]*)", said.partition(" flag: ")[0] if said.startswith("invalid") else said)
        bad = [flag for flag in left if name and flag.name == name.group(1).replace("_", "-")] or left
        yield bad[-1], said
        left = [flag for flag in left if flag not in bad]


def _said(done: Done) -> str:
    """`unknown flag: --network-plugin` of a line of its log."""
    errors = re.findall(r'err="((?:\\.|[^"\\])*)"', done.output + done.errors)
    text = errors[-1].replace('\\"', '"') if errors else done.complaint
    return " ".join(text.partition("failed to parse kubelet flag: ")[2].split() or text.split())
