"""RabbitMQ brokers of several versions, side by side, in containers."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import shutil
import time
import typing as t
import urllib.error
import urllib.request
from dataclasses import asdict, dataclass
from pathlib import Path

from lab import containers, host, images, tls
from lab.host import STATE, LabError, podman, require, say, state_dir, ulimits

# RabbitMQ's release line -> the Debian suite whose rabbitmq-server package belongs to it.
SUITES = {"3.10": "bookworm", "4.0": "trixie", "4.3": "forky"}

PLUGINS = (
    "rabbitmq_management",
    "rabbitmq_prometheus",
    "rabbitmq_shovel",
    "rabbitmq_shovel_management",
    "rabbitmq_federation",
    "rabbitmq_federation_management",
    "rabbitmq_consistent_hash_exchange",
    "rabbitmq_stream",
    "rabbitmq_stream_management",
)

READY_WITHIN = 90.0  # seconds; 6 to 10 are usual, the rest is for a busy machine


@dataclass(frozen=True)
class Broker:
    """A running broker. `url` and `tls_url` are its management API; the TLS one asks for a client certificate."""

    name: str
    container: str
    line: str
    version: str
    url: str
    tls_url: str
    amqp_port: int
    username: str
    password: str
    ca_path: str
    client_cert: str
    client_key: str
    other_ca_path: str

    def ctl(self, *arguments: str) -> str:
        return podman("exec", self.container, "rabbitmqctl", "--quiet", *arguments)

    def kill(self) -> None:
        """SIGKILL, as a machine that loses power would."""
        podman("kill", "--signal", "KILL", self.container)
        podman("wait", self.container)

    def start(self) -> None:
        podman("start", self.container)
        _wait_until_ready(self.container, self.url, self.username, self.password)

    def pause(self) -> None:
        """The kernel cannot always freeze a busy process at once."""
        for attempt in range(1, 6):
            try:
                podman("pause", self.container)
            except LabError:
                if attempt == 5:
                    raise
                time.sleep(1)
            else:
                return

    def resume(self) -> None:
        podman("unpause", self.container)


def image(line: str) -> images.Image:
    plugins = f"rabbitmq-plugins enable --offline {' '.join(PLUGINS)}"
    return images.Image(f"rabbitmq-{line}", SUITES[line], ("rabbitmq-server", "ca-certificates"), (plugins,))


def up(name: str, line: str) -> Broker:
    """Start the broker `name` of that release line, or find it running; return it once its API answers."""
    require()
    if line not in SUITES:
        raise LabError(f"no RabbitMQ {line} in the lab: choose one of {', '.join(SUITES)}")
    home, container = state_dir("brokers", name), containers.full_name(name)
    state = containers.state(name)
    if state is None:
        _create(home, _Node(name), line, secrets.token_urlsafe(18))
    elif state != "running":
        say(f"starting {name} again")
        podman("start", container)
    return _describe(home, _Node(name), line)


def cluster(name: str, line: str, **settings: str) -> list[Broker]:
    """Three new nodes of one cluster, with these settings beside the lab's. All have the network of the first, so do not pause that one."""
    require()
    nodes = [_Node(f"{name}-{number + 1}", number, f"{name}-1") for number in range(3)]
    peers = {f"cluster_formation.classic_config.nodes.{node.number + 1}": node.erlang_name for node in nodes}
    shared = {"cluster_formation.peer_discovery_backend": "classic_config", **peers, **settings}
    for node in reversed(nodes):
        down(node.name)
    password = secrets.token_urlsafe(18)
    for node in nodes:
        _create(state_dir("brokers", node.name), node, line, password, shared)
    return [_describe(state_dir("brokers", node.name), node, line) for node in nodes]


def get(name: str) -> Broker:
    """The broker that `up` described earlier; LabError where there is none."""
    record = state_dir("brokers") / name / "broker.json"
    if not record.exists():
        raise LabError(f"no broker {name}: run 'python3 -m lab up {name} LINE'")
    return Broker(**json.loads(record.read_text(encoding="utf-8")))


def down(name: str) -> None:
    """Remove the broker and its files; nothing to do where there is none."""
    containers.remove(name)
    home = STATE / "brokers" / name
    if home.exists():
        shutil.rmtree(home)
    host.forget_unless(containers.names())


def names() -> list[str]:
    return containers.names("broker")


@dataclass(frozen=True)
class _Node:
    """One node: alone, or of a cluster, whose nodes have the network of the node `first`."""

    name: str
    number: int = 0
    first: str = ""

    @property
    def container(self) -> str:
        return containers.full_name(self.name)

    @property
    def erlang_name(self) -> str:
        return f"{self.name}@localhost"

    def port(self, usual: int) -> int:
        return usual + 100 * self.number

    def network(self) -> list[str]:
        if self.number:
            return ["--network", f"container:{containers.full_name(self.first)}"]
        offsets = range(0, 300 if self.first else 100, 100)
        return ["--hostname", "rabbit", *(f"--publish=127.0.0.1::{port + more}" for more in offsets for port in (5672, 15671, 15672))]

    def environment(self) -> list[str]:
        if not self.first:
            return []
        return ["--env", f"RABBITMQ_NODENAME={self.erlang_name}", "--env", f"RABBITMQ_NODE_PORT={self.port(5672)}"]


# The nodes of a cluster prove to one another with the cookie that they belong together. Erlang wants a file that only they can read.
_RUN = "install -o rabbitmq -m 400 /etc/rabbitmq/cookie /var/lib/rabbitmq/.erlang.cookie && exec rabbitmq-server"


def _create(home: Path, node: _Node, line: str, password: str, settings: t.Mapping[str, str] | None = None) -> None:
    reference = images.ensure(image(line))
    certificates = tls.ensure()
    (home / "password").write_text(password, encoding="utf-8")
    (home / "cookie").write_text(hashlib.sha256(password.encode()).hexdigest(), encoding="utf-8")
    (home / "rabbitmq.conf").write_text(_configuration(line, password, node, settings or {}), encoding="utf-8")
    say(f"starting RabbitMQ {line} as {node.name}")
    podman(
        *("run", "--detach", "--init", "--name", node.container, *containers.labels("broker")),
        *ulimits(),
        *("--volume", f"{home}/rabbitmq.conf:/etc/rabbitmq/rabbitmq.conf:ro"),
        *("--volume", f"{home}/cookie:/etc/rabbitmq/cookie:ro"),
        *("--volume", f"{certificates}:/etc/rabbitmq/tls:ro"),
        *node.network(),
        *node.environment(),
        *(reference, "sh", "-c", _RUN),
    )


def _configuration(line: str, password: str, node: _Node, more: t.Mapping[str, str]) -> str:
    settings = {
        "default_user": "lab",
        "default_pass": password,
        "loopback_users": "none",
        "management.tcp.port": str(node.port(15672)),
        "management.ssl.port": str(node.port(15671)),
        "management.ssl.cacertfile": "/etc/rabbitmq/tls/ca.crt",
        "management.ssl.certfile": "/etc/rabbitmq/tls/server.crt",
        "management.ssl.keyfile": "/etc/rabbitmq/tls/server.key",
        "management.ssl.verify": "verify_peer",
        "management.ssl.fail_if_no_peer_cert": "true",
        "prometheus.tcp.port": str(node.port(15692)),
        "stream.listeners.tcp.1": str(node.port(5552)),
        **more,
    }
    if line == "4.3":
        # Debian patches this to permitted; upstream 4.3 denies it, and upstream is what users run.
        settings["deprecated_features.permit.transient_nonexcl_queues"] = "false"
    return "".join(f"{key} = {value}\n" for key, value in settings.items())


def _describe(home: Path, node: _Node, line: str) -> Broker:
    def port(usual: int) -> int:
        published_by = containers.full_name(node.first) if node.first else node.container
        return int(podman("port", published_by, f"{node.port(usual)}/tcp").strip().rsplit(":", 1)[1])

    password = (home / "password").read_text(encoding="utf-8")
    url = f"http://127.0.0.1:{port(15672)}"
    version = _wait_until_ready(node.container, url, "lab", password)
    certificates = tls.ensure()
    broker = Broker(
        name=node.name,
        container=node.container,
        line=line,
        version=version,
        url=url,
        tls_url=f"https://127.0.0.1:{port(15671)}",
        amqp_port=port(5672),
        username="lab",
        password=password,
        ca_path=str(certificates / "ca.crt"),
        client_cert=str(certificates / "client.crt"),
        client_key=str(certificates / "client.key"),
        other_ca_path=str(certificates / "other-ca.crt"),
    )
    record = home / "broker.json"
    record.touch(mode=0o600)
    record.write_text(json.dumps(asdict(broker), indent=1), encoding="utf-8")
    return broker


def _wait_until_ready(container: str, url: str, username: str, password: str) -> str:
    """The broker's version, once its API answers and it declares itself healthy."""
    token = base64.b64encode(f"{username}:{password}".encode()).decode()
    deadline, last = time.monotonic() + READY_WITHIN, "no answer yet"
    # A proxy configured for this user must not stand between us and loopback.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while time.monotonic() < deadline:
        try:
            for path in ("/api/health/checks/local-alarms", "/api/overview"):
                request = urllib.request.Request(url + path, headers={"Authorization": f"Basic {token}"})
                with opener.open(request, timeout=5) as answer:
                    body = json.load(answer)
            return str(body["rabbitmq_version"])
        except (OSError, urllib.error.URLError, ValueError, KeyError) as error:
            last = str(error)
        if podman("inspect", "--format", "{{.State.Running}}", container).strip() != "true":
            errors = [line for line in podman("logs", container).splitlines() if "[error]" in line]
            raise LabError(f"broker {container} ended while starting: {' | '.join(errors[:3])}")
        time.sleep(0.3)
    raise LabError(f"broker {container} not ready within {READY_WITHIN:.0f} s: {last}")
