"""Restoring: dumps in any form that native tools write, into a database of a role without power.

A dump is trusted less than the runner: it is code. Nothing of it runs as a superuser, no client
does what the dump says outside of the database, and no error repeats what it holds.
"""
