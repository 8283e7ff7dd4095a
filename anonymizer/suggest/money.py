"""What says what somebody pays with, owns or earns."""

from __future__ import annotations

import re

from anonymizer.column import Kind
from anonymizer.markup import mask
from anonymizer.suggest.detector import NUMBERS, TEXTS, Detector

_CARD_DIGITS = range(13, 20)
_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}")
_MODULUS = 97
_CARD = re.compile(r"[0-9 -]+")


def is_card(value: str) -> bool:
    """Return whether *value* has as many digits as a card, and the check digit of Luhn."""
    if not _CARD.fullmatch(value):
        return False
    digits = [int(each) for each in value if each.isdigit()]
    if len(digits) not in _CARD_DIGITS:
        return False
    doubled = (sum(divmod(2 * each, 10)) for each in digits[-2::-2])
    return (sum(digits[::-2]) + sum(doubled)) % 10 == 0


def is_iban(value: str) -> bool:
    """Return whether *value* is an IBAN whose check digits are right (ISO 13616)."""
    text = value.replace(" ", "").upper()
    if not _IBAN.fullmatch(text):
        return False
    number = "".join(str(int(each, 36)) for each in text[4:] + text[:4])
    return int(number) % _MODULUS == 1


_CARDS = "card,card number,credit card,credit card number,cc number,ccnum,pan,kreditkarte,"
_CARDS += "kreditkartennummer,kartennummer,carte bancaire,numero carte,tarjeta,numero tarjeta,"
_CARDS += "cartao,numero cartao,carta credito,numero carta"
_ACCOUNTS = "account number,bank account,bank account number,routing number,sort code,bic,swift,"
_ACCOUNTS += "kontonummer,konto,blz,bankleitzahl,numero compte,compte bancaire,cuenta bancaria,"
_ACCOUNTS += "numero cuenta,conta bancaria,numero conta,conto corrente,numero conto"
_SUMS = (
    "salary,wage,income,balance,credit limit,amount,price,total,cost,revenue,bonus,net worth,"
    "gehalt,lohn,einkommen,betrag,kontostand,saldo,umsatz,preis,summe,salaire,revenu,montant,prix,"
    "solde,salario,sueldo,ingresos,importe,precio,renda,valor,preco,stipendio,reddito,importo,prezzo"
)

DETECTORS = (
    Detector(
        what="an IBAN with right check digits",
        markup=mask.iban(),
        names="iban",
        is_value=is_iban,
        certain=0.9,
    ),
    Detector(
        what="a card number with a right check digit",
        markup=mask.card(),
        names=_CARDS,
        kinds=TEXTS | {Kind.INTEGER},
        is_value=is_card,
    ),
    Detector(what="the number of an account", markup=mask.digits(), names=_ACCOUNTS),
    Detector(
        what="a sum of money",
        markup=mask.noise(),
        names=_SUMS,
        kinds=NUMBERS,
        certain=0.5,
    ),
)
