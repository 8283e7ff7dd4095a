"""Datasets: dumps of real databases, what may be said of them, and how slow is too slow."""
