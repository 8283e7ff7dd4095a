"""Make the pools that are shipped again: `python -m anonymizer.pools.make [LOCALE ...]`.

Pseudonyms of everybody change with them. It is for new locales, and for a new major version.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from anonymizer.errors import PolicyError
from anonymizer.pool import KINDS, SHIPPED, digests, find_pool, make_pool

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from anonymizer.pool import Pool

LOCALES = (
    "cs_CZ",
    "de_DE",
    "en_GB",
    "en_US",
    "es_ES",
    "fr_FR",
    "it_IT",
    "ja_JP",
    "nl_NL",
    "pl_PL",
    "pt_BR",
    "ru_RU",
    "sv_SE",
    "zh_CN",
)
SUMS = SHIPPED / "SHA256SUMS"


def make(locales: Iterable[str]) -> None:
    """Write the pools of *locales*, and the digests of all that are there."""
    for locale in locales:
        for pool in _made(locale):
            pool.write(SHIPPED / locale)
    SUMS.write_text(sums())


def sums() -> str:
    """Return the digest of every pool that is shipped, as `sha256sum --check` reads it."""
    find_pool.cache_clear()
    paths = sorted(SHIPPED.glob("*/*.txt"))
    pools = [find_pool(path.parent.name, path.stem) for path in paths]
    return "".join(f"{digest}  {name}.txt\n" for name, digest in digests(pools).items())


def _made(locale: str) -> Iterator[Pool]:
    for kind in KINDS:
        try:
            yield make_pool(locale, kind)
        except PolicyError as error:
            # Not every country has states.
            print(error.message, file=sys.stderr)  # noqa: T201


if __name__ == "__main__":
    make(sys.argv[1:] or LOCALES)
