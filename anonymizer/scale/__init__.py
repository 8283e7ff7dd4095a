"""Scale: make a database smaller or larger, with every key and reference whole."""

from anonymizer.scale.part import Part
from anonymizer.scale.roles import Roles, Wishes
from anonymizer.scale.sample import Kept
from anonymizer.scale.scaler import First, Glimpse, Scaler, Seen, Size

__all__ = ["First", "Glimpse", "Kept", "Part", "Roles", "Scaler", "Seen", "Size", "Wishes"]
