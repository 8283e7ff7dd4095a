"""Native: how each database is dumped and restored, by its own programs."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import sqlalchemy as sa

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

BY_KEY = ("instances.id", "instances.deleted")
"""Small numbers in rows that lie by a masked key: they cannot be compared row by row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dump:
    """One dump: where it is, what it is masked into, and the commands around that."""

    path: str
    masked: str
    made: str | None
    """The command that dumps; None where the file of the database is the dump."""
    restored: str | None
    options: str = ""
    """Of `anonymizer mask`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Native:
    """Three databases: the original, and one for each of two dumps of it."""

    urls: tuple[str, str, str]
    """They are $CLOUD, $COPY and $AGAIN of the commands."""
    dumps: tuple[Dump, Dump]
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    """What the programs need to know beside."""
    accepted: tuple[str, ...] = ()
    """What `prove` cannot look at here, and cannot be anything."""

    @property
    def variables(self) -> dict[str, str]:
        """What is set where commands are run."""
        names = ("CLOUD", "COPY", "AGAIN")
        return {**self.environment, **dict(zip(names, self.urls, strict=True))}


def sqlite(folder: Path) -> Native:
    """Return files in *folder*: a file is the dump, and .dump writes one as text."""
    first, copy, again = (f"sqlite:///{folder / name}.db" for name in ("cloud", "copy", "again"))
    text = Dump(
        path="cloud.sql",
        masked="shareable.sql",
        made="sqlite3 cloud.db .dump > cloud.sql",
        restored="sqlite3 again.db < shareable.sql",
    )
    file = Dump(path="cloud.db", masked="again.db", made=None, restored=None)
    return Native(
        urls=(first, copy, again),
        dumps=(
            Dump(
                path="cloud.db",
                masked="shareable.db",
                made=None,
                restored="cp shareable.db copy.db",
            ),
            text if shutil.which("sqlite3") else file,
        ),
        accepted=BY_KEY,
    )


def postgresql(urls: Sequence[str]) -> Native:
    """Return databases of PostgreSQL: the custom format, and the directory format in parallel."""
    first, copy, again = (
        sa.make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        for url in urls
    )
    return Native(
        urls=(first, copy, again),
        dumps=(
            Dump(
                path="cloud.dump",
                masked="shareable.dump",
                made='pg_dump -Fc -f cloud.dump "$CLOUD"',
                restored='pg_restore --exit-on-error -d "$COPY" shareable.dump',
            ),
            Dump(
                path="cloud.dir",
                masked="shareable.dir",
                made='pg_dump -Fd -j 2 -f cloud.dir "$CLOUD"',
                restored='pg_restore --exit-on-error -j 2 -d "$AGAIN" shareable.dir',
                options=" --jobs 2",
            ),
        ),
    )


def mariadb(urls: Sequence[str], folder: Path) -> Native:
    """Return databases of MariaDB: a dump as text, and one that is packed on the way."""
    first, copy, again = map(sa.make_url, urls)
    _write_login(first, folder / ".my.cnf")
    names = {"FROM": first.database, "TO": copy.database, "TOO": again.database}
    return Native(
        urls=(urls[0], urls[1], urls[2]),
        environment={"HOME": str(folder), **{name: each or "" for name, each in names.items()}},
        dumps=(
            Dump(
                path="cloud.sql",
                masked="shareable.sql",
                made="mariadb-dump $FROM > cloud.sql",
                restored="mariadb $TO < shareable.sql",
            ),
            Dump(
                path="cloud.sql.gz",
                masked="shareable.sql.gz",
                made="mariadb-dump $FROM | gzip > cloud.sql.gz",
                restored="gunzip < shareable.sql.gz | mariadb $TOO",
            ),
        ),
        accepted=BY_KEY,
    )


def _write_login(url: sa.URL, path: Path) -> None:
    """Write how to reach the server of *url* to *path*, where the programs look for it."""
    found = {
        "user": url.username,
        "password": url.password,
        "host": url.host,
        "port": url.port,
        "socket": url.query.get("unix_socket"),
    }
    lines = [f'{name} = "{value}"' for name, value in found.items() if value is not None]
    path.touch(mode=0o600)
    path.write_text("\n".join(["[client]", *lines, ""]), encoding="utf-8")
