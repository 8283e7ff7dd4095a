"""Time every migration of a change against real dumps, and report to code review.

This package will hold events, gerrit, checkout, datasets, databases, sandbox, run,
verdict, report and cli. It drives the command line of the tree under test, imports
nothing of migrator, and is empty so far.
"""
