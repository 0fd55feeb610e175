"""A throw-away certificate authority for a lab: one CA, a server and a client certificate."""

from __future__ import annotations

from pathlib import Path

from lab.host import run, state_dir


def ensure() -> Path:
    """The directory with ca.crt, server.crt, server.key, client.crt, client.key; made once a checkout."""
    home = state_dir("tls")
    # The broker reads them as its own user inside its container; the directory above keeps others out.
    home.chmod(0o755)
    if not (home / "client.crt").exists():
        authority(home, "ca", "eco2 lab CA")
        authority(home, "other-ca", "somebody else's CA")
        issue(home, "server", "localhost", "subjectAltName=DNS:localhost,IP:127.0.0.1")
        issue(home, "client", "eco2-client", "extendedKeyUsage=clientAuth")
    return home


def authority(home: Path, name: str, common_name: str) -> None:
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", f"{home}/{name}.key")
    # Python 3.13 refuses an authority that does not say what its key is for.
    usage = ("-addext", "keyUsage=critical,keyCertSign,cRLSign")
    run("openssl", "req", "-x509", *key, *usage, "-days", "3650", "-subj", f"/CN={common_name}", "-out", f"{home}/{name}.crt")


def issue(home: Path, name: str, common_name: str, extension: str) -> None:
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", f"{home}/{name}.key")
    run("openssl", "req", *key, "-subj", f"/CN={common_name}", "-out", f"{home}/{name}.csr")
    (home / f"{name}.ext").write_text(f"{extension}\nauthorityKeyIdentifier=keyid\n", encoding="utf-8")
    ca = ("-CA", f"{home}/ca.crt", "-CAkey", f"{home}/ca.key", "-CAcreateserial", "-extfile", f"{home}/{name}.ext")
    run("openssl", "x509", "-req", "-in", f"{home}/{name}.csr", *ca, "-days", "3650", "-out", f"{home}/{name}.crt")
    (home / f"{name}.key").chmod(0o644)
