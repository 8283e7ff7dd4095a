"""What a migration's module declares: its phase, its transitions, its promises."""

from __future__ import annotations

import inspect
from dataclasses import replace
from difflib import get_close_matches
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, TypedDict

from migrator.migration.migration import Phase
from migrator.migration.module import migration_of
from migrator.transitions.transition import Transition

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from migrator.migration.module import Module

PROMISES = ("completes", "abandons", "allow", "reason")
"""Names that a module may bind to say what it promises."""

UNUSUAL = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR
"""Flags of functions that do nothing yet when they are called."""

_PHASES = tuple(phase.value for phase in Phase)
_ALEMBIC = {"upgrade": "expand", "downgrade": "contract"}


class Declarations(TypedDict):
    """What a migration declares beside its phase."""

    transitions: tuple[Transition, ...]
    completes: tuple[str, ...]
    abandons: Mapping[str, str]
    allow: tuple[str, ...]
    reason: str | None


def phase_of(module: Module) -> Phase:
    """Return the one phase whose function *module* defines."""
    found = [phase for phase in Phase if phase.value in module.names]
    if len(found) > 1:
        raise module.error(
            "defines both expand() and contract(), expected one of them",
            name="contract",
            hint="the old column goes in a later release: put contract() in its own migration",
        )
    if not found:
        raise _no_phase(module)
    _check_function(module, found[0].value)
    return found[0]


def declarations(module: Module, phase: Phase) -> Declarations:
    """Return what *module* declares, or raise MigrationError at the line that is wrong."""
    _refuse_typos(module)
    declared = Declarations(
        transitions=tuple(_transitions(module)),
        completes=_names(module, "completes"),
        abandons=_reasons(module),
        allow=_names(module, "allow"),
        reason=_reason(module),
    )
    _check_phase(module, phase, declared)
    if bool(declared["allow"]) != (declared["reason"] is not None):
        raise module.error(
            "allow without reason" if declared["allow"] else "reason without allow",
            name="allow" if declared["allow"] else "reason",
            hint='say what may pass and why: allow = ["CREATE FUNCTION"], reason = "…"',
        )
    return declared


def refuse_declarations(module: Module, phase: Phase) -> None:
    """Raise MigrationError unless *module*, for one database, only replaces the function."""
    main = f"{migration_of(module.path)}.py"
    found = phase_of(module)
    if found is not phase:
        raise module.error(
            f"defines {found.value}(), but {main} defines {phase.value}()", name=found.value
        )
    for name, value in module.names.items():
        if name in PROMISES or isinstance(value, Transition):
            raise module.error(
                f"declares {name}, which holds for every database",
                name=name,
                hint=f"move it to {main}",
            )


def _no_phase(module: Module) -> Exception:
    """Return the error for a module without a phase, with what it may have meant."""
    for name, meant in _ALEMBIC.items():
        if name in module.names:
            return module.error(
                f"defines {name}(), expected expand(op) or contract(op)",
                name=name,
                hint=f"alembic's {name}() is called {meant}(op) here",
            )
    _refuse_typos(module)
    return module.error(
        "defines neither expand(op) nor contract(op)",
        hint="def expand(op) for what only adds, def contract(op) for what drops",
    )


def _check_function(module: Module, name: str) -> None:
    """Raise MigrationError unless *name* is a function of one argument."""
    function = module.names[name]
    if isinstance(function, FunctionType) and _is_plain(function.__code__):
        return
    try:
        inspect.signature(function).bind(object())  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise module.error(
            f"{name} cannot be called with one argument, expected def {name}(op)", name=name
        ) from error
    if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
        raise module.error(f"{name} is not a plain function, expected def {name}(op)", name=name)


def _is_plain(code: CodeType) -> bool:
    """Return whether *code* is that of `def name(op)`, as nearly always; to look closer is slow."""
    return code.co_argcount == 1 and not (code.co_kwonlyargcount or code.co_flags & UNUSUAL)


def _transitions(module: Module) -> Iterator[Transition]:
    """Yield the transitions that *module* makes itself, named after their variables."""
    seen: dict[int, str] = {}
    for name, value in module.names.items():
        if not isinstance(value, Transition):
            continue
        if id(value) in seen:
            raise module.error(
                f"the transition {seen[id(value)]!r} has a second name {name!r}", name=name
            )
        seen[id(value)] = name
        yield replace(value, name=name)


def _check_phase(module: Module, phase: Phase, declared: Declarations) -> None:
    """Raise MigrationError for what belongs in the other phase."""
    if phase is Phase.EXPAND:
        for name in ("completes", "abandons"):
            if name in module.names:
                raise module.error(
                    f"an expand declares {name}, which only a contract can", name=name
                )
        return
    for transition in declared["transitions"]:
        raise module.error(
            f"a contract declares the transition {transition.name!r}",
            name=transition.name,
            hint="declare it in the expand that adds its target, and name it in completes",
        )


def _names(module: Module, name: str) -> tuple[str, ...]:
    """Return the list of texts that *name* is bound to, empty without one."""
    value = module.names.get(name, ())
    if not isinstance(value, list | tuple) or not all(_is_text(each) for each in value):
        raise module.error(
            f"{name} is not a list of texts", name=name, hint=f'expected {name} = ["…"]'
        )
    if len(set(value)) < len(value):
        raise module.error(f"{name} names something twice", name=name)
    return tuple(value)


def _reasons(module: Module) -> Mapping[str, str]:
    """Return what is abandoned and why, empty without."""
    value = module.names.get("abandons", {})
    if not isinstance(value, dict) or not all(
        _is_text(key) and _is_text(why) for key, why in value.items()
    ):
        raise module.error(
            "abandons does not say why",
            name="abandons",
            hint='expected abandons = {"table.column": "why its data may go"}',
        )
    return dict(value)


def _reason(module: Module) -> str | None:
    """Return why something unreadable may pass."""
    value = module.names.get("reason")
    if "reason" in module.names and not _is_text(value):
        raise module.error("reason is not a text", name="reason")
    return value if isinstance(value, str) else None


def _is_text(value: object) -> bool:
    """Return whether *value* is a text that says something."""
    return isinstance(value, str) and bool(value.strip())


def _refuse_typos(module: Module) -> None:
    """Raise MigrationError for a name that is nearly one of ours: nobody would read it."""
    for name, value in module.names.items():
        if name.startswith("_") or name in PROMISES or name in _PHASES:
            continue
        ours = _PHASES if isinstance(value, FunctionType) else PROMISES
        if not isinstance(value, str | list | tuple | set | dict | FunctionType):
            continue
        near = get_close_matches(name.lower(), ours, n=1, cutoff=0.8)
        if near:
            raise module.error(
                f"{name!r} means nothing here", name=name, hint=f"did you mean {near[0]}?"
            )
