"""Report: what a run found, for the people and the programs that look at it."""
