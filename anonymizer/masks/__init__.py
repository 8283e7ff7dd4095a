"""Masks: one a file, and the tuple of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anonymizer.masks.address import City, Country, State, Street
from anonymizer.masks.array import Array
from anonymizer.masks.card import Card
from anonymizer.masks.category import Category
from anonymizer.masks.company import Company
from anonymizer.masks.constant import Constant
from anonymizer.masks.date import Date, DateTime
from anonymizer.masks.digits import Digits
from anonymizer.masks.email import Email
from anonymizer.masks.hexadecimal import Hexadecimal
from anonymizer.masks.host_name import HostName
from anonymizer.masks.iban import Iban
from anonymizer.masks.integer import Integer
from anonymizer.masks.ip import Ip
from anonymizer.masks.json import Json
from anonymizer.masks.keep import Keep
from anonymizer.masks.mac import Mac
from anonymizer.masks.name import FirstName, LastName, Name
from anonymizer.masks.noise import Noise
from anonymizer.masks.null import Null
from anonymizer.masks.own import Own
from anonymizer.masks.phone import Phone, Postcode
from anonymizer.masks.text import Text
from anonymizer.masks.token import Token
from anonymizer.masks.url import Url
from anonymizer.masks.user_name import UserName
from anonymizer.masks.uuid import Uuid

if TYPE_CHECKING:
    from anonymizer.masks.base import Mask

MASKS: tuple[type[Mask], ...] = (
    Array,
    Card,
    Category,
    City,
    Company,
    Constant,
    Country,
    Date,
    DateTime,
    Digits,
    Email,
    FirstName,
    Hexadecimal,
    HostName,
    Iban,
    Integer,
    Ip,
    Json,
    Keep,
    LastName,
    Mac,
    Name,
    Noise,
    Null,
    Own,
    Phone,
    Postcode,
    State,
    Street,
    Text,
    Token,
    Url,
    UserName,
    Uuid,
)
"""Every mask that has a word in the markup."""
