"""Make database dumps shareable: masks, driven by markup in SQLAlchemy models, and a scaler.

It imports nothing of migrator; what models need of it needs nothing but the standard library.
"""

from anonymizer.markup import mask, public

__all__ = ["mask", "public"]
