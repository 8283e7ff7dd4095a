"""Masks: one a file, and the tuple of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anonymizer.masks.address import City, Country, State, Street
from anonymizer.masks.company import Company
from anonymizer.masks.email import Email
from anonymizer.masks.host_name import HostName
from anonymizer.masks.name import FirstName, LastName, Name
from anonymizer.masks.own import Own
from anonymizer.masks.phone import Phone, Postcode
from anonymizer.masks.text import Text
from anonymizer.masks.url import Url
from anonymizer.masks.user_name import UserName

if TYPE_CHECKING:
    from anonymizer.masks.base import Mask

MASKS: tuple[type[Mask], ...] = (
    City,
    Company,
    Country,
    Email,
    FirstName,
    HostName,
    LastName,
    Name,
    Own,
    Phone,
    Postcode,
    State,
    Street,
    Text,
    Url,
    UserName,
)
"""Every mask that has a word in the markup."""
