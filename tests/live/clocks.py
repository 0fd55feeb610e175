"""Certificates with other dates, and a server that has one: what a machine with a wrong clock sees."""

from __future__ import annotations

import re
import ssl
import subprocess
from pathlib import Path

PAST, FUTURE = ("200101000000Z", "200102000000Z"), ("400101000000Z", "410101000000Z")


def certificate(subject: str, place: Path, dates: tuple[str, str]) -> str:
    """A certificate with these dates and its key. Its signature is wrong, which nobody checks of a certificate that is its own CA."""
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", place / "key"]
    who = ["-subj", subject, "-addext", "subjectAltName=IP:127.0.0.1", "-days", "1"]
    make = ["openssl", "req", "-x509", *key, *who, "-outform", "DER", "-out", place / "der"]
    subprocess.run(make, check=True, capture_output=True)
    given = iter(date.encode() for date in dates)
    der = re.sub(rb"(?<=\x17\x0d)\d{12}Z", lambda dummy: next(given), (place / "der").read_bytes())
    return ssl.DER_cert_to_PEM_cert(der) + (place / "key").read_text()


# A program for a node: passes TLS connections on to another server, under a certificate of its own.
RELAY = """
import socket, ssl, sys, threading

own, target, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(own)
upstream = ssl.create_default_context()
upstream.check_hostname, upstream.verify_mode = False, ssl.CERT_NONE

def pump(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError:
        pass
    finally:
        sink.close()

def serve(client):
    try:
        ours = context.wrap_socket(client, server_side=True)
        theirs = upstream.wrap_socket(socket.create_connection((target, 6443)))
    except OSError:
        return
    threading.Thread(target=pump, args=(theirs, ours), daemon=True).start()
    pump(ours, theirs)

server = socket.create_server(("127.0.0.1", port))
while True:
    threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()
"""
