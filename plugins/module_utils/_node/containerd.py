# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration files of containerd from the options of the role, for each version of the format. Private to this collection."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem, Refused
from ansible_collections.eco2.platform.plugins.module_utils._net import proxy
from ansible_collections.eco2.platform.plugins.module_utils._node import containerd_hosts, toml
from ansible_collections.eco2.platform.plugins.module_utils._node import containerd_settings as settings
from ansible_collections.eco2.platform.plugins.module_utils._node.containerd_hosts import HEAD, REGISTRIES
from ansible_collections.eco2.platform.plugins.module_utils._node.containerd_settings import CRI, IMAGES, RUNTIME

Options = t.Mapping[str, t.Any]
Files = t.List[t.Dict[str, t.Any]]

CONFIG, CRICTL, DROP_INS = "/etc/containerd/config.toml", "/etc/crictl.yaml", "/etc/containerd/conf.d"
DROP_IN, PROXIES = "/etc/systemd/system/containerd.service.d/50-eco2-proxy.conf", "/etc/containerd/proxy.env"
SOCKET = "unix:///run/containerd/containerd.sock"
# Paths in the facts of kube_host_info.
FACTS = "containerd.config."
OF_SETTINGS = f"{FACTS}settings."
_PLACES = {"root": "/var/lib/containerd", "state": "/run/containerd"}


class Configured(t.NamedTuple):
    """`files` for the module `host`. `effective`: the facts of kube_host_info when these files are in force. `options`: the option that
    sets each of them, where that is one for settings. `paths`: files that the user puts on the host."""

    files: Files
    effective: dict[str, t.Any]
    options: dict[str, str]
    paths: list[str]
    restart_after: list[str]


def configuration(version: str, options: Options) -> Configured:
    """What the options make of containerd.

    `version`: of containerd, such as 2.2.9; if it does not begin with numbers, the newest format is written.
    Options: cgroup_driver, sandbox_image, cni_bin_dirs, cni_conf_dir, registry_mirrors, proxy, and those of containerd_settings.
    Raises Refused with everything that is wrong.
    """
    numbers = _numbers(version)
    found = list(problems(numbers, options))
    if found:
        raise Refused(found)
    own = _one_piece(options) if numbers < (2, 0) else _three_pieces(numbers, options)
    extra = settings.placed(numbers, options)
    secret = any(settings.is_private(path) for path, dummy in settings.leaves(extra))
    content = {"secret_content" if secret else "content": HEAD + toml.render(settings.merged(own, extra))}
    config = {"path": CONFIG, **content, "mode": "0600" if secret else "0644", **_VALIDATED}
    crictl = {"path": CRICTL, "content": f"{HEAD}runtime-endpoint: {SOCKET}\nimage-endpoint: {SOCKET}\n", "mode": "0644"}
    files = [config, crictl, *_proxies(options["proxy"]), *containerd_hosts.files(options["registry_mirrors"])]
    by_option = _by_option(numbers, options)
    effective = {**_effective(numbers, options), **{path: value for path, (dummy, value) in by_option.items()}}
    names = {path: option for path, (option, dummy) in by_option.items()}
    return Configured(files, effective, names, containerd_hosts.paths(options["registry_mirrors"]), [CONFIG, DROP_IN, PROXIES])


# containerd only warns of a key that it does not know, and ignores it.
_VALIDATED = {"validate": "containerd --config %s config dump", "reject": "Ignoring unknown key"}


def _by_option(numbers: tuple[int, int], options: Options) -> dict[str, tuple[str, t.Any]]:
    """The option and the value of each setting, by its path in the facts."""
    found: dict[str, tuple[str, t.Any]] = {}
    for option in settings.OPTIONS:
        alone = {name: options[name] if name == option else {} for name in settings.OPTIONS}
        for path, value in settings.leaves(settings.placed(numbers, alone)):
            if not settings.is_private(path) and path != ("disabled_plugins",):
                found[OF_SETTINGS + ".".join(path)] = (f"containerd_{option}", value)
    return found


def _numbers(version: str) -> tuple[int, int]:
    found = re.match(r"(?:\d+:)?(\d+)\.(\d+)", version or "")
    return (int(found.group(1)), int(found.group(2))) if found else (99, 0)


def _runc(options: Options) -> dict[str, t.Any]:
    return {"runtime_type": "io.containerd.runc.v2", "options": {"SystemdCgroup": options["cgroup_driver"] == "systemd"}}


def _one_piece(options: Options) -> dict[str, t.Any]:
    """Format version 2, the last that containerd 1.x reads."""
    cri = {
        **({"sandbox_image": options["sandbox_image"]} if options["sandbox_image"] else {}),
        "cni": {"bin_dir": options["cni_bin_dirs"][0], "conf_dir": options["cni_conf_dir"]},
        "containerd": {"default_runtime_name": "runc", "runtimes": {"runc": _runc(options)}},
        "registry": {"config_path": REGISTRIES},
    }
    return {"version": 2, "disabled_plugins": [], "plugins": {CRI: cri}}


def _three_pieces(numbers: tuple[int, int], options: Options) -> dict[str, t.Any]:
    """Format version 3 of containerd 2.0 to 2.2, or 4 of 2.3 and newer; they differ only in the sections of the server."""
    cni = {"conf_dir": options["cni_conf_dir"]}
    bin_dirs = {"bin_dirs": list(options["cni_bin_dirs"])} if numbers >= (2, 1) else {"bin_dir": options["cni_bin_dirs"][0]}
    runtime = {"containerd": {"default_runtime_name": "runc", "runtimes": {"runc": _runc(options)}}, "cni": {**bin_dirs, **cni}}
    images: dict[str, t.Any] = {"registry": {"config_path": REGISTRIES}}
    if options["sandbox_image"]:
        images["pinned_images"] = {"sandbox": options["sandbox_image"]}
    return {
        "version": 4 if numbers >= (2, 3) else 3,
        "disabled_plugins": [],
        "imports": [f"{DROP_INS}/*.toml"],
        "plugins": {RUNTIME: runtime, IMAGES: images},
    }


def _effective(numbers: tuple[int, int], options: Options) -> dict[str, t.Any]:
    directories = list(options["cni_bin_dirs"])
    wanted = {
        "cri_disabled": False,
        "cgroup_systemd": options["cgroup_driver"] == "systemd",
        "registry_config_path": REGISTRIES,
        "cni_bin_dirs": directories if numbers >= (2, 1) else directories[:1],
        "cni_conf_dir": options["cni_conf_dir"],
        **({"sandbox_image": options["sandbox_image"]} if options["sandbox_image"] else {}),
    }
    return {FACTS + name: value for name, value in wanted.items()}


def moved(options: Options, host: t.Mapping[str, t.Any]) -> t.Iterator[Problem]:
    """Data of containerd in a directory that no option names: with another directory, its images and containers would be gone.

    `host`: of kube_host_info, before anything is written. What containerd cannot tell is read from its file.
    """
    settings = ((host.get("containerd") or {}).get("config") or {}).get("settings") or {}
    for name, default in _PLACES.items():
        now = settings.get(name) or (host.get("containerd_places") or {}).get(name)
        if now and now != default and name not in options["settings"]:
            message = f"containerd has its data in {now} and would begin anew in {default}"
            remedy = f"set containerd_settings: {{{name}: {now}}} to keep it, or {name}: {default} to change it"
            yield Problem("containerd.moved", message, field=f"containerd_settings.{name}", remedy=remedy)


def _proxies(given: t.Mapping[str, t.Any]) -> Files:
    """A drop-in and a file of variables that only root may read, because systemctl shows the variables of a unit to everyone."""
    names = (("HTTP_PROXY", "http"), ("HTTPS_PROXY", "https"), ("NO_PROXY", "no_proxy"))
    values = {variable: _joined(given.get(option)) for variable, option in names}
    if not (values["HTTP_PROXY"] or values["HTTPS_PROXY"]):
        return [{"path": path, "state": "absent"} for path in (DROP_IN, PROXIES)]
    lines = "".join(f"{name}={_quoted(value)}\n" for name, value in values.items() if value)
    return [
        {"path": PROXIES, "secret_content": HEAD + lines, "mode": "0600"},
        {"path": DROP_IN, "content": f"{HEAD}[Service]\nEnvironmentFile={PROXIES}\n", "mode": "0644"},
    ]


def _joined(value: t.Any) -> str:
    return ",".join(value) if isinstance(value, list) else value or ""


def _quoted(text: str) -> str:
    return '"' + re.sub(r'(["\\$`])', r"\\\1", text) + '"'


def problems(numbers: tuple[int, int], options: Options) -> t.Iterator[Problem]:
    if options["cgroup_driver"] not in ("systemd", "cgroupfs"):
        message = f"{options['cgroup_driver']!r} is neither systemd nor cgroupfs"
        yield Problem("containerd.cgroup_driver", message, field="containerd_cgroup_driver")
    image = options["sandbox_image"]
    if not isinstance(image, str) or not image.isprintable() or " " in image:
        yield Problem("containerd.sandbox_image", "is not the name of an image", field="containerd_sandbox_image")
    directories = options["cni_bin_dirs"]
    if not isinstance(directories, list) or not directories:
        message = "is not a list of directories, and without CNI plugins no pod gets an address"
        yield Problem("containerd.no_cni", message, field="containerd_cni_bin_dirs")
        directories = []
    for field, paths in (("containerd_cni_bin_dirs", directories), ("containerd_cni_conf_dir", [options["cni_conf_dir"]])):
        for path in paths:
            if not isinstance(path, str) or not path.startswith("/") or not path.isprintable():
                yield Problem("containerd.relative_path", f"{path!r} is not an absolute path", field=field)
    yield from proxy.problems(options["proxy"], "containerd_proxy")
    yield from containerd_hosts.problems(options["registry_mirrors"], numbers)
    yield from settings.problems(options)
