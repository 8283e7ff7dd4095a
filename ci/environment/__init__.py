"""Environment: what a tree needs to run, in a virtual environment made without the network.

What it needs is read from its files, never by running them. Wheels are fetched by an
interpreter that has nothing of the tree; they are installed, and the tree built, in the sandbox.
"""

from __future__ import annotations

from ci.environment.interpreter import Interpreter, ask_interpreter
from ci.environment.make import Environment, Maker, prune
from ci.environment.requirements import Needs, needs_of

__all__ = [
    "Environment",
    "Interpreter",
    "Maker",
    "Needs",
    "ask_interpreter",
    "needs_of",
    "prune",
]
