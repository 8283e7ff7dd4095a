"""Gerrit, as far as its documentation says and we use it: real ssh, real HTTP, a real repository.

What a test wants to go wrong is in `answers` and `refusals` (statuses that are given instead,
to anything and to reviews), in `swallow`
(reviews that are taken in without an answer), in `hold` (reviews whose answer takes until it
is not set any more) and in `said` (lines for those who listen).
"""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import paramiko

from ci.gerrit.events import ref_of
from tests.ci.gerrit_wire import BOT, PASSWORD, PROJECT, USER, accept, stamp, web_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.ci.origin import Origin

ANN = {"_account_id": 1, "username": "ann", "name": "Ann", "email": "ann@example.org"}


@dataclass(slots=True)
class FakeChange:
    number: int
    patch_sets: list[dict[str, Any]] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)
    remarks: list[dict[str, Any]] = field(default_factory=list)
    reviews: list[dict[str, Any]] = field(default_factory=list)
    status: str = "NEW"
    branch: str = "main"
    wip: bool = False
    private: bool = False
    updated: float = field(default_factory=time.time)

    @property
    def short(self) -> dict[str, Any]:
        """The change attribute of events and of queries over ssh."""
        found: dict[str, Any] = {
            "project": PROJECT,
            "branch": self.branch,
            "id": f"I{self.number:040x}",
            "number": self.number,
            "subject": "</script>\x1b[31m $(reboot) `id`; --output=x",
            "owner": ANN,
            "status": self.status,
        }
        return found | ({"wip": True} if self.wip else {}) | self._private("private")

    @property
    def info(self) -> dict[str, Any]:
        """The ChangeInfo of REST."""
        current = self.patch_sets[-1]
        return {
            "id": f"{PROJECT}~{self.number}",
            "project": PROJECT,
            "branch": self.branch,
            "_number": self.number,
            "status": self.status,
            "updated": stamp(self.updated),
            "current_revision": current["revision"],
            "revisions": {
                current["revision"]: {
                    "_number": current["number"],
                    "ref": current["ref"],
                    "kind": current["kind"],
                }
            },
            "messages": self.messages,
            **({"work_in_progress": True} if self.wip else {}),
            **self._private("is_private"),
        }

    def _private(self, name: str) -> dict[str, Any]:
        return {name: True} if self.private else {}


@dataclass(slots=True)
class Gerrit:
    origin: Origin
    folder: Path
    changes: dict[int, FakeChange] = field(default_factory=dict)
    answers: list[int] = field(default_factory=list)
    refusals: list[int] = field(default_factory=list)
    swallow: int = 0
    hold: bool = False
    refuse_extras: bool = False
    refuse_stream: bool = False
    asked: list[str] = field(default_factory=list)
    listeners: list[paramiko.Channel] = field(default_factory=list)
    transports: list[paramiko.Transport] = field(default_factory=list)
    host_key: paramiko.PKey = field(default_factory=lambda: paramiko.ECDSAKey.generate())
    user_key: paramiko.ECDSAKey = field(default_factory=lambda: paramiko.ECDSAKey.generate())
    ssh_port: int = 0
    http_port: int = 0
    lock: threading.RLock = field(default_factory=threading.RLock)

    # What people do.

    def upload(self, number: int, sha: str, *, kind: str = "REWORK", tell: bool = True) -> None:
        """Upload a commit as the next patch set of a change."""
        with self.lock:
            change = self.changes.setdefault(number, FakeChange(number))
            ref = ref_of(number, len(change.patch_sets) + 1)
            self.origin.git("update-ref", ref, sha)
            change.patch_sets.append(
                {"number": len(change.patch_sets) + 1, "revision": sha, "ref": ref, "kind": kind}
            )
            change.updated = time.time()
        if tell:
            self.tell("patchset-created", number, uploader=ANN)

    def comment(self, number: int, text: str, *, by: Mapping[str, Any] = ANN, **how: bool) -> None:
        """Comment on the current patch set; with hidden=True the text is in no message."""
        change = self.changes[number]
        current = change.patch_sets[-1]["number"]
        shown = "(1 comment)" if how.get("hidden") else text
        message = f"Patch Set {current}:\n\n{shown}"
        now = time.time()
        change.messages.append({"author": by, "date": stamp(now), "message": message})
        if how.get("hidden"):
            remark = {"author": by, "message": text, "patch_set": current, "updated": stamp(now)}
            change.remarks.append(remark)
        change.updated = now
        if how.get("tell", True):
            self.tell("comment-added", number, author=by, comment=message)

    def tell(self, kind: str, number: int, **more: Any) -> None:
        """Tell those who listen of something that happened to a change."""
        change = self.changes[number]
        event = {"type": kind, "change": change.short, "patchSet": change.patch_sets[-1]}
        self.say(json.dumps({**event, **more, "eventCreatedOn": int(time.time())}).encode())

    def say(self, line: bytes) -> None:
        for each in list(self.listeners):
            with suppress(OSError):
                each.sendall(line + b"\n")

    def drop(self) -> None:
        """Cut all connections."""
        self.listeners.clear()
        for each in self.transports:
            each.close()
        self.transports.clear()

    def reviews(self, number: int) -> list[dict[str, Any]]:
        return self.changes[number].reviews

    # What the server does.

    def review(self, number: int, patch_set: int, said: dict[str, Any]) -> int:
        """Take in a review and return the status."""
        if self.refuse_extras and {"labels", "comments"} & said.keys():
            return 400
        change = self.changes[number]
        with self.lock:
            change.reviews.append(said)
            text = f"Patch Set {patch_set}:\n\n{said['message']}"
            message = {"author": BOT, "date": stamp(time.time()), "message": text}
            change.messages.append({**message, "tag": said["tag"]})
        return 200

    def found(self, query: str) -> list[FakeChange]:
        """Answer the operators that we use, the last updated first."""
        assert re.search(rf'project:"?{PROJECT}"?', query), query
        since = re.search(r"since:\"?(\d{4}-\d\d-\d\d)(?: (\d\d:\d\d:\d\d) \+0000)?", query)
        at = 0.0
        if since:
            day = f"{since[1]} {since[2] or '00:00:00'} UTC"
            at = time.mktime(time.strptime(day, "%Y-%m-%d %H:%M:%S %Z")) - time.timezone
        number = re.search(r"change:(\d+)", query)
        return sorted(
            (
                each
                for each in self.changes.values()
                if each.updated >= at and (number is None or each.number == int(number[1]))
            ),
            key=lambda each: -each.updated,
        )

    @property
    def known_hosts(self) -> Path:
        path = self.folder / "known_hosts"
        key = self.host_key
        path.write_text(f"[127.0.0.1]:{self.ssh_port} {key.get_name()} {key.get_base64()}\n")
        return path

    @property
    def key(self) -> Path:
        path = self.folder / "id_ecdsa"
        self.user_key.write_private_key_file(str(path))
        path.chmod(0o600)
        return path

    @property
    def password(self) -> Path:
        path = self.folder / "password"
        path.write_text(f"{PASSWORD}\n")
        path.chmod(0o600)
        return path

    @property
    def settings(self) -> str:
        return (
            f'[tool.ci]\nproject = "cloud"\n[tool.ci.gerrit]\nproject = "{PROJECT}"\n'
            f'url = "http://127.0.0.1:{self.http_port}"\nhost = "127.0.0.1"\n'
            f'port = {self.ssh_port}\nuser = "{USER}"\npages = "https://ci.example.org/cloud"\n'
            "labels = { success = { Verified = 1 }, failure = { Verified = -1 } }\n"
        )


@contextmanager
def gerrit(origin: Origin, folder: Path) -> Iterator[Gerrit]:
    """Give a server of the repository *origin*."""
    found = Gerrit(origin, folder)
    listening = socket.create_server(("127.0.0.1", 0))
    found.ssh_port = listening.getsockname()[1]
    web = ThreadingHTTPServer(("127.0.0.1", 0), web_of(found))
    found.http_port = web.server_port
    threads = [
        threading.Thread(target=web.serve_forever, args=(0.02,)),
        threading.Thread(target=accept, args=(found, listening)),
    ]
    for each in threads:
        each.start()
    try:
        yield found
    finally:
        web.shutdown()
        web.server_close()
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        found.drop()
        for each in threads:
            each.join()
