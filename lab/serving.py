"""One container that serves a directory: its `apt` by HTTP, its `registry` as an image registry, and Debian's mirror with a cache."""

from __future__ import annotations

import socket
import time
from pathlib import Path

from lab import containers, images
from lab.host import LabError, debian_mirror, podman, ulimits

SUITE = images.Image("depot", "bookworm", ("docker-registry", "nginx-light", "ca-certificates"))
READY_WITHIN = 30.0  # seconds

REGISTRY = """
version: 0.1
storage:
  filesystem:
    rootdirectory: /srv/registry
http:
  addr: :5000
"""

NGINX = """
daemon off;
error_log stderr warn;
events {{}}
http {{
  access_log off;
  proxy_cache_path /srv/debian keys_zone=debian:1m inactive=7d use_temp_path=off;
  server {{
    listen 80;
    root /srv/apt;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_ssl_server_name on;
    # Debian's packages from this machine's own mirror, each fetched once; the indexes each time.
    location /debian/ {{
      proxy_pass {mirror}/;
    }}
    location /debian/pool/ {{
      proxy_pass {mirror}/pool/;
      proxy_cache debian;
      proxy_cache_valid 200 7d;
      proxy_cache_lock on;
    }}
  }}
}}
"""


def start(name: str, root: Path, *options: str) -> None:
    mirror = debian_mirror()
    (root / "debian").mkdir(exist_ok=True)
    (root / "registry.yml").write_text(REGISTRY, encoding="utf-8")
    (root / "nginx.conf").write_text(NGINX.format(mirror=mirror), encoding="utf-8")
    serve = "docker-registry serve /srv/registry.yml >/dev/null 2>&1 & exec nginx -c /srv/nginx.conf"
    podman(
        *("run", "--detach", "--init", "--name", containers.full_name(name), *containers.labels("depot"), *ulimits(), *options),
        *("--volume", f"{root}:/srv", images.ensure(SUITE), "sh", "-c", serve),
    )


def wait(address: str, port: int) -> None:
    deadline = time.monotonic() + READY_WITHIN
    while time.monotonic() < deadline:
        try:
            with socket.create_connection((address, port), timeout=2):
                return
        except OSError:
            time.sleep(0.1)
    raise LabError(f"the depot does not answer on {address}:{port} within {READY_WITHIN:.0f} s")
