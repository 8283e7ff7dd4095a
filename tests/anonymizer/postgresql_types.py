"""Every type of PostgreSQL, and values of it that are easily spoiled."""

from __future__ import annotations

MADE = """
CREATE EXTENSION hstore; CREATE EXTENSION citext; CREATE EXTENSION ltree;
CREATE TYPE mood AS ENUM ('sad', 'it''s; "fine"', '');
CREATE DOMAIN zip AS text CHECK (VALUE <> 'no');
CREATE TYPE pair AS (x integer, "Y z" text);
CREATE TYPE nest AS (p pair, list text[]);
CREATE TYPE span AS RANGE (SUBTYPE = float8, MULTIRANGE_TYPE_NAME = spans);
"""
# No -0: pg_dump --inserts writes it as an integer, which is 0.
NUMBERS = {
    "smallint": ("-32768", "32767"),
    "integer": ("-2147483648", "0"),
    "bigint": ("-9223372036854775808", "9223372036854775807"),
    "numeric": ("NaN", "-Infinity", "1e400", "0.000", "-12345678901234567890.123456789"),
    "numeric(12,4)": ("NaN", "-1.5"),
    "real": ("NaN", "-Infinity", "1e-40", "3.4028235e38"),
    "double precision": ("NaN", "Infinity", "5e-324", "0.1"),
    "money": ("-92233720368547758.08", "12.34"),
    "oid": ("0", "4294967295"),
    "xid8": ("18446744073709551615",),
    "boolean": ("t", "f"),
}
TEXTS = {
    "varchar(20)": ("", " a ", "\\N", 'it\'s "q"', "\\."),
    "char(5)": ("", "a", "é\\"),
    '"char"': ("a", ""),
    "name": ("n", ""),
    "citext": ("MiXed", "\\\t"),
    "zip": ("", "; -- '"),
    "mood": ("sad", 'it\'s; "fine"', ""),
    "bytea": ("", "\\x", "\\x00ff0a0d095c27", "\\x" + "00" * 300),
    "xml": ('<a b="1">&amp;\n\t</a>', "text"),
    "json": ('{"a": "\\n\\t\\"\\\\", "a": 1}', " [1 , null ]", '"it\'s"', "1e400"),
    "jsonb": ('{"b": [1, {"c": null}], "é": "\\\\"}', "null", '""'),
    "jsonpath": ('$."a b"[*] ? (@ > 1)',),
    "hstore": ('"a b"=>"it\'s", "c"=>NULL, "\\\\"=>"\\""', ""),
    "ltree": ("Top.Science", ""),
    "tsvector": ("'fat':1A 'it''s' '\\\\\\\\'", ""),
    "tsquery": ("'fat' & !'c''at'",),
    "uuid": ("00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"),
    "bit(5)": ("10101",),
    "varbit": ("", "1"),
    "inet": ("10.1.2.3/8", "::ffff:1.2.3.4", "2001:db8::/32"),
    "cidr": ("10.0.0.0/8", "::/0"),
    "macaddr": ("08:00:2b:01:02:03",),
    "macaddr8": ("08:00:2b:ff:fe:01:02:03",),
    "pg_lsn": ("FFFFFFFF/FFFFFFFF", "0/0"),
    "pg_snapshot": ("10:20:10,14,15",),
    "regclass": ("pg_class",),
}
MOMENTS = {
    "date": ("infinity", "-infinity", "0044-03-15 BC", "5874897-12-31"),
    "time(3)": ("24:00:00", "00:00:00.001"),
    "timetz": ("23:59:60+15:59", "00:00-15:59"),
    "timestamp": ("infinity", "4713-11-24 00:00:00 BC", "2020-02-29 01:02:03.123456"),
    "timestamptz": ("-infinity", "294276-12-31 23:59:59+00", "2020-06-01 12:00+05:45"),
    "interval": ("-1 year +2 mons -3 days 04:05:06.000007", "178000000 years", "0"),
    "interval year to month": ("1-2",),
}
SHAPES = {
    "point": ("(1e-300,-0)", "(NaN,Infinity)"),
    "line": ("{1,-1,0}",),
    "lseg": ("[(0,0),(1,1)]",),
    "box": ("(2,2),(0,0)",),
    "path": ("[(0,0),(1,1)]", "((0,0),(1,1))"),
    "polygon": ("((0,0),(1,1),(2,0))",),
    "circle": ("<(1,2),3>",),
    "int4range": ("empty", "[1,5)", "(,)"),
    "numrange": ("[1.5,2.5]", "(,NaN]"),
    "tsrange": ('["2020-01-01 00:00:00",infinity)',),
    "tstzrange": ("[2020-01-01 00:00+00,)",),
    "daterange": ("[2020-01-01,2021-01-01)",),
    "span": ("[1.5,Infinity)",),
    "int8multirange": ("{}", "{[1,3),[5,8)}"),
    "datemultirange": ("{[2020-01-01,2020-02-01),[2021-01-01,)}",),
    "spans": ("{(,1.5),[2,3]}",),
    "integer[]": ("{}", "[0:1]={1,NULL}", "{{1,2},{3,4}}"),
    "text[]": ('{"","NULL",NULL,"a,\\"b\\\\","{}","it\'s\t\n"}', '{{" a"},{"\\\\N"}}'),
    "bytea[]": ('{"\\\\x00ff",NULL}',),
    "timestamptz[]": ('{infinity,"2020-01-01 00:00:00+00"}',),
    "mood[]": ('{sad,"it\'s; \\"fine\\""}',),
    "pair": ('(1,"a ""b"" \\\\ ,")', "(,)", '(,"")'),
    "pair[]": ('{"(1,\\"a b\\")",NULL}',),
    "nest": ('("(1,""a, b"")","{x,""y z""}")',),
    "jsonb[]": ('{"{\\"a\\": \\"\\\\\\\\n\\"}"}',),
}
TYPES = {**NUMBERS, **TEXTS, **MOMENTS, **SHAPES}
