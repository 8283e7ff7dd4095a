"""Reports: what a command found, as text for people and as JSON from the same value."""
