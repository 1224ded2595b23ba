"""How fast engines answer, side by side on the same rows: what is slow by chance on a busy machine is slow for both."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np

from farero.core.schema import Columns
from farero.serving.answers import Engine

SIZES: Final = (1, 100)
"""Rows of a request that are timed."""

_ROUNDS: Final = 7
_BUDGET_S: Final = 1.0
"""No further round is begun where the earlier ones took longer."""
_TURN_S: Final = 0.02
"""In its turn an engine is asked again until this much has gone by, so that a fast one is not judged by a moment of waiting."""


def side_by_side(
    current: Engine, candidate: Engine, columns: Columns, count: int, stopwatch: Callable[[], float]
) -> Mapping[int, tuple[float, float]]:
    """Rows of a request -> the shortest time of each engine [s], of up to seven rounds in turns; the first round does not count.

    Args:
        columns: at least one row, repeated where a hundred are wanted.
        count: rows in `columns`.
        stopwatch: seconds from any point.
    """
    found: dict[int, tuple[float, float]] = {}
    for rows in SIZES:
        asked = {name: values[np.arange(rows) % count] for name, values in columns.items()}
        best = [float("inf"), float("inf")]
        begun = stopwatch()
        for turn in range(_ROUNDS + 1):
            for place, engine in enumerate((current, candidate)):
                shortest = _shortest(engine, asked, rows, stopwatch)
                if turn:
                    best[place] = min(best[place], shortest)
            if turn and stopwatch() - begun > _BUDGET_S:
                break
        found[rows] = (best[0], best[1])
    return found


def _shortest(engine: Engine, columns: Columns, rows: int, stopwatch: Callable[[], float]) -> float:
    """The shortest time of one turn [s]."""
    shortest, first = float("inf"), stopwatch()
    at = first
    while at - first < _TURN_S:
        engine.predict(columns, rows)
        now = stopwatch()
        shortest, at = min(shortest, now - at), now
    return shortest
