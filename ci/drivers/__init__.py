"""Drivers: how to ask a migration tool for its steps, and to run one; one tool a file."""
