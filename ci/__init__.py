"""Time every migration of a change against real dumps, and report to code review.

It drives the command line of the tree under test and imports nothing of migrator.
"""
