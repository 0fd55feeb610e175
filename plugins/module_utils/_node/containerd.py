# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration files of containerd from the options of the role, for each version of the format. Private to this collection."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem, Refused
from ansible_collections.eco2.platform.plugins.module_utils._node import toml

Options = t.Mapping[str, t.Any]
Files = t.List[t.Dict[str, t.Any]]

HEAD = "# Managed by eco2.platform (role containerd)\n"
CONFIG, REGISTRIES, CRICTL = "/etc/containerd/config.toml", "/etc/containerd/certs.d", "/etc/crictl.yaml"
DROP_IN, PROXIES = "/etc/systemd/system/containerd.service.d/50-eco2-proxy.conf", "/etc/containerd/proxy.env"
SOCKET = "unix:///run/containerd/containerd.sock"
_CAPABILITIES = {"pull", "resolve", "push"}
_HOST_KEYS = {"url", "capabilities", "ca", "skip_verify", "override_path", "header"}
_REGISTRY = re.compile(r"_default|[A-Za-z0-9.-]+(:\d+)?|\[[0-9a-fA-F:]+\](:\d+)?")


def configuration(version: str, options: Options) -> dict[str, t.Any]:
    """`files` for the module `host`, and `effective`, the facts of kube_host_info when these files are in force.

    `version`: of containerd, such as 2.2.9; if it does not begin with numbers, the newest format is written.
    Options: cgroup_driver, sandbox_image, cni_bin_dirs, cni_conf_dir, registry_mirrors, proxy, runtime_settings.
    Raises Refused with everything that is wrong.
    """
    found = list(problems(options))
    if found:
        raise Refused(found)
    numbers = _numbers(version)
    table = _one_piece(options) if numbers < (2, 0) else _three_pieces(numbers, options)
    config = {"path": CONFIG, "content": HEAD + toml.render(table), "mode": "0644", "validate": "containerd --config %s config dump"}
    crictl = {"path": CRICTL, "content": f"{HEAD}runtime-endpoint: {SOCKET}\nimage-endpoint: {SOCKET}\n", "mode": "0644"}
    files = [config, crictl, *_proxies(options["proxy"]), *(_hosts(*entry) for entry in options["registry_mirrors"].items())]
    return {"files": files, "effective": _effective(numbers, options), "restart_after": [CONFIG, DROP_IN, PROXIES]}


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
    return {"version": 2, "disabled_plugins": [], "plugins": {"io.containerd.grpc.v1.cri": merged(cri, options["runtime_settings"])}}


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
        "imports": ["/etc/containerd/conf.d/*.toml"],
        "plugins": {
            "io.containerd.cri.v1.runtime": merged(runtime, options["runtime_settings"]),
            "io.containerd.cri.v1.images": images,
        },
    }


def merged(base: t.Mapping[str, t.Any], extra: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """`extra` over `base`; tables are merged key by key."""
    both = dict(base)
    for name, value in extra.items():
        ours = both.get(name)
        both[name] = merged(ours, value) if isinstance(ours, dict) and isinstance(value, dict) else value
    return both


def _effective(numbers: tuple[int, int], options: Options) -> dict[str, t.Any]:
    directories = list(options["cni_bin_dirs"])
    plain = {f"runtime_settings.{name}": value for name, value in options["runtime_settings"].items() if not isinstance(value, dict)}
    wanted = {
        "cri_disabled": False,
        "cgroup_systemd": options["cgroup_driver"] == "systemd",
        "registry_config_path": REGISTRIES,
        "cni_bin_dirs": directories if numbers >= (2, 1) else directories[:1],
        "cni_conf_dir": options["cni_conf_dir"],
        **({"sandbox_image": options["sandbox_image"]} if options["sandbox_image"] else {}),
        **plain,
    }
    return {f"containerd.config.{name}": value for name, value in wanted.items()}


def _hosts(registry: str, mirror: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """hosts.toml of a registry (docs/hosts.md of containerd). Headers may contain credentials, so they are never shown."""
    hosts = {}
    for host in mirror["hosts"]:
        hosts[host["url"]] = {name: value for name, value in host.items() if name != "url"}
        if "header" in host:
            header = {name: value if isinstance(value, list) else [value] for name, value in host["header"].items()}
            hosts[host["url"]]["header"] = header
    table = {**({"server": mirror["server"]} if mirror.get("server") else {}), "host": hosts}
    secret = any("header" in host for host in mirror["hosts"])
    content = {"secret_content" if secret else "content": HEAD + toml.render(table)}
    return {"path": f"{REGISTRIES}/{registry}/hosts.toml", **content, "mode": "0600" if secret else "0644"}


def _proxies(proxy: t.Mapping[str, t.Any]) -> Files:
    """A drop-in and a file of variables that only root may read, because systemctl shows the variables of a unit to everyone."""
    names = (("HTTP_PROXY", "http"), ("HTTPS_PROXY", "https"), ("NO_PROXY", "no_proxy"))
    values = {variable: _joined(proxy.get(option)) for variable, option in names}
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


def problems(options: Options) -> t.Iterator[Problem]:
    if options["cgroup_driver"] not in ("systemd", "cgroupfs"):
        message = f"{options['cgroup_driver']!r} is neither systemd nor cgroupfs"
        yield Problem("containerd.cgroup_driver", message, field="containerd_cgroup_driver")
    if not options["cni_bin_dirs"]:
        message = "the list is empty, and without CNI plugins no pod gets an address"
        yield Problem("containerd.no_cni", message, field="containerd_cni_bin_dirs")
    for field, paths in (("containerd_cni_bin_dirs", options["cni_bin_dirs"]), ("containerd_cni_conf_dir", [options["cni_conf_dir"]])):
        for path in paths:
            if not str(path).startswith("/"):
                yield Problem("containerd.relative_path", f"{path!r} is not an absolute path", field=field)
    for name in ("http", "https"):
        address = options["proxy"].get(name)
        if address and not re.match(r"(https?|socks5)://[^\s]+$", address):
            remedy = "write it such as http://proxy.example.org:3128"
            yield Problem("containerd.proxy", "this is not the address of a proxy", field=f"containerd_proxy.{name}", remedy=remedy)
    yield from _unknown_keys(options["proxy"], {"http", "https", "no_proxy"}, "containerd_proxy")
    for registry, mirror in options["registry_mirrors"].items():
        yield from _mirror_problems(registry, mirror, f"containerd_registry_mirrors.{registry}")


def _unknown_keys(given: t.Iterable[str], known: t.Collection[str], field: str) -> t.Iterator[Problem]:
    unknown = sorted({*given} - {*known})
    if unknown:
        message = f"unknown keys {', '.join(unknown)}"
        yield Problem("containerd.unknown_key", message, field=field, remedy=f"use {', '.join(sorted(known))}")


def _mirror_problems(registry: str, mirror: t.Any, field: str) -> t.Iterator[Problem]:
    if not _REGISTRY.fullmatch(registry):
        remedy = "name it as in the names of images, such as registry.k8s.io or 10.0.0.5:5000, or _default for all others"
        yield Problem("containerd.registry", "this is not the name of a registry", field=field, remedy=remedy)
    if not isinstance(mirror, dict) or not isinstance(mirror.get("hosts"), list):
        remedy = "give server (an address) and hosts (a list)"
        yield Problem("containerd.mirror", "a mirror is a mapping with a list of hosts", field=field, remedy=remedy)
        return
    yield from _unknown_keys(mirror, {"server", "hosts"}, field)
    urls = [mirror["server"]] if mirror.get("server") else []
    for host in mirror["hosts"]:
        urls.append(host.get("url") if isinstance(host, dict) else host)
        if isinstance(host, dict):
            yield from _unknown_keys(host, _HOST_KEYS, f"{field}: host {host.get('url')}")
            if not set(host.get("capabilities", [])) <= _CAPABILITIES:
                remedy = "use pull, resolve and push"
                yield Problem("containerd.capabilities", f"host {host.get('url')} has unknown capabilities", field=field, remedy=remedy)
    for url in urls:
        if not re.match(r"https?://\S+$", str(url)):
            message = f"{url!r} is not an address"
            yield Problem(
                "containerd.address", message, field=field, remedy="begin server and the url of each host with https:// or http://"
            )
