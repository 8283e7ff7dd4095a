"""Markup: decisions on columns, written into SQLAlchemy models.

It is imported by applications, so it needs nothing but the standard library.

    email: Mapped[str] = mapped_column(info=mask.email(subject="id"))
    country: Mapped[str] = mapped_column(info=public("two letters, of every customer's home"))

A base or a mixin decides for all that inherit it, by the name of a column, by a pattern of
names, or by a type of Python or SQLAlchemy; what stands on the column itself goes before it:

    class Base(DeclarativeBase):
        __anonymizer__: ClassVar[Defaults] = {
            "created_at": public("when a row was written"),
            "*_count": public("a count"),
            bool: public("a switch"),
        }
"""

from __future__ import annotations

from dataclasses import dataclass, field
from string import ascii_letters, digits
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Final

INFO = "anonymizer"
"""Key of a column's `info` under which its decision stands."""
DEFAULTS = "__anonymizer__"
"""Attribute of a class that decides for the columns of all models that inherit it."""
KEEP, CLEAR = "keep", "null"
"""The masks of what stays as it is, and of what becomes NULL: no value is read for them."""
LOCALE = "en_US"
ALPHABET = f"{ascii_letters}{digits}"

Defaults: TypeAlias = "Mapping[str | type, Markup]"
"""What a class decides: the name of a column, a pattern with * and ?, or a type → markup."""
Other: TypeAlias = Literal["refuse", "keep", "null"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What becomes of a column: the name of a mask and its options."""

    mask: str
    options: Mapping[str, Any] = field(default_factory=dict)
    domain: str | None = None
    """Columns that name one domain are masked alike; None leaves it to the plan."""
    why: str | None = None
    """Why it may stay as it is, where it does."""


class Markup(dict[str, Any]):
    """What goes into `info`; `mask.email() | {"label": "…"}` puts something beside the decision.

    SQLAlchemy updates the `info` of a column with that of its Annotated type, which would take
    the place of a decision on the column itself: here the column's stays.
    """

    # The standard library has no @override before Python 3.12.
    def update(self, *others: Any, **more: Any) -> None:  # type: ignore[explicit-override]
        """Take what *others* hold but for the decision, where there is one already."""
        own = self.get(INFO)
        super().update(*others, **more)
        if own is not None:
            self[INFO] = own

    def copy(self) -> Markup:  # type: ignore[explicit-override]
        """Return a copy that holds on to its decision as well."""
        return Markup(self)

    def __or__(self, other: Any) -> Markup:  # type: ignore[explicit-override, override]
        return Markup({**self, **other})


def public(why: str) -> Markup:
    """Decide that a column stays as it is, because *why*."""
    if not why.strip():
        raise ValueError("public() needs a reason: why may everybody see it?")
    return Markup({INFO: Decision(mask=KEEP, why=why)})


class Words:
    """The words of masks.

    Columns that name one *domain* are masked alike. *subject* names another column of the row,
    from which words are drawn: name, e-mail and user name of one person fit together.
    """

    @staticmethod
    def name(
        *, locale: str = LOCALE, subject: str | None = None, domain: str | None = None
    ) -> Markup:
        """Replace a person's full name by another of *locale*; who is who stays."""
        return _decided("name", domain, locale=locale, subject=subject)

    @staticmethod
    def first_name(
        *, locale: str = LOCALE, subject: str | None = None, domain: str | None = None
    ) -> Markup:
        """Replace a first name by another of *locale*, the one in `name` of that subject."""
        return _decided("first_name", domain, locale=locale, subject=subject)

    @staticmethod
    def last_name(
        *, locale: str = LOCALE, subject: str | None = None, domain: str | None = None
    ) -> Markup:
        """Replace a family name by another of *locale*, the one in `name` of that subject."""
        return _decided("last_name", domain, locale=locale, subject=subject)

    @staticmethod
    def email(
        *,
        subject: str | None = None,
        keep_domain: bool = False,
        domains: Sequence[str] = (),
        locale: str = LOCALE,
        domain: str | None = None,
    ) -> Markup:
        """Replace an e-mail address, at one of *domains*; with *keep_domain* at the same host."""
        hosts = {"keep_domain": keep_domain, "domains": tuple(domains)}
        return _decided("email", domain, subject=subject, locale=locale, **hosts)

    @staticmethod
    def user_name(
        *, subject: str | None = None, locale: str = LOCALE, domain: str | None = None
    ) -> Markup:
        """Replace the name that somebody logs in with; who is who stays."""
        return _decided("user_name", domain, subject=subject, locale=locale)

    @staticmethod
    def phone(*, keep_prefix: int = 0, domain: str | None = None) -> Markup:
        """Replace the digits of a phone number but for *keep_prefix* of them; its form stays."""
        return _decided("phone", domain, keep_prefix=keep_prefix)

    @staticmethod
    def street(*, locale: str = LOCALE, domain: str | None = None) -> Markup:
        """Replace street and house number by others of *locale*."""
        return _decided("street", domain, locale=locale)

    @staticmethod
    def city(*, locale: str = LOCALE, domain: str | None = None) -> Markup:
        """Replace a town by another of *locale*; how many live in one stays."""
        return _decided("city", domain, locale=locale)

    @staticmethod
    def postcode(*, domain: str | None = None) -> Markup:
        """Replace the letters and digits of a postal code; its form stays."""
        return _decided("postcode", domain)

    @staticmethod
    def state(*, locale: str = LOCALE, domain: str | None = None) -> Markup:
        """Replace a state or region by another of *locale*; how many live in one stays."""
        return _decided("state", domain, locale=locale)

    @staticmethod
    def country(*, locale: str = LOCALE, domain: str | None = None) -> Markup:
        """Replace a country by another, in the language of *locale*."""
        return _decided("country", domain, locale=locale)

    @staticmethod
    def company(*, locale: str = LOCALE, domain: str | None = None) -> Markup:
        """Replace a company's name by another of *locale*."""
        return _decided("company", domain, locale=locale)

    @staticmethod
    def text(*, locale: str = LOCALE, domain: str | None = None) -> Markup:
        """Replace free text by words of *locale*; its length stays."""
        return _decided("text", domain, locale=locale)

    @staticmethod
    def url(*, domain: str | None = None) -> Markup:
        """Replace host, path and query of a URL; its scheme stays."""
        return _decided("url", domain)

    @staticmethod
    def host_name(*, domain: str | None = None) -> Markup:
        """Replace the name of a host."""
        return _decided("host_name", domain)

    @staticmethod
    def ip(*, keep_prefix: int | None = None, domain: str | None = None) -> Markup:
        """Replace an IP address but for *keep_prefix* bits; neighbours stay neighbours."""
        return _decided("ip", domain, keep_prefix=keep_prefix)

    @staticmethod
    def mac(*, keep_vendor: bool = False, domain: str | None = None) -> Markup:
        """Replace a MAC address; with *keep_vendor* the first half stays."""
        return _decided("mac", domain, keep_vendor=keep_vendor)

    @staticmethod
    def uuid(*, domain: str | None = None) -> Markup:
        """Replace a UUID by another, each by its own; its version stays."""
        return _decided("uuid", domain)

    @staticmethod
    def integer(
        *, low: int | None = None, high: int | None = None, domain: str | None = None
    ) -> Markup:
        """Permute whole numbers from *low* to *high*, or those that the column can hold."""
        return _decided("integer", domain, low=low, high=high)

    @staticmethod
    def digits(*, keep: int = 0, domain: str | None = None) -> Markup:
        """Permute the digits of a text but for the first *keep*; other characters stay."""
        return _decided("digits", domain, keep=keep)

    @staticmethod
    def hexadecimal(*, domain: str | None = None) -> Markup:
        """Permute hexadecimal texts of one length."""
        return _decided("hexadecimal", domain)

    @staticmethod
    def token(*, alphabet: str = ALPHABET, domain: str | None = None) -> Markup:
        """Replace a secret by characters of *alphabet*; its length stays."""
        return _decided("token", domain, alphabet=alphabet)

    @staticmethod
    def card(*, keep_issuer: bool = False, domain: str | None = None) -> Markup:
        """Replace a card's number, but six digits with *keep_issuer*; Luhn's check holds."""
        return _decided("card", domain, keep_issuer=keep_issuer)

    @staticmethod
    def iban(*, domain: str | None = None) -> Markup:
        """Replace the number of a bank account by one whose check digits are right."""
        return _decided("iban", domain)

    @staticmethod
    def date(*, days: int = 365, subject: str | None = None, domain: str | None = None) -> Markup:
        """Shift dates by up to *days*, all of a subject by as many; their order stays."""
        return _decided("date", domain, days=days, subject=subject)

    @staticmethod
    def date_time(
        *, days: int = 365, subject: str | None = None, domain: str | None = None
    ) -> Markup:
        """Shift moments by up to *days*, all of a subject by as much; their order stays."""
        return _decided("date_time", domain, days=days, subject=subject)

    @staticmethod
    def noise(
        *,
        share: float = 0.1,
        low: float | None = None,
        high: float | None = None,
        domain: str | None = None,
    ) -> Markup:
        """Change a number by up to *share* of itself, within *low* and *high*."""
        return _decided("noise", domain, share=share, low=low, high=high)

    @staticmethod
    def category(*, values: Sequence[Any] | None = None, domain: str | None = None) -> Markup:
        """Permute the *values* that a column may have; those of an Enum are known."""
        return _decided("category", domain, values=None if values is None else tuple(values))

    @staticmethod
    def json(
        *,
        paths: Mapping[str, Markup],
        other: Other = "refuse",
        domain: str | None = None,
    ) -> Markup:
        """Mask what stands in JSON at paths as "$.items[*].email"; *other* is for the rest."""
        inner = {path: _decision(each) for path, each in paths.items()}
        return _decided("json", domain, paths=inner, other=other)

    @staticmethod
    def array(*, of: Markup, domain: str | None = None) -> Markup:
        """Mask each element of an array; how many there are stays."""
        return _decided("array", domain, of=_decision(of))

    @staticmethod
    def constant(value: Any, *, domain: str | None = None) -> Markup:
        """Replace each value by *value*."""
        return _decided("constant", domain, value=value)

    @staticmethod
    def null() -> Markup:
        """Replace each value by NULL."""
        return _decided("null", None)

    @staticmethod
    def own(target: str, *, domain: str | None = None, **options: Any) -> Markup:
        """Mask by a class of one's own, "package.module:Class", with its *options*."""
        if not all(part.strip() for part in target.partition(":")):
            raise ValueError(f"{target!r} is no mask, expected 'package.module:Class'")
        return _decided("own", domain, target=target, options=options)


mask: Final = Words
"""The words of masks, as `mask.email()`."""


def _decided(word: str, domain: str | None, /, **options: Any) -> Markup:
    return Markup({INFO: Decision(mask=word, options=options, domain=domain)})


def _decision(markup: Markup) -> Decision:
    """Return the decision that *markup* holds, which stands inside another one."""
    try:
        found: Decision = markup[INFO]
    except (KeyError, TypeError):
        raise TypeError(f"{type(markup).__name__}, expected mask.…() or public(…)") from None
    return found
