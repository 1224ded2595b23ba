"""What a window's rows looked like, in counts on the bins of a reference; profiles add up, so any span is the sum of its windows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from farero.core.distance import dot
from farero.core.packed import pack, unpack
from farero.core.pairs import count_pairs
from farero.core.prediction import Outputs
from farero.core.reference import (
    PREDICTION,
    ColumnKind,
    ColumnReference,
    Counts,
    Floats,
    Reference,
    as_floats,
    build_reference,
    prediction_column,
    side,
)
from farero.core.schema import NEW_CODE, Columns

KEPT_NEW_VALUES = 20
"""How many new levels of a column are kept by name in one profile; all are counted."""

_NO_PAIRS = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ColumnProfile:
    """One column of one window, counted in its reference's bins.

    Attributes:
        counts: (k,) rows per bin or level.
        missing, infinite, new: rows without a value, infinite, of a level that the reference does not declare.
        new_values: the most frequent new levels and their rows.
        total, squares: sums of (x - m) and (x - m)² over the finite values, m the reference's mean: shifted so that nothing cancels.
        under, over: sums of how far values lie below the reference's smallest and above its largest.
        low, high: smallest and largest finite value; None where there is none.
    """

    name: str
    counts: Counts
    missing: int = 0
    infinite: int = 0
    new: int = 0
    new_values: Mapping[str, int] = field(default_factory=dict)
    total: float = 0.0
    squares: float = 0.0
    under: float = 0.0
    over: float = 0.0
    low: float | None = None
    high: float | None = None

    @property
    def values(self) -> int:
        """Rows that hold a value of the reference's kind: neither missing nor infinite; new levels count."""
        return int(self.counts.sum()) + self.new


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Profile:
    """One window's rows, counted. Profiles on the same reference add up: any span is the `merge` of its windows.

    `pair_hits`, `pair_rows`: (p,) of the reference's pairs, rows where both columns lie above their medians, and where both have a value;
    none in profiles made before there were.
    """

    rows: int
    edges_hash: str
    columns: tuple[ColumnProfile, ...]
    prediction: ColumnProfile | None
    pair_hits: Counts = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    pair_rows: Counts = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    def to_bytes(self) -> bytes:
        """This profile as bytes that `from_bytes` reads."""
        return pack(self)

    @classmethod
    def from_bytes(cls, data: bytes) -> Profile:
        """Read what `to_bytes` wrote.

        Raises:
            Corrupt: the bytes are something else.
        """
        return unpack(data, cls)


def build(
    reference: Reference, columns: Columns, outputs: Outputs | None = None, new_values: Mapping[str, Mapping[str, int]] | None = None
) -> Profile:
    """Count rows in the reference's bins.

    Args:
        reference: of the version that answered these rows.
        columns: n checked rows by feature name, of the reference's schema.
        outputs: its answers; None leaves prediction drift out.
        new_values: feature name -> text of a new level -> rows, to name them.

    Returns:
        The profile, which `merge` adds to others on the same reference.
    """
    named = new_values or {}
    made = tuple(_column_profile(ref, columns[ref.name], named.get(ref.name, {})) for ref in reference.columns)
    prediction = None
    if outputs is not None and reference.prediction is not None:
        prediction = _column_profile(reference.prediction, prediction_column(outputs)[2], {})
    rows = len(columns[reference.columns[0].name]) if reference.columns else (0 if outputs is None else len(outputs.value))
    pair_hits, pair_rows = count_pairs([side(ref, columns[ref.name]) for ref in reference.columns], reference.pairs)
    return Profile(
        rows=rows, edges_hash=reference.edges_hash, columns=made, prediction=prediction, pair_hits=pair_hits, pair_rows=pair_rows
    )


def merge(a: Profile, b: Profile) -> Profile:
    """The profile of both profiles' rows: counts add up, so the order of merging changes no count.

    Raises:
        ValueError: they were counted in different bins; profile the rows again on one reference.
    """
    if a.edges_hash != b.edges_hash:
        raise ValueError("profiles on different references cannot be merged: profile the rows again on one of them")
    prediction = _add(a.prediction, b.prediction) if a.prediction and b.prediction else a.prediction or b.prediction
    columns = tuple(_add(x, y) for x, y in zip(a.columns, b.columns, strict=True))
    counted = len(a.pair_hits) == len(b.pair_hits)  # one of them may have been made before pairs were counted
    return Profile(
        rows=a.rows + b.rows, edges_hash=a.edges_hash, columns=columns, prediction=prediction,
        pair_hits=a.pair_hits + b.pair_hits if counted else _NO_PAIRS, pair_rows=a.pair_rows + b.pair_rows if counted else _NO_PAIRS,
    )  # fmt: skip


def count_values(ref: ColumnReference, counts: Counts, finite: Floats, missing: int, infinite: int) -> ColumnProfile:
    """The profile of a column of numbers or dates from its counts in the reference's bins and its finite values, in any order."""
    with np.errstate(over="ignore"):  # squares of 1e300: the deviation is then infinite, and told so
        shifted = finite - (ref.mean or 0.0)
        total, squares = float(shifted.sum()), dot(shifted, shifted)
        under = float((ref.low - finite[finite < ref.low]).sum()) if ref.low is not None and counts[0] else 0.0
        over = float((finite[finite > ref.high] - ref.high).sum()) if ref.high is not None and counts[-1] else 0.0
    return ColumnProfile(
        name=ref.name, counts=counts, missing=missing, infinite=infinite, total=total, squares=squares, under=under, over=over,
        low=float(finite.min()) if len(finite) else None, high=float(finite.max()) if len(finite) else None,
    )  # fmt: skip


def _column_profile(ref: ColumnReference, raw: NDArray[Any], names: Mapping[str, int]) -> ColumnProfile:
    if ref.kind in ("choice", "flag"):
        codes = raw.astype(np.int64)
        known = codes[(codes >= 0) & (codes < len(ref.levels))]
        new = int(np.sum((codes == NEW_CODE) | (codes >= len(ref.levels))))
        counts = np.bincount(known, minlength=len(ref.levels))
        return ColumnProfile(name=ref.name, counts=counts, missing=int((codes == -1).sum()), new=new, new_values=most_frequent(names))
    values = as_floats(raw)
    finite = values[np.isfinite(values)]
    missing = int(np.isnan(values).sum())
    counts = np.bincount(np.searchsorted(ref.edges, finite, side="left"), minlength=len(ref.edges) + 1)
    return count_values(ref, counts, finite, missing, len(values) - len(finite) - missing)


def most_frequent(names: Mapping[str, int]) -> dict[str, int]:
    """The `KEPT_NEW_VALUES` most frequent, most frequent first, ties by name."""
    return dict(sorted(names.items(), key=lambda item: (-item[1], item[0]))[:KEPT_NEW_VALUES])


def _add(a: ColumnProfile, b: ColumnProfile) -> ColumnProfile:
    lows = [x for x in (a.low, b.low) if x is not None]
    highs = [x for x in (a.high, b.high) if x is not None]
    named = {name: a.new_values.get(name, 0) + b.new_values.get(name, 0) for name in sorted({*a.new_values, *b.new_values})}
    return ColumnProfile(
        name=a.name, counts=a.counts + b.counts, missing=a.missing + b.missing, infinite=a.infinite + b.infinite,
        new=a.new + b.new, new_values=named, total=a.total + b.total, squares=a.squares + b.squares,
        under=a.under + b.under, over=a.over + b.over,
        low=min(lows, default=None), high=max(highs, default=None),
    )  # fmt: skip


# Whoever profiles needs the reference too: one import serves both.
__all__ = ["PREDICTION", "ColumnKind", "ColumnProfile", "ColumnReference", "Profile", "Reference", "build", "build_reference", "merge"]
