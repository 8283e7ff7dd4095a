"""Shell: a code review server over ssh, whose host key is known beforehand."""

from __future__ import annotations

import socket
import time
from contextlib import contextmanager, suppress
from datetime import UTC
from typing import TYPE_CHECKING

import msgspec
import paramiko
from paramiko.hostkeys import InvalidHostKey

from ci.errors import ConfigurationError, ReviewError
from ci.gerrit.events import (
    PATCH_SET_LEVEL,
    inner,
    number,
    prose,
    read_change,
    read_patch_set,
    read_table,
    tables,
    text,
)
from ci.gerrit.server import ANSWER_BYTES, MOST_PAGES, PAGE, Known, Message, RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from ci.gerrit.events import PatchSet, Table
    from ci.gerrit.login import Login
    from ci.gerrit.server import Review

CONNECT_SECONDS = 30
KEEPALIVE_SECONDS = 60
SILENT_SECONDS = 180
"""After so long without an acknowledgement of what we sent the connection is dead."""
COMMAND_SECONDS = 120
PIECE = 65536
FATAL = 1
"""Exit status of a command that Gerrit will not carry out."""
PASSING = b"internal server error"
"""What it complains of beside that where the fault is its own."""
COMPLAINT_BYTES = 8192
SAFE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._/+-=:,~@%")
LOST = (paramiko.SSHException, OSError, EOFError)
"""What paramiko raises for a connection that is not there, or no longer."""


@contextmanager
def connected(login: Login) -> Iterator[paramiko.Transport]:
    """Give a connection to the ssh of a server.

    Raises ConfigurationError for a host that is not the one we know, ReviewError where we are
    not let in or cannot reach it.
    """
    client = paramiko.SSHClient()
    try:
        client.load_host_keys(str(login.known_hosts))
    except (OSError, ValueError, InvalidHostKey) as error:
        raise ConfigurationError(
            f"{login.known_hosts} cannot be read: {type(error).__name__}",
            hint="lines as ssh-keyscan writes them",
        ) from error
    client.set_missing_host_key_policy(paramiko.RejectPolicy())
    try:
        yield _connect(client, login)
    finally:
        client.close()


def _connect(client: paramiko.SSHClient, login: Login) -> paramiko.Transport:
    try:
        client.connect(
            login.host,
            port=login.port,
            username=login.user,
            pkey=None if login.key is None else _key(login.key),
            allow_agent=login.key is None,
            look_for_keys=login.key is None,
            sock=_socket(login),
            timeout=CONNECT_SECONDS,
            banner_timeout=CONNECT_SECONDS,
            auth_timeout=CONNECT_SECONDS,
        )
    except paramiko.BadHostKeyException as error:
        raise ConfigurationError(
            f"{login.host} has another host key than {login.known_hosts} says",
            hint="ask its administrator before you change that file",
        ) from error
    except paramiko.AuthenticationException as error:
        raise ReviewError(
            f"{login.host} does not let {login.user} in",
            hint="is the public key in the account's settings, and the private one given?",
        ) from error
    except LOST as error:
        if "not found in known_hosts" in str(error):
            raise ConfigurationError(
                f"{login.known_hosts} does not know {login.host}, port {login.port}",
                hint=f"ssh-keyscan -p {login.port} {login.host}, and compare the fingerprint",
            ) from error
        raise ReviewError(f"{login.host} cannot be reached: {type(error).__name__}") from error
    transport = client.get_transport()
    assert transport is not None  # noqa: S101 - it has just connected
    transport.set_keepalive(KEEPALIVE_SECONDS)
    return transport


def _key(path: Path) -> paramiko.PKey:
    """Return the private key in a file. Raises ConfigurationError where there is none for us."""
    try:
        return paramiko.PKey.from_path(path)
    except Exception as error:  # whatever is wrong with it, nothing of it may be said
        raise ConfigurationError(
            f"{path} holds no private key that can be read: {type(error).__name__}",
            hint="one with a passphrase has to be in ssh-agent",
        ) from None


def _socket(login: Login) -> socket.socket:
    """Return a connection on which the kernel gives up when nobody answers a keep-alive."""
    found = socket.create_connection((login.host, login.port), timeout=CONNECT_SECONDS)
    with suppress(OSError, AttributeError):
        found.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, SILENT_SECONDS * 1000)
    return found


def command_line(arguments: Sequence[str]) -> str:
    """Return a command as Gerrit splits it; each argument is made of what needs no quoting.

    Raises ReviewError for one that is not.
    """
    for each in arguments:
        if not each or not SAFE.issuperset(each):
            raise ReviewError(f"{each!r} cannot be said over ssh", hint="give an HTTP password")
    return " ".join(arguments)


class Shell:
    """Gerrit's commands over ssh, a connection for each: where there is no HTTP password."""

    def __init__(self, login: Login) -> None:
        self._login = login

    def updated(self, project: str, since: datetime) -> Iterator[Known]:
        """Yield the changes of *project* of which something is new; see `Server`.

        With the day's others: a time has a blank in it, which would need quoting twice.
        """
        seen: set[int] = set()
        start = 0
        for _ in range(MOST_PAGES):
            terms = (
                f"project:{project}",
                f"since:{since.astimezone(UTC):%Y-%m-%d}",
                f"limit:{PAGE}",
            )
            lines = list(self._query("--start", str(start), "--", *terms))
            start += sum("type" not in each for each in lines)
            for known in filter(None, map(_known, lines)):
                if known.change.number not in seen:
                    seen.add(known.change.number)
                    yield known
            if not any(each.get("moreChanges") is True for each in lines):
                return

    def look(self, project: str, change: int) -> Known | None:
        """Return a change with its messages; see `Server`."""
        found = self._query("--", f"project:{project}", f"change:{change}")
        return next(filter(None, map(_known, found)), None)

    def remarks(self, project: str, change: int, patch_set: int) -> tuple[Message, ...]:
        """Return the comments on a patch set as a whole; see `Server`."""
        terms = (f"project:{project}", f"change:{change}")
        for line in self._query("--patch-sets", "--", *terms):
            known = read_change(line)
            for each in tables(line.get("patchSets")):
                found = read_patch_set(each, known)
                if found and found.number == patch_set:
                    return tuple(_remarks(each))
        return ()

    def post(self, project: str, change: int, patch_set: PatchSet, review: Review) -> None:
        """Post *review* on a patch set; see `Server`."""
        which = ("--project", project, f"{change},{patch_set.number}")
        self._run(("gerrit", "review", "--json", *which), said=msgspec.json.encode(review))

    def _query(self, *arguments: str) -> Iterator[Table]:
        options = ("--format=JSON", "--current-patch-set", "--comments")
        answer = self._run(("gerrit", "query", *options, *arguments))
        for line in map(read_table, answer.splitlines()):
            if line.get("type") == "error":
                raise ReviewError("the server cannot answer the query")
            yield line

    def _run(self, arguments: Sequence[str], *, said: bytes = b"") -> bytes:
        line = command_line(arguments)
        with connected(self._login) as transport:
            try:
                return _answer(transport, line, said)
            except LOST as error:
                raise ReviewError(f"{arguments[1]} over ssh: {type(error).__name__}") from error


def _answer(transport: paramiko.Transport, line: str, said: bytes) -> bytes:
    channel = transport.open_session(timeout=CONNECT_SECONDS)
    channel.settimeout(COMMAND_SECONDS)
    channel.exec_command(line)
    channel.sendall(said)
    channel.shutdown_write()
    answer, until = bytearray(), time.monotonic() + COMMAND_SECONDS
    while piece := channel.recv(PIECE):
        answer += piece
        if len(answer) > ANSWER_BYTES or time.monotonic() > until:
            raise ReviewError("the server answers more, or longer, than it should")
    if not channel.status_event.wait(COMMAND_SECONDS) or channel.exit_status < 0:
        raise ReviewError("the server has ended the command without a word")
    if channel.exit_status == FATAL and PASSING not in _complaint(channel):
        raise RefusedError("the server refuses the command", hint="may the account do that?")
    if channel.exit_status:
        raise ReviewError(f"the command ended with {channel.exit_status}")
    return bytes(answer)


def _complaint(channel: paramiko.Channel) -> bytes:
    found = b""
    while len(found) < COMPLAINT_BYTES and (piece := channel.recv_stderr(COMPLAINT_BYTES)):
        found += piece
    return found


def _known(line: Table) -> Known | None:
    change = read_change(line)
    patch_set = read_patch_set(line.get("currentPatchSet"), change)
    if change is None or patch_set is None:
        return None
    return Known(
        change=change,
        patch_set=patch_set,
        messages=tuple(map(_message, tables(line.get("comments")))),
        updated=_seconds(line, "lastUpdated"),
    )


def _remarks(patch_set: Table) -> Iterator[Message]:
    for each in tables(patch_set.get("comments")):
        if text(each, "file") == PATCH_SET_LEVEL:
            yield _message(each)


def _message(said: Table) -> Message:
    return Message(
        author=text(inner(said, "reviewer"), "username"),
        text=prose(said, "message"),
        at=_seconds(said, "timestamp"),
    )


def _seconds(said: Table, key: str) -> int:
    return number(said, key) or 0
