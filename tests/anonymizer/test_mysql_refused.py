"""What could hold data in a MySQL dump, and is no row that can be read, is refused."""

from __future__ import annotations

import io

import pytest

from anonymizer.dumps.mysql import MySQL
from anonymizer.errors import DumpError
from tests.anonymizer.test_inserts_split import HEAD, TAIL

CREATE = b"CREATE TABLE t (a int, b text);\n"
INSERT = b"INSERT INTO t VALUES (1,'secret');\n"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (b"SET NAMES gbk;\n" + CREATE + INSERT, "character set"),
        (b"SET SQL_MODE=@OLD_SQL_MODE;\n" + CREATE + INSERT, "SQL mode"),
        (INSERT, "names no columns"),
        (CREATE + b"ALTER TABLE t DROP COLUMN a;\n" + INSERT, "names no columns"),
        (b"DELIMITER ;;\n" + CREATE[:-1] + b";\n" + INSERT[:-1] + b";;\n", "a semicolon"),
        (b"CREATE TABLE t SELECT 'secret' AS a;\n", "could hold data"),
        (b"UPDATE t SET a = 'secret';\n", "could hold data"),
        (b"/*!50003 INSERT INTO t VALUES ('secret') */;\n", "could hold data"),
        (b"# INSERT INTO t VALUES ('secret');\nSET a=1;\n", "could hold data"),
        (b"-- INSERT INTO t VALUES ('secret');\n", "a comment with an INSERT"),
        (b"CREATE USER x IDENTIFIED BY 'secret';\n", "a password"),
        (b"/*M!100103 CREATE USER x IDENTIFIED BY PASSWORD 'secret' */;\n", "a password"),
        (b"SET PASSWORD FOR x = 'secret';\n", "a password"),
        (b"CREATE TABLE f (a int) CONNECTION='mysql://u:secret@h/d/t';\n", "a password"),
        (b'CREATE TABLE f (a int) COMMENT=\'user "u", password "secret"\';\n', "a password"),
        (b"CREATE SERVER s FOREIGN DATA WRAPPER w OPTIONS (PASSWORD 'secret');\n", "a password"),
        (b"ANALYZE TABLE t UPDATE HISTOGRAM ON a USING DATA 'secret';\n", "could hold data"),
        (b"INSERT INTO t SET a = 'secret';\n", "else than rows"),
        (CREATE + b"SET @a = 1\n" + INSERT, "could hold data"),
    ],
)
def test_what_could_hold_data_is_refused(text: bytes, what: str) -> None:
    with pytest.raises(DumpError, match=what) as caught:
        list(MySQL().pieces(io.BytesIO(HEAD + text + TAIL)))
    assert caught.value.line
    assert "secret" not in str(caught.value)
