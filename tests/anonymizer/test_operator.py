"""What a tired operator does: a clear word, the right exit code, and nothing left over."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from anonymizer.cli import run
from tests.anonymizer.test_inserts_split import HEAD, TAIL
from tests.servers import processes

if TYPE_CHECKING:
    from tests.databases import Servers

ROOT = Path(__file__).parent.parent.parent
DUMP = (
    b"-- PostgreSQL database dump\n\nCREATE TABLE public.t (\n    a integer,\n    b text\n);\n\n"
    b"COPY public.t (a, b) FROM stdin;\n%b\\.\n\n-- PostgreSQL database dump complete\n"
)
POLICY = '[tables.t.columns]\na = "integer"\nb = "text"\n'


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a dump and a policy, in which the operator stands."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in.sql").write_bytes(DUMP % b"7\tsecret words\n")
    (tmp_path / "p.toml").write_text(POLICY)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("m.py", "import nothere\n", "No module named 'nothere'"),
        ("m.py", "class X(\n", "SyntaxError"),
        ("m.py", "import sys\nsys.exit(3)\n", "SystemExit"),
        ("m.py", "x = 1\n", "no table in it"),
        ("p2.py", "import sys\nsys.exit(3)\n", "SystemExit"),
        ("p2.toml", "tables = [\n", "Invalid value"),
        ("p2.toml", "\xff", "no table in it|Invalid"),
    ],
)
def test_what_cannot_be_read_could_not_run(
    work: Path, name: str, text: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """2, not 1: there is no answer. And never 3, whatever a module exits with."""
    path = work / (f"models_{time.monotonic_ns()}.py" if name == "m.py" else name)
    path.write_text(text, encoding="latin-1" if "\xff" in text else "utf-8")
    where = ["--models", path.stem] if name == "m.py" else ["--policy", str(path)]

    code = run(["check", "--dump", "in.sql", *where])

    assert code == 2
    error = capsys.readouterr().err
    assert any(each in error for each in said.split("|")) or "UTF-8" in error


def test_what_is_wrong_in_a_policy_is_an_answer(work: Path) -> None:
    (work / "p.toml").write_text(POLICY.replace("integer", "interger"))
    assert run(["check", "--dump", "in.sql", "--policy", "p.toml"]) == 1


@pytest.mark.parametrize("secret", [b"", b"ab12", b"short secret"])
def test_a_secret_that_is_too_short_is_named(
    work: Path, secret: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    (work / "key").write_bytes(secret)
    (work / "key").chmod(0o600)
    assert run(["mask", "in.sql", "out.sql", "--policy", "p.toml", "--secret", "key"]) == 2
    error = capsys.readouterr().err
    assert "key: a secret of" in error
    assert "ab12" not in error


def masking(work: Path, *arguments: str, **options: object) -> subprocess.Popen[bytes]:
    """Start a run in a session of its own, as a terminal does."""
    return subprocess.Popen(  # type: ignore[call-overload, no-any-return]
        [sys.executable, "-m", "anonymizer", "mask", *arguments, "--policy", "p.toml", "--one-way"],
        cwd=work,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        **options,
    )


def test_a_full_disk_is_said_without_a_traceback(work: Path) -> None:
    with Path("/dev/full").open("wb") as full, masking(work, "in.sql", "-", stdout=full) as process:
        _, error = process.communicate()
    assert process.returncode == 2
    assert b"No space left on device" in error
    assert b"make room" in error
    assert b"Traceback" not in error


@pytest.mark.usefixtures("work")
def test_a_fault_of_ours_says_its_place_and_no_value(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fault(*_arguments: object, **_options: object) -> None:
        raise ValueError("secret words")

    monkeypatch.setattr("anonymizer.commands.masked.mask", fault)
    assert run(["mask", "in.sql", "out.sql", "--policy", "p.toml", "--one-way"]) == 2
    error = capsys.readouterr().err
    assert "ValueError at" in error
    assert "test_operator.py, line" in error
    assert "secret" not in error


@pytest.mark.parametrize(("jobs", "count"), [("1", 200_000), ("2", 200_000), ("2", 1)])
def test_ctrl_c_leaves_no_file_and_no_process(work: Path, jobs: str, count: int) -> None:
    """With many rows workers are there, with one what they are forked from still imports."""
    rows = b"".join(b"%d\t%b\n" % (number, b"word " * 20) for number in range(count))
    begin, _, _ = (DUMP % rows).rpartition(b"\\.\n")
    place = ("-", "out.sql", "--schema", "in.sql", "--jobs", jobs)
    with masking(work, *place, stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        process.stdin.write(begin)
        process.stdin.flush()
        while not list(work.glob(".out.sql*.partial")):
            time.sleep(0.01)
        children = {each: processes.started(each) for each in processes.children(process.pid)}
        os.killpg(process.pid, signal.SIGINT)
        _, error = process.communicate(timeout=20)

    assert process.returncode == 130
    assert b"interrupted; nothing was left" in error
    assert b"Traceback" not in error
    assert not list(work.glob("*out*")) + list(work.glob(".out*"))
    assert all(processes.wait(pid, born, seconds=10) for pid, born in children.items())


def test_a_dump_of_one_kind_is_not_loaded_into_another(
    work: Path, servers: Servers, capsys: pytest.CaptureFixture[str]
) -> None:
    server = servers["mariadb"]
    url = server.url(server.create_database())
    assert run(["mask", "in.sql", url, "--policy", "p.toml", "--one-way"]) == 2
    assert "the dump is of postgresql, and the target of mariadb" in capsys.readouterr().err
    (work / "my.sql").write_bytes(HEAD + b"CREATE TABLE t (a int, b text);\n" + TAIL)
    assert run(["mask", "my.sql", url, "--policy", "p.toml", "--one-way"]) == 0


def test_proposals_come_in_one_order(work: Path) -> None:
    tables = b"".join(b"CREATE TABLE public.t%d (a integer);\n" % each for each in range(30))
    (work / "many.sql").write_bytes(tables + DUMP % b"")
    command = [sys.executable, "-m", "anonymizer", "suggest", "--dump", "many.sql"]
    found = {
        subprocess.run(
            command,
            cwd=work,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(found) == 1
