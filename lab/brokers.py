"""RabbitMQ brokers of several versions, side by side, in containers."""

from __future__ import annotations

import base64
import json
import secrets
import shutil
import time
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
        podman("pause", self.container)

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
        _create(home, container, line)
    elif state != "running":
        say(f"starting {name} again")
        podman("start", container)
    return _describe(home, name, container, line)


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


def _create(home: Path, container: str, line: str) -> None:
    reference = images.ensure(image(line))
    certificates = tls.ensure()
    password = secrets.token_urlsafe(18)
    (home / "password").write_text(password, encoding="utf-8")
    (home / "rabbitmq.conf").write_text(_configuration(line, password), encoding="utf-8")
    say(f"starting RabbitMQ {line} as {container.removeprefix(containers.full_name(''))}")
    podman(
        *("run", "--detach", "--init", "--name", container, "--hostname", "rabbit", *containers.labels("broker")),
        *ulimits(),
        *("--volume", f"{home}/rabbitmq.conf:/etc/rabbitmq/rabbitmq.conf:ro"),
        *("--volume", f"{certificates}:/etc/rabbitmq/tls:ro"),
        *("--publish", "127.0.0.1::5672", "--publish", "127.0.0.1::15671", "--publish", "127.0.0.1::15672"),
        *(reference, "rabbitmq-server"),
    )


def _configuration(line: str, password: str) -> str:
    settings = {
        "default_user": "lab",
        "default_pass": password,
        "loopback_users": "none",
        "management.tcp.port": "15672",
        "management.ssl.port": "15671",
        "management.ssl.cacertfile": "/etc/rabbitmq/tls/ca.crt",
        "management.ssl.certfile": "/etc/rabbitmq/tls/server.crt",
        "management.ssl.keyfile": "/etc/rabbitmq/tls/server.key",
        "management.ssl.verify": "verify_peer",
        "management.ssl.fail_if_no_peer_cert": "true",
    }
    if line == "4.3":
        # Debian patches this to permitted; upstream 4.3 denies it, and upstream is what users run.
        settings["deprecated_features.permit.transient_nonexcl_queues"] = "false"
    return "".join(f"{key} = {value}\n" for key, value in settings.items())


def _describe(home: Path, name: str, container: str, line: str) -> Broker:
    def port(inside: int) -> int:
        return int(podman("port", container, f"{inside}/tcp").strip().rsplit(":", 1)[1])

    password = (home / "password").read_text(encoding="utf-8")
    url = f"http://127.0.0.1:{port(15672)}"
    version = _wait_until_ready(container, url, "lab", password)
    certificates = tls.ensure()
    broker = Broker(
        name=name,
        container=container,
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
