"""ip and mac: what addresses share they share afterwards, and no more."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anonymizer.column import Kind
from anonymizer.masks.base import Distinct
from anonymizer.masks.ip import Ip
from anonymizer.masks.mac import Mac
from tests.anonymizer.masking import OTHER_KEY, column, is_uniform, masked, refused, unhurried

if TYPE_CHECKING:
    from anonymizer.column import Column
    from anonymizer.masks.base import Mask

Address: TypeAlias = "ipaddress.IPv4Address | ipaddress.IPv6Address"

INET = column(Kind.OTHER)
BYTES = column(Kind.BINARY)
V4 = st.ip_addresses(v=4)
V6 = st.ip_addresses(v=6)
MAPPED = V4.map(lambda each: ipaddress.IPv6Address(b"\0" * 10 + b"\xff\xff" + each.packed))


@st.composite
def near(draw: st.DrawFn) -> tuple[Address, Address]:
    """Return two addresses of one version that share any number of bits."""
    first = draw(V4 | V6 | MAPPED)
    bits = first.max_prefixlen
    shift = draw(st.integers(0, bits - 1))
    other = int(first) ^ (1 << shift) ^ draw(st.integers(0, (1 << shift) - 1))
    return first, type(first)(other)


def shared(first: Address, second: Address) -> int:
    """Return how many of their first bits two addresses share."""
    return first.max_prefixlen - (int(first) ^ int(second)).bit_length()


def texts(*addresses: object) -> list[bytes]:
    return [str(each).encode() for each in addresses]


def replaced(mask: Ip, *addresses: Address) -> list[Address]:
    return [ipaddress.ip_address(each.decode()) for each in masked(mask, texts(*addresses))]


@unhurried
@given(near())
def test_addresses_share_exactly_what_they_shared(pair: tuple[Address, Address]) -> None:
    first, second = replaced(Ip(), *pair)
    assert shared(first, second) == shared(*pair)


@unhurried
@given(near(), st.integers(0, 31))
def test_a_kept_prefix_is_kept(pair: tuple[Address, Address], keep: int) -> None:
    found = replaced(Ip(keep_prefix=keep), *pair)
    assert all(shared(*each) >= keep for each in zip(found, pair, strict=True))
    assert shared(*found) == shared(*pair)


@unhurried
@given(st.lists(V4 | V6, min_size=1, unique=True))
def test_text_is_as_the_database_writes_it(drawn: list[Address]) -> None:
    found = masked(Ip(), texts(*drawn))
    assert len(set(found)) == len(drawn)
    again = [ipaddress.ip_address(each.decode()) for each in found]
    assert [each.version for each in again] == [each.version for each in drawn]
    assert texts(*again) == found or any(b"." in each and b":" in each for each in found)


@unhurried
@given(st.lists(V4 | V6, min_size=1))
def test_bytes_are_masked_as_text_is(drawn: list[Address]) -> None:
    binary = masked(Ip(), [each.packed for each in drawn], of=BYTES)
    assert binary == [each.packed for each in replaced(Ip(), *drawn)]


@unhurried
@given(V4)
def test_a_mapped_address_is_masked_as_the_one_in_it(address: ipaddress.IPv4Address) -> None:
    plain, mapped = masked(Ip(), texts(address, f"::ffff:{address}"))
    assert mapped == b"::ffff:" + plain


def test_all_of_a_network_stay_in_one() -> None:
    values = texts(*ipaddress.ip_network("192.0.2.0/24"))
    found = masked(Ip(), values)
    networks = {each.rpartition(b".")[0] for each in found}
    assert len(set(found)) == 256
    assert len(networks) == 1
    assert networks != {b"192.0.2"}
    assert set(masked(Ip(keep_prefix=24), values)) == set(values)


@unhurried
@given(st.ip_addresses(v=4) | st.ip_addresses(v=6), st.data())
def test_networks_stay_such(address: Address, data: st.DataObject) -> None:
    bits = data.draw(st.integers(0, address.max_prefixlen - 1))
    network = ipaddress.ip_network((address, bits), strict=False)
    found, single = masked(Ip(), texts(network, network.network_address), of=INET)
    new = ipaddress.ip_network(found.decode())
    assert new.prefixlen == bits
    assert shared(new[0], ipaddress.ip_address(single.decode())) >= bits


@pytest.mark.parametrize("bits", [24, 27, 29, 30, 31])
def test_interfaces_and_networks_stay_distinct(bits: int) -> None:
    hosts = list(ipaddress.ip_network("198.51.100.0/24"))
    values = texts(*(f"{each}/{bits}" for each in hosts))
    found = masked(Ip(), values, of=INET)
    assert len(set(found)) == len(values)
    for before, after in zip(values, found, strict=True):
        was, now = (ipaddress.ip_interface(each.decode()) for each in (before, after))
        assert (was.ip == was.network[0]) == (now.ip == now.network[0])


def test_dress_of_addresses() -> None:
    values = [b"2001:DB8::a", b"2001:db8::a", b"fe80::1%eth0", b"10.0.0.1/32", b"", b"0.0.0.0/0"]
    found = masked(Ip(), values)
    assert found[0] == found[1].upper()
    assert found[2].endswith(b"%eth0")
    assert found[3].endswith(b"/32")
    assert found[4:] == [b"", b"0.0.0.0/0"]


@pytest.mark.parametrize(
    "value",
    [
        "1.2.3",
        "1.2.3.4.5",
        "1.2.3.256",
        "01.2.3.4",
        "1.2.3.4/33",
        "::1/129",
        "1.2.3.4/",
        "1.2.3.4/08",
        "a.b.c.d",
        "1.2.3.4:80",
        "1.2.3.4%eth0",
        "::1::2",
        "::1 ::2",
        "12345::1",
        "host.example",
        "1.2.3.-4",
        "fe80::1%et/h0",
        "::1%",
    ],
)
def test_what_is_no_address_is_refused(value: str) -> None:
    refused(Ip(), value.encode())


def test_the_place_of_a_refused_address_is_told() -> None:
    with pytest.raises(Exception, match="1 of ") as caught:
        masked(Ip(), [b"::1", b"1.2.3.4", b"::2", b"1.2.3.x", b"::3"])
    assert getattr(caught.value, "value", None) == 3


def test_bytes_that_are_no_address_are_refused() -> None:
    refused(Ip(), b"12345", of=BYTES)


def test_where_a_network_goes_is_even_over_keys() -> None:
    values = texts("198.51.100.7")
    found = [masked(Ip(), values, key=b"%032d" % each)[0] for each in range(2560)]
    for part in range(4):
        assert is_uniform(np.bincount([int(each.split(b".")[part]) for each in found]))


@pytest.mark.parametrize("address", ["0.0.0.0", "::1:0:0:1"])  # noqa: S104
def test_what_turns_some_bits_does_not_turn_the_next_ones(address: str) -> None:
    value = ipaddress.ip_address(address).packed
    size = 8 * len(value)
    same = 0
    for each in range(200):
        (found,) = masked(Ip(), [value], of=BYTES, key=b"%032d" % each)
        bits = f"{int.from_bytes(found):0{size}b}"
        same += bits[-14:-7] == bits[-21:-14]
    assert same < 20  # one of 128 by chance


def test_addresses_of_version_4_have_no_more_than_32_bits() -> None:
    assert masked(Ip(keep_prefix=48), [b"2001:db8:1::1"])[0].startswith(b"2001:db8:1:")
    with pytest.raises(Exception, match="keep_prefix=48 leaves nothing"):
        masked(Ip(keep_prefix=48), [b"192.0.2.1"])
    with pytest.raises(ValueError, match="keep_prefix is 128"):
        Ip(keep_prefix=128)


@st.composite
def macs(draw: st.DrawFn) -> bytes:
    digits = draw(st.binary(min_size=6, max_size=6) | st.binary(min_size=8, max_size=8)).hex()
    mark, each = draw(st.sampled_from([(":", 2), ("-", 2), (".", 4), ("", 2)]))
    return mark.join(re.findall("." * each, digits)).encode()


@unhurried
@given(st.lists(macs(), min_size=1, unique=True), st.booleans(), st.booleans())
def test_macs_keep_their_dress(values: list[bytes], keep: bool, upper: bool) -> None:  # noqa: FBT001
    values = [each.upper() for each in values] if upper else values
    found = masked(Mac(keep_vendor=keep), values)
    assert len(set(found)) == len(set(values))
    for before, after in zip(values, found, strict=True):
        assert [re.sub(rb"[0-9a-fA-F]", b"x", each) for each in (before, after)] == [
            re.sub(rb"[0-9a-fA-F]", b"x", before)
        ] * 2
        bare = [bytes.fromhex(re.sub(rb"[:.-]", b"", each).decode()) for each in (before, after)]
        assert bare[0][0] & 3 == bare[1][0] & 3
        if keep:
            assert bare[0][:3] == bare[1][:3]


def test_bytes_of_a_mac_are_masked_as_text_is() -> None:
    values = [b"\x00\x1b\x63\x84\x45\xe6", b"\xaa\xbb\xcc\xdd\xee\xff\x00\x11", b""]
    found = masked(Mac(), values, of=BYTES)
    assert [each.hex().encode() for each in found] == masked(
        Mac(), [each.hex().encode() for each in values]
    )


@pytest.mark.parametrize("count", [1, 2])
def test_all_macs_of_a_vendor_change_places(count: int) -> None:
    values = [b"001b63%02x%04x" % (high, low) for high in range(count) for low in range(1 << 16)]
    found = masked(Mac(keep_vendor=True), values)
    assert len(set(found)) == len(values)
    assert all(each.startswith(b"001b63") for each in found)


@pytest.mark.parametrize("value", [b"00:1b:63", b"00:1b:63:84:45:zz", b"0" * 13, b"router 1"])
def test_what_is_no_mac_is_refused(value: bytes) -> None:
    refused(Mac(), value)


@pytest.mark.parametrize("mask", [Ip(), Mac()])
@pytest.mark.parametrize("on", [column(Kind.INTEGER), column(Kind.DATE)])
def test_columns_that_addresses_cannot_serve(mask: Mask, on: Column) -> None:
    assert mask.refuses(on)
    assert mask.distinct(INET) is Distinct.KEPT
    assert mask.needs == ()


@pytest.mark.parametrize(
    ("mask", "value"), [(Ip(), b"192.0.2.1"), (Ip(), b"::1"), (Mac(), b"0" * 12)]
)
def test_the_key_and_nothing_else_counts(mask: Mask, value: bytes) -> None:
    alone = masked(mask, [value])
    assert masked(mask, [value, b"", value]) == [*alone, b"", *alone]
    assert masked(mask, [value], key=OTHER_KEY) != alone
    assert alone != [value]
    assert masked(mask, []) == []
    assert masked(mask, [b""]) == [b""]
