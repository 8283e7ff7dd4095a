"""versions.json: read with the line of every mistake, written so that diffs stay one line."""

from __future__ import annotations

import difflib
import json
import keyword
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.dialects import dialect_named
from migrator.errors import ManifestError
from migrator.manifest import Entry, Manifest

GOOD = """\
{
  "1": ["create_cloud.py"],
  "2": ["add_foobars.py", "add_foobars.sqlite.sql"],
  "3": ["drop_memory.py"],
  "releases": {"juno": 1, "kilo": 2, "liberty": 2}
}
"""


def write(folder: Path, text: str | bytes, *files: str) -> Path:
    """Write a manifest and empty files beside it; return the manifest's path."""
    path = folder / "versions.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    for file in files:
        (folder / "versions").mkdir(exist_ok=True)
        (folder / "versions" / file).touch()
    return path


@pytest.fixture
def good(tmp_path: Path) -> Path:
    files = "create_cloud.py", "add_foobars.py", "add_foobars.sqlite.sql", "drop_memory.py"
    return write(tmp_path, GOOD, *files)


def lines(*entries: str) -> str:
    """Return a manifest whose lines 2, 3 … are *entries*."""
    return "{\n" + ",\n".join(entries) + "\n}\n"


def test_load_reads_numbers_files_lines_and_releases(good: Path) -> None:
    manifest = Manifest.load(good)

    assert [(entry.number, entry.name, entry.line) for entry in manifest.entries] == [
        (1, "create_cloud", 2),
        (2, "add_foobars", 3),
        (3, "drop_memory", 4),
    ]
    assert dict(manifest.releases) == {"juno": 1, "kilo": 2, "liberty": 2}
    assert manifest.latest == 3
    assert manifest.folder == good.parent / "versions"


def test_a_canonical_manifest_is_written_as_it_was_read(good: Path) -> None:
    Manifest.load(good).write()

    assert good.read_text() == GOOD


def test_an_entry_is_one_line_more_for_git(good: Path) -> None:
    def git(*arguments: str) -> str:
        command = ["git", "-c", "user.name=n", "-c", "user.email=e@x", *arguments]
        return subprocess.run(
            command, cwd=good.parent, check=True, capture_output=True, text=True
        ).stdout

    git("init", "--quiet")
    git("add", ".")
    git("commit", "--quiet", "--message", "start")
    Manifest.load(good).append(["add_disk.py"]).write()

    assert "1 file changed, 1 insertion(+)\n" in git("diff", "--stat")


def test_writing_keeps_the_mode_and_leaves_nothing_beside(good: Path) -> None:
    good.chmod(0o640)
    Manifest.load(good).write()

    assert good.stat().st_mode & 0o777 == 0o640
    assert sorted(path.name for path in good.parent.iterdir()) == ["versions", "versions.json"]


def test_a_manifest_behind_a_symlink_stays_behind_it(good: Path, tmp_path: Path) -> None:
    link = tmp_path / "link" / "versions.json"
    link.parent.mkdir()
    link.symlink_to(good)
    (link.parent / "versions").mkdir()
    Manifest.parse(GOOD, link).append(["more.py"]).write()

    assert link.is_symlink()
    assert '"4": ["more.py"],' in good.read_text()


def test_writing_into_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="cannot be written: No such file"):
        Manifest(path=tmp_path / "gone" / "versions.json").write()


def test_the_empty_manifest_grows_by_one_line(tmp_path: Path) -> None:
    empty = Manifest(path=tmp_path / "versions.json")

    assert empty.text == '{\n  "releases": {}\n}\n'
    assert empty.append(["a.py"]).text == '{\n  "1": ["a.py"],\n  "releases": {}\n}\n'


def test_number_of_takes_numbers_and_releases(good: Path) -> None:
    manifest = Manifest.load(good)

    assert [manifest.number_of(text) for text in ("1", "3", "juno", "liberty")] == [1, 3, 1, 2]


EXPECTED = "expected a number from 1 to 3, or a release: juno, kilo, liberty"


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("kylo", "unknown release 'kylo'", "did you mean kilo?"),
        ("zed", "unknown release 'zed'", EXPECTED),
        ("4", "there is no version 4, the latest is 3", None),
        ("0", "unknown release '0'", EXPECTED),
        ("01", "unknown release '01'", EXPECTED),
    ],
)
def test_number_of_refuses_what_is_not_there(
    good: Path, text: str, message: str, hint: str | None
) -> None:
    with pytest.raises(ManifestError) as raised:
        Manifest.load(good).number_of(text)

    assert (raised.value.message, raised.value.hint) == (message, hint)


def test_release_of_is_the_first_that_has_it(good: Path) -> None:
    manifest = Manifest.load(good)

    assert [manifest.release_of(number) for number in (1, 2, 3)] == ["juno", "kilo", None]


def test_up_to_is_inclusive(good: Path) -> None:
    manifest = Manifest.load(good)

    assert [len(manifest.up_to(number)) for number in (-1, 0, 2, 9)] == [0, 0, 2, 3]


def test_file_for_prefers_the_nearest_dialect() -> None:
    entry = Entry(number=1, files=("a.py", "a.mysql.sql", "a.sqlite.py"))
    both = Entry(number=1, files=("a.py", "a.mysql.sql", "a.mariadb.sql"))

    assert entry.file_for(dialect_named("mariadb")) == "a.mysql.sql"
    assert entry.file_for(dialect_named("postgresql")) == "a.py"
    assert both.file_for(dialect_named("mariadb")) == "a.mariadb.sql"
    assert both.file_for(dialect_named("mysql")) == "a.mysql.sql"


MALFORMED: dict[str, tuple[str | bytes, int, str]] = {
    "no object": ("[]", 1, "the manifest is a list, expected an object"),
    "null": ("null", 1, "the manifest is null, expected an object"),
    "used twice": (
        lines('"1": ["a.py"]', '"2": ["b.py"]', '"2": ["c.py"]'),
        4,
        "version 2 is used twice, first on line 3",
    ),
    "releases twice": (
        lines('"releases": {}', '"releases": {}'),
        3,
        "'releases' is used twice, first on line 2",
    ),
    "gap": (lines('"1": ["a.py"]', '"3": ["b.py"]'), 3, "version 3 follows 1, expected 2"),
    "starts at 2": (lines('"2": ["b.py"]'), 2, "version 2 is the first, expected 1"),
    "out of order": (
        lines('"1": ["a.py"]', '"3": ["c.py"]', '"2": ["b.py"]'),
        3,
        "version 3 follows 1, expected 2",
    ),
    "zero": (lines('"0": ["a.py"]'), 2, "'0' is not how a version is written"),
    "zero in front": (lines('"01": ["a.py"]'), 2, "'01' is not how a version is written"),
    "plus": (lines('"+1": ["a.py"]'), 2, "'+1' is not how a version is written"),
    "point": (lines('"1.0": ["a.py"]'), 2, "'1.0' is not how a version is written"),
    "space": (lines('"1 ": ["a.py"]'), 2, "'1 ' is not how a version is written"),
    "underscore": (lines('"1_0": ["a.py"]'), 2, "'1_0' is not how a version is written"),
    "arabic": (lines('"\u0661": ["a.py"]'), 2, "'\u0661' is not how a version is written"),
    "huge": (lines(f'"{"1" * 5000}": ["a.py"]'), 2, "'1111"),
    "unknown key": (
        lines('"1": ["a.py"]', '"release": {}'),
        3,
        "unknown key 'release', expected a version's number or \"releases\"",
    ),
    "empty key": (lines('"": []'), 2, "unknown key ''"),
    "no list": (lines('"1": "a.py"'), 2, "version 1 is a text, expected a list of file names"),
    "object": (lines('"1": {"a": 1}'), 2, "version 1 is an object, expected a list"),
    "true": (lines('"1": true'), 2, "version 1 is true, expected a list"),
    "NaN": (lines('"1": NaN'), 2, "version 1 is a number, expected a list"),
    "no text": (lines('"1": ["a.py", 2]'), 2, "version 1 lists something that is not a file name"),
    "nested": (lines('"1": [["a.py"]]'), 2, "version 1 lists something that is not a file name"),
    "no files": (lines('"1": []'), 2, "version 1 has no files"),
    "empty name": (lines('"1": [""]'), 2, "'' is a path"),
    "parent": (lines('"1": ["../a.py"]'), 2, "'../a.py' is a path"),
    "absolute": (lines('"1": ["/tmp/a.py"]'), 2, "'/tmp/a.py' is a path"),
    "backslash": (lines('"1": ["a\\\\b.py"]'), 2, "is a path"),
    "sub folder": (lines('"1": ["a/b.py"]'), 2, "'a/b.py' is a path"),
    "NUL": (lines('"1": ["a\\u0000.py"]'), 2, "'a\\x00.py' is a path"),
    "surrogate": (lines('"1": ["\\ud800.py"]'), 2, "'\\ud800.py' is not the name of a migration"),
    "digit first": (lines('"1": ["1a.py"]'), 2, "'1a.py' is not the name of a migration"),
    "dash": (lines('"1": ["a-b.py"]'), 2, "'a-b.py' is not the name of a migration"),
    "accent": (lines('"1": ["é.py"]'), 2, "'é.py' is not the name of a migration"),
    "other suffix": (lines('"1": ["a.txt"]'), 2, "'a.txt' is not the name of a migration"),
    "SQL for all": (lines('"1": ["a.sql"]'), 2, "'a.sql' is not the name of a migration"),
    "line end": (lines('"1": ["a.py\\n"]'), 2, "'a.py\\n' is not the name of a migration"),
    "init": (lines('"1": ["__init__.py"]'), 2, "'__init__.py' is not the name of a migration"),
    "keyword": (lines('"1": ["class.py"]'), 2, "'class' is a keyword of Python"),
    "conftest": (lines('"1": ["conftest.py"]'), 2, "'conftest' is a name that pytest takes"),
    "long": (lines(f'"1": ["{"a" * 101}.py"]'), 2, "has 101 characters, at most 100 fit"),
    "test": (lines('"1": ["a.py", "a_test.py"]'), 2, "'a_test.py' is a test, expected a migration"),
    "dialect": (lines('"1": ["a.py", "a.oracle.sql"]'), 2, "'a.oracle.sql' is for 'oracle'"),
    "no main": (lines('"1": ["a.sqlite.sql"]'), 2, "version 1 has no a.py"),
    "two names": (
        lines('"1": ["a.py", "b.sqlite.sql"]'),
        2,
        "a.py and b.sqlite.sql are of different migrations",
    ),
    "two for one": (
        lines('"1": ["a.py", "a.sqlite.sql", "a.sqlite.py"]'),
        2,
        "a.sqlite.sql and a.sqlite.py are both for sqlite",
    ),
    "same file": (lines('"1": ["a.py", "a.py"]'), 2, "a.py is listed twice"),
    "same name": (
        lines('"1": ["a.py"]', '"2": ["a.py"]'),
        3,
        "a.py is listed twice, first by version 1",
    ),
    "case": (lines('"1": ["a.py"]', '"2": ["A.py"]'), 3, "A.py and a.py differ only in case"),
    "releases no object": (lines('"releases": ["juno"]'), 2, '"releases" is a list'),
    "release ahead": (
        lines('"1": ["a.py"]', '"releases": {', '"juno": 2}').replace("{,", "{"),
        4,
        "release 'juno' ends with version 2, the latest is 1",
    ),
    "release zero": (
        lines('"1": ["a.py"]', '"releases": {"juno": 0}'),
        3,
        "release 'juno' ends with version 0, the latest is 1",
    ),
    "release text": (
        lines('"1": ["a.py"]', '"releases": {"juno": "1"}'),
        3,
        "release 'juno' is a text, expected the whole number of its last version",
    ),
    "release float": (
        lines('"1": ["a.py"]', '"releases": {"juno": 1.0}'),
        3,
        "release 'juno' is a number, expected the whole number of its last version",
    ),
    "release true": (
        lines('"1": ["a.py"]', '"releases": {"juno": true}'),
        3,
        "release 'juno' is true",
    ),
    "release huge": (
        lines('"1": ["a.py"]', '"releases": {"juno": ' + "9" * 5000 + "}"),
        3,
        "release 'juno' is a number, expected the whole number",
    ),
    "release twice": (
        lines('"1": ["a.py"]', '"releases": {"juno": 1, "juno": 1}'),
        3,
        "release 'juno' is named twice",
    ),
    "release order": (
        lines('"1": ["a.py"]', '"2": ["b.py"]', '"releases": {"kilo": 2, "juno": 1}'),
        4,
        "release 'juno' ends with version 1, before 'kilo' that stands ahead of it with 2",
    ),
    "release number": (
        lines('"1": ["a.py"]', '"releases": {"1": 1}'),
        3,
        "'1' cannot be the name of a release",
    ),
    "release space": (
        lines('"1": ["a.py"]', '"releases": {"a b": 1}'),
        3,
        "'a b' cannot be the name of a release",
    ),
    "trailing comma": (lines('"1": ["a.py"],'), 2, "not JSON: "),
    "single quotes": ("{\n'1': []}", 2, "not JSON: "),
    "empty": ("", 1, "not JSON: "),
    "cut short": ('{\n"1": ["a.py"],\n"2": [', 3, "not JSON: "),
    "not UTF-8": (b'{\n"1": ["\xff.py"]}', 2, "the manifest is not UTF-8"),
    "byte order mark": (b"\xef\xbb\xbf{}", 1, "the manifest begins with a byte order mark"),
    "deep": ('{\n"1": ["a"],\n"2": \n' + "[" * 100_000, 4, "nested too deeply"),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_a_malformed_manifest_is_an_error_with_its_line(tmp_path: Path, case: str) -> None:
    text, line, message = MALFORMED[case]
    path = write(tmp_path, text, "a.py", "b.py", "c.py")
    with pytest.raises(ManifestError) as raised:
        Manifest.load(path)

    assert message in raised.value.message
    assert raised.value.line == line
    assert f"line {line}: " in str(raised.value)


def test_a_huge_manifest_is_not_read(tmp_path: Path) -> None:
    path = write(tmp_path, "{" + " " * 1024 * 1024)
    with pytest.raises(ManifestError, match="larger than 1048576 bytes"):
        Manifest.load(path)


@pytest.mark.parametrize("style", ["merge", "diff3"])
def test_conflict_markers_have_their_own_message(tmp_path: Path, style: str) -> None:
    middle = '||||||| base\n"2": ["c.py"]\n' if style == "diff3" else ""
    text = (
        f'{{\n"1": ["a.py"],\n<<<<<<< HEAD\n"2": ["b.py"]\n{middle}=======\n}}\n>>>>>>> main\n}}\n'
    )
    with pytest.raises(ManifestError) as raised:
        Manifest.load(write(tmp_path, text))

    assert str(raised.value) == "line 3: a merge conflict of git is not resolved"
    assert raised.value.hint == "run: migrator renumber"


@pytest.mark.parametrize("case", ["used twice", "gap"])
def test_colliding_numbers_say_what_mends_them(tmp_path: Path, case: str) -> None:
    with pytest.raises(ManifestError) as raised:
        Manifest.load(write(tmp_path, MALFORMED[case][0]))

    assert raised.value.hint == "run: migrator renumber"


def fails(path: Path) -> tuple[int | None, str, str | None]:
    """Return line, message and hint of the error that loading *path* raises."""
    with pytest.raises(ManifestError) as raised:
        Manifest.load(path)
    message = raised.value.message.partition(": ")[2] if raised.value.line else None
    return raised.value.line, message or raised.value.message, raised.value.hint


def test_a_missing_file_is_an_error_with_its_line(good: Path) -> None:
    (good.parent / "versions" / "add_foobars.sqlite.sql").unlink()

    assert fails(good)[:2] == (3, "add_foobars.sqlite.sql is not in versions/")


def test_a_file_in_another_case_is_missing(good: Path) -> None:
    (good.parent / "versions" / "drop_memory.py").rename(good.parent / "versions/Drop_Memory.py")

    assert fails(good) == (
        4,
        "drop_memory.py is not in versions/",
        "there is Drop_Memory.py: names differ in case",
    )


def test_a_missing_folder_is_an_error_with_the_first_line(tmp_path: Path) -> None:
    line, message, _ = fails(write(tmp_path, lines('"1": ["a.py"]')))

    assert (line, message) == (2, "the folder versions/ of the manifest is missing")


def test_an_empty_manifest_needs_no_folder(tmp_path: Path) -> None:
    assert Manifest.load(write(tmp_path, "{}")).entries == ()


def test_a_folder_instead_of_a_file_is_an_error(good: Path) -> None:
    (good.parent / "versions" / "drop_memory.py").unlink()
    (good.parent / "versions" / "drop_memory.py").mkdir()

    assert fails(good)[:2] == (4, "versions/drop_memory.py is not a file")


@pytest.mark.parametrize("target", ["../elsewhere.py", "add_foobars.py", "nowhere.py"])
def test_a_symlink_is_refused_wherever_it_leads(good: Path, target: str) -> None:
    (good.parent / "elsewhere.py").touch()
    (good.parent / "versions" / "drop_memory.py").unlink()
    (good.parent / "versions" / "drop_memory.py").symlink_to(target)

    assert fails(good)[:2] == (4, "versions/drop_memory.py is a symlink, expected a file")


def test_a_folder_that_is_a_symlink_is_refused(good: Path) -> None:
    (good.parent / "versions").rename(good.parent / "real")
    (good.parent / "versions").symlink_to("real")

    assert fails(good)[:2] == (2, "versions/ is a symlink, expected a folder")


@pytest.mark.parametrize(
    ("file", "hint"),
    [
        ("add_disk.py", 'add "4": ["add_disk.py"], as the last version, or delete the file'),
        ("drop_memory.sqlite.sql", "add it to the line of version 3, or delete it"),
        ("test_drop_memory.py", "a test is called drop_memory_test.py"),
    ],
)
def test_an_unlisted_file_is_an_error_that_says_where_it_belongs(
    good: Path, file: str, hint: str
) -> None:
    (good.parent / "versions" / file).touch()

    assert fails(good) == (5, f"versions/{file} is listed by no version", hint)


@pytest.mark.parametrize(
    "file", ["__init__.py", "_units.py", "conftest.py", "drop_memory_test.py", "README.md", ".a.py"]
)
def test_what_is_no_migration_may_stand_beside(good: Path, file: str) -> None:
    (good.parent / "versions" / file).touch()

    assert Manifest.load(good).latest == 3


def test_a_missing_manifest_is_an_error(tmp_path: Path) -> None:
    line, message, hint = fails(tmp_path / "versions.json")

    assert (line, message) == (None, f"there is no {tmp_path / 'versions.json'}")
    assert hint == "migrator new NAME makes one; --manifest names another"


def test_a_manifest_without_suffix_is_refused(tmp_path: Path) -> None:
    assert fails(tmp_path)[1].endswith("its folder would have the same name")


NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,20}", fullmatch=True).filter(
    lambda name: name.isidentifier() and not name.endswith("_test")
)


@st.composite
def manifests(draw: st.DrawFn) -> Manifest:
    """Draw a manifest of files that exist nowhere."""
    free = NAMES.filter(lambda name: not keyword.iskeyword(name) and name != "conftest")
    names = draw(st.lists(free, max_size=8, unique=True))
    extra = st.lists(
        st.sampled_from(["sqlite.sql", "postgresql.sql", "mysql.py", "mariadb.sql"]),
        unique=True,
    )
    entries = tuple(
        Entry(number=number, files=(f"{name}.py", *(f"{name}.{each}" for each in draw(extra))))
        for number, name in enumerate(names, start=1)
    )
    labels = st.from_regex(r"[a-z][a-z0-9.]{0,8}", fullmatch=True)
    chosen = draw(st.lists(labels, max_size=3 if entries else 0, unique=True))
    cuts = sorted(draw(st.integers(1, len(entries))) for _ in chosen)
    return Manifest(
        path=Path("versions.json"), entries=entries, releases=dict(zip(chosen, cuts, strict=True))
    )


@given(manifests())
def test_what_is_written_is_read_again(manifest: Manifest) -> None:
    read = Manifest.parse(manifest.text, manifest.path)

    assert read == manifest
    assert list(read.releases.items()) == list(manifest.releases.items())
    assert read.text == manifest.text
    assert [entry.line for entry in read.entries] == [n + 1 for n in range(1, read.latest + 1)]


@given(manifests())
def test_every_entry_more_is_one_line_more(manifest: Manifest) -> None:
    before = manifest.text.splitlines()
    after = manifest.append(["zzz_new.py"]).text.splitlines()
    changes = [line for line in difflib.ndiff(before, after) if line[0] in "+-"]

    assert changes == [f'+   "{manifest.latest + 1}": ["zzz_new.py"],']


def line_of_error(text: str) -> int | None:
    """Return the line of the error that *text* is, which every error has, or None."""
    try:
        Manifest.parse(text, Path("versions.json"))
    except ManifestError as error:
        return error.line or 0
    return None


@given(
    st.text(max_size=60)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["1", "2", "releases", "x"]), inner, max_size=3)
        ),
        max_leaves=8,
    ).map(json.dumps)
)
def test_any_text_is_a_manifest_or_a_clear_error(text: str) -> None:
    line = line_of_error(text)

    assert line is None or 1 <= line <= text.count("\n") + 1
