"""Every fault of a declared gate, with its remedy."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from math import isfinite
from typing import Any

Metric = Callable[[object], bool]
"""Says whether a metric fits, and lists the fault where it does not."""


def of_gate(gate: Any, features: tuple[str, ...] | None, fits: Metric) -> Iterator[tuple[str, str]]:
    """(code, message) of each fault of a gate. `Any` on purpose: what a type checker would refuse is what has to be found here.

    Args:
        features: names of the project's features; None where they cannot be told.
        fits: asked for every metric that the gate names.
    """
    fits(gate.metric)
    for name in ("gain", "segment_room"):
        value = getattr(gate, name)
        if not _is_number(value) or value < 0:
            yield "out-of-range", f"{name} must be a number of at least 0, not {value!r}"
    for name in ("min_rows", "segment_rows"):
        value = getattr(gate, name)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            yield "out-of-range", f"{name} must be a whole number of at least 1, not {value!r}"
    for name in ("sure", "calibration", "max_changed"):
        value = getattr(gate, name)
        if value is not None and not (_is_number(value) and 0 <= value <= 1) or value is None and name == "sure":
            yield "out-of-range", f"{name} is {value!r}; it must be a share from 0 to 1"
    if not _is_number(gate.max_slowdown) or gate.max_slowdown < 1:
        yield "out-of-range", f"max_slowdown must be a number of at least 1, not {gate.max_slowdown!r}"
    if gate.max_size_mb is not None and not (_is_number(gate.max_size_mb) and gate.max_size_mb > 0):
        yield "out-of-range", f"max_size_mb must be a number above 0, not {gate.max_size_mb!r}"
    for name in ("also", "no_worse"):
        yield from _of_metrics(name, getattr(gate, name), fits)
    yield from _of_segments(gate.by, features)


def _of_metrics(name: str, given: Any, fits: Metric) -> Iterator[tuple[str, str]]:
    if not isinstance(given, Mapping):
        yield "wrong-type", f'{name} must name metrics, each with a number: {name}={{"log_loss": 0.01}}'
        return
    for metric, value in given.items():
        if fits(metric) and (not _is_number(value) or value < 0):
            yield "out-of-range", f"{name} of {metric} must be a number of at least 0, not {value!r}"


def _of_segments(by: Any, features: tuple[str, ...] | None) -> Iterator[tuple[str, str]]:
    if not isinstance(by, (list, tuple)):
        yield "wrong-type", f"by must be a list of features: by=[{by!r}]"
        return
    for name in by:
        if features is not None and name not in features:
            near = get_close_matches(str(name), features, n=1)
            remedy = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(features)}"
            yield "not-one-of", f"there is no feature {name!r} to divide by; {remedy}"


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and isfinite(value)
