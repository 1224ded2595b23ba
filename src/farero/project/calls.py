"""How a project file calls Farero: from which line, and what is wrong with a call. Lets a wrong call pass while faults are collected."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a project file something was declared."""

    file: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongCall:
    """A declaration that Python itself would refuse, with the remedy."""

    place: Place
    subject: str
    message: str


class _Unknown:
    """What stands where something needed was not given; its lack is on the list, so that nothing else is said of it."""


UNKNOWN = _Unknown()

# For each option that must be there: what stands in for it, and how to write it.
_NEEDED: Mapping[str, tuple[Any, str]] = {
    "model": ("unnamed", 'model="churn"'),
    "features": (UNKNOWN, "features= and your class of features"),
    "train": (UNKNOWN, "train= and your function that trains"),
    "label": (UNKNOWN, 'label=fa.Binary("cancelled", arrives_within="30d")'),
    "name": ("unnamed", 'the name of the label\'s column, such as "cancelled"'),
    "arrives_within": ("30d", 'arrives_within="30d", or however long the truth takes'),
    "metric": (UNKNOWN, 'a metric, such as "roc_auc" or "mae"'),
    "rule": ("drop", '"drop", "hash" or "bucket"'),
}
_collected: ContextVar[list[WrongCall] | None] = ContextVar("collected", default=None)


def caller() -> Place:
    """The line of the project file that is being run."""
    frame = sys._getframe(1)
    while frame.f_back is not None and str(frame.f_globals.get("__name__", "")).split(".")[0] == "farero":
        frame = frame.f_back
    return Place(frame.f_code.co_filename, frame.f_lineno)


@contextmanager
def collecting() -> Iterator[list[WrongCall]]:
    """Inside, a wrong call of a declaration is listed and mended instead of raising, so that the project file runs on."""
    listed: list[WrongCall] = []
    token = _collected.set(listed)
    try:
        yield listed
    finally:
        _collected.reset(token)


def forgiving(made: Callable[P, T]) -> Callable[P, T]:
    """A declaring function whose wrong calls can be collected."""

    @functools.wraps(made)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        if _collected.get() is not None:
            mended, named = _mended(made, f"fa.{made.__name__}", args, kwargs)
            return made(*mended, **named)
        return made(*args, **kwargs)

    return call


def forgive(kind: type[object]) -> None:
    """Let the wrong calls of a declaring class be collected. Not a decorator: type checkers go on seeing the class as it is."""
    made: Callable[..., None] = vars(kind)["__init__"]

    @functools.wraps(made)
    def init(self: object, *args: Any, **kwargs: Any) -> None:
        if _collected.get() is not None:
            args, kwargs = _mended(functools.partial(made, self), f"fa.{kind.__name__}", args, kwargs)
        made(self, *args, **kwargs)

    setattr(kind, "__init__", init)  # noqa: B010  # assigning to it is what type checkers refuse


def _mended(
    made: Callable[..., Any], subject: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The call with what is wrong taken out, and what lacks filled in; each of it is listed."""
    parameters = inspect.signature(made).parameters
    plain = [name for name, parameter in parameters.items() if parameter.kind <= inspect.Parameter.POSITIONAL_OR_KEYWORD]
    many = any(parameter.kind is inspect.Parameter.VAR_POSITIONAL for parameter in parameters.values())
    options = [
        name for name, parameter in parameters.items() if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
    ]
    if len(args) > len(plain) and not many:
        takes = f"takes {len(plain) or 'no'} value{'s' * (len(plain) != 1)} without a name"
        _list(subject, f"{takes}, not {len(args)}; name the others: {', '.join(f'{name}=' for name in options if name not in plain)}")
        args = args[: len(plain)]
    given: dict[str, Any] = {}
    for name, value in kwargs.items():
        if name in plain[: len(args)]:
            _list(subject, f"is given {name} twice; remove one of them")
        elif name in options:
            given[name] = value
    for name, value in kwargs.items():
        if name in options:
            continue
        near = get_close_matches(name, options, n=1)
        _list(subject, f"has no option {name!r}; " + (f"did you mean {near[0]!r}?" if near else f"it takes {', '.join(options)}"))
        if near and near[0] not in plain[: len(args)]:
            given.setdefault(near[0], value)
    for name, parameter in parameters.items():
        wanted = parameter.default is inspect.Parameter.empty and parameter.kind is not inspect.Parameter.VAR_POSITIONAL
        if wanted and name not in given and name not in plain[: len(args)]:
            stand_in, remedy = _NEEDED[name]
            _list(subject, f"lacks {name}; add {remedy}")
            if name in options:
                given[name] = stand_in
            else:
                args = (*args, stand_in)
    return args, given


def _list(subject: str, message: str) -> None:
    listed = _collected.get()
    if listed is not None:
        listed.append(WrongCall(place=caller(), subject=subject, message=message))
