"""Output: whole, or not there."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from anonymizer.errors import AnonymizerError
from anonymizer.output import refuse_existing, written_aside

ROOT = Path(__file__).parent.parent.parent


def test_it_is_there_when_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "out"
    with written_aside(target) as file:
        file.write(b"whole")
        assert not target.exists()
        (aside,) = tmp_path.iterdir()
        assert aside.name.endswith(".partial")
        assert aside.stat().st_mode & 0o777 == 0o600

    assert target.read_bytes() == b"whole"
    assert list(tmp_path.iterdir()) == [target]


def test_its_rights_are_those_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "any").touch()
    with written_aside(tmp_path / "out"):
        pass
    assert (tmp_path / "out").stat().st_mode == (tmp_path / "any").stat().st_mode


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_nothing_is_left_of_what_failed(tmp_path: Path, error: type[BaseException]) -> None:
    (tmp_path / "out").write_bytes(b"before")

    def fail() -> None:
        with written_aside(tmp_path / "out") as file:
            file.write(b"half")
            raise error

    with pytest.raises(error):
        fail()
    assert (tmp_path / "out").read_bytes() == b"before"
    assert len(list(tmp_path.iterdir())) == 1


def test_what_is_killed_leaves_nothing_that_looks_complete(tmp_path: Path) -> None:
    code = (
        "import os, pathlib, sys; from anonymizer.output import written_aside\n"
        "with written_aside(pathlib.Path(sys.argv[1])) as file:\n"
        "    file.write(b'half'); file.flush(); os.kill(os.getpid(), 9)"
    )
    target = tmp_path / "out"
    died = subprocess.run([sys.executable, "-c", code, target], cwd=ROOT, check=False)

    assert died.returncode == -signal.SIGKILL
    assert not target.exists()
    assert all(each.name.endswith(".partial") for each in tmp_path.iterdir())


def test_what_is_there_is_not_replaced_unasked(tmp_path: Path) -> None:
    target = tmp_path / "out"
    refuse_existing(target, force=False)
    target.symlink_to(tmp_path / "nowhere")
    with pytest.raises(AnonymizerError, match="there is something already"):
        refuse_existing(target, force=False)
    refuse_existing(target, force=True)
    with pytest.raises(AnonymizerError, match="there is no folder"):
        refuse_existing(tmp_path / "none" / "out", force=True)
