"""Make database dumps shareable: masks, driven by markup in SQLAlchemy models, and a scaler.

It imports nothing of migrator.

"""
