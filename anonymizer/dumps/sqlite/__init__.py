"""SQLite files: schema, rows, values, virtual tables, one a module."""
