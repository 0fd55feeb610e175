# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A state at an http address. Private to this collection."""

from __future__ import annotations

import ssl
import threading
import time
import typing as t
import urllib.error
import urllib.parse

from ansible.module_utils.urls import open_url

from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Refused, in_words
from ansible_collections.eco2.platform.plugins.module_utils._net import tls
from ansible_collections.eco2.platform.plugins.plugin_utils._terraform.source import Access, Source, refused

_CREDENTIALS = "set TF_HTTP_USERNAME and TF_HTTP_PASSWORD in the environment"
_CHUNK = 1 << 20


class Http(Source):
    """The state as the http backend of Terraform reads it, with GET."""

    def __init__(self, url: str, access: Access) -> None:
        self._url, self._access = url, access
        self._content: bytes | None = None
        try:
            parts = urllib.parse.urlsplit(url)
        except ValueError as error:
            raise refused("http.address", "begins like an address, but is none", "source", "correct it") from error
        # Without what may be a secret.
        self.name = urllib.parse.urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
        if "@" in parts.netloc:
            raise refused("http.credentials_in_url", "the address has a user or password in it", self.name, _CREDENTIALS)
        problems = list(tls.problems({"ca_cert": access.ca_cert}))
        if problems:
            raise Refused(problems)

    def content(self) -> bytes:
        if self._content is None:
            self._content = self._get()
        return self._content

    def _get(self) -> bytes:
        """The timeout of a socket starts again with each byte, so a thread waits for the answer, and this for the thread."""
        got: list[bytes | Exception] = []
        thread = threading.Thread(target=lambda: got.append(self._answer()), daemon=True)
        thread.start()
        thread.join(self._access.timeout)
        if not got:
            raise self._late()
        if isinstance(got[0], Exception):
            raise got[0]
        return got[0]

    def _answer(self) -> bytes | Exception:
        try:
            with self._open() as answer:
                if answer.status == 204:
                    return refused("http.no_state", "there is no state at this address", self.name, "run 'terraform apply' first")
                return b"".join(self._chunks(answer, time.monotonic() + self._access.timeout))
        except urllib.error.HTTPError as error:
            return self._answered(error)
        except urllib.error.URLError as error:
            return self._no_answer(error.reason)
        except OSError as error:
            return self._no_answer(error)
        except Exception as error:  # noqa: BLE001  # HTTPException, ValueError, and those of Ansible's client
            # Its text may have parts of the answer, or of the address.
            message = f"cannot be asked, or gave an answer that is not whole or not HTTP ({type(error).__name__})"
            return refused("http.failed", message, self.name, "correct the address, or look into the log of that server")

    def _open(self) -> t.Any:
        # A redirect would carry the password to another server.
        return open_url(
            self._url,
            timeout=self._access.timeout,
            url_username=self._access.username,
            url_password=self._access.password,
            force_basic_auth=True,
            follow_redirects="no",
            ca_path=self._access.ca_cert,
            use_netrc=False,
            headers={"Accept": "application/json"},
            http_agent="eco2.platform",
        )

    def _chunks(self, answer: t.Any, until: float) -> t.Iterator[bytes]:
        """Nobody waits any longer after `until`."""
        while time.monotonic() < until:
            chunk = answer.read1(_CHUNK)
            if not chunk:
                return
            yield chunk
        raise TimeoutError

    def _late(self) -> Refused:
        return refused("http.timeout", f"gave no whole answer within {self._access.timeout:g} s", self.name, "try again, or raise timeout")

    def _answered(self, error: urllib.error.HTTPError) -> Refused:
        if error.code in (401, 403):
            return refused("http.credentials", f"refuses the user or password ({error.code})", self.name, _CREDENTIALS)
        if error.code == 404:
            return refused(
                "http.no_state", "there is no state at this address (404)", self.name, "correct source, or run 'terraform apply' first"
            )
        if 300 <= error.code < 400:
            target = urllib.parse.urlsplit(urllib.parse.urljoin(self._url, error.headers.get("Location", "")))
            where = urllib.parse.urlunsplit((target.scheme, target.netloc.rpartition("@")[2], target.path, "", ""))
            return refused("http.redirect", f"redirects to {where}", self.name, "give that address in source, if it is right")
        return refused("http.failed", f"answered with {error.code}", self.name, "look into the log of that server")

    def _no_answer(self, reason: t.Any) -> Refused:
        if isinstance(reason, TimeoutError):
            return self._late()
        if isinstance(reason, ssl.SSLError):
            return refused("http.tls", tls.cause(str(reason)), self.name, "")
        message = in_words(reason) if isinstance(reason, Exception) else str(reason)
        return refused("http.unreachable", f"cannot be reached ({message})", self.name, "check the address and the network")
