"""A reference's own windows, one by one: what they looked like when nothing was wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from farero.core.packed import pack, unpack
from farero.core.prediction import Outputs
from farero.core.profile import build
from farero.core.reference import Counts, Floats, Reference, as_floats, prediction_column
from farero.core.schema import Columns
from farero.core.scores import Layout, WindowScores, layout, read

MOST_WINDOWS = 1500
"""Windows of a reference that are kept, the newest: two months of hours."""

_BY_CHANCE = 0.01


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Days:
    """Windows of a reference, oldest first: their numbers, and their cells, constants and duplicates (see `WindowScores`), flat."""

    edges_hash: str
    numbers: Counts
    cells: NDArray[np.int32]
    constant: NDArray[np.int32]
    duplicates: Counts = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    def table(self) -> NDArray[np.int64]:
        """(windows, width + 1) cells."""
        return self.cells.reshape(len(self.numbers), -1).astype(np.int64)

    def rows(self) -> Counts:
        """(windows,) rows: the first cell of the first column."""
        return self.table()[:, 0] if len(self.numbers) else np.zeros(0, dtype=np.int64)

    def constants(self) -> NDArray[np.int64]:
        """(windows, columns) 1, 0 or -1."""
        return self.constant.reshape(len(self.numbers), -1).astype(np.int64)

    def to_bytes(self) -> bytes:
        """These windows as bytes that `from_bytes` reads."""
        return pack(self)

    @classmethod
    def from_bytes(cls, data: bytes) -> Days:
        """Read what `to_bytes` wrote.

        Raises:
            Corrupt: the bytes are something else.
        """
        return unpack(data, cls)


def gather(windows: Sequence[WindowScores]) -> Days:
    """Windows put together, such as those since an alarm, to begin anew from.

    Raises:
        ValueError: there is none, or they were read on different references.
    """
    if len({window.edges_hash for window in windows}) != 1:
        raise ValueError("a baseline needs at least one window, and all of them on one reference")
    kept = sorted(windows, key=lambda window: window.number)[-MOST_WINDOWS:]
    return Days(
        edges_hash=kept[0].edges_hash,
        numbers=np.array([window.number for window in kept], dtype=np.int64),
        cells=np.concatenate([window.cells for window in kept]).astype(np.int32),
        constant=np.concatenate([window.constant for window in kept]).astype(np.int32),
        duplicates=np.array([window.duplicates for window in kept], dtype=np.int64),
    )


def days_of(
    reference: Reference,
    columns: Columns,
    outputs: Outputs | None = None,
    window_index: NDArray[np.int64] | None = None,
    output_index: NDArray[np.int64] | None = None,
    *,
    plan: Layout | None = None,
) -> Days:
    """The windows of the rows that a reference was built from.

    None of its own rows lies outside the reference's range. So as outside count those of a window that lie beyond all values of the others,
    where they are more than chance puts there: what is to be expected of a window that comes after them.

    Args:
        reference: made from the same rows by `build_reference`.
        columns: n checked rows by feature name.
        outputs: the model's answers, to the same rows or to others.
        window_index: (n,) number of each row's window on the fixed grid; None = unknown: all rows are one window.
        output_index: (m,) the same of the answers, where they are to other rows; without it those are then not watched.
        plan: what is watched; None = all that `scores.layout` names.
    """
    plan = plan or layout(reference)
    rows = len(next(iter(columns.values()))) if columns else 0
    index = np.zeros(rows, dtype=np.int64) if window_index is None else window_index
    numbers, parts = _parts(index)
    answers: dict[int, Outputs] = {}
    if outputs is not None and (output_index is not None or len(outputs.value) == rows):
        of_answers, places = _parts(index if output_index is None else output_index)
        answers = {number: _where(outputs, own) for number, own in zip(of_answers, places, strict=True)}
    found: list[WindowScores] = []
    lows, highs = (np.full((len(numbers), len(plan.columns)), np.nan) for _ in range(2))
    for place, (number, own) in enumerate(zip(numbers, parts, strict=True)):
        profile = build(reference, {name: column[own] for name, column in columns.items()}, answers.get(number))
        found.append(read(plan, profile, number))
        known = [*profile.columns, *((profile.prediction,) if profile.prediction is not None else ())]
        lows[place, : len(known)] = [np.nan if column.low is None else column.low for column in known]
        highs[place, : len(known)] = [np.nan if column.high is None else column.high for column in known]

    def values(window: int, place: int) -> Floats:
        if place == len(reference.columns):
            return as_floats(prediction_column(answers[numbers[window]])[2])
        return as_floats(columns[reference.columns[place].name][parts[window]])

    return _beside_the_others(gather(found), plan, lows, highs, values)


def _beside_the_others(made: Days, plan: Layout, lows: Floats, highs: Floats, values: Callable[[int, int], Floats]) -> Days:
    """The windows with their rows beyond all others: only the one with the highest value has any above, and that with the lowest below.

    Somebody has to have them: that the k largest of independent rows lie in the same one of m windows has a chance of m ** (1 - k).
    """
    held = np.zeros((len(lows), made.table().shape[1]), dtype=np.int64)
    for place, column in enumerate(plan.columns):
        windows = int(np.isfinite(highs[:, place]).sum())
        if column.kind != "number" or windows < 2:
            continue
        for sign, ends in ((1, highs[:, place]), (-1, -lows[:, place])):
            order = np.argsort(np.where(np.isfinite(ends), ends, -np.inf))
            own = sign * values(int(order[-1]), place)
            beyond = int(np.count_nonzero(np.isfinite(own) & (own > ends[order[-2]])))
            if beyond and float(windows) ** (1 - beyond) < _BY_CHANCE:
                held[order[-1], column.outside()] += beyond
    return replace(made, cells=(made.table() + held[-len(made.numbers) :]).astype(np.int32).reshape(-1))


def _parts(index: NDArray[np.int64]) -> tuple[list[int], list[NDArray[np.int64]]]:
    """Numbers of windows, ascending, and the rows of each; no rows at all are one window."""
    if not len(index):
        return [0], [index]
    order = np.argsort(index, kind="stable")
    numbers, first = np.unique(index[order], return_index=True)
    return numbers.tolist(), np.split(order, first[1:])


def _where(outputs: Outputs, chosen: NDArray[np.int64]) -> Outputs:
    def part(values: NDArray[Any] | None) -> Any:
        return None if values is None else values[chosen]

    return Outputs(value=outputs.value[chosen], probability=part(outputs.probability), probabilities=part(outputs.probabilities))
