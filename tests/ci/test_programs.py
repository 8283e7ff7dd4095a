from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from ci.errors import DeadlineError, SetupError, ToolError
from ci.programs import Program, User, find_program, run, run_well, start

PATIENCE = 10
FAMILY = """
import os, sys, time
if os.fork():
    time.sleep(60)
os.setsid()
if os.fork():
    os._exit(0)
open(sys.argv[1], "w").write(str(os.getpid()))
time.sleep(60)
"""
"""Makes a daemon: a session of its own, and its parent is gone. It writes who it is."""


def python(*arguments: str | Path, grace: float = 1) -> Program:
    return Program(arguments=[sys.executable, *arguments], grace=grace)


def alive(pid: int) -> bool:
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    return False


def gone(pid: int) -> bool:
    give_up = time.monotonic() + PATIENCE
    while alive(pid) and time.monotonic() < give_up:
        time.sleep(0.01)
    return not alive(pid)


def number_in(path: Path) -> int:
    give_up = time.monotonic() + PATIENCE
    while time.monotonic() < give_up:
        if path.exists() and path.read_text():
            return int(path.read_text())
        time.sleep(0.01)
    raise AssertionError(f"{path.name} was not written")


def test_a_program_runs_and_what_it_says_is_private(tmp_path: Path) -> None:
    log = tmp_path / "log"
    talk = python("-c", "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)")

    assert run(talk, log=log, seconds=PATIENCE, step="talk") == 3
    assert sorted(log.read_text().split()) == ["err", "out"]
    assert log.stat().st_mode & 0o777 == 0o600


def test_a_program_gets_nothing_of_our_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GERRIT_PASSWORD", "hush")
    show = python("-c", "import os; print(dict(os.environ))")
    run_well(show, log=tmp_path / "log", seconds=PATIENCE, step="show")
    assert "hush" not in (tmp_path / "log").read_text()


def test_a_failure_is_named_without_what_was_said(tmp_path: Path) -> None:
    fail = python("-c", "raise SystemExit('a row: 42')")
    with pytest.raises(SetupError, match=r"restore: .* exit status 1") as caught:
        run_well(fail, log=tmp_path / "log", seconds=PATIENCE, step="restore")
    assert "42" not in f"{caught.value} {caught.value.hint}"


def test_the_signal_that_ended_it_is_in_the_status(tmp_path: Path) -> None:
    die = python("-c", "import os; os.kill(os.getpid(), 9)")
    assert run(die, log=tmp_path / "log", seconds=PATIENCE, step="die") == 128 + signal.SIGKILL


def test_a_missing_program_says_so(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="nowhere cannot be run"):
        start(Program(arguments=["/nowhere"]), log=tmp_path / "log")
    with pytest.raises(ToolError, match="no-such is not installed") as caught:
        find_program("no-such", package="such")
    assert caught.value.hint == "install such"


def test_a_deadline_ends_also_what_made_a_session_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(DeadlineError, match=r"forever: not done after 1 s"):
        run(python("-c", FAMILY, tmp_path / "pid"), log=tmp_path / "log", seconds=1, step="forever")
    assert not alive(number_in(tmp_path / "pid"))


def test_a_deadline_ends_what_ignores_the_signal(tmp_path: Path) -> None:
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
    began = time.monotonic()
    with pytest.raises(DeadlineError):
        run(python("-c", deaf, grace=0.1), log=tmp_path / "log", seconds=0.5, step="deaf")
    assert time.monotonic() - began < 5


def test_what_a_program_leaves_running_ends_with_it(tmp_path: Path) -> None:
    leave = FAMILY.replace("time.sleep(60)\nos.setsid", "time.sleep(0.5); os._exit(0)\nos.setsid")
    assert not run(
        python("-c", leave, tmp_path / "pid"), log=tmp_path / "log", seconds=9, step="leave"
    )
    assert not alive(number_in(tmp_path / "pid"))


RUNNER = """
import sys, threading, time
from pathlib import Path
from ci.programs import Program, start
family = Program(arguments=[sys.executable, "-c", sys.argv[1], sys.argv[2]])
# The thread that starts it ends first: the program must not end with that.
thread = threading.Thread(target=start, args=[family], kwargs={"log": Path(sys.argv[3])})
thread.start()
thread.join()
time.sleep(60)
"""


def test_a_killed_runner_leaves_nothing(tmp_path: Path) -> None:
    arguments = [
        sys.executable,
        "-c",
        RUNNER,
        FAMILY,
        *map(str, [tmp_path / "pid", tmp_path / "log"]),
    ]
    with subprocess.Popen(arguments, stderr=subprocess.DEVNULL) as runner:
        daemon = number_in(tmp_path / "pid")
        time.sleep(0.2)
        assert alive(daemon)
        runner.kill()
    assert gone(daemon)


def test_a_killed_warden_takes_the_program_with_it(tmp_path: Path) -> None:
    tell = "import os, sys, time; open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(60)"
    with start(python("-c", tell, tmp_path / "pid"), log=tmp_path / "log") as running:
        program = number_in(tmp_path / "pid")
        running._warden.kill()
        assert gone(program)


def test_output_can_be_read_while_it_comes(tmp_path: Path) -> None:
    count = python("-u", "-c", "import time; print(1); print(2); time.sleep(60)")
    with start(count, log=tmp_path / "log", stdout=subprocess.PIPE) as running:
        assert [running.stdout.readline(), running.stdout.readline()] == [b"1\n", b"2\n"]
        assert running.status is None
    assert running.status == 128 + signal.SIGTERM


def test_a_program_is_abandoned_at_once(tmp_path: Path) -> None:
    deaf = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(); time.sleep(9)"
    )
    program = python("-u", "-c", deaf, grace=60)
    with start(program, log=tmp_path / "log", stdout=subprocess.PIPE) as running:
        running.stdout.readline()
        running.stop(in_order=False)
        assert running.status == 128 + signal.SIGKILL


def test_limits_hold(tmp_path: Path) -> None:
    flood = Program(
        arguments=[sys.executable, "-c", "print('x' * 100_000)"], limits={"RLIMIT_FSIZE": 1000}
    )
    assert run(flood, log=tmp_path / "log", seconds=PATIENCE, step="flood")
    assert (tmp_path / "log").stat().st_size <= 1000


def test_open_files_are_handed_on(tmp_path: Path) -> None:
    read, write = os.pipe()
    os.write(write, b"hello")
    tell = f"import os; print(os.read({read}, 5))"
    handed = Program(arguments=[sys.executable, "-c", tell], files=[read])
    run_well(handed, log=tmp_path / "log", seconds=PATIENCE, step="read")
    os.close(read)
    os.close(write)
    assert "hello" in (tmp_path / "log").read_text()


def test_root_runs_it_as_somebody_else(tmp_path: Path) -> None:
    user = User.instead_of_root("no-such-user")
    assert (user is None) == (os.getuid() != 0)
    show = Program(arguments=["/usr/bin/id", "--user"], user=user, folder=Path("/"))
    run_well(show, log=tmp_path / "log", seconds=PATIENCE, step="id")
    assert int((tmp_path / "log").read_text()) == (user.uid if user else os.getuid())
