# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings of a user in containerd's config.toml, and the place of each in the format of a version. Pure. Private to this collection.

Three options hold them: runtime_settings and image_settings, the two sections of the CRI, and settings, the rest of the file.
"""

from __future__ import annotations

import math
import typing as t

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Problem

Numbers = t.Tuple[int, int]
Table = t.Dict[str, t.Any]
Path = t.Tuple[str, ...]

OPTIONS = ("runtime_settings", "image_settings", "settings")
# The CRI in one plugin until 1.7, which in 2.x is the plugin of its streaming server; and in two from 2.0 on.
CRI, RUNTIME, IMAGES = "io.containerd.grpc.v1.cri", "io.containerd.cri.v1.runtime", "io.containerd.cri.v1.images"

_STREAMING = {
    *("disable_tcp_service", "stream_server_address", "stream_server_port", "stream_idle_timeout"),
    *("enable_tls_streaming", "x509_key_pair_streaming"),
}
_OF_IMAGES = {
    *("snapshotter", "disable_snapshot_annotations", "discard_unpacked_layers", "pinned_images", "runtime_platforms", "registry"),
    *("image_decryption", "max_concurrent_downloads", "concurrent_layer_fetch_buffer", "image_pull_progress_timeout"),
    *("image_pull_with_sync_fs", "use_local_image_pull"),
}
# These are below `containerd` in 1.x.
_OF_SNAPSHOTS = ("snapshotter", "disable_snapshot_annotations", "discard_unpacked_layers")
_OF_RUNTIME = {
    *("containerd", "cni", "enable_selinux", "selinux_category_range", "max_container_log_line_size", "disable_apparmor"),
    *("restrict_oom_score_adj", "disable_proc_mount", "unset_seccomp_profile", "tolerate_missing_hugetlb_controller"),
    *("disable_hugetlb_controller", "device_ownership_from_security_context", "ignore_image_defined_volumes"),
    *("netns_mounts_under_state_dir", "enable_unprivileged_ports", "enable_unprivileged_icmp", "enable_cdi", "cdi_spec_dirs"),
    *("drain_exec_sync_io_timeout", "ignore_deprecation_warnings", "enable_criu", *_STREAMING),
}
# Each with its type. The rest of the file belongs to the role.
_OF_FILE: dict[str, type] = {
    **dict.fromkeys(("root", "state", "temp"), str),
    **dict.fromkeys(("debug", "metrics", "grpc", "ttrpc", "cgroup", "timeouts", "proxy_plugins", "stream_processors", "plugins"), dict),
    **dict.fromkeys(("disabled_plugins", "required_plugins"), list),
    "oom_score": int,
}
_TYPES = {str: "a text", dict: "a mapping", list: "a list", int: "a whole number"}
# Format 4 has these in plugins. containerd prints them where they were before, and does not use them there.
_MOVED: dict[tuple[str, str], str] = {
    ("metrics", "address"): "io.containerd.server.v1.metrics",
    ("metrics", "grpc_histogram"): "io.containerd.metrics.v1.grpc-prometheus",
    **{("debug", name): "io.containerd.server.v1.debug" for name in ("address", "uid", "gid")},
    **{("grpc", name): "io.containerd.server.v1.grpc" for name in ("uid", "gid", "max_recv_message_size", "max_send_message_size")},
    **{("ttrpc", name): "io.containerd.server.v1.ttrpc" for name in ("address", "uid", "gid")},
}
# What other options of the role set, by option and path.
_TAKEN: dict[tuple[str, Path], str] = {
    **{("runtime_settings", ("cni", name)): "containerd_cni_bin_dirs" for name in ("bin_dir", "bin_dirs")},
    ("runtime_settings", ("cni", "conf_dir")): "containerd_cni_conf_dir",
    ("runtime_settings", ("containerd", "runtimes", "runc", "options", "SystemdCgroup")): "containerd_cgroup_driver",
    ("runtime_settings", ("sandbox_image",)): "containerd_sandbox_image",
    ("image_settings", ("sandbox_image",)): "containerd_sandbox_image",
    ("image_settings", ("pinned_images", "sandbox")): "containerd_sandbox_image",
    **{("image_settings", ("registry", name)): "containerd_registry_mirrors" for name in ("config_path", "mirrors")},
}
_PRIVATE = {"auth", "auths", "configs", "password", "identitytoken", "headers"}
_LARGEST = 2**63


def merged(base: t.Mapping[str, t.Any], extra: t.Mapping[str, t.Any]) -> Table:
    """`extra` over `base`; tables are merged key by key."""
    both = dict(base)
    for name, value in extra.items():
        ours = both.get(name)
        both[name] = merged(ours, value) if isinstance(ours, dict) and isinstance(value, dict) else value
    return both


def placed(numbers: Numbers, options: t.Mapping[str, t.Any]) -> Table:
    """The settings of the user as tables of config.toml in the format of this version."""
    runtime, images, rest = (options[name] for name in OPTIONS)
    if numbers < (2, 0):
        snapshots = {name: images[name] for name in _OF_SNAPSHOTS if name in images}
        others = {name: value for name, value in images.items() if name not in snapshots}
        cri = merged(merged(runtime, others), {"containerd": snapshots} if snapshots else {})
        sections = {CRI: cri}
    else:
        streaming = {name: value for name, value in runtime.items() if name in _STREAMING}
        others = {name: value for name, value in runtime.items() if name not in _STREAMING}
        sections = {RUNTIME: others, IMAGES: images, CRI: streaming}
    plugins = {"plugins": {name: section for name, section in sections.items() if section}}
    return merged(_moved(rest) if numbers >= (2, 3) else rest, plugins if plugins["plugins"] else {})


def _moved(settings: Table) -> Table:
    found: Table = {}
    for table, value in settings.items():
        for name, inner in value.items() if isinstance(value, dict) else ():
            plugin = _MOVED.get((table, name))
            found = merged(found, {"plugins": {plugin: {name: inner}}} if plugin else {table: {name: inner}})
        if not isinstance(value, dict):
            found[table] = value
    return found


def leaves(table: t.Mapping[str, t.Any], path: Path = ()) -> t.Iterator[tuple[Path, t.Any]]:
    """Every value that is not a table, with its path."""
    for name, value in table.items():
        if isinstance(value, dict):
            yield from leaves(value, (*path, name))
        else:
            yield (*path, name), value


def is_private(path: Path) -> bool:
    """Whether it may be a password of a registry, which no result shows."""
    return bool(_PRIVATE & {*path})


def public(table: t.Mapping[str, t.Any]) -> Table:
    """Without what may be secret."""
    return {name: public(value) if isinstance(value, dict) else value for name, value in table.items() if name not in _PRIVATE}


def problems(options: t.Mapping[str, t.Any]) -> t.Iterator[Problem]:
    for option in OPTIONS:
        settings, field = options[option], f"containerd_{option}"
        if not isinstance(settings, dict):
            yield Problem("containerd.settings", "is not a mapping", field=field)
            continue
        bad = list(_bad_values(settings, field))
        yield from bad
        if not bad:
            yield from _misplaced(option, settings)
            yield from _contradictions(option, settings)
    if isinstance(options["settings"], dict):
        yield from _bad_types(options["settings"])


def _bad_values(value: t.Any, field: str) -> t.Iterator[Problem]:
    """What TOML cannot hold."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if isinstance(name, str) and _is_text(name):
                yield from _bad_values(inner, f"{field}.{name}")
            else:
                yield Problem("containerd.setting_name", f"{name!r} is not a text", field=field, remedy="write the key in quotes")
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _bad_values(inner, f"{field}[]")
    elif not _is_plain(value):
        remedy = "give a text, a number, a boolean, a list or a mapping, or remove the key"
        yield Problem("containerd.setting_value", "containerd has no such value", field=field, remedy=remedy)


def _is_plain(value: t.Any) -> bool:
    if isinstance(value, str):
        return _is_text(value)
    return isinstance(value, bool) or (isinstance(value, (int, float)) and math.isfinite(value) and -_LARGEST <= value < _LARGEST)


def _is_text(value: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in value)


def _misplaced(option: str, settings: Table) -> t.Iterator[Problem]:
    own = {"runtime_settings": _OF_RUNTIME, "image_settings": _OF_IMAGES, "settings": _OF_FILE.keys()}
    places = {name: where for where, names in own.items() if where != option for name in names}
    for name in settings:
        where = places.get(name)
        if where and name not in own[option]:
            remedy = f"move it to containerd_{where}"
            yield Problem("containerd.misplaced", "is not in this section", field=f"containerd_{option}.{name}", remedy=remedy)
        elif option == "settings" and name not in _OF_FILE:
            yield Problem(
                "containerd.unknown_key", f"unknown key {name}", field=f"containerd_{option}", remedy=f"use {', '.join(_OF_FILE)}"
            )
    inner = settings.get("containerd") if option == "runtime_settings" else None
    for name in set(_OF_SNAPSHOTS) & set(inner if isinstance(inner, dict) else ()):
        remedy = "move it to containerd_image_settings"
        yield Problem("containerd.misplaced", "is not in this section", field=f"containerd_{option}.containerd.{name}", remedy=remedy)


def _contradictions(option: str, settings: Table) -> t.Iterator[Problem]:
    for path, dummy in leaves(settings):
        taken = _TAKEN.get((option, path))
        if taken:
            yield Problem(
                "containerd.set_twice", f"{taken} sets this", field=f"containerd_{option}.{'.'.join(path)}", remedy=f"use {taken}"
            )


def _bad_types(settings: Table) -> t.Iterator[Problem]:
    for name, value in settings.items():
        kind = _OF_FILE.get(name, object)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            yield Problem("containerd.setting_type", f"is not {_TYPES[kind]}", field=f"containerd_settings.{name}")
        elif kind is str and not str(value).startswith("/"):
            yield Problem("containerd.relative_path", f"{value!r} is not an absolute path", field=f"containerd_settings.{name}")
    plugins = settings.get("plugins")
    for name, section in plugins.items() if isinstance(plugins, dict) else ():
        if name in (CRI, RUNTIME, IMAGES, "cri"):
            remedy = "use containerd_runtime_settings or containerd_image_settings"
            yield Problem("containerd.set_twice", "the role sets this section", field=f"containerd_settings.plugins.{name}", remedy=remedy)
        elif not isinstance(section, dict):
            yield Problem("containerd.setting_type", "is not a mapping", field=f"containerd_settings.plugins.{name}")
    disabled = settings.get("disabled_plugins")
    if isinstance(disabled, list) and {"cri", CRI, RUNTIME, IMAGES} & {name for name in disabled if isinstance(name, str)}:
        message = "the kubelet requires the CRI plugins"
        yield Problem("containerd.no_cri", message, field="containerd_settings.disabled_plugins", remedy="remove them from the list")
    grpc = settings.get("grpc")
    if isinstance(grpc, dict) and "address" in grpc:
        message = "the kubelet and crictl use the socket of the default address"
        yield Problem("containerd.socket", message, field="containerd_settings.grpc.address", remedy="remove it")
