"""profile: the rows of a window counted on the bins of a reference, a batch at a time; the rows themselves are not needed again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from farero.core.counting import LEAST_ROWS, Bins, Levels, Sums
from farero.core.duplicates import Copies
from farero.core.pairs import count_pairs
from farero.core.prediction import Outputs
from farero.core.profiled import ColumnProfile, Profile, merge, most_frequent, total
from farero.core.reference import (
    PREDICTION,
    ColumnKind,
    ColumnReference,
    Counts,
    Floats,
    Reference,
    as_floats,
    bins_of,
    build_reference,
    cut_at,
    cut_of,
    levels_of,
    prediction_column,
)
from farero.core.schema import Columns

BLOCK_ROWS = 1 << 17
"""Rows that are counted at a time: little memory, and little of it lost on beginning anew."""


class Builder:
    """Counts the rows of a window that come in batches, in bounded memory, in the bins of one reference.

    Args:
        reference: of the version that answered these rows.
        copies: count rows that are copies of others, too; costs about as much as all the rest.

    >>> from farero.core.schema import Field, Schema
    >>> schema = Schema(fields=(Field(name="x", kind="number"),))
    >>> reference = build_reference(schema, {"x": np.arange(10.0)})
    >>> builder = Builder(reference)
    >>> builder.add({"x": np.array([1.0, 2.0])})
    >>> builder.add({"x": np.array([2.0, np.nan])})
    >>> made = builder.finish()
    >>> made.rows, made.columns[0].values, made.columns[0].missing
    (4, 3, 1)
    """

    def __init__(self, reference: Reference, *, copies: bool = True) -> None:
        self._reference = reference
        self._plan = _plan(reference)
        self._profile: Profile | None = None
        self._copies = Copies() if copies else None
        self._fast = False

    def add(self, columns: Columns, outputs: Outputs | None = None, new_values: Mapping[str, Mapping[str, int]] | None = None) -> None:
        """Count some rows.

        Args:
            columns: n checked rows by feature name, of the reference's schema. Numbers may be of any numeric type.
            outputs: the answers to them; None leaves prediction drift out.
            new_values: feature name -> text of a new level -> rows, to name them.
        """
        known = self._reference.columns
        raw = [columns[ref.name] for ref in known]
        answers = None
        if outputs is not None and self._reference.prediction is not None:
            answers = prediction_column(outputs)[2]
        rows = len(raw[0]) if raw else (0 if outputs is None else len(outputs.value))
        self._fast = self._fast or rows >= LEAST_ROWS  # and so is the rest of many rows
        for start in range(0, max(rows, 1), BLOCK_ROWS):
            block = slice(start, min(start + BLOCK_ROWS, rows))
            rows_of = [column[block] for column in raw]
            if self._copies is not None:
                self._copies.add(rows_of, fast=self._fast)
            part = self._count(
                block.stop - start, rows_of, None if answers is None else answers[block],
                new_values if start == 0 and new_values else {},
            )  # fmt: skip
            self._profile = part if self._profile is None else merge(self._profile, part)

    def finish(self) -> Profile:
        """The profile of all rows that were added."""
        if self._profile is None:
            self.add({ref.name: np.zeros(0) for ref in self._reference.columns})
        assert self._profile is not None
        return self._profile if self._copies is None else replace(self._profile, duplicates=self._copies.count())

    def _count(
        self, rows: int, raw: Sequence[NDArray[Any]], answers: NDArray[Any] | None, names: Mapping[str, Mapping[str, int]]
    ) -> Profile:
        made = [
            _column_profile(ref.name, counter, column, names.get(ref.name, {}), self._fast)
            for ref, counter, column in zip(self._reference.columns, self._plan.counters, raw, strict=True)
        ]
        prediction = None
        if answers is not None and self._plan.prediction is not None:
            prediction = _column_profile(PREDICTION, self._plan.prediction, answers, {}, self._fast)
        sides = [
            None if cut is None else cut_at(cut, column, whole=not profile.missing)
            for cut, column, profile in zip(self._plan.cuts, raw, made, strict=True)
        ]
        pair_hits, pair_rows = count_pairs(sides, self._reference.pairs)
        return Profile(
            rows=rows, edges_hash=self._reference.edges_hash, columns=tuple(made), prediction=prediction,
            pair_hits=pair_hits, pair_rows=pair_rows,
        )  # fmt: skip


def build(
    reference: Reference, columns: Columns, outputs: Outputs | None = None, new_values: Mapping[str, Mapping[str, int]] | None = None
) -> Profile:
    """Count rows in the reference's bins; see `Builder`, which takes them in batches.

    Args:
        reference: of the version that answered these rows.
        columns: n checked rows by feature name, of the reference's schema.
        outputs: its answers; None leaves prediction drift out.
        new_values: feature name -> text of a new level -> rows, to name them.

    Returns:
        The profile, which `merge` adds to others on the same reference.
    """
    builder = Builder(reference)
    builder.add(columns, outputs, new_values)
    return builder.finish()


def count_values(ref: ColumnReference, counts: Counts, finite: Floats, missing: int, infinite: int) -> ColumnProfile:
    """The profile of a column of numbers or dates from its counts in the reference's bins and its finite values, in any order."""
    return _of_values(ref.name, counts, missing, infinite, bins_of(ref).sums(counts, finite))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Plan:
    """What is counted of each column, and where those are cut that pairs are made of."""

    counters: tuple[Bins | Levels, ...]
    prediction: Bins | Levels | None
    cuts: tuple[float | int | None, ...]


@lru_cache(maxsize=2)
def _plan(reference: Reference) -> _Plan:
    paired = set(reference.pairs.tolist())
    return _Plan(
        counters=tuple(_counter(ref) for ref in reference.columns),
        prediction=None if reference.prediction is None else _counter(reference.prediction),
        cuts=tuple(cut_of(ref) if place in paired else None for place, ref in enumerate(reference.columns)),
    )


def _counter(ref: ColumnReference) -> Bins | Levels:
    return levels_of(ref) if ref.kind in ("choice", "flag") else bins_of(ref)


def _column_profile(name: str, counter: Bins | Levels, raw: NDArray[Any], names: Mapping[str, int], fast: bool) -> ColumnProfile:
    if isinstance(counter, Levels):
        counts, missing, new = counter.count(raw)
        return ColumnProfile(name=name, counts=counts, missing=missing, new=new, new_values=most_frequent(names))
    counted = counter.count(as_floats(raw), fast=fast)
    return _of_values(name, counted.counts, counted.missing, counted.infinite, counted.sums)


def _of_values(name: str, counts: Counts, missing: int, infinite: int, sums: Sums) -> ColumnProfile:
    return ColumnProfile(
        name=name, counts=counts, missing=missing, infinite=infinite, total=sums.total, squares=sums.squares,
        under=sums.under, over=sums.over, low=sums.low, high=sums.high,
    )  # fmt: skip


# Whoever profiles needs the reference too: one import serves both.
__all__ = [
    "PREDICTION", "Builder", "ColumnKind", "ColumnProfile", "ColumnReference", "Profile", "Reference", "build", "build_reference",
    "count_values", "merge", "most_frequent", "total",
]  # fmt: skip
