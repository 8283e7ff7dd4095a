"""What hostile code takes in the sandbox: up to its limits, and nothing of it stays."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid
from contextlib import nullcontext
from pathlib import Path

import pytest

from ci.errors import DeadlineError
from ci.sandbox.groups import PREFIX, ROOT, _sweep, control_groups
from ci.settings import Limits
from tests.ci.hostile import FAILS, SMALL, Hostile, alive, place

pytestmark = pytest.mark.thorough  # it needs bubblewrap, which `make test-quick` installs not


@pytest.fixture
def hostile(tmp_path: Path) -> Hostile:
    return place(tmp_path)


@pytest.fixture
def mark() -> str:
    """Return a word that only one command line has, also where tests run side by side."""
    return uuid.uuid4().hex


def test_memory_is_limited(hostile: Hostile) -> None:
    heard = hostile.run(
        "try:\n    b'x' * (600 << 20)\nexcept MemoryError:\n    print('MemoryError')"
    )

    assert heard.lines == ["MemoryError"]


def test_memory_of_all_processes_is_limited_together(hostile: Hostile) -> None:
    with control_groups(SMALL) as groups:
        limited = any((each / "memory.max").exists() or "memory" in str(each) for each in groups)
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


def test_a_group_of_a_living_runner_is_left_alone() -> None:
    with control_groups(SMALL) as groups, control_groups(SMALL):
        assert all(each.is_dir() for each in groups)
        for each in groups:
            _sweep(each.parent)
        assert all(each.is_dir() for each in groups)
    assert not [each for each in groups if each.exists()]
