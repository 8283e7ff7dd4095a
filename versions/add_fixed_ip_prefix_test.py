import pytest
import sqlalchemy as sa

from migrator.testing import check_transition, walk_to
from versions.add_fixed_ip_prefix import cut, fixed_ip_prefix

PARTS = {
    "10.0.0.7/24": ("10.0.0.7", 24),
    "0.0.0.0/0": ("0.0.0.0", 0),  # noqa: S104 - a network, nothing binds to it
    "fe80::1/128": ("fe80::1", 128),
    "::/0": ("::", 0),
    "10.0.0.1": ("10.0.0.1", None),
    "10.0.0.1/": ("10.0.0.1/", None),
    "": ("", None),
}


def test_a_cidr_is_cut_at_its_slash(engine: sa.Engine) -> None:
    walk_to(engine, "add_fixed_ip_prefix")

    check_transition(
        engine,
        fixed_ip_prefix,
        [
            ({"cidr": cidr}, {"cidr": None, "address": address, "prefix": prefix})
            for cidr, (address, prefix) in [*PARTS.items(), (None, (None, None))]
        ],
    )


@pytest.mark.parametrize("cidr", PARTS)
def test_python_cuts_as_the_database_does(cidr: str) -> None:
    assert cut(cidr) == PARTS[cidr]
