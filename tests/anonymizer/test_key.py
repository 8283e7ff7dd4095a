"""The key: what may be one, what is derived from it, and that it is never shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from anonymizer.cli import run
from anonymizer.errors import SecretError
from anonymizer.key import Key

if TYPE_CHECKING:
    from pathlib import Path

SECRET = bytes(range(32))


def written(path: Path, content: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(content)
    path.chmod(mode)
    return path


def test_one_secret_is_one_key_however_it_is_written(tmp_path: Path) -> None:
    raw = Key.read(written(tmp_path / "raw", SECRET))
    text = Key.read(written(tmp_path / "text", SECRET.hex().encode() + b"\n"))

    assert raw == text == Key(SECRET)


def test_what_is_derived_is_the_same_tomorrow() -> None:
    key = Key(SECRET)
    standard = HKDF(hashes.SHA256(), 32, salt=b"anonymizer 1", info=b"domain email")
    assert key.derive("domain email") == standard.derive(SECRET)
    assert key.id == "c2b4932a6fb41273"
    assert key.derive("domain email") != key.derive("domain name")
    assert Key(SECRET + b"x").id != key.id


def test_a_secret_that_others_may_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SecretError, match="others than its owner may use it, mode 640"):
        Key.read(written(tmp_path / "key", SECRET, 0o640))


@pytest.mark.parametrize("content", [b"", b"short", b"a" * 31, b"ab" * 31])
def test_a_short_secret_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(SecretError, match="expected 32"):
        Key.read(written(tmp_path / "key", content))


def test_a_file_that_is_no_secret_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SecretError, match="no secret of ours"):
        Key.read(written(tmp_path / "key", bytes(5000)))
    with pytest.raises(SecretError, match="cannot be read: No such file"):
        Key.read(tmp_path / "none")


def test_a_descriptor_is_read(tmp_path: Path) -> None:
    with written(tmp_path / "key", SECRET).open("rb") as file:
        assert Key.read_descriptor(file.fileno()) == Key(SECRET)
    with pytest.raises(SecretError, match="descriptor 9999: cannot be read"):
        Key.read_descriptor(9999)


def test_no_two_random_keys_are_alike() -> None:
    assert Key.random() != Key.random()


def test_it_is_never_shown() -> None:
    assert SECRET.hex() not in repr(Key(SECRET))
    assert repr(SECRET) not in repr(Key(SECRET))


def test_the_command_makes_one_that_only_its_owner_may_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "key"

    assert run(["key", str(path)]) == 0
    assert path.stat().st_mode & 0o777 == 0o600
    shown = capsys.readouterr().out
    assert Key.read(path).id in shown
    assert path.read_text().strip() not in shown
    assert run(["key", str(path)]) == 2
    assert "there is something already" in capsys.readouterr().err


def test_a_folder_that_is_not_there_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["key", str(tmp_path / "none" / "key")]) == 2
    assert "cannot be written: No such file" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
