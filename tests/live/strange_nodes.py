"""Whatever a person may write for containerd, for versions and for apt's files: mostly right, with some things wrong."""

from __future__ import annotations

import random
import typing as t

Options = t.Dict[str, t.Any]

SECRET = "s3cr3t"
# Of the loopback alone, where nothing listens: containerd asks these addresses.
PLACES = ("127.0.0.1:9", "localhost:9", "[::1]:9")
PATHS = ("", "/", "/v2", "/v2/", "/us", "/v2/proxy", "/a/v2/b", "/a%20b", "/a:b/c_d~e", "//x", "/é", "/a b", "/%zz", "?x=1", "#f")
FLAGS = (True, False, "true", "yes", "no", "off", 1, 0, "maybe", None, [], {}, 2, 0.5, "True ", "")
ODD = (
    None,
    "",
    " ",
    0,
    -1,
    1.5,
    True,
    [],
    [None],
    {},
    {"a": None},
    [[]],
    "\n",
    "\x00",
    "é",
    "\ud800",
    "x" * 3000,
    2**70,
    float("nan"),
    (1,),
)
VERSIONS = (
    *("1.6.20~ds1-1+deb12u1", "1.7.27-1", "2.0.4", "2.1.9", "2.2.9-1~debian.12~bookworm", "2.3.7", "5:2.3.7-1", "v2.2.9", "", "latest"),
    *("2", "2.", "2.3.7-rc.1", "99999999999999999999.1", "-1.2", "٢.٣", "1.30", "2.2.9\n", " 2.2.9", "a:2.2", ":", "2..3"),
)
NAMES = (
    "registry.k8s.io",
    "quay.io",
    "_default",
    "10.0.0.5:5000",
    "[::1]:5000",
    "..",
    ".",
    "",
    "a/b",
    "https://quay.io",
    "a\n",
    "A.b",
    "-a",
    5,
)
DURATIONS = ("5s", "1m30s", "500ms", "1.5h", ".5s", "5", "0s", "-1s", "1d", "s", "1 s", 5, "5s\n", "9" * 400 + "s")
HEADERS = (
    {"Authorization": f"Basic {SECRET}"},
    {"X-A": ["1", "2"]},
    {"X-B": "é"},
    f"Authorization: {SECRET}",
    {"X": 1},
    {"X Y": "z"},
    {"X": []},
)
CAPABILITIES = (["pull"], ["pull", "resolve"], ["resolve"], "pull, resolve", [], ["PULL"], ["read"], "pull", [1], {"pull": 1})
TEXT = "-----BEGIN CERTIFICATE-----\nbm8=\n-----END CERTIFICATE-----"
SETTINGS: dict[str, tuple[t.Any, ...]] = {
    "runtime_settings": (
        {"enable_cdi": True},
        {"enable_selinux": False, "max_container_log_line_size": 16384},
        {"cdi_spec_dirs": ["/etc/cdi"]},
        {"cni": {"max_conf_num": 2}},
        {"containerd": {"runtimes": {"nvidia": {"runtime_type": "io.containerd.runc.v2"}}}},
        {"containerd": {"default_runtime_name": "nvidia", "runtimes": {"nvidia": {"options": {"BinaryName": "/usr/bin/n"}}}}},
        {"stream_idle_timeout": "1h"},
        {"drain_exec_sync_io_timeout": "5s"},
        {"cni": {"bin_dir": "/x"}},
        {"snapshotter": "native"},
        {"a": {"b": {"c": [1, [2, {"d": None}]]}}},
        {"containerd": 1},
        {"containerd": {"snapshotter": 1}},
    ),
    "image_settings": (
        {"max_concurrent_downloads": 5},
        {"snapshotter": "native", "discard_unpacked_layers": True},
        {"image_pull_progress_timeout": "5m0s"},
        {"registry": {"configs": {"a": {"auth": {"password": SECRET}}}}},
        {"pinned_images": {"x": "y"}},
        {"registry": {"config_path": "/x"}},
        {"enable_cdi": True},
        {"image_decryption": {"key_model": "node"}},
        {"registry": None},
        {"runtime_platforms": {}},
    ),
    "settings": (
        {"root": "/mnt/a"},
        {"state": "/run/a"},
        {"debug": {"level": "debug", "address": "/run/d"}},
        {"metrics": {"address": "127.0.0.1:9"}},
        {"metrics": {"grpc_histogram": True}},
        {"proxy_plugins": {"soci": {"type": "snapshot", "address": "/run/s"}}},
        {"oom_score": -999},
        {"timeouts": {"io.containerd.timeout.shim.load": "5s"}},
        {"grpc": {"max_recv_message_size": 1048576}},
        {"version": 2},
        {"root": "a"},
        {"plugins": {"io.containerd.gc.v1.scheduler": {"pause_threshold": 0.5}}},
        {"plugins": {"cri": {}}},
        {"plugins": []},
        {"grpc": {"address": ""}},
        {"disabled_plugins": ["io.containerd.snapshotter.v1.btrfs"]},
        {"disabled_plugins": ["cri", []]},
        {"debug": None},
        {1: 2},
        {"imports": []},
        {"cgroup": {"path": "/a"}},
        {"ttrpc": {"address": "/run/t"}},
    ),
}


class Stranger:
    """One task of a stranger; a number makes the same one again. `files`: paths of a certificate and its key that exist."""

    def __init__(self, number: int, files: tuple[str, str] = ("/ca.pem", "/ca.key")) -> None:
        self.random = random.Random(number)
        self.files = files
        # So that some of them are right as a whole.
        self.wrong = self.random.choice((0, 0, 0.02, 0.2))

    def pick(self, values: t.Sequence[t.Any], good: int | None = None) -> t.Any:
        """One of the values; `good`: how many of the first ones are right."""
        if self.random.random() < self.wrong:
            return self.random.choice((*values, *ODD))
        return self.random.choice(values[: good or len(values)])

    def maybe(self, table: Options, name: str, values: t.Sequence[t.Any], good: int) -> None:
        if self.random.random() < 0.3:
            table[name] = self.pick(values, good)

    def host(self) -> Options:
        certificate, key = self.files
        made: Options = {}
        self.maybe(made, "capabilities", CAPABILITIES, 4)
        self.maybe(made, "ca", (certificate, [certificate], [certificate, certificate], "ca.pem", [TEXT], TEXT, {"a": 1}), 3)
        pair = [certificate, key]
        self.maybe(made, "client", ([pair], [pair, pair], key, [key, ""], [[key]], [["a"] * 3], [[None, 1]]), 2)
        self.maybe(made, "skip_verify", FLAGS, 6)
        self.maybe(made, "override_path", FLAGS, 6)
        self.maybe(made, "header", HEADERS, 3)
        self.maybe(made, "dial_timeout", DURATIONS, 4)
        self.maybe(made, "insecure", FLAGS, 0) if self.wrong else None
        return made

    def url(self) -> t.Any:
        scheme = self.pick(("http://", "https://", "", "ftp://", f"http://me:{SECRET}@", "HTTP://"), 2)
        place, path = self.pick(PLACES), self.pick(PATHS, 5)
        return f"{scheme}{place}{path}" if self.random.random() >= self.wrong / 4 else self.random.choice(ODD)

    def mirror(self) -> t.Any:
        hosts: list[t.Any] = [{"url": self.url(), **self.host()} for dummy in range(self.random.randint(0, 3))]
        if self.random.random() < self.wrong:
            hosts.append(self.random.choice(("https://localhost:9", *ODD)))
        mirror = {"registry": self.pick(NAMES, 5), "server": self.url(), "hosts": hosts, **self.host()}
        return mirror if self.random.random() >= self.wrong / 4 else self.random.choice(ODD)

    def options(self) -> Options:
        mirrors: t.Any = [self.mirror() for dummy in range(self.random.randint(0, 2))]
        proxy: Options = {}
        self.maybe(proxy, "http", ("http://proxy:3128", f"http://me:{SECRET}@proxy", "proxy:3128", 3128, "http://a b"), 2)
        self.maybe(proxy, "no_proxy", ("10.0.0.0/8,.svc", ["10.0.0.0/8"], [10, None], {}), 2)
        return {
            "cgroup_driver": self.pick(("systemd", "cgroupfs", "Systemd"), 2),
            "sandbox_image": self.pick(("", "mirror/pause:3.10"), 2),
            "cni_bin_dirs": self.pick((["/opt/cni/bin"], ["/opt/cni/bin", "/usr/lib/cni"], "/opt/cni/bin"), 2),
            "cni_conf_dir": self.pick(("/etc/cni/net.d", "etc/cni"), 1),
            "registry_mirrors": mirrors if self.random.random() >= self.wrong / 4 else self.random.choice(ODD),
            "proxy": proxy if self.random.random() >= self.wrong / 4 else self.random.choice(ODD),
            **{name: self.pick(({}, *values), 6) for name, values in SETTINGS.items()},
        }

    def version(self) -> str:
        return str(self.random.choice(VERSIONS))

    def lines(self) -> str:
        """A file of apt."""
        words = (
            "deb",
            "deb-src",
            "[signed-by=/k]",
            "[",
            "]",
            "https://a/b/",
            "file:/srv",
            "cdrom:[x y]/",
            "/",
            "./",
            "bookworm",
            "main",
            "#",
        )
        fields = (
            "Types: deb",
            "URIs:",
            " https://a/b",
            "Suites: /",
            "Enabled: no",
            "Signed-By: /k",
            ":",
            " .",
            "",
            "\t",
            "#",
            "\r",
            "\ufeff",
        )
        rows = [
            self.random.choice(fields) if self.random.random() < 0.6 else " ".join(self.random.choices(words, k=4)) for dummy in range(9)
        ]
        return "\n".join(rows)
