"""Alone: what code can do that has a whole server: no network, no files, nobody else."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from ci.databases import Places, open_database
from ci.timing import Engine
from tests.ci import served
from tests.ci.hostile import ORDINARY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ci.databases.base import Database


pytestmark = [pytest.mark.thorough, pytest.mark.slow]


@pytest.fixture(scope="module")
def places() -> Iterator[Places]:
    with served.places() as made:
        yield made


@contextmanager
def opened(engine: Engine, places: Places, folder: Path) -> Iterator[Database]:
    data = served.shop(engine, folder)
    with open_database(data, places) as database:
        database.restore(data)
        yield database


REACH = """
for each in tcp/127.0.0.1/{port} tcp/::1/{port} udp/192.0.2.1/53; do
    bash -c "echo out > /dev/$each" 2>/dev/null && echo "reached $each"
done
for each in {files}; do
    head -c 1 "$each" >/dev/null 2>&1 && echo "read $each"
done
ls -d /proc/[0-9]* | wc -l; ls /; cat /proc/1/comm
perl -MSocket -e 'socket(S, 40, 1, 0) || print "vsock $!"'
"""
"""AF_VSOCK, 40, leads from a virtual machine to what it runs on."""


def test_a_superuser_of_postgresql_reaches_nothing(places: Places, tmp_path: Path) -> None:
    secret = places.runs.parent / "secret"
    secret.write_text("canary")
    secret.chmod(0o644)
    files = [secret, places.states, "/etc/shadow", "/etc/hosts", Path.home(), "/var/lib"]
    with socket.socket() as tcp, opened(Engine.POSTGRESQL, places, tmp_path) as database:
        tcp.bind(("127.0.0.1", 0))
        tcp.listen()
        port = tcp.getsockname()[1]
        found = served.shell(database, REACH.format(port=port, files=" ".join(map(str, files))))

    assert not [each for each in found if each.startswith(("reached", "read"))]
    assert int(found[0]) < 30
    assert {"home", "root", "var", "sys", "run"}.isdisjoint(found)
    assert found[-2:] == ["bwrap", "vsock Address family not supported by protocol"]


def test_a_superuser_of_mariadb_reaches_nothing(places: Places, tmp_path: Path) -> None:
    with socket.socket() as tcp, opened(Engine.MARIADB, places, tmp_path) as database:
        tcp.bind(("127.0.0.1", 0))
        tcp.listen()
        tcp.settimeout(0)
        address = f"mysql://u:p@127.0.0.1:{tcp.getsockname()[1]}/d/t"
        with pytest.raises(sa.exc.OperationalError, match="1434"):
            served.superuser(
                database,
                "INSTALL SONAME 'ha_federatedx'",
                f"CREATE TABLE app.far (a INT) ENGINE=FEDERATED CONNECTION='{address}'",
            )
        with pytest.raises(BlockingIOError):
            tcp.accept()


def test_a_server_has_no_capability_and_gets_none(places: Places, tmp_path: Path) -> None:
    with opened(Engine.POSTGRESQL, places, tmp_path) as database:
        found = served.shell(
            database,
            "grep -E 'Cap|NoNew|Seccomp:' /proc/self/status | tr -d '\\t'; unshare -r true; true",
        )

    said = dict(each.split(":") for each in found)
    assert {said[each].strip("0") for each in said if each.startswith("Cap")} == {""}
    assert (said["NoNewPrivs"], said["Seccomp"]) == ("1", "2")


def test_the_same_holds_for_a_runner_that_is_an_ordinary_user() -> None:
    if os.getuid() != 0:
        return  # it was one all the time
    ran = subprocess.run(
        [
            *(*ORDINARY, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"),
            *("-n", "0", "-m", "slow", "-k", "not ordinary", __file__),
        ],
        cwd=Path(__file__).parent.parent.parent,
        env={**os.environ, "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-3000:]
