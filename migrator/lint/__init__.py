"""Lint: rules that a manifest and its migrations are held to before they run."""
