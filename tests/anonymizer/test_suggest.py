"""Suggest: names, types and values say what a column is, and no value is shown."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from faker import Faker
from hypothesis import given
from hypothesis import strategies as st

from anonymizer import mask, public
from anonymizer.column import Column, Kind, TableName
from anonymizer.markup import INFO, Decision
from anonymizer.masks.base import Distinct
from anonymizer.masks.find import mask_of
from anonymizer.plan import make_plan, outline
from anonymizer.plan.decide import spell
from anonymizer.plan.draft import Draft
from anonymizer.plan.kinds import Facts
from anonymizer.policy import parse
from anonymizer.suggest import propose, suggest, suggest_for
from anonymizer.suggest.detector import Asked, is_named, words_of
from anonymizer.suggest.money import is_card, is_iban
from anonymizer.suggest.people import is_email, is_phone
from anonymizer.suggest.render import in_toml, lines

if TYPE_CHECKING:
    from collections.abc import Sequence

TEXT = Facts(kind=Kind.TEXT)


def asked(place: str, kind: Kind = Kind.TEXT, sample: tuple[str, ...] = ()) -> Asked:
    table, _, name = place.rpartition(".")
    return Asked(table=table or "things", name=name, facts=Facts(kind=kind), sample=sample)


def word(place: str, kind: Kind = Kind.TEXT, sample: tuple[str, ...] = ()) -> str:
    return propose(asked(place, kind, sample)).decision.mask


@pytest.mark.parametrize(
    ("places", "found"),
    [
        ("email E-Mail userEmail kontakt_email correo_electronico courriel emails", "email"),
        ("first_name firstName FIRSTNAME vorname prénom nombre_pila primeiro_nome", "first_name"),
        ("last_name Nachname nom_de_famille apellido sobrenome cognome surname", "last_name"),
        ("full_name kundenname nom_complet nombre_completo nome_completo", "name"),
        ("users.name kunden.name clients.nom usuarios.nombre utente.nome", "name"),
        ("companies.name firmenname raison_sociale razon_social ragione_sociale", "company"),
        ("phone telefon mobileNumber handynummer teléfono celular cellulare fax", "phone"),
        ("street strasse Straße hausnummer address_line_1 calle indirizzo endereço", "street"),
        ("city wohnort ville ciudad cidade città", "city"),
        ("zip zip_code plz code_postal codigo_postal cep postcode", "postcode"),
        ("iban IBAN_number", "iban"),
        ("card_number kreditkartennummer numero_tarjeta ccnum", "card"),
        ("ip ip_address last_login_ip remote_addr", "ip"),
        ("mac mac_address bssid", "mac"),
        ("url website home_page", "url"),
        ("host host_name fqdn", "host_name"),
        ("login user_name benutzername identifiant nome_utente", "user_name"),
        ("token api_key access_token session_id client_secret", "token"),
        ("password passwort mot_de_passe contraseña senha password_hash", "constant"),
        ("ssn passport_number codice_fiscale cpf steuernummer", "digits"),
        ("notes kommentar commentaire descripcion mensagem", "text"),
        ("gender geschlecht sexe religion estado_civil", "null"),
        ("whatever xyz", "text"),
    ],
)
def test_names_in_six_languages(places: str, found: str) -> None:
    assert {place: word(place) for place in places.split()} == dict.fromkeys(places.split(), found)


@pytest.mark.parametrize(
    ("place", "kind", "found"),
    [
        ("birth_date", Kind.DATE, "date"),
        ("geburtsdatum", Kind.DATE, "date"),
        ("created_at", Kind.DATETIME, "date_time"),
        ("latitude", Kind.NUMBER, "noise"),
        ("salary", Kind.NUMBER, "noise"),
        ("quantity", Kind.INTEGER, "keep"),
        ("user_id", Kind.INTEGER, "integer"),
        ("is_old", Kind.BOOLEAN, "keep"),
        ("data", Kind.JSON, "null"),
        ("tags", Kind.ARRAY, "array"),
        ("key", Kind.UUID, "uuid"),
        ("photo", Kind.BINARY, "null"),
        ("alembic_version.version_num", Kind.TEXT, "keep"),
    ],
)
def test_names_and_types(place: str, kind: Kind, found: str) -> None:
    assert word(place, kind) == found


FAKE = Faker(["en_US", "de_DE", "fr_FR", "es_ES", "it_IT", "pt_BR"])
FAKE.seed_instance(1)


@pytest.mark.parametrize(
    ("sort", "found"),
    [
        ("email", "email"),
        ("iban", "iban"),
        ("credit_card_number", "card"),
        ("ipv4", "ip"),
        ("ipv6", "ip"),
        ("mac_address", "mac"),
        ("url", "url"),
        ("uuid4", "uuid"),
        ("sha256", "token"),
        ("paragraph", "text"),
    ],
)
def test_values_say_it_where_the_name_does_not(sort: str, found: str) -> None:
    options = {"card_type": "visa16"} if sort == "credit_card_number" else {}
    sample = tuple(str(getattr(FAKE, sort)(**options)) for _ in range(20))
    suggestion = propose(asked("things.x", sample=sample))

    assert suggestion.decision.mask == found
    assert "20 of 20 values are" in suggestion.reasons[-1]


def test_values_make_a_name_more_certain_or_less() -> None:
    right = propose(asked("email", sample=("a@b.org", "c@d.com")))
    wrong = propose(asked("email", sample=("yes", "no")))
    named = propose(asked("email"))

    assert right.confidence > named.confidence > wrong.confidence


@given(st.text(), st.lists(st.text(max_size=40), max_size=5))
def test_no_value_is_shown(name: str, values: list[str]) -> None:
    secret = [f"zqx{each}zqx" for each in values]
    suggestion = propose(Asked(table="t", name=name, facts=TEXT, sample=secret))

    assert "zqx" not in str(suggestion.reasons) + spell(suggestion.decision)
    assert 0 <= suggestion.confidence <= 1


@given(st.integers(10**12, 10**18 - 1))
def test_one_digit_in_ten_is_the_check_digit_of_luhn(number: int) -> None:
    assert sum(is_card(f"{number}{digit}") for digit in range(10)) == 1


def test_checks_of_numbers() -> None:
    assert is_card("4111 1111 1111 1111")
    assert not is_card("4111 1111 1111 1112")
    assert not is_card("4111x1111y1111z1111")
    assert is_iban("DE89 3704 0044 0532 0130 00")
    assert not is_iban("DE88 3704 0044 0532 0130 00")


@pytest.mark.parametrize("value", ["+44 20 7946 0958", "030/1234567", "(555) 123-4567 x12"])
def test_phone_numbers(value: str) -> None:
    assert is_phone(value)


@pytest.mark.parametrize(
    "value", ["2026-11-27", "12345678", "27.11.2026", "1.5", "192.168.1.1.1.1.1.1"]
)
def test_no_phone_numbers(value: str) -> None:
    assert not is_phone(value) or value.startswith("192")


def test_email_addresses() -> None:
    assert is_email("ada.lovelace+x@sub.example.org")
    assert not is_email("ada at example.org")
    assert not is_email("two@example.org, three@example.org")


def test_words_of_names() -> None:
    assert words_of("HTTPServerName") == "http server name"
    assert words_of("Prénom_du-Client2") == "prenom du client2"
    assert is_named("userEMail", "e mail,email")
    assert not is_named("filename", "name")


def test_words_of_one_person_are_drawn_from_the_key() -> None:
    metadata = sa.MetaData()
    names = [sa.Column(each, sa.Text) for each in ("email", "full_name", "note")]
    sa.Table("users", metadata, sa.Column("id", sa.Integer, primary_key=True), *names)
    found = {each.column: spell(each.suggestion.decision) for each in suggest(outline(metadata))}

    assert found == {
        "id": "mask.integer()",
        "email": 'mask.email(subject="id")',
        "full_name": 'mask.name(subject="id")',
        "note": "mask.text()",
    }


def test_what_refers_to_another_column_follows_it() -> None:
    metadata = sa.MetaData()
    sa.Table("users", metadata, sa.Column("id", sa.Integer, primary_key=True))
    sa.Table("orders", metadata, sa.Column("user_id", sa.ForeignKey("users.id"), primary_key=True))

    assert [(each.table.name, each.column) for each in suggest(outline(metadata))] == [
        ("users", "id")
    ]


def test_columns_with_the_name_of_a_key_are_masked_as_it_is() -> None:
    metadata = sa.MetaData()
    sa.Table("Companies", metadata, sa.Column("id", sa.Integer, primary_key=True))
    columns: list[sa.Column[Any]] = [
        sa.Column("company_id", sa.Integer),
        sa.Column("user_id", sa.Text),
    ]
    sa.Table("users", metadata, sa.Column("id", sa.Integer, primary_key=True), *columns)
    made = outline(metadata)
    found = {each.column: each.suggestion for each in suggest(made) if each.table.name == "users"}

    assert spell(found["company_id"].decision) == 'mask.integer(domain="Companies.id")'
    assert "no foreign key leads" in found["company_id"].reasons[0]
    assert found["user_id"].decision.mask == "text"


@pytest.mark.parametrize("unique", ["yes", "no"])
@pytest.mark.parametrize("nullable", ["yes", "no"])
@pytest.mark.parametrize("kind", Kind)
def test_what_is_proposed_passes_the_check(kind: Kind, nullable: str, unique: str) -> None:
    names = (
        "x",
        "name",
        "email",
        "phone",
        "country",
        "birth_date",
        "card",
        "iban",
        "ip",
        "password",
    )
    for name, length in [(name, length) for name in names for length in (None, 1, 2, 20)]:
        facts = Facts(kind=kind, length=length if kind in {Kind.TEXT, Kind.BINARY} else None)
        found = propose(
            Asked(
                table="users",
                name=name,
                facts=facts,
                nullable=nullable == "yes",
                is_unique=unique == "yes",
            )
        )
        column = Column(
            name=name,
            kind=kind,
            length=facts.length,
            nullable=nullable == "yes",
            unique=unique == "yes",
            decision=found.decision,
            domain="",
        )
        made = mask_of(found.decision)
        hopeless = nullable == "no" and unique == "yes"
        assert hopeless or made.refuses(column) is None, (name, length, found)
        assert hopeless or unique == "no" or made.distinct(column) is not Distinct.LOST


def test_documents_are_decided_on_path_by_path() -> None:
    sample = (
        '{"email": "ada@x.org", "on": true, "items": [{"a b": "10.0.0.1", "n": 1}, {"n": 2.5}]}',
        '{"email": null, "items": []}',
        "no document",
    )
    found = propose(asked("things.data", Kind.JSON, sample)).decision

    assert {path: each.mask for path, each in found.options["paths"].items()} == {
        "$.email": "email",
        '$.items[*]["a b"]': "ip",
        "$.items[*].n": "noise",
        "$.on": "keep",
    }
    assert mask_of(found).refuses is not None
    assert propose(asked("things.data", Kind.JSON, ("[]",))).decision.mask == "null"


def test_lines_for_models_and_for_files() -> None:
    drafts = [
        Draft(name="E-Mail", facts=TEXT),
        Draft(name="is_old", facts=Facts(kind=Kind.BOOLEAN)),
    ]
    name = TableName("public", "us.ers")
    ours = suggest_for(name, drafts, in_model=True)

    assert list(lines(ours)) == [
        "# public.us.ers",
        "E-Mail: info=mask.email(),  # 0.85: its name says an e-mail address",
        'is_old: info=public("yes or no"),  '
        "# 0.40: it is yes or no, and a mask would not hide which",
        "",
    ]
    again = parse(tomllib.loads("\n".join(lines(ours, toml=True))), "pasted")
    assert again.tables[name].columns["E-Mail"].decision == mask.email()[INFO]


@pytest.mark.parametrize(
    "decision",
    [
        mask.email(subject='i"d', domains=["a.org", "b.org"], domain="x\\y\u007f"),
        mask.json(paths={"$.a['b']": mask.array(of=mask.digits(keep=2))}, other="keep"),
        mask.noise(share=0.5, low=-1, high=2.5),
        mask.own("a.b:C", size=3, deep={"x": [1, True]}),
        mask.category(values=["é", "\n"]),
        mask.constant("'''"),
    ],
)
def test_what_is_written_as_toml_is_read_again(decision: dict[str, Decision]) -> None:
    text = f"[tables.t.columns]\nc = {in_toml(decision[INFO])}"
    (table,) = parse(tomllib.loads(text), "again").tables.values()

    assert table.columns["c"].decision == decision[INFO]


@pytest.mark.parametrize("toml", [False, True])
def test_every_proposal_can_be_used(*, toml: bool) -> None:
    kinds = [Kind.TEXT, Kind.INTEGER, Kind.DATE, Kind.JSON, Kind.ARRAY, Kind.BINARY, Kind.OTHER]
    drafts = [Draft(name=f"x_{each.value}", facts=Facts(kind=each)) for each in kinds]
    found = suggest_for(TableName(None, "t"), drafts, in_model=not toml)
    text = "\n".join(lines(found, toml=True))

    assert len(make_plan(sa.MetaData(), parse(tomllib.loads(text), "p")).tables[0].columns) == 7


def staff(*columns: sa.Column[Any], name: str = "staff") -> sa.MetaData:
    """Return a table with a key and *columns*, and one of customers."""
    metadata = sa.MetaData()
    sa.Table(name, metadata, sa.Column("id", sa.Integer, primary_key=True), *columns)
    sa.Table("customers", metadata, sa.Column("id", sa.Integer, primary_key=True))
    return metadata


def decided(metadata: sa.MetaData, **sample: Sequence[str]) -> str:
    """Return what is proposed for the second column of the table of staff."""
    samples = {TableName(None, "staff"): sample}
    found = {each.column: each for each in suggest(outline(metadata), samples)}
    return spell(next(each for name, each in found.items() if name != "id").suggestion.decision)


@pytest.mark.parametrize("name", ["parent_id", "manager_id", "ReportsTo", "reply_to", "parent"])
def test_a_row_that_names_another_of_its_table_is_masked_as_its_key(name: str) -> None:
    found = decided(staff(sa.Column(name, sa.Integer)))
    assert found == 'mask.integer(domain="staff.id")'


@pytest.mark.parametrize("name", ["customer_id", "billing_customer_id", "BillingCustomerId"])
def test_the_end_of_a_name_says_a_key(name: str) -> None:
    assert decided(staff(sa.Column(name, sa.Integer))) == 'mask.integer(domain="customers.id")'


def test_values_that_are_keys_say_whose() -> None:
    metadata = staff(sa.Column("mentor_id", sa.Integer))
    ids = [str(each) for each in range(10, 90)]
    assert decided(metadata, id=ids, mentor_id=["11", "12", "40"]) == (
        'mask.integer(domain="staff.id")'
    )
    assert decided(metadata, id=ids, mentor_id=["11", "12", "99"]) == "mask.integer()"


@pytest.mark.parametrize("name", ["quantity", "age", "points", "sort_customer"])
def test_numbers_that_happen_to_be_keys_are_none(name: str) -> None:
    ids = [str(each) for each in range(90)]
    found = decided(staff(sa.Column(name, sa.Integer)), id=ids, **{name: ["1", "2", "3"]})
    assert "domain" not in found


def test_what_refers_to_a_public_key_is_public() -> None:
    metadata = staff(sa.Column("customer_id", sa.Integer))
    metadata.tables["customers"].c.id.info.update(public("a number"))
    assert decided(metadata) == 'public("it refers to customers.id, which is public")'
