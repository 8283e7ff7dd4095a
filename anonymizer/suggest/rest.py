"""What is left: companies, free text, what may be public, and guesses by the type alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anonymizer.column import Kind
from anonymizer.markup import INFO, mask, public
from anonymizer.suggest.detector import (
    DATES,
    NUMBERS,
    Asked,
    Detector,
    Suggestion,
    is_named,
    words_of,
)

if TYPE_CHECKING:
    from anonymizer.markup import Markup

_COMPANIES = (
    "company,company name,organization,organisation,employer,firm,business name,legal name,"
    "vendor name,supplier name,firma,firmenname,unternehmen,arbeitgeber,entreprise,societe,"
    "raison sociale,empresa,razon social,razao social,azienda,ditta,ragione sociale"
)
_TEXTS = (
    "note,notes,comment,comments,description,remark,remarks,message,body,text,content,bio,about,"
    "summary,memo,feedback,reason,subject,title,details,bemerkung,notiz,notizen,kommentar,"
    "beschreibung,nachricht,betreff,commentaire,remarque,nota,notas,comentario,descripcion,"
    "mensaje,observaciones,observacao,descricao,mensagem,note,commento,descrizione,messaggio"
)
_SPECIAL = (
    "gender,sex,religion,ethnicity,race,nationality,citizenship,marital status,blood type,"
    "blood group,diagnosis,disability,sexual orientation,union,party,geschlecht,konfession,"
    "nationalitaet,staatsangehoerigkeit,familienstand,diagnose,sexe,nationalite,etat civil,sexo,"
    "genero,nacionalidad,estado civil,diagnostico,nacionalidade,sesso,genere,nazionalita,"
    "cittadinanza,stato civile"
)
_ROW_TIMES = (
    "created,created at,created on,updated,updated at,updated on,modified,modified at,deleted at,"
    "inserted at,date created,date modified,last update,last updated,timestamp,erstellt,"
    "geaendert,cree le,modifie le,creado,actualizado,criado em,creato,modificato"
)
_COUNTS = (
    "count,quantity,qty,amount of,number of,position,sort order,rank,version,version id,revision,"
    "attempts,retries,priority,level,anzahl,menge,reihenfolge,quantite,cantidad,quantidade,quantita"
)
_OF_ALEMBIC = ("alembic_version", "version_num")
SPACES_IN_TEXT = 3

DETECTORS = (
    Detector(what="a company", markup=mask.company(), names=_COMPANIES),
    Detector(
        what="a company",
        markup=mask.company(),
        names="name,nom,nombre,nome",
        tables=(
            "company,companies,organization,organisation,supplier,vendor,firma,firmen,"
            "entreprise,empresa,azienda,manufacturer"
        ),
    ),
    Detector(
        what="free text, in which anything may stand",
        markup=mask.text(),
        names=_TEXTS,
        is_value=lambda value: value.count(" ") >= SPACES_IN_TEXT,
        certain=0.6,
        telling=0.5,
    ),
    Detector(
        what="the moment when a row was written",
        markup=mask.date_time(),
        names=_ROW_TIMES,
        kinds=DATES,
        certain=0.5,
    ),
    Detector(
        what="an age",
        markup=mask.noise(),
        names="age,alter,edad,idade,eta",
        kinds=NUMBERS,
        certain=0.5,
    ),
)

_BY_KIND: dict[Kind, tuple[Markup, str, float]] = {
    Kind.BOOLEAN: (public("yes or no"), "it is yes or no, and a mask would not hide which", 0.4),
    Kind.UUID: (mask.uuid(), "its type is a UUID", 0.7),
    Kind.DATE: (mask.date(), "its type is a date", 0.4),
    Kind.DATETIME: (mask.date_time(), "its type is a moment", 0.4),
    Kind.TIME: (public("a time of day"), "its type is a time of day", 0.3),
    Kind.NUMBER: (mask.noise(), "its type is a number", 0.3),
    Kind.INTEGER: (mask.noise(), "its type is a whole number", 0.3),
    Kind.ARRAY: (mask.array(of=mask.text()), "its type is an array", 0.2),
    Kind.TEXT: (mask.text(), "nothing says what it is", 0.2),
}


def by_type(asked: Asked) -> Suggestion:
    """Return what the type alone lets one guess, and a few names that need it."""
    found = _special(asked) or _key(asked) or _harmless(asked)
    if found is None:
        found = _BY_KIND.get(asked.facts.kind) or _nothing(asked)
    markup, reason, confidence = found
    return Suggestion(decision=markup[INFO], reasons=(reason,), confidence=confidence)


def _nothing(asked: Asked) -> tuple[Markup, str, float]:
    """Return that nothing is left of the values."""
    if asked.facts.kind is Kind.JSON:
        empty, reason = "null", "anything may stand in JSON: mask.json() masks it path by path"
    else:
        empty, reason = "", "nothing says what it is"
    return (mask.null() if asked.nullable else mask.constant(empty)), reason, 0.1


def _special(asked: Asked) -> tuple[Markup, str, float] | None:
    """Return what becomes of what says what somebody is, or believes."""
    if not is_named(asked.name, _SPECIAL):
        return None
    reason = "its name says what somebody is or believes"
    if asked.facts.values:
        return mask.category(), reason, 0.6
    return (mask.null() if asked.nullable else mask.text()), reason, 0.5


def _key(asked: Asked) -> tuple[Markup, str, float] | None:
    kind, name = asked.facts.kind, words_of(asked.name)
    if asked.is_key and kind is Kind.INTEGER:
        return mask.integer(), "it is a key", 0.6
    if asked.is_key and kind is Kind.TEXT:
        return mask.token(), "it is a key", 0.4
    if kind is Kind.INTEGER and (name == "id" or name.endswith(" id")):
        return mask.integer(), "it looks like a key: give it the domain of what it names", 0.4
    return None


def _harmless(asked: Asked) -> tuple[Markup, str, float] | None:
    if (asked.table, asked.name) == _OF_ALEMBIC:
        return public("which migrations are applied"), "it is alembic's own", 0.9
    if asked.facts.values:
        count = len(asked.facts.values)
        why = f"one of {count} words of the application"
        return public(why), f"its type has {count} values", 0.4
    if asked.facts.kind in NUMBERS and is_named(asked.name, _COUNTS):
        return public("a count"), "its name says a count", 0.4
    return None
