"""`python -m ci`."""

from __future__ import annotations

from ci.cli import main

main()
