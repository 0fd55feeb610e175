# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a Redis server's refusal or silence means, by its cause. Private to this collection.

Every message is one line: which server, what was asked of it, its own reason, and a hint.
"""

from __future__ import annotations

from ansible_collections.eco2.platform.plugins.module_utils._engine.change import ChangeFailed, NoAnswer, Unreachable


class ServerError(ChangeFailed):
    """The server answered with an error. `code` is its first word, such as ERR or NOPERM; `text` the rest, word for word."""

    def __init__(self, what: str, code: str, text: str, hint: str = "") -> None:
        said = text if code == "ERR" else f"{code} {text}"
        super().__init__(f"{what}: {said}{'' if said.endswith('.') else '.'}{' ' + hint if hint else ''}")
        self.code = code
        self.text = text

    @property
    def unknown_master(self) -> bool:
        return "No such master" in self.text


class WrongCredentials(ServerError):
    """No password, a wrong one, or one where the server has none."""


class MissingRights(ServerError):
    """The user may not run this command."""


class UnknownCommand(ServerError):
    """The server does not know the command: it is not of this kind, it is too old, or the command was renamed."""


class Loading(ServerError):
    """The server is loading its data and refuses most commands until then."""


class CannotConnect(Unreachable):
    """No connection."""


class NotTrusted(Unreachable):
    """The TLS handshake failed."""


class TimedOut(NoAnswer):
    """The command was sent and the connection broke before an answer came."""


class Silent(TimedOut):
    """The command was sent and no answer came in time."""


# Whatever can come instead of an answer from a server that cannot be reached now.
SILENT = (Unreachable, NoAnswer)


def from_answer(where: str, command: str, code: str, text: str, options: str) -> ServerError:
    """The error of an answer. `options`: the names of the options that hold this server's credentials."""
    what = f"{where}: {command}"
    if code == "NOAUTH":
        return WrongCredentials(where, code, text, f"It requires a password: give {options}.")
    if code == "DENIED":  # before the others, since its text tells of the missing password
        remedy = "Give its user default a password, or set protected-mode no where its network is closed."
        return ServerError(where, code, "it is in protected mode and refuses connections from other hosts.", remedy)
    if "without any password configured" in text or "no password is set" in text:
        return WrongCredentials(where, "AUTH", "its default user has no password.", f"Leave out {options}, or name a user that has one.")
    if code == "WRONGPASS" or "invalid username-password" in text or "invalid password" in text:
        return WrongCredentials(where, "WRONGPASS", "it does not accept these credentials.", f"Check {options}.")
    if code == "NOPERM":
        return MissingRights(what, code, text, "The credentials are right, but this user needs more rights: see ACL SETUSER.")
    if code == "LOADING":
        return Loading(where, code, text, "Wait until it has loaded its data, then run the task again.")
    if text.lower().startswith(("unknown command", "unknown subcommand")):
        return UnknownCommand(what, code, text, _unknown(command))
    return ServerError(what, code, text)


def _unknown(command: str) -> str:
    if command.startswith("SENTINEL"):
        return "Is this a sentinel, 6.2 or newer? Check host and port: a sentinel usually listens on port 26379, a data node on 6379."
    ports = "a data node usually listens on port 6379, a sentinel on 26379"
    return f"Is this a data node? Check host and port: {ports}. If the command is renamed, give rename_commands."
