"""Rest: a code review server over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

import httpx
import msgspec

from ci.errors import ReviewError
from ci.gerrit.events import (
    PATCH_SET_LEVEL,
    inner,
    number,
    prose,
    read_change,
    read_patch_set,
    tables,
    text,
)
from ci.gerrit.server import ANSWER_BYTES, MOST_PAGES, PAGE, Known, Message, RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ci.gerrit.events import PatchSet, Table
    from ci.gerrit.login import Login
    from ci.gerrit.server import Review

MAGIC = b")]}'"
"""What each answer begins with, so that no browser takes it for a script."""
OPTIONS = ("CURRENT_REVISION", "MESSAGES", "DETAILED_ACCOUNTS")
TIMEOUT = httpx.Timeout(60, connect=20)
REFUSED = {400, 403, 404, 409, 413, 422}
"""Answers that stay the same however often one asks; a wrong password can be put right."""
HINTS = {
    401: "is this the HTTP password that Gerrit has made, not that of the person?",
    403: "may the account do that: comment, vote?",
}


class Rest:
    """Gerrit's REST API; a context that keeps its connections."""

    def __init__(self, login: Login) -> None:
        if login.password is None:
            raise ReviewError("REST needs a password")
        self._client = httpx.Client(
            base_url=f"{login.url}/a/",
            auth=httpx.BasicAuth(login.user, login.password),
            timeout=TIMEOUT,
            headers={"Accept": "application/json", "User-Agent": "migrator-ci"},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def updated(self, project: str, since: datetime) -> Iterator[Known]:
        """Yield the changes of *project* of which something is new; see `Server`."""
        moment = since.astimezone(UTC)
        query = f'project:"{project}" since:"{moment:%Y-%m-%d %H:%M:%S} +0000"'
        seen: set[int] = set()
        start = 0
        for _ in range(MOST_PAGES):
            answer = self._get("changes/", {"q": query, "n": PAGE, "S": start, "o": OPTIONS})
            found = answer if isinstance(answer, list) else []
            start += len(found)  # the server may have given fewer than we have asked for
            for known in filter(None, map(_known, found)):
                # Pages shift while one reads them: what was updated meanwhile comes twice.
                if known.change.number not in seen:
                    seen.add(known.change.number)
                    yield known
            if not found or not isinstance(found[-1], dict) or not found[-1].get("_more_changes"):
                return

    def look(self, project: str, change: int) -> Known | None:
        """Return a change with its messages; see `Server`."""
        try:
            return _known(self._get(_place(project, change), {"o": OPTIONS}))
        except RefusedError as error:
            if error.status != httpx.codes.NOT_FOUND:
                raise
            return None

    def remarks(self, project: str, change: int, patch_set: int) -> tuple[Message, ...]:
        """Return the comments on a patch set as a whole; see `Server`."""
        answer = self._get(f"{_place(project, change)}/comments", {})
        found = answer.get(PATCH_SET_LEVEL) if isinstance(answer, dict) else None
        return tuple(
            _message(each, "updated")
            for each in tables(found)
            if number(each, "patch_set") == patch_set
        )

    def post(self, project: str, change: int, patch_set: PatchSet, review: Review) -> None:
        """Post *review* on a patch set; see `Server`."""
        where = f"{_place(project, change)}/revisions/{patch_set.revision}/review"
        self._ask("POST", where, json=review)

    def _get(self, path: str, asked: dict[str, Any]) -> Any:
        answer = self._ask("GET", path, params=asked)
        try:
            return msgspec.json.decode(answer.removeprefix(MAGIC))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ReviewError(
                "the server answers with no JSON", hint="is its URL right?"
            ) from error

    def _ask(self, method: str, path: str, **options: Any) -> bytes:
        try:
            with self._client.stream(method, path, **options) as response:
                answer = bytearray()
                for piece in response.iter_bytes():
                    answer += piece
                    if len(answer) > ANSWER_BYTES:
                        raise ReviewError(f"an answer of more than {ANSWER_BYTES} bytes")
        except httpx.HTTPError as error:
            # Its text may hold the URL alone; the class says what happened.
            raise ReviewError(f"the server cannot be reached: {type(error).__name__}") from error
        if not response.is_success:
            raise _error(method, response.status_code)
        return bytes(answer)


def _error(method: str, status: int) -> ReviewError:
    said, hint = f"{method} is answered with {status}", HINTS.get(status)
    if status in REFUSED:
        return RefusedError(said, status=status, hint=hint)
    return ReviewError(said, hint=hint)


def _place(project: str, change: int) -> str:
    return f"changes/{quote(project, safe='')}~{change}"


def _known(said: object) -> Known | None:
    """Return the change in a ChangeInfo; None for what cannot be read."""
    change = read_change(said)
    if change is None or not isinstance(said, dict):
        return None
    sha = text(said, "current_revision")
    revision = {**inner(inner(said, "revisions"), sha), "revision": sha}
    patch_set = read_patch_set(revision, change)
    if patch_set is None:
        return None
    messages = tuple(_message(each, "date") for each in tables(said.get("messages")))
    return Known(
        change=change,
        patch_set=patch_set,
        messages=messages,
        updated=moment(text(said, "updated")),
    )


def _message(said: Table, date: str) -> Message:
    return Message(
        author=text(inner(said, "author"), "username"),
        text=prose(said, "message"),
        at=moment(text(said, date)),
    )


def moment(said: str) -> int:
    """Return a time as Gerrit writes it, 2026-11-27 10:00:00.000000000 in UTC; 0 for another."""
    try:
        return int(datetime.fromisoformat(said[:19]).replace(tzinfo=UTC).timestamp())
    except ValueError:
        return 0
