"""Intake: what happens on a server becomes jobs in the queue, once each, whatever was missed."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from datetime import UTC, datetime
from threading import Lock
from typing import TYPE_CHECKING

from ci.errors import ReviewError
from ci.gerrit.events import Event, Type
from ci.gerrit.triggers import Act, act_on, asks
from ci.request import run_name

if TYPE_CHECKING:
    from ci.gerrit.events import Change
    from ci.gerrit.queue import Queue
    from ci.gerrit.server import Message, Server
    from ci.gerrit.stream import Told
    from ci.gerrit.triggers import Rules

OVERLAP_SECONDS = 600
"""How far before the last event we look for what was missed: servers index it later."""
NEAR_SECONDS = 120
"""Between a comment and the event that tells of it, at most."""
LOG = logging.getLogger("ci.gerrit")


class Intake:
    """Takes events in, and asks the server for those that it has not been told of."""

    def __init__(self, server: Server, queue: Queue, rules: Rules) -> None:
        self._server = server
        self._queue = queue
        self._rules = rules
        self._behind: int | None = None
        self._lock = Lock()

    @property
    def behind(self) -> bool:
        """Whether something was missed that the server could not be asked for yet."""
        return self._behind is not None

    def begin(self, since: int | None = None) -> None:
        """Know from when on events count: *since*, or the last time, or from now on."""
        if since is None:
            since = self._queue.marked()
        if since is None:
            since = int(time.time())
            self._queue.mark(since)
        self._behind = since

    def hear(self, told: Told) -> None:
        """Take in one event, or catch up where some are missing."""
        if not isinstance(told, Event):
            self._miss(self._queue.marked())
            self.catch_up()
            return
        try:
            self._take(told)
        except ReviewError as error:
            LOG.warning("%s", error.message)
            self._miss(told.at)
        if told.at is not None and not self.behind:
            self._queue.mark(told.at)

    def catch_up(self) -> bool:
        """Ask for what was missed, if anything; say whether nothing is missing any more."""
        with self._lock:
            if self._behind is None:
                return True
            since = self._behind - OVERLAP_SECONDS
            try:
                self._take_all(since)
            except ReviewError as error:
                LOG.warning("cannot catch up: %s", error.message)
                return False
            self._behind = None
            return True

    def _miss(self, at: int | None) -> None:
        missed = int(time.time()) if at is None else at
        with self._lock:
            self._behind = missed if self._behind is None else min(self._behind, missed)

    def _take_all(self, since: int) -> None:
        when = datetime.fromtimestamp(since, UTC)
        found = [
            (each.updated, each.change, tuple(each.events(since)))
            for each in self._server.updated(self._rules.project, when)
        ]
        for _, change, events in sorted(found, key=lambda each: each[0]):
            new = not self._queue.knows(change)
            for event in events:
                self._take(_as_new(event) if new else event)
        self._queue.mark(max((each[0] for each in found), default=0))

    def _take(self, event: Event) -> None:
        act, change = act_on(event, self._rules), event.change
        if act is Act.NOTHING or change is None:
            return
        if act is Act.CANCEL:
            ended = self._queue.cancel(change)
            LOG.info("%d: %s, %d runs end", change.number, event.type, ended)
        elif act in {Act.ASK, Act.AGAIN}:
            self._ask(event, change, act)
        elif event.patch_set:
            self._add(event, change, act)

    def _ask(self, event: Event, change: Change, act: Act) -> None:
        """Act on an event that does not say all: what it means, or of which patch set."""
        if event.type is Type.COMMENT and act is Act.ASK and not self._asked_for(event, change):
            return
        known = self._server.look(change.project, change.number)
        if known and known.change.open and not known.change.private:
            again = event.type is Type.COMMENT
            self._add(
                Event(type=event.type, at=event.at, patch_set=known.patch_set),
                known.change,
                Act.AGAIN if again else Act.RUN,
            )

    def _asked_for(self, event: Event, change: Change) -> bool:
        """Return whether the comment, whose text is elsewhere, asks for another run."""
        number = event.patch_set.number if event.patch_set else None
        if number is None:
            return False
        found = self._server.remarks(change.project, change.number, number)
        return any(asks(each.text, self._rules.recheck) for each in found if _is_near(each, event))

    def _add(self, event: Event, change: Change, act: Act) -> None:
        assert event.patch_set is not None  # noqa: S101 - the callers have seen to it
        run = run_name()
        asked = int(time.time()) if event.at is None else event.at
        if self._queue.ask(run, change, event.patch_set, asked=asked, act=act):
            number = f"{change.number},{event.patch_set.number}"
            LOG.info("%s: %s, queued as run %s", number, event.type, run)


def _as_new(event: Event) -> Event:
    """Return the event of a patch set that may be like the one before, which we have not seen."""
    if event.patch_set is None:
        return event
    return replace(event, patch_set=replace(event.patch_set, kind="REWORK"))


def _is_near(message: Message, event: Event) -> bool:
    """Return whether *event* may tell of *message*."""
    same = not message.author or not event.author or message.author == event.author
    return same and (event.at is None or abs(message.at - event.at) <= NEAR_SECONDS)
