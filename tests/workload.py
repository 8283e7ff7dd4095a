"""Writers of three generations, operators who move rows, and a contract, all at once.

Each writer keeps a log of the commits that were answered; at the end each of them is looked
for in the table. All of them take their keys from the same few.
"""

from __future__ import annotations

import multiprocessing
import random
import threading
import time
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any, Self

import sqlalchemy as sa

from migrator import history
from migrator.database import begin_for_real, open_engine
from migrator.dialects import Transient, dialect_of, transient
from migrator.errors import GuardError, LockedError, LostError
from migrator.online import Options, migrate
from tests.generations import COUNTED, FACTOR, FLAVORS, GENERATIONS, KINDS, METADATA
from tests.guarded import contract, quick
from tests.ledger import Found, Ledger, Write

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

    from migrator.transitions import Transition
    from tests.databases import Database
    from tests.generations import Writer

SEEDED = range(0, 180, 3)
"""Keys that are there at the start; the others go before, between and behind them."""
FREE = [key for key in range(-20_000, 20_000) if key % 3]
PATIENCE_SECONDS = 120
BREATH_SECONDS = 0.003
"""Pause of a writer between two writes: SQLite gives its lock to whoever asks next."""
WANTED = {
    "writes of the generation that wrote least": 30,
    "keys that all generations wrote to": 10,
    "rows that were filled again after they had moved": 10,
    "rows that operators moved": 40,
}
"""What has to come together before anything is proved.

A third of it where there is one writer at a time, and each waits for the others' pauses.
"""

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["tests.workload"])


def operate(url: str, kind: str, over: Any, moved: Any) -> None:
    """Run online-migrate again and again, as one of several operators."""
    engine = open_engine(url)
    while not over.value:
        time.sleep(0.01)
        options = Options(batch_size=random.randint(1, 12), keep_going=True)  # noqa: S311
        try:
            (outcome,) = migrate(engine, [KINDS[kind]], options)
        except LostError:  # said at once by a run that finds no server
            continue
        moved.value += outcome.completed


def seeded(key: int) -> Write:
    """Return the write of the row *key* that is there at the start, in the old form."""
    return Write(writer="seed", what="insert", key=key, version=1, value=key * FACTOR, fills=True)


class Workload:
    """A table of flavors on *database*, and all who work on it while it is entered."""

    def __init__(
        self, database: Database, kind: str, *, writers: bool = True, operators: bool = True
    ) -> None:
        self.kind = kind
        self.transition: Transition = KINDS[kind]
        self.url = quick(database.url).render_as_string(hide_password=False)
        self.engine = sa.create_engine(self.url, poolclass=sa.NullPool)
        self.dialect = dialect_of(self.engine.dialect)
        if not self.dialect.capabilities.row_locks:
            begin_for_real(self.engine)
        self.ledger = Ledger()
        self.stop = threading.Event()
        # Shared with processes that may be killed at any moment: nothing that has a lock.
        self.over = PROCESSES.Value("b", 0, lock=False)
        self.moved: list[Any] = []
        many = self.dialect.capabilities.row_locks
        self.wanted = {each: number if many else number // 3 for each, number in WANTED.items()}
        self.operators = [self._operator() for _ in range((1 + many) * operators)]
        self.pause = BREATH_SECONDS
        """Seconds that code of the old release waits between its writes."""
        self.is_contracting = False
        self.unexpected: list[BaseException] = []
        self.known = list(SEEDED)
        keys = iter(random.Random(1).sample(FREE, len(FREE)))  # noqa: S311 - nothing is secret
        everyone = GENERATIONS * (1 + many)
        made = [each(kind, self.known, keys, at) for at, each in enumerate(everyone)]
        self.threads = [
            threading.Thread(target=self._write, args=(each,)) for each in made if writers
        ]

    def __enter__(self) -> Self:
        with self.engine.begin() as connection:
            history.ensure(connection)
            METADATA.create_all(connection)
            for key in SEEDED:
                connection.execute(FLAVORS.insert().values(id=key, version=1, memory_mb=key))
                self.ledger.acknowledge(seeded(key))
        for each in self.everybody:
            each.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop.set()
        self.over.value = 1
        for each in self.everybody:
            each.join()

    # Who is at work.

    @property
    def everybody(self) -> tuple[BaseProcess | threading.Thread, ...]:
        return (*self.operators, *self.threads)

    def _operator(self) -> BaseProcess:
        self.moved.append(PROCESSES.Value("l", 0, lock=False))
        arguments = (self.url, self.kind, self.over, self.moved[-1])
        return PROCESSES.Process(target=operate, args=arguments)

    def kill_an_operator(self) -> None:
        """Kill -9 one operator, whatever it does, and start another one."""
        killed = self.operators.pop(0)
        killed.kill()
        killed.join()
        self.operators.append(self._operator())
        self.operators[-1].start()

    def _write(self, writer: Writer) -> None:
        """Let *writer* write until it is stopped, and note what was acknowledged."""
        is_old = type(writer) is GENERATIONS[0]
        while not self.stop.wait(self.pause if is_old else BREATH_SECONDS):
            writes: list[Write] = []
            try:
                with self._connected() as connection, connection.begin():
                    writes = writer.act(connection)
            except sa.exc.DBAPIError as error:
                # Refused by a fence, or the column is gone: its caller was told.
                reason = transient(self.dialect, error)
                if reason is None and not self.is_contracting:
                    self.unexpected.append(error)
                    return
                if reason is Transient.LOST:
                    self.ledger.doubt(*writes)
                continue
            except BaseException as error:
                self.unexpected.append(error)
                return
            self.ledger.acknowledge(*writes)
            self.known.extend(write.key for write in writes if write.version == 1)

    def _connected(self) -> sa.Connection:
        """Return a new connection, to a server that may have to be waited for."""
        give_up = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return self.engine.connect()
            except sa.exc.DBAPIError:
                if time.monotonic() > give_up:
                    raise
                time.sleep(0.05)

    # What they do.

    def overlaps(self) -> dict[str, int]:
        """Return how much of what shall overlap has happened so far."""
        wrote, fills = defaultdict(set), Counter[int]()
        number = Counter({each.__name__: 0 for each in GENERATIONS})
        for write in self.ledger:
            number[write.writer] += write.writer != "seed"
            wrote[write.key].add(write.writer)
            fills[write.key] += write.fills
        everyone = {each.__name__ for each in GENERATIONS}
        del number["seed"]
        counts = (
            min(number.values()),
            sum(everyone <= writers for writers in wrote.values()),
            sum(count > 1 for count in fills.values()),
            sum(each.value for each in self.moved),
        )
        return dict(zip(WANTED, counts, strict=True))

    def wait_for(self, seconds: float = 0.0, *, but: tuple[str, ...] = ()) -> None:
        """Wait until enough has overlapped, *but* for what cannot; *seconds* at the least."""
        started = time.monotonic()
        while True:
            self.stop.wait(0.1)
            now, passed = self.overlaps(), time.monotonic() - started
            assert not self.unexpected, self.unexpected
            assert all(each.is_alive() for each in self.operators)
            if passed > seconds and all(now[x] >= self.wanted[x] for x in WANTED.keys() - but):
                return
            assert passed < seconds + PATIENCE_SECONDS, now

    def contract(self) -> int:
        """Drop the old column as soon as the guard lets us; return how often it did not."""
        self.is_contracting = True
        refused: Exception | None = None
        for attempt in range(200):
            try:
                contract(open_engine(self.url), self.transition)
            except (GuardError, LockedError) as error:
                refused = error
                self.pause = min(1.0, 0.02 * (attempt + 1))
                time.sleep(0.05)
            else:
                return attempt
        raise AssertionError(f"the guard has refused 200 times, at last: {refused}")

    # What is left at the end.

    def rows(self) -> dict[int, Found]:
        """Return the rows as the last release sees them, for which there is no old column."""
        hits = FLAVORS.c.hits if self.kind in COUNTED else sa.null()
        query = sa.select(FLAVORS.c.id, FLAVORS.c.version, FLAVORS.c.foobars, hits)
        with self.engine.connect() as connection:
            return {key: Found(*rest) for key, *rest in connection.execute(query)}

    def wrong(self) -> list[str]:
        """Return what is wrong with the table, once nobody is at work any more."""
        assert not self.unexpected, self.unexpected
        assert [each.exitcode for each in self.operators] == [0] * len(self.operators)
        rows = self.rows()
        self.ledger.settle(rows)
        return self.ledger.wrong(rows)
