"""Keywords: words of SQL, of plans and of errors, which say nothing about anybody's data."""

from __future__ import annotations

import builtins
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING

import psycopg2.errorcodes
import psycopg2.errors
import sqlalchemy.exc
from pymysql.constants import ER
from sqlalchemy.dialects.mysql.base import ischema_names as mysql_types
from sqlalchemy.dialects.mysql.reserved_words import RESERVED_WORDS_MARIADB
from sqlalchemy.dialects.postgresql.base import RESERVED_WORDS
from sqlalchemy.dialects.postgresql.base import ischema_names as postgresql_types
from sqlalchemy.dialects.sqlite.base import SQLiteIdentifierPreparer
from sqlalchemy.dialects.sqlite.base import ischema_names as sqlite_types

if TYPE_CHECKING:
    from collections.abc import Iterator

UNRESERVED = """
access action algorithm always array_agg auto_increment avg brin btree charset coalesce
collation comment committed concat concurrently copy count currval data definer dense_rank
domain duplicate engine epoch exclude execute extension extract fillfactor first first_value
foreign_keys function gen_random_uuid generate_series generated gin gist greatest group_concat
hash identity immutable include inherits innodb inplace instant invoker isolation journal_mode
json_build_object json_extract json_object lag language last lateral lead least length level
list locked logged lower materialized max md5 min mode next nextval no none nothing now nowait
nullif nulls ordinality owned owner partial partitions plpgsql random rank reassign repeatable
returns rowid row_number savepoint security sequence serializable setval share shared simple
skip spgist stable start statement storage stored strict string_agg substr substring sum
table_info tablesample tablespace ties trim type unlogged upper utf8mb4 valid validate
volatile wait wal work public main information_schema pg_catalog
"""
"""Words, types and functions that migrations use, beside those that SQLAlchemy lists."""

PLANS = """
scan search seq only bitmap heap tid subquery nested loop merge join hash aggregate
groupaggregate hashaggregate sort incremental unique append gather parallel worker workers
planned launched cost rows width actual time loops filter cond recheck removed by key method
quicksort external disk memory buckets batches buffers hit read dirtied written planning
execution trigger calls init plan subplan result limit materialize memoize cte func covering
integer primary temp b tree for order correlated scalar list compound simple all const eq_ref
ref range fulltext possible_keys key_len extra id select_type table using where temporary
filesort condition null
"""
"""Words of plans, on all databases."""

_STANDARD_STATES = ("HY000", "HY001", "HY093", "42S01", "42S02", "42S11", "42S12", "42S21", "42S22")
_SQLITE_STATES = """
ABORT AUTH BUSY CANTOPEN CONSTRAINT CORRUPT ERROR FULL INTERNAL INTERRUPT IOERR LOCKED MISMATCH
MISUSE NOLFS NOMEM NOTADB PERM PROTOCOL READONLY SCHEMA TOOBIG CONSTRAINT_CHECK
CONSTRAINT_FOREIGNKEY CONSTRAINT_NOTNULL CONSTRAINT_PRIMARYKEY CONSTRAINT_TRIGGER
CONSTRAINT_UNIQUE CONSTRAINT_DATATYPE BUSY_SNAPSHOT BUSY_TIMEOUT LOCKED_SHAREDCACHE
"""
_DRIVERS = """
Warning InterfaceError DatabaseError DataError OperationalError IntegrityError InternalError
ProgrammingError NotSupportedError
CommandError RevisionError RangeNotAncestorError MultipleHeads ResolutionError CycleDetected
ConfigurationError ManifestError MigrationError NotAdditiveError UnreadableError TransitionError
PlanError HistoryDivergedError ApplyError LockedError StepError GuardError OnlineError
ConverterError BusyError LostError RowError
"""
"""What PEP 249 calls the errors of drivers, alembic its own, and migrator its own."""


@cache
def reserved() -> frozenset[str]:
    """Return words that cannot be names without quotes, in small letters."""
    listed = (RESERVED_WORDS, RESERVED_WORDS_MARIADB, SQLiteIdentifierPreparer.reserved_words)
    return frozenset(word.lower() for each in listed for word in each)


@cache
def keywords() -> frozenset[str]:
    """Return words of SQL, in small letters."""
    types = {word for each in (postgresql_types, mysql_types, sqlite_types) for word in each}
    listed = {word for each in (*reserved(), *types) for word in each.lower().split()}
    return frozenset(listed | set(UNRESERVED.split()))


@cache
def plan_words() -> frozenset[str]:
    """Return words of plans, in small letters."""
    return frozenset(PLANS.split())


@cache
def errors() -> frozenset[str]:
    """Return the classes of errors that Python, drivers and SQLAlchemy have."""
    modules = (builtins, sqlalchemy.exc)
    known = {
        name
        for module in modules
        for name, found in vars(module).items()
        if isinstance(found, type) and issubclass(found, BaseException)
    }
    return frozenset(known | set(_DRIVERS.split()) | set(_of_postgresql()))


def _of_postgresql() -> Iterator[str]:
    """Yield the classes that psycopg has for SQLSTATEs."""
    codes = [each for each in vars(psycopg2.errorcodes).values() if isinstance(each, str)]
    for code in codes:
        with suppress(KeyError):
            yield psycopg2.errors.lookup(code).__name__


@cache
def states() -> frozenset[str]:
    """Return the SQLSTATEs and numbers of errors that databases have: no procedure's own."""
    postgresql = {each for each in vars(psycopg2.errorcodes).values() if isinstance(each, str)}
    mariadb = {str(each) for each in vars(ER).values() if isinstance(each, int)}
    sqlite = {f"SQLITE_{each}" for each in _SQLITE_STATES.split()}
    known = {each for each in postgresql if len(each) == len("42P01") and each.isalnum()}
    return frozenset(known | mariadb | sqlite | set(_STANDARD_STATES))
