"""Rule: what masked data still says, and what says too much where it is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anonymizer.column import Kind
from anonymizer.finding import Finding
from anonymizer.markup import KEEP
from anonymizer.plan.domains import UNMASKED
from anonymizer.suggest.detector import is_named

if TYPE_CHECKING:
    from collections.abc import Iterator

    from anonymizer.check.context import Context
    from anonymizer.column import Column, Table

LEAST_DOMAIN = 10**6
"""Values that a permutation should have at the least (NIST SP 800-38G rev. 1, 2nd draft)."""
SHORT = 4
"""Characters up to which a text is a code of which there are few."""
_FEW = frozenset({"category", "country", "state"})
_SCATTERED = frozenset({"noise", "text"})
"""Masks that do not give the same value for the same one, or that nobody counts."""
_BASES = {"digits": 10, "hexadecimal": 16, "postcode": 10}

_OF_A_PERSON = {
    "date of birth": "birth,birthday,birth date,date of birth,dob,birth year,year of birth,"
    "geburtsdatum,geburtstag,geburtsjahr,naissance,nacimiento,nascimento,nascita,age",
    "sex": "sex,gender,geschlecht,sexe,sexo,genero,sesso,genere",
    "origin": "nationality,citizenship,ethnicity,race,religion,native language,nationalitaet,"
    "staatsangehoerigkeit,nationalite,nacionalidad,nacionalidade,nazionalita,cittadinanza",
    "family": "marital status,civil status,children,familienstand,etat civil,estado civil",
    "work": "job,job title,occupation,profession,education,beruf,metier,ocupacion,professione",
}
_OF_A_PLACE = {
    "postal code": "postcode,post code,postal code,zip,zip code,plz,postleitzahl,code postal,cap",
    "town": "city,town,stadt,wohnort,ville,ciudad,cidade,citta,birth place,place of birth",
}


def check(context: Context) -> Iterator[Finding]:
    """Yield the columns that still say something of their values, and groups of public ones."""
    for table in context.tables():
        for column in table.columns:
            yield from _few(context, table, column)
            yield from _small(table, column)
        yield from _together(table)


def _few(context: Context, table: Table, column: Column) -> Iterator[Finding]:
    """Yield columns with few values: how often each occurs says which it was."""
    mask = column.decision.mask
    if mask in UNMASKED or mask in _SCATTERED:
        return
    draft = context.drafts.get(table.name)
    facts = draft.column(column.name) if draft is not None else None
    is_short = column.kind is Kind.TEXT and column.length is not None and column.length <= SHORT
    is_few = mask in _FEW or column.kind is Kind.BOOLEAN or is_short
    if is_few or (facts is not None and facts.facts.values):
        message = "it has few values, and how often each occurs says which it was"
        yield _warning(table, column, f"{message}: mask.constant() or mask.null() say nothing")


def _small(table: Table, column: Column) -> Iterator[Finding]:
    """Yield permutations of so few values that trying them out is no work."""
    size = _size(column)
    if size is not None and size < LEAST_DOMAIN:
        message = f"it is a permutation of {size} values, fewer than {LEAST_DOMAIN}"
        yield _warning(table, column, f"{message}: who knows some of them can guess others")


def _size(column: Column) -> int | None:
    """Return how many values change places, None where that is not known or no permutation."""
    mask, options = column.decision.mask, column.decision.options
    if mask == "integer":
        low, high = options.get("low"), options.get("high")
        if low is not None and high is not None:
            return int(high) - int(low) + 1
        return 1 << column.bits if column.bits else None
    if mask in _BASES and column.length is not None and column.kind is Kind.TEXT:
        free = column.length - int(options.get("keep", 0))
        return int(_BASES[mask] ** max(free, 0))
    return None


def _together(table: Table) -> Iterator[Finding]:
    """Yield public columns that say together who somebody is (Sweeney, 2000)."""
    public = [each.name for each in table.columns if each.decision.mask == KEEP]
    of_a_person = _named(public, _OF_A_PERSON)
    found = {**of_a_person, **_named(public, _OF_A_PLACE)}
    if not of_a_person or len(found) == 1:
        return
    message = f"public together may say who somebody is: {', '.join(found.values())}"
    yield Finding(rule="leak", severity="warning", table=table.name, message=message)


def _named(columns: list[str], sorts: dict[str, str]) -> dict[str, str]:
    """Return for each of *sorts* that occurs in *columns* the first that is such."""
    found: dict[str, str] = {}
    for column in columns:
        for sort, names in sorts.items():
            if is_named(column, names):
                found.setdefault(sort, column)
    return found


def _warning(table: Table, column: Column, message: str) -> Finding:
    return Finding(
        rule="leak", severity="warning", table=table.name, column=column.name, message=message
    )
