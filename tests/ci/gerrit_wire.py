"""What is spoken to the double of Gerrit: ssh by paramiko, HTTP by the standard library."""

from __future__ import annotations

import base64
import json
import os
import re
import shlex
import socket
import subprocess
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import parse_qs, unquote, urlsplit

import paramiko
from paramiko.common import AUTH_FAILED, AUTH_SUCCESSFUL, OPEN_SUCCEEDED
from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.ci.gerrit_double import FakeChange, Gerrit

PROJECT = "acme/cloud"
USER, PASSWORD = "ci-bot", "s3cret/HTTP+word"
BOT = {"_account_id": 7, "username": USER, "name": "CI"}
PAGE = 3
"""Changes in one answer, at most."""
MAGIC = b")]}'\n"
WANTED = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()


def stamp(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S.000000000", time.gmtime(at))


def accept(server: Gerrit, listening: socket.socket) -> None:
    while True:
        try:
            connection, _ = listening.accept()
        except OSError:
            return
        transport = paramiko.Transport(connection)
        transport.add_server_key(server.host_key)
        server.transports.append(transport)
        with suppress(paramiko.SSHException, EOFError):
            transport.start_server(server=_Ssh(server), event=threading.Event())


class _Ssh(paramiko.ServerInterface):
    def __init__(self, server: Gerrit) -> None:
        self.server = server

    @override
    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        right = username == USER and key == self.server.user_key
        return AUTH_SUCCESSFUL if right else AUTH_FAILED

    @override
    def get_allowed_auths(self, username: str) -> str:
        return "publickey"

    @override
    def check_channel_request(self, kind: str, chanid: int) -> int:
        return OPEN_SUCCEEDED

    @override
    def check_channel_env_request(self, *_: object) -> bool:
        return True

    @override
    def check_global_request(self, kind: str, msg: paramiko.Message) -> bool:
        self.server.asked.append(kind)
        return False

    @override
    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        threading.Thread(target=self._run, args=(channel, command.decode())).start()
        return True

    def _run(self, channel: paramiko.Channel, command: str) -> None:
        self.server.asked.append(command)
        words = shlex.split(command)
        if words[:2] == ["gerrit", "stream-events"] and not self.server.refuse_stream:
            self.server.listeners.append(channel)
            return
        time.sleep(0.01)  # the answer to the request goes first
        with channel, suppress(OSError):
            channel.send_exit_status(self._answer(channel, words))

    def _answer(self, channel: paramiko.Channel, words: list[str]) -> int:
        if words[0] == "git-upload-pack":
            return _upload_pack(channel, self.server.origin.folder)
        if words[:2] == ["gerrit", "query"]:
            channel.sendall(self._query(words))
            return 0
        if words[:3] == ["gerrit", "review", "--json"]:
            return self._review(channel, words[-1])
        channel.sendall_stderr(b"fatal: \x1b[31mnot permitted\n")
        return 1

    def _review(self, channel: paramiko.Channel, which: str) -> int:
        said = json.loads(channel.makefile("rb").read())
        if not self.server.refusals:
            number, patch_set = map(int, which.split(","))
            return 0 if self.server.review(number, patch_set, said) == 200 else 1
        status = self.server.refusals.pop(0)
        fault = f"fatal: internal server error while reviewing {which}"
        told = fault if status >= 500 else "error: change is closed"
        after = "fatal: one or more reviews failed; review output above"
        channel.sendall_stderr(f"{told}\n\n{after}\n".encode())
        return 1

    def _query(self, words: list[str]) -> bytes:
        start = int(words[words.index("--start") + 1]) if "--start" in words else 0
        found = self.server.found(" ".join(words[words.index("--") + 1 :]))
        lines: list[dict[str, Any]] = [self._line(each) for each in found[start : start + PAGE]]
        more = len(found) > start + PAGE
        lines.append({"type": "stats", "rowCount": len(lines), "moreChanges": more})
        return b"".join(json.dumps(each).encode() + b"\n" for each in lines)

    def _line(self, change: FakeChange) -> dict[str, Any]:
        comments = [
            {"reviewer": each["author"], "message": each["message"], "timestamp": _at(each["date"])}
            for each in change.messages
        ]
        remarks = [
            {
                "file": "/PATCHSET_LEVEL",
                "reviewer": each["author"],
                "message": each["message"],
            }
            for each in change.remarks
        ]
        current = {**change.patch_sets[-1], "number": str(change.patch_sets[-1]["number"])}
        return {
            **change.short,
            "number": str(change.number),
            "lastUpdated": int(change.updated),
            "currentPatchSet": current,
            "comments": comments,
            "patchSets": [{**current, "comments": remarks}],
        }


def _at(date: str) -> int:
    return int(time.mktime(time.strptime(date[:19], "%Y-%m-%d %H:%M:%S")) - time.timezone)


def _upload_pack(channel: paramiko.Channel, folder: Path) -> int:
    """Serve git over the channel, as Gerrit does."""
    program = subprocess.Popen(
        ["git", "-c", "safe.directory=*", "-c", "uploadpack.allowAnySHA1InWant=true",
         "upload-pack", str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )  # fmt: skip
    assert program.stdin
    assert program.stdout
    stdin = program.stdin

    def feed() -> None:
        with suppress(OSError, ValueError):
            while piece := channel.recv(65536):
                stdin.write(piece)
                stdin.flush()
        with suppress(OSError):
            stdin.close()

    threading.Thread(target=feed, daemon=True).start()  # ends with the channel
    with program.stdout as answer:
        while piece := os.read(answer.fileno(), 65536):
            channel.sendall(piece)
    return program.wait()


class Web(BaseHTTPRequestHandler):
    """Gerrit's REST, as much of it as we ask."""

    gerrit: ClassVar[Gerrit]
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        self._reply(*self._get(unquote(parts.path), parse_qs(parts.query)))

    def do_POST(self) -> None:
        said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        place = r"/a/changes/([^/]+)~(\d+)/revisions/([0-9a-f]+)/review"
        found = re.fullmatch(place, self.path)
        assert found, self.path
        assert unquote(found[1]) == PROJECT
        if status := self._instead():
            self._reply(status, b"no")
            return
        change = self.gerrit.changes[int(found[2])]
        number = next(e["number"] for e in change.patch_sets if e["revision"] == found[3])
        status = self.gerrit.review(change.number, number, said)
        while self.gerrit.hold:
            time.sleep(0.02)
        if self.gerrit.swallow:
            self.gerrit.swallow -= 1
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self._reply(status, b"{}")

    def _get(self, path: str, query: Mapping[str, list[str]]) -> tuple[int, bytes]:
        if status := self._instead():
            return status, b"no"
        if path == "/a/changes/":
            return 200, self._page(query)
        change, _, what = path.removeprefix(f"/a/changes/{PROJECT}~").partition("/")
        known = self.gerrit.changes.get(int(change))
        if known is None:
            return 404, b"Not found"
        told: Any = {"/PATCHSET_LEVEL": known.remarks} if what == "comments" else known.info
        return 200, json.dumps(told).encode()

    def _page(self, query: Mapping[str, list[str]]) -> bytes:
        start = int(query["S"][0])
        found = self.gerrit.found(query["q"][0])
        page = [each.info for each in found[start : start + PAGE]]
        if len(found) > start + PAGE:
            page[-1] = {**page[-1], "_more_changes": True}
        return json.dumps(page).encode()

    def _instead(self) -> int | None:
        self.gerrit.asked.append(f"{self.command} {self.path}")
        if self.headers.get("Authorization") != WANTED:
            return 401
        if self.command == "POST" and self.gerrit.refusals:
            return self.gerrit.refusals.pop(0)
        return self.gerrit.answers.pop(0) if self.gerrit.answers else None

    def _reply(self, status: int, body: bytes) -> None:
        answer = MAGIC + body if status == 200 else body
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=UTF-8")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    @override
    def log_message(self, *_: object) -> None:
        """Log nothing."""


def web_of(server: Gerrit) -> type[BaseHTTPRequestHandler]:
    return type("Bound", (Web,), {"gerrit": server})
