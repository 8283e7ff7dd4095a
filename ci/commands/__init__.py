"""The commands, one a file: options, one call, a report, an exit code."""
