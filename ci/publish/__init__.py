"""Publish: what may leave a run is made of words of the public source, and of nothing else.

Code under test can name a table after what is in a row, print it, or raise it. So no text of
it is repeated: statements, names and errors are put together anew from words that the target
branch or the change hold anyway, from words of SQL, and from placeholders.

A change that wants to can still encode data in which known words it uses, in how often, and
in how long it takes. That is why datasets are anonymised first.
"""

from __future__ import annotations

from ci.publish.fit import fit
from ci.publish.publisher import Publisher
from ci.publish.rounded import rounded
from ci.publish.vocabulary import Vocabulary, paths_of, words_of

__all__ = ["Publisher", "Vocabulary", "fit", "paths_of", "rounded", "words_of"]
