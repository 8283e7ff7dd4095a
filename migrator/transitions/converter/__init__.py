"""A converter: the transition read as the way mapped classes load and save.

A column that a transition fills reads as an expression over both of its places, wherever
a statement names it: loads, filters, joins and aliases agree because they are the same
(`read`). The old columns are part of the table, with defaults that clear them in every
INSERT and UPDATE that writes the new one, and that let the conversion ride along with
the UPDATEs that do not (`write`). What SQL cannot compute is computed as rows come in
(`load`).
"""

from __future__ import annotations

from migrator.transitions.converter.attach import attach_converters

__all__ = ["attach_converters"]
