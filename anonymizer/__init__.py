"""Make database dumps shareable: masks, driven by markup in SQLAlchemy models, and a scaler.

This package will hold markup, plan, masks, dumps, stream, scale, proof and cli. It
imports nothing of migrator, and it is empty so far.
"""
