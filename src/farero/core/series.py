"""One number or class a labelled row, watched by itself: the labels as they come, and what each row lost."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from farero.core.days import Days, days_of
from farero.core.label import LabelKind
from farero.core.packed import pack, unpack
from farero.core.profile import build
from farero.core.reference import FLAG_LEVELS, ColumnKind, ColumnReference, Floats, freeze_levels, freeze_values
from farero.core.scores import Layout, WindowScores, column_layout, column_reference, read

LABEL, LOSS = "label", "loss"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Series:
    """One column's reference, and its windows. A detector of its own watches it."""

    column: ColumnReference
    days: Days

    def plan(self) -> Layout:
        """What is watched of it."""
        return column_layout(self.column)

    def window(self, values: Floats, number: int) -> WindowScores:
        """What a window's values come to.

        Args:
            values: (n,) of the column; class codes for classes, 0 and 1 for binary labels. NaN counts as missing.
            number: of the window on the fixed grid.
        """
        profile = build(column_reference(self.column), {self.column.name: _raw(self.column.kind, values)})
        return read(self.plan(), profile, number)

    def to_bytes(self) -> bytes:
        """This series as bytes that `from_bytes` reads."""
        return pack(self)

    @classmethod
    def from_bytes(cls, data: bytes) -> Series:
        """Read what `to_bytes` wrote.

        Raises:
            Corrupt: the bytes are something else.
        """
        return unpack(data, cls)


def of_labels(kind: LabelKind, classes: tuple[str, ...], labels: Floats, window_index: NDArray[np.int64]) -> Series:
    """The labels of n rows.

    Args:
        kind: of the label; `classes` are its names, for classes.
        labels: (n,) encoded, finite.
        window_index: (n,) number of each row's window on the fixed grid.
    """
    if kind == "number":
        column = freeze_values(LABEL, "number", np.sort(labels), 0)
    else:
        levels, of = (classes, "choice") if kind == "classes" else (FLAG_LEVELS, "flag")
        held = np.bincount(labels.astype(np.int64), minlength=len(levels))
        column = freeze_levels(LABEL, "choice" if of == "choice" else "flag", levels, held, 0)
    return _series(column, labels, window_index)


def of_losses(losses: Floats, window_index: NDArray[np.int64]) -> Series:
    """What n rows lost that the model had not learnt from.

    Args:
        losses: (n,) of `performance.loss`, finite.
        window_index: (n,) number of each row's window on the fixed grid.
    """
    return _series(freeze_values(LOSS, "number", np.sort(losses), 0), losses, window_index)


def _series(column: ColumnReference, values: Floats, window_index: NDArray[np.int64]) -> Series:
    raw = {column.name: _raw(column.kind, values)}
    return Series(column=column, days=days_of(column_reference(column), raw, None, window_index, plan=column_layout(column)))


def _raw(kind: ColumnKind, values: Floats) -> NDArray[np.float64] | NDArray[np.int64]:
    return values if kind == "number" else np.where(np.isnan(values), -1, values).astype(np.int64)
