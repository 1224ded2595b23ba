"""Which engine serves: the compiled one where it was found equal to the original, else the original; and why."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import metadata

import numpy as np

from farero.core.label import LabelSpec
from farero.core.prediction import Outputs
from farero.core.schema import Columns, Schema
from farero.serving import parity
from farero.serving.answers import Engine, EngineKind, Quick
from farero.serving.compile import compile_model
from farero.serving.compile.refused import NotCompiled
from farero.serving.parity import Compiled, Parity
from farero.serving.sample import Sample, answers_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The engine that serves, and what was found on the way to it.

    Attributes:
        parity: how the compiled engine did beside the original; None where there is none.
        refused: why a compiled engine that there could be does not serve; empty where it does, and for models that are not compiled.
        moved: how far the original's answers are from those that it gave when it was trained, as `parity.moved` says it.
    """

    engine: Engine
    parity: Parity | None = None
    refused: str = ""
    moved: float = 0.0


class Checked:
    """A compiled engine that was found equal to the original, which answers the rows that the compiled one leaves to it.

    Most models never have such a row, and an original takes many times the memory of what was compiled from it: it is let go, and
    loaded again when it is asked for.

    Args:
        original: gives the original, loaded again if need be.
    """

    kind: EngineKind = "compiled"

    def __init__(self, compiled: Compiled, original: Callable[[], Engine], label: LabelSpec, detail: str) -> None:
        self.detail = detail
        self.quick: Quick | None = compiled.quick
        self._compiled = compiled
        self._original = original
        self._label = label

    def predict(self, columns: Columns, count: int) -> Outputs:
        """The answers to `count` rows; see `Engine`."""
        found = self._compiled.predict(columns, count)
        left = np.isnan(answers_of(self._label, found)).any(axis=1)
        if not left.any():
            return found
        if left.all():
            return self._original().predict(columns, count)
        rest = self._original().predict({name: values[left] for name, values in columns.items()}, int(left.sum()))
        whole = {}
        for name in ("value", "probability", "probabilities"):
            given, late = getattr(found, name), getattr(rest, name)
            if given is not None:
                whole[name] = given.copy()
                whole[name][left] = late
        return replace(found, **whole)


def choose(
    original: Engine, model: object, label: LabelSpec, schema: Schema, sample: Sample | None, again: Callable[[], Engine] | None = None
) -> Choice:
    """Compile the model, compare, and say which engine serves.

    Whatever goes wrong with the compiled engine, the original serves, and its detail says why.

    Args:
        again: loads the original anew; without it, the original stays in memory beside a compiled engine.
    """
    moved = 0.0 if sample is None else parity.moved(original, schema, label, sample)
    try:
        compiled = compile_model(model, label, schema)
    except NotCompiled as reason:
        original.detail = str(reason)
        return Choice(engine=original, moved=moved)
    except Exception as error:  # noqa: BLE001 - a fault in a kernel or its compiler must not keep a version from serving; it is logged
        return _refused(original, f"it could not be made: {type(error).__name__}: {error}", None, moved)
    try:
        found = parity.check(original, compiled, schema, label, sample)
    except Exception as error:  # noqa: BLE001 - as above
        return _refused(original, f"it raised {type(error).__name__}: {error}", None, moved)
    compiled.forget()
    if not found.passed:
        return _refused(original, found.because, found, moved)
    detail = f"{compiled.detail}; equals the original on {found.rows} rows (worst difference {found.worst:.1g})"
    return Choice(engine=Checked(compiled, cache(again) if again else lambda: original, label, detail), parity=found, moved=moved)


def moved_because(moved: float, environment: Mapping[str, str]) -> str:
    """In words, that a model answers differently from when it was trained; empty where it does not.

    Args:
        environment: the libraries that it was trained with, and their versions.
    """
    if moved <= parity.TOLERANCE:
        return ""
    now = {name: _installed(name) for name in environment}
    changed = [f"{name} {now[name]} instead of {then}" for name, then in environment.items() if now[name] != then]
    by = f"with {', '.join(changed)}" if changed else "with the same libraries"
    how = "it does not answer the rows that it was trained on any more" if np.isinf(moved) else f"worst difference {moved:.2g}"
    return f"the model answers differently from when it was trained, {by}: {how}"


def _refused(original: Engine, because: str, found: Parity | None, moved: float) -> Choice:
    original.detail = f"the compiled engine was refused: {because}"
    return Choice(engine=original, parity=found, refused=because, moved=moved)


def _installed(library: str) -> str:
    if library == "python":
        return platform.python_version()
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return "(not installed)"
