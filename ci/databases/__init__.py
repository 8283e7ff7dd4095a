"""Databases: private servers that datasets are restored into, one engine a file."""
