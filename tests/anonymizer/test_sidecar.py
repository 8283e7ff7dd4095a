"""The manifest beside an output: it fits its schema, can be read again, and tells a change."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anonymizer import sidecar
from anonymizer.errors import AnonymizerError
from anonymizer.key import Key
from anonymizer.sidecar import SCHEMA, ColumnCount, File, Sidecar, TableCount

if TYPE_CHECKING:
    from pathlib import Path

NOON = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
KEY = Key(bytes(range(32)))
MADE = Sidecar(
    key=KEY.id,
    policy="5f" * 32,
    pools={"names de_DE": "a1" * 32},
    input=File(name="shop.sql.gz", size=12, sha256="00" * 32),
    output=File(name="shop.anon.sql.gz", size=10, sha256="11" * 32),
    started=NOON,
    ended=NOON + timedelta(seconds=7),
    tables={
        "public.users": TableCount(
            rows=3, columns={"email": ColumnCount(values=2, nulls=1, replaced=2)}
        )
    },
    dropped=("statistics",),
)
MOMENTS = st.datetimes(
    datetime(1970, 1, 1),  # noqa: DTZ001
    datetime(2100, 1, 1),  # noqa: DTZ001
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=5))]),
)


@pytest.fixture
def output(tmp_path: Path) -> Path:
    path = tmp_path / "shop.sql"
    path.write_bytes(b"SELECT 1;\n")
    return path


VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def test_the_schema_is_one() -> None:
    VALIDATOR.check_schema(SCHEMA)


@settings(deadline=None)
@given(
    st.builds(
        Sidecar,
        key=st.just(KEY.id),
        policy=st.text(),
        tables=st.dictionaries(st.text(), st.builds(TableCount, rows=st.integers(0))),
        input=st.none() | st.just(MADE.input),
        output=st.just(MADE.output),
        started=MOMENTS,
        ended=MOMENTS,
        scale=st.floats(0.001, 1000),
    )
)
def test_every_manifest_fits_the_schema(made: Sidecar) -> None:
    VALIDATOR.validate(made.as_json())


def test_a_manifest_can_be_read_again(output: Path) -> None:
    path = sidecar.write(MADE, output)

    assert path.name == "shop.sql.anonymized.json"
    assert sidecar.read(path) == MADE
    jsonschema.validate(json.loads(path.read_text()), SCHEMA)
    assert sorted(each.name for each in output.parent.iterdir()) == [output.name, path.name]


def test_a_manifest_holds_neither_key_nor_path(output: Path) -> None:
    text = sidecar.write(replace(MADE, output=sidecar.measure(output)), output).read_text()

    assert KEY.secret.hex() not in text
    assert str(output.parent) not in text


def test_an_output_that_was_changed_is_told(output: Path) -> None:
    sidecar.write(replace(MADE, output=sidecar.measure(output)), output)
    assert sidecar.verify(output) == ()

    output.write_bytes(b"SELECT 2;\n")
    assert sidecar.verify(output) == ("another SHA-256 than expected: it was changed since",)
    output.write_bytes(b"SELECT 22;\n")
    assert sidecar.verify(output) == ("11 bytes, expected 10",)


def test_a_folder_is_measured_with_all_its_files(tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    (folder / "inner").mkdir(parents=True)
    (folder / "toc.dat").write_bytes(b"123")
    before = sidecar.measure(folder)
    (folder / "inner" / "1.dat").write_bytes(b"4567")
    after = sidecar.measure(folder)

    assert (before.size, after.size, after.name) == (3, 7, "shop")
    (folder / "inner" / "1.dat").rename(folder / "inner" / "2.dat")
    assert len({before.sha256, after.sha256, sidecar.measure(folder).sha256}) == 3


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"format": 1}', '{"format": 1, "tables": []}', "\x00"]
)
def test_what_is_no_manifest_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)

    with pytest.raises(AnonymizerError, match=r"x\.json: no manifest") as caught:
        sidecar.read(path)
    assert caught.value.hint


@pytest.mark.parametrize("change", [{"extra": 1}, {"output": {"name": "x"}}, {"started": "noon"}])
def test_a_manifest_that_was_spoiled_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    path = tmp_path / "x.json"
    path.write_text(json.dumps({**MADE.as_json(), **change}))

    with pytest.raises(AnonymizerError, match="no manifest"):
        sidecar.read(path)


def test_a_newer_manifest_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(json.dumps({**MADE.as_json(), "format": 2}))

    with pytest.raises(AnonymizerError, match="format 2, expected 1"):
        sidecar.read(path)


def test_a_manifest_that_is_missing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(AnonymizerError, match=r"cannot be read: No such file"):
        sidecar.verify(tmp_path / "nothing.sql")


def test_a_moment_has_a_zone() -> None:
    with pytest.raises(ValueError, match="without a zone"):
        replace(MADE, started=datetime(2026, 11, 27))  # noqa: DTZ001
