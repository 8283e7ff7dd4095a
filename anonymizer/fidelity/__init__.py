"""Fidelity: how like the original a dump still is, where the time of a migration depends on it.

What a migration takes is decided by rows, bytes a row, the share of NULL, distinct values of
what is indexed, lengths and how well they compress, the order of values on the disk, and how
many rows refer to one. A test of a migration is worth no more than these are kept:

- *keep*, and every mask that is a permutation of what a column holds (integers, digits,
  UUIDs, addresses of networks), change neither lengths nor how often a value comes. Except
  for shifted dates, they change the order: what was written in the order of its key is not.
- Words (names, companies, streets, e-mail) come from a pool: lengths and distinct values drift
  when the pool is smaller than what was there; what is unique is longer than it was.
- Free text keeps lengths, and compresses less well or better than a language does.
- *constant* and *null* change everything. Noise on numbers adds distinct values.
- Smaller databases keep how many rows refer to one, and everything else but distinct values;
  larger ones by a whole factor do too, and the order of keys goes up in each piece of a dump
  again for each copy. Rows of a table that is there once are referred to more often.

A figure is a number: none holds a value of a row, and none can be led back to one unless it
is of very few rows, as a share of NULL of one row is.
"""

from anonymizer.fidelity.drift import Drift, Tolerance, drifts
from anonymizer.fidelity.profile import FanOut, Figures, Profiler, TableFigures

__all__ = ["Drift", "FanOut", "Figures", "Profiler", "TableFigures", "Tolerance", "drifts"]
