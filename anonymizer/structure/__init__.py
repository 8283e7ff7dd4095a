"""Structure: tables, keys and references, as the data itself says them; nothing is decided.

A dump, or a SQLite file, holds the statements that make its tables. What they promise is what
has to hold when the output is restored. What only models or a policy know – references
without a foreign key, tables of a dump without definitions – is added by `Structure.joined`.
"""

from anonymizer.structure.structure import Structure, TableDraft
from anonymizer.structure.survey import Source, Survey, opened, survey

__all__ = ["Source", "Structure", "Survey", "TableDraft", "opened", "survey"]
