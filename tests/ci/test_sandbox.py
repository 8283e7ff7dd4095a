"""Sandbox: what hostile code tries comes to nothing, and it can neither stay nor fill anything."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import uuid
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from ci.errors import ConfigurationError, DeadlineError, SandboxError
from ci.sandbox import Bubblewrap, Job, Unconfined, can_confine, find_sandbox
from ci.sandbox.groups import PREFIX, ROOT, _sweep, control_groups
from ci.settings import Limits
from tests.ci.hostile import PYTHON, SMALL, Hostile, place
from tests.servers import processes

if TYPE_CHECKING:
    from tests.databases import Database

ORDINARY = ("unshare", "--user", "--map-user=1000", "--map-group=1000", "--")
"""Before a command: it runs as an ordinary user, whoever runs us."""
ALSO_ORDINARY = (
    "can_confine or network or machine or environment or nobody or writes or memory_is or "
    "daemon or open"
)
"""What is tried as an ordinary user as well; one who is root outside may have any processes."""
FAILS = """
import sys
def fails(*what):
    for each in what:
        try:
            each()
        except OSError as error:
            print(type(error).__name__, error.errno)
        else:
            print("done")
"""

pytestmark = pytest.mark.thorough  # it needs bubblewrap, which `make test-quick` installs not


@pytest.fixture
def hostile(tmp_path: Path) -> Hostile:
    return place(tmp_path)


def test_this_machine_can_confine() -> None:
    found = can_confine()

    assert found.confined, found.why


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


def test_nothing_of_a_job_outlives_a_runner_that_is_killed(tmp_path: Path, mark: str) -> None:
    code = (
        "import sys; from pathlib import Path; from ci.sandbox import Bubblewrap, Job\n"
        "job = Job(arguments=('/bin/sh', '-c', 'echo on; sleep 61 & sleep 60', sys.argv[2]), "
        "folder=Path('/usr'))\n"
        "Bubblewrap().run(job, log=Path(sys.argv[1]), seconds=60, step='x', "
        "hear=lambda line: print('on', flush=True))\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, tmp_path / "log", mark],
        cwd=Path(__file__).parent.parent.parent,
        stdout=subprocess.PIPE,
    ) as runner:
        assert runner.stdout is not None
        assert runner.stdout.readline() == b"on\n"
        while not alive(mark):
            time.sleep(0.01)
        runner.kill()
    give_up = time.monotonic() + 20
    while alive(mark) and time.monotonic() < give_up:
        time.sleep(0.02)
    assert not alive(mark)


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


def test_memory_is_limited(hostile: Hostile) -> None:
    heard = hostile.run(
        "try:\n    b'x' * (600 << 20)\nexcept MemoryError:\n    print('MemoryError')"
    )

    assert heard.lines == ["MemoryError"]


def test_memory_of_all_processes_is_limited_together(hostile: Hostile) -> None:
    with control_groups(SMALL) as groups:
        limited = any((each / "memory.procs").exists() or "memory" in str(each) for each in groups)
    heard = hostile.run(
        """
import os
for each in range(6):
    if os.fork() == 0:
        eaten = bytearray(b"x") * (200 << 20)
        os._exit(0)
print(sum(os.wait()[1] != 0 for _ in range(6)) > 0)
"""
    )
    if not limited:
        pytest.skip("this machine lets us make no control group for memory")
    assert heard.lines in (["True"], [])  # the parent may be the one that is killed
    assert not list(ROOT.glob(f"*/{PREFIX}{os.getpid()}-*"))


def test_memory_in_files_is_limited(hostile: Hostile) -> None:
    heard = hostile.run(
        f"""{FAILS}
import os
def fill(name):
    with open(name, "wb", buffering=0) as file:
        for _ in range(7):
            if file.write(b"x" * (1 << 20)) != 1 << 20:
                raise OSError(28, "full")
def shm():
    for each in range(20):
        fill(f"/dev/shm/{{each}}")
def tmp():
    for each in range(20):
        fill(f"/tmp/{{each}}")
fails(tmp, shm, lambda: os.memfd_create("x"))
"""
    )
    assert heard.lines == ["OSError 28", "OSError 28", "OSError 38"]


def test_a_huge_file_is_cut_off(hostile: Hostile) -> None:
    heard = hostile.run(
        """
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
with open(__import__("sys").argv[1], "wb", buffering=0) as file:
    try:
        while True:
            file.write(b"x" * (1 << 20))
    except OSError as error:
        print(error.errno)
""",
        str(hostile.data / "huge"),
    )
    assert heard.lines == ["27"]
    assert (hostile.data / "huge").stat().st_size == SMALL.file_mib << 20


def test_processes_are_limited_without_control_groups(
    hostile: Hostile, mark: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ci.sandbox.bubblewrap.control_groups", lambda _: nullcontext(()))
    heard = hostile.run(
        """
import os, signal
count = 0
try:
    while count < 100:
        if os.fork() == 0:
            signal.pause()
        count += 1
except BlockingIOError:
    print("refused")
""",
        mark,
    )
    assert heard.lines == ["refused"]
    assert not alive(mark)


def test_a_fork_bomb_goes_out(hostile: Hostile, mark: str) -> None:
    with pytest.raises(DeadlineError):
        hostile.run(
            """
import os
while True:
    try:
        os.fork()
    except OSError:
        pass
""",
            mark,
            seconds=1.5,
        )
    assert not alive(mark)


@pytest.fixture
def mark() -> str:
    """Return a word that only one command line has, also where tests run side by side."""
    return uuid.uuid4().hex


def alive(mark: str) -> list[int]:
    """Return the processes that have *mark* in their command line."""
    return [each for each in processes._all() if mark in processes._command(each)]


def test_processor_time_is_limited(hostile: Hostile) -> None:
    heard = hostile.run("while True: pass", limits=Limits(cpu_seconds=1), seconds=60)

    assert heard.ended.status in {128 + 9, 128 + 24}


def test_a_deadline_ends_what_does_not_listen(hostile: Hostile, mark: str) -> None:
    began = time.monotonic()
    with pytest.raises(DeadlineError, match="evil: not done after 1 s"):
        hostile.run(
            "import signal, time\n"
            "for each in set(signal.Signals) - {9, 19}: signal.signal(each, signal.SIG_IGN)\n"
            "print('deaf', flush=True); time.sleep(600)",
            mark,
            seconds=1,
        )
    assert time.monotonic() - began < 20
    assert not alive(mark)


def test_a_daemon_does_not_outlive_it(hostile: Hostile, mark: str) -> None:
    heard = hostile.run(
        """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for each in range(100):
            try:
                os.close(each)
            except OSError:
                pass
        while True:
            time.sleep(1)
    os._exit(0)
time.sleep(0.2)
print("left")
""",
        mark,
    )
    assert heard.lines == ["left"]
    assert heard.ended.seconds < 20
    assert not alive(mark)


def test_a_flood_is_heard_up_to_its_limits(hostile: Hostile) -> None:
    limits = Limits(output_mib=1, lines=100, line_bytes=1000)
    heard = hostile.run(
        "import sys\nprint('y' * 5000)\nfor _ in range(200_000): print('spam' * 20)\n"
        "print('e' * (9 << 20), file=sys.stderr)\n",
        limits=limits,
    )
    assert heard.ended.status == 0
    assert set(heard.lines) == {"spam" * 20}
    assert len(heard.lines) == 100
    assert heard.ended.dropped > 20_000_000
    assert len(heard.log) < 1 << 20


def test_what_a_terminal_obeys_is_spelt_out_in_the_log(hostile: Hostile) -> None:
    heard = hostile.run(
        "import sys\nprint('\\x1b]0;evil\\x07\\x9b2J')\n"
        "sys.stderr.buffer.write(b'\\xff\\x1b[2J\\rover\\xe2\\x80\\xae')"
    )

    assert heard.lines == ["\x1b]0;evil\x07\x9b2J"]
    assert heard.log == "\\x1b]0;evil\\x07\\x9b2J\n\\xff\\x1b[2J\\rover\\u202e\n"
    assert (hostile.folder / "log").stat().st_mode & 0o777 == 0o600


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
    shown = [each for pid in processes._all() if "canary-81" in (each := str(command(pid)))]
    running.join()

    assert said == [b"yes"]
    assert [each for each in shown if "bwrap" in each and "test" not in each] == []


def command(pid: int) -> list[str]:
    return processes._command(pid)


def test_an_exit_status_is_given_back(hostile: Hostile) -> None:
    assert hostile.run("raise SystemExit(7)").ended.status == 7


def test_a_sandbox_that_is_not_made_is_no_failure_of_the_change(hostile: Hostile) -> None:
    with pytest.raises(SandboxError, match="evil: the sandbox was not made"):
        hostile.run("", readable=[hostile.folder / "nothing"])


def test_no_file_of_ours_is_left_open(hostile: Hostile) -> None:
    heard = hostile.run(
        "import os\nfor each in os.listdir('/proc/self/fd'):\n"
        "    try: print(os.readlink(f'/proc/self/fd/{each}').partition(':')[0])\n"
        "    except OSError: pass"
    )

    assert set(heard.lines) <= {"/dev/null", "pipe"}


def test_a_group_of_a_living_runner_is_left_alone() -> None:
    with control_groups(SMALL) as groups, control_groups(SMALL):
        assert all(each.is_dir() for each in groups)
        for each in groups:
            _sweep(each.parent)
        assert all(each.is_dir() for each in groups)
    assert not [each for each in groups if each.exists()]


def test_what_cannot_be_given_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="cannot be given to a sandbox"):
        Job(arguments=("true",), folder=Path("/usr"), readable=[Path("/")])


def test_trusted_code_has_a_clean_environment_and_limits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_RUNNER", "x")
    heard = place(tmp_path, Unconfined()).run(
        "import os, resource\nprint('SECRET_OF_RUNNER' in os.environ)\n"
        "print(resource.getrlimit(resource.RLIMIT_AS)[0] >> 20, os.getcwd())"
    )

    assert heard.lines == ["False", f"{SMALL.memory_mib} {tmp_path / 'tree'}"]


def test_without_bubblewrap_untrusted_code_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ci.programs.find.SYSTEM_FOLDERS", ())
    monkeypatch.setenv("PATH", "/nowhere")

    with pytest.raises(SandboxError, match="bwrap is not installed") as caught:
        find_sandbox()
    assert "install bubblewrap; or" in str(caught.value.hint)
    assert "--trust-change" in str(caught.value.hint)
    assert not find_sandbox(trusted=True).confined


def test_without_user_namespaces_an_ordinary_user_is_refused() -> None:
    """As in a container: bubblewrap is there, and may do nothing."""
    code = "from ci.sandbox import can_confine as c; f = c(); print(f.confined, f.why, f.hint)"
    none_left = "echo 0 > /proc/sys/user/max_user_namespaces; exec setpriv --bounding-set=-all "
    said = subprocess.run(
        [
            *("unshare", "--user", "--map-root-user", "sh", "-c"),
            none_left + ' --inh-caps=-all -- unshare_less "$@"'.replace("unshare_less", '"$0"'),
            *(sys.executable, "-c", code),
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert said.startswith("False bwrap: ")
    assert "user namespaces" in said


def test_all_that_holds_for_an_ordinary_user() -> None:
    if os.getuid() != 0:
        return  # it was an ordinary user all the time
    ran = subprocess.run(
        [
            *(*ORDINARY, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"),
            *("-n", "0", "-k", ALSO_ORDINARY, __file__),
        ],
        cwd=Path(__file__).parent.parent.parent,
        env={**os.environ, "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-3000:]


def test_the_programs_of_the_sandbox_are_there() -> None:
    """A test of this file needs them; `.ci/packages` installs them."""
    for program in ("bwrap", "prlimit", "setpriv", "unshare"):
        assert shutil.which(program), f"{program} is missing"
    assert PYTHON.exists()
