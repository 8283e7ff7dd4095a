"""The commands, one a file: flags, one call of the library, a report, an exit code."""
