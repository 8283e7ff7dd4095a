"""URLs and host names: what they are made of stays, what they say does not."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anonymizer.masks.host_name import HostName
from anonymizer.masks.url import LEAST, Url
from tests.anonymizer.wording import masked

HOSTS = [b"www.acme.com", b"db1.acme.com", b"acme.com", b"acme.org", b"WWW.acme.com", b"db1"]
DRAWN = "[A-Za-z2-7]{13}"


def test_hosts_of_one_domain_stay_in_one() -> None:
    www, db1, acme, other, upper, single = (each.decode() for each in masked(HostName(), HOSTS))
    assert re.fullmatch(rf"{DRAWN}\.{DRAWN}\.example", www)
    assert www.split(".")[1:] == db1.split(".")[1:] == acme.split(".")
    assert acme != other
    assert upper != www == upper.lower()
    assert re.fullmatch(DRAWN, single)


def test_a_host_is_the_same_in_a_url() -> None:
    urls = masked(Url(), [b"https://" + each + b"/x" for each in HOSTS])
    assert [each.split(b"/")[2] for each in urls] == masked(HostName(), HOSTS)


def test_a_host_loses_domains_before_it_is_confused() -> None:
    long = [b"a.b.c.d.e.f.com", b"b.b.c.d.e.f.com"]
    made = masked(HostName(), long, length=40)
    assert {len(each) for each in made} == {35}
    assert len({*made}) == 2


@pytest.mark.parametrize(
    ("url", "like"),
    [
        (
            "https://acme.com/users/12345/f.pdf",
            f"https://{DRAWN}.example/{DRAWN}/[1-9]\\d{{4}}/.{{5}}",
        ),
        ("http://me:pw@acme.com:80/", f"http://{DRAWN}@{DRAWN}.example:80/"),
        (
            "ftp://acme.com?q=maria&p=2#top",
            f"ftp://{DRAWN}.example\\?{DRAWN}=.{{5}}&[a-z]=\\d#...",
        ),
        ("//acme.com/a", f"//{DRAWN}.example/{DRAWN}"),
        ("/users/maria", f"/{DRAWN}/.{{5}}"),
        ("maria", DRAWN),
        ("mailto:maria@acme.com", DRAWN),
        ("file:///home/maria", f"file:///{DRAWN}/.{{5}}"),
        ("http://[::1]:80/", f"http://{DRAWN}:80/"),
        ("http://acme.com:123456/", f"http://{DRAWN}.example/"),
        ("http://acme.com:/", f"http://{DRAWN}.example:/"),
        ("h_p://acme.com/", f"{DRAWN}//.{{8}}/"),
        ("http//acme.com/", f"{DRAWN}//.{{8}}/"),
        ("averyveryverylongscheme://acme.com/", f"{DRAWN}//.{{8}}/"),
        ("http://acme.com:port/", f"http://{DRAWN}.example/"),
        ("", ""),
        ("https://", "https://"),
    ],
)
def test_structure_stays(url: str, like: str) -> None:
    (made,) = masked(Url(), [url.encode()])
    assert re.fullmatch(like, made.decode()), made


parts = st.text(st.sampled_from("abcXYZ019-_.~%é "), max_size=8)


@settings(deadline=None)
@given(
    host=st.from_regex(r"[a-z]{1,8}(\.[a-z]{1,8}){0,3}", fullmatch=True),
    path=st.lists(parts),
    query=parts,
)
def test_what_a_library_reads_in_it_stays(host: str, path: list[str], query: str) -> None:
    url = f"https://{host}:81/{'/'.join(path)}?{query}"
    old, new = urlsplit(url), urlsplit(masked(Url(), [url.encode()])[0].decode())
    assert (new.scheme, new.port) == ("https", 81)
    assert new.hostname == masked(HostName(), [host.encode()])[0].decode()
    assert [bool(each) for each in new.path.split("/")] == [
        bool(each) for each in old.path.split("/")
    ]
    assert bool(new.query) == bool(old.query)


@settings(deadline=None)
@given(
    urls=st.lists(
        st.text(st.sampled_from("ab/:?&=#@.%1é"), max_size=LEAST), unique=True, max_size=20
    )
)
def test_no_two_become_one_even_where_they_are_cut(urls: list[str]) -> None:
    given = [each.encode() for each in urls if re.search("[^/?&=#]", each)]
    made = masked(Url(), given, length=LEAST)
    assert len({*made}) == len(given)
    assert max(map(len, made), default=0) <= LEAST


@pytest.mark.parametrize("begin", ["a://b" + "/" * 65, "http://me:pw@a.b.c.d.e.f.g.h:8080/"])
def test_marks_and_domains_give_way_to_the_token(begin: str) -> None:
    made = masked(Url(), [f"{begin}{each}".encode() for each in "xyz"], length=LEAST)
    assert len({*made}) == 3
    assert max(map(len, made)) <= LEAST
