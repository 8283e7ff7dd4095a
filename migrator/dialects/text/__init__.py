"""Longer texts of each database: its syntax, and the query for its catalogue."""
