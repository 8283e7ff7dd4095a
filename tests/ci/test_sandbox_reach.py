"""What hostile code reaches in the sandbox: what it was given, and nothing of the machine."""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from ci.sandbox import Bubblewrap, Job
from tests.ci.hostile import FAILS, Hostile, place
from tests.servers import processes

if TYPE_CHECKING:
    from tests.databases import Database

pytestmark = pytest.mark.thorough  # it needs bubblewrap, which `make test-quick` installs not


@pytest.fixture
def hostile(tmp_path: Path) -> Hostile:
    return place(tmp_path)


def test_there_is_no_network(hostile: Hostile) -> None:
    """Neither loopback nor sockets in the abstract, with the filter or without it."""
    with socket.socket() as tcp, socket.socket(socket.AF_UNIX) as abstract:
        tcp.bind(("127.0.0.1", 0))
        tcp.listen()
        abstract.bind("\0migrator-ci-test")
        abstract.listen()
        heard = hostile.run(
            f"""{FAILS}
import socket
port = {tcp.getsockname()[1]}
fails(
    lambda: socket.create_connection(("127.0.0.1", port), timeout=2),
    lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0),
    lambda: socket.socket(socket.AF_UNIX).connect("\\0migrator-ci-test"),
)
print(open("/proc/net/dev").read().count(":"), open("/proc/net/unix").read().count("@"))
"""
        )
    assert heard.lines == ["OSError 97", "OSError 97", "ConnectionRefusedError 111", "1 0"]


def test_a_socket_that_it_was_given_can_be_reached(hostile: Hostile) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(hostile.data / "database"))
        (hostile.data / "database").chmod(0o777)
        server.listen()
        answering = threading.Thread(target=lambda: server.accept()[0].sendall(b"hello"))
        answering.start()
        heard = hostile.run(
            "import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])\n"
            "print(s.recv(5).decode())",
            str(hostile.data / "database"),
        )
        answering.join()
    assert heard.lines == ["hello"]


@pytest.mark.parametrize("database", ["postgresql", "mariadb"], indirect=True)
def test_a_real_server_can_be_reached(database: Database, tmp_path: Path) -> None:
    """Through its own driver, over the socket, and nothing else of the server's folder."""
    query = sa.make_url(database.url).query
    folder = Path(str(query["host"])) if "host" in query else Path(str(query["unix_socket"])).parent
    folder.chmod(0o711)
    heard: list[bytes] = []
    code = (
        "import os, sys, sqlalchemy as sa\n"
        "with sa.create_engine(os.environ['URL']).begin() as connection:\n"
        "    connection.exec_driver_sql('CREATE TABLE t (a INTEGER)')\n"
        "    print(connection.exec_driver_sql('SELECT count(*) FROM t').scalar())\n"
        "try:\n    os.listdir(sys.argv[1])\nexcept PermissionError:\n    print('no')"
    )
    job = Job(
        arguments=(sys.executable, "-c", code, str(folder / "data")),
        folder=folder,
        readable=(folder, Path(sys.prefix), Path(sys.base_prefix)),
        variables={"URL": database.url},
    )
    ended = Bubblewrap().run(job, log=tmp_path / "l", seconds=60, step="x", hear=heard.append)

    assert (ended.status, heard[0]) == (0, b"0"), (tmp_path / "l").read_text()
    assert os.getuid() or heard[1] == b"no"


def test_nothing_of_the_machine_can_be_read(hostile: Hostile, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("canary")
    (hostile.tree / "link").symlink_to(secret)
    names = [secret, hostile.tree / "link", "/etc/shadow", "/etc/hosts", Path.home() / ".profile"]
    heard = hostile.run(
        f"{FAILS}fails(*(lambda path=path: open(path) for path in sys.argv[1:]))\n"
        "import os; print(sorted(os.listdir('/etc')), os.listdir('/tmp'))\n"
        "print(os.path.exists('/home'), os.path.exists('/var'), os.path.exists('/sys'))",
        *map(str, names),
    )

    assert heard.lines[:5] == ["FileNotFoundError 2"] * 5
    assert "shadow" not in heard.lines[5]
    assert "hosts" not in heard.lines[5]
    assert heard.lines[6] == "False False False"


def test_the_environment_of_the_runner_is_not_there(
    hostile: Hostile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_RUNNER", "canary-7349")
    heard = hostile.run(
        """
import glob, os
print(sorted(os.environ), len(glob.glob("/proc/[0-9]*")), os.getppid())
for name in glob.glob("/proc/[0-9]*/environ") + glob.glob("/proc/[0-9]*/cmdline"):
    try:
        print(repr(open(name, "rb").read()))
    except OSError as error:
        print(error.errno)
"""
    )
    said = "\n".join(heard.lines)
    assert "HOME" in said
    assert "canary-7349" not in said
    assert "SECRET_OF_RUNNER" not in said


def test_it_is_nobody_and_can_become_nobody(hostile: Hostile) -> None:
    heard = hostile.run(
        f"""{FAILS}
import os, ctypes
libc = ctypes.CDLL(None, use_errno=True)
fails(lambda: os.setuid(0), lambda: os.setgid(0))
print(os.getuid() == 0, os.getgroups() in ([], [os.getgid()]), os.getsid(0) > 0)
for call in (lambda: libc.unshare(0x10000000), lambda: libc.ptrace(16, 1, 0, 0)):
    print(call(), ctypes.get_errno())
print([line.split()[1] for line in open("/proc/self/status") if line.startswith("Cap")])
print([line.split()[1] for line in open("/proc/self/status") if line[:4] in ("NoNe", "Secc")][:2])
"""
    )
    assert set(heard.lines[:2]) <= {"PermissionError 1", "OSError 22"}
    assert heard.lines[2] == "False True True"
    assert heard.lines[3:5] == ["-1 1", "-1 1"]
    assert set(heard.lines[5]) <= set("[]0', ")
    assert heard.lines[6] == "['1', '2']"


def test_it_writes_only_where_it_may(hostile: Hostile, tmp_path: Path) -> None:
    (hostile.data / "old").write_text("old")
    (hostile.data / "out").symlink_to(tmp_path / "outside")
    places = [hostile.tree / "x", "/x", "/usr/x", "/etc/x", "/dev/x", "/proc/sys/kernel/domainname"]
    heard = hostile.run(
        f"{FAILS}fails(*(lambda path=path: open(path, 'w') for path in sys.argv[1:]))",
        *map(str, [*places, hostile.data / "new", hostile.data / "old", "/tmp/x"]),  # noqa: S108 - its own
        str(hostile.data / "out"),
    )

    assert "done" not in heard.lines[:6]
    assert heard.lines[6:9] == ["done"] * 3
    assert not (tmp_path / "outside").exists()
    assert (hostile.data / "new").exists()


def test_its_arguments_and_secrets_are_hidden_from_other_users(tmp_path: Path) -> None:
    """What a database is opened with is seen in no list of processes."""
    said: list[bytes] = []
    job = Job(
        arguments=("/bin/sh", "-c", 'test "$URL" = canary-81 && echo yes; sleep 1'),
        folder=Path("/usr"),
        variables={"URL": "canary-81"},
    )
    running = threading.Thread(
        target=lambda: Bubblewrap().run(
            job, log=tmp_path / "log", seconds=20, step="x", hear=said.append
        )
    )
    running.start()
    while not said and running.is_alive():
        time.sleep(0.01)
    shown = [
        each for pid in processes._all() if "canary-81" in (each := str(processes._command(pid)))
    ]
    running.join()

    assert said == [b"yes"]
    assert [each for each in shown if "bwrap" in each and "test" not in each] == []


def test_no_file_of_ours_is_left_open(hostile: Hostile) -> None:
    heard = hostile.run(
        "import os\nfor each in os.listdir('/proc/self/fd'):\n"
        "    try: print(os.readlink(f'/proc/self/fd/{each}').partition(':')[0])\n"
        "    except OSError: pass"
    )

    assert set(heard.lines) <= {"/dev/null", "pipe"}
