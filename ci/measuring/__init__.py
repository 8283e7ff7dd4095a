"""Measuring: what happens in a database while a step runs, seen from outside the sandbox."""
