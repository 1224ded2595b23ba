"""Bounded scores: what a window's counts say about its rows, each as the mean of numbers between 0 and 1, fit to bet on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from farero.core.packed import pack, unpack
from farero.core.profile import ColumnProfile, Profile
from farero.core.reference import PREDICTION, ColumnReference, Counts, Floats, Reference

ScoreKind: TypeAlias = Literal["location", "spread", "category", "pair", "missing", "new", "outside", "infinite", "constant"]
Family: TypeAlias = Literal["location", "spread", "category", "pair", "quality", "prediction"]

GROUPS = 24
"""Groups of bins that a numeric score is read from: rows of one group differ in rank by 1/24 at most, 0.002 of the variance."""

TOP_LEVELS = 10
"""Levels of a choice that are watched by themselves; the others are pooled."""

SHARES: dict[Family, float] = {"location": 0.40, "spread": 0.15, "category": 0.12, "pair": 0.18, "quality": 0.08, "prediction": 0.07}
"""How the detector's one budget is laid out. Families that a model lacks leave theirs to the others; what is inside one shares equally."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One bounded number a row, g in [0, 1], whose mean is watched.

    Attributes:
        columns: one column, or the two of a pair.
        kind: location g = u and spread g = (2u - 1)², u the mid-rank of the value's group among the reference's rows; category: is it this
            level; pair: do both columns lie above their medians; missing, new, outside, infinite: is the value that.
        level: of a category; "" = all levels but the largest.
        family: which share of the budget it draws on.
    """

    columns: tuple[str, ...]
    kind: ScoreKind
    family: Family
    level: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cells:
    """Where one column's numbers stand in a window's row of cells: rows, missing, infinite, new, outside, known, then one a group.

    Attributes:
        first: place of `rows`.
        group: (k,) which group each of the reference's bins or levels belongs to.
        groups: how many there are.
    """

    name: str
    kind: str
    first: int
    group: Counts
    groups: int

    def outside(self) -> int:
        """Place of the rows outside the reference's range."""
        return self.first + _OUTSIDE

    def groups_from(self) -> int:
        """Place of the first group."""
        return self.first + _BASIC


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Layout:
    """All scores of one reference, and how each is read from a window's cells.

    A score is a few atoms: a value g and the number of rows that have it, cells[plus] - cells[minus] (the last cell is always 0).

    Attributes:
        values: (a,) g of each atom [0-1].
        plus, minus: (a,) cells.
        starts: (s,) first atom of each score.
        owner: (a,) score of each atom.
        columns: that can turn constant, in the order of `WindowScores.constant`.
    """

    edges_hash: str
    scores: tuple[Score, ...]
    values: Floats
    plus: Counts
    minus: Counts
    starts: Counts
    owner: Counts
    columns: tuple[Cells, ...]
    pairs: int
    first_pair: int
    width: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WindowScores:
    """One window, as the detector sees it.

    Attributes:
        number: of the window on the fixed grid, counted from a Monday; for windows by count any that rises.
        cells: (width,) rows, as `Layout` reads them.
        constant: (columns,) 1 where every one of at least two values is the same, 0 where not, -1 where there are fewer than two.
        duplicates: rows that are exact copies of another; not bet on, `core.bands` looks at them.
    """

    number: int
    rows: int
    edges_hash: str
    cells: Counts
    constant: Counts
    duplicates: int = 0

    def to_bytes(self) -> bytes:
        """These scores as bytes that `from_bytes` reads."""
        return pack(self)

    @classmethod
    def from_bytes(cls, data: bytes) -> WindowScores:
        """Read what `to_bytes` wrote.

        Raises:
            Corrupt: the bytes are something else.
        """
        return unpack(data, cls)


_ROWS, _MISSING, _INFINITE, _NEW, _OUTSIDE, _KNOWN, _BASIC = range(7)


def layout(reference: Reference, *, faults: bool = True) -> Layout:
    """What is watched of profiles on this reference.

    Numbers: location, spread, missing, infinite, outside the reference's range. Choices: the ten largest levels and the rest, new levels,
    missing. Flags: true, missing. Dates: missing only, because a date that moves on with time is not drift. Pairs: those that the
    reference names. The model's own answers: as a column like the others, in a family of their own. A column without any value in the
    reference is watched for missing values alone.

    Args:
        reference: what profiles are counted on.
        faults: watch for what faulty data show: missing, infinite and new values, values outside the reference's range, and columns
            that turn constant. Labels and losses that were matched to rows have none of them, and one beyond all before it is no fault.
    """
    made = _Maker(faults)
    for ref in reference.columns:
        made.column(ref, None)
    if reference.prediction is not None:
        made.column(reference.prediction, "prediction")
    first_pair = made.width
    names = [ref.name for ref in reference.columns]
    for a, b in reference.pairs.reshape(-1, 2).tolist():
        made.share(Score(columns=(names[a], names[b]), kind="pair", family="pair"), made.width, made.width + 1)
        made.width += 2
    return made.layout(reference.edges_hash, len(reference.pairs) // 2, first_pair)


def column_layout(column: ColumnReference) -> Layout:
    """A layout of one column that belongs to no reference, such as the loss of each labelled row: a detector by itself.

    Its location score is the mean mid-rank among the reference's losses: the error rate up to a factor where losses are 0 or 1.
    """
    return layout(column_reference(column), faults=False)


def column_reference(column: ColumnReference) -> Reference:
    """One column as a reference that nothing else belongs to."""
    return Reference(rows=0, columns=(column,), prediction=None, windows=0, window_rows=0, edges_hash=f"column:{column.name}")


def read(plan: Layout, profile: Profile, number: int) -> WindowScores:
    """A window's scores from its profile alone.

    Args:
        plan: of the reference that the profile was counted on.
        profile: of the window; a sum of profiles has the sum of their cells.
        number: of the window on the fixed grid.

    Raises:
        ValueError: the profile was counted on another reference.
    """
    if profile.edges_hash != plan.edges_hash:
        raise ValueError("this profile was counted on another reference: profile the rows again on this one")
    cells = np.zeros(plan.width + 1, dtype=np.int64)
    constant = np.full(len(plan.columns), -1, dtype=np.int64)
    known = [*profile.columns, *((profile.prediction,) if profile.prediction is not None else ())]
    for place, (where, column) in enumerate(zip(plan.columns, known, strict=False)):
        groups = np.bincount(where.group, weights=column.counts, minlength=where.groups)
        outside = int(column.counts[0] + column.counts[-1]) if where.kind == "number" and len(column.counts) > 1 else 0
        rows = column.values + column.missing + column.infinite
        first = where.groups_from()
        cells[where.first : first] = (rows, column.missing, column.infinite, column.new, outside, int(groups.sum()))
        cells[first : first + where.groups] = groups
        constant[place] = _is_constant(column)
    if plan.pairs and len(profile.pair_rows) == plan.pairs:
        cells[plan.first_pair : plan.width : 2] = profile.pair_hits
        cells[plan.first_pair + 1 : plan.width : 2] = profile.pair_rows
    return WindowScores(
        number=number, rows=profile.rows, edges_hash=plan.edges_hash, cells=cells, constant=constant, duplicates=profile.duplicates
    )


def atoms(plan: Layout, cells: NDArray[np.int64]) -> NDArray[np.int64]:
    """(..., a) rows of each atom from (..., width + 1) cells."""
    return cells[..., plan.plus] - cells[..., plan.minus]


def weights(plan: Layout) -> tuple[Floats, Floats]:
    """The share of the budget of each score, and of each column's turning constant; together 1.

    Equal per column (or pair) within a family, then equal within the column.
    """
    members: dict[Family, dict[tuple[str, ...], int]] = {}
    faulty = {score.columns for score in plan.scores if score.family == "quality"}
    stuck: list[tuple[Family, tuple[str, ...]]] = [("quality", (column.name,)) for column in plan.columns if (column.name,) in faulty]
    keys = [*((score.family, score.columns) for score in plan.scores), *stuck]
    for family, subject in keys:
        inside = members.setdefault(family, {})
        inside[subject] = inside.get(subject, 0) + 1
    whole = sum(SHARES[family] for family in members)
    each = [SHARES[family] / whole / len(members[family]) / members[family][subject] for family, subject in keys]
    constant = np.array([(column.name,) in faulty for column in plan.columns], dtype=np.float64)
    constant[constant > 0] = each[len(plan.scores) :]
    return np.array(each[: len(plan.scores)]), constant


class _Maker:
    """Lays scores, atoms and cells out one after the other."""

    def __init__(self, faults: bool) -> None:
        self.faults = faults
        self.width = 0
        self.scores: list[Score] = []
        self.starts: list[int] = []
        self.values: list[float] = []
        self.plus: list[int] = []
        self.minus: list[int] = []
        self.columns: list[Cells] = []

    def column(self, ref: ColumnReference, family: Family | None) -> None:
        first, total = self.width, int(ref.counts.sum())
        group = _by_level(ref) if ref.kind in ("choice", "flag") else _by_rank(ref)
        groups = int(group.max(initial=-1)) + 1
        held = np.bincount(group, weights=ref.counts, minlength=groups)
        self.columns.append(Cells(name=ref.name, kind=ref.kind, first=first, group=group, groups=groups))
        self.width += _BASIC + groups
        own = (ref.name,)
        if self.faults or not total:
            self.share(Score(columns=own, kind="missing", family="quality"), first + _MISSING, first + _ROWS)
        if not total or ref.kind == "date":
            return
        if ref.kind == "number":
            if self.faults:
                self.share(Score(columns=own, kind="infinite", family="quality"), first + _INFINITE, first + _ROWS)
                self.share(Score(columns=own, kind="outside", family="quality"), first + _OUTSIDE, first + _KNOWN)
            self.ranks(own, family, (np.cumsum(held) - held / 2) / total, first + _BASIC)
        else:
            self.levels(ref, family, group, first)
            if ref.kind == "choice" and self.faults:
                self.share(Score(columns=own, kind="new", family="quality"), first + _NEW, first + _ROWS)

    def ranks(self, own: tuple[str, ...], family: Family | None, u: Floats, cell: int) -> None:
        cells, nothing = list(range(cell, cell + len(u))), [-1] * len(u)
        self.score(Score(columns=own, kind="location", family=family or "location"), u.tolist(), cells, nothing)
        self.score(Score(columns=own, kind="spread", family=family or "spread"), ((2 * u - 1) ** 2).tolist(), cells, nothing)

    def levels(self, ref: ColumnReference, family: Family | None, group: Counts, first: int) -> None:
        """Each level against every other; of two levels one says all."""
        names = {place: "" if place >= TOP_LEVELS else ref.levels[level] for level, place in enumerate(group.tolist())}
        watched = [1] if ref.kind == "flag" else sorted(names)[: 1 if len(names) == 2 else None]
        for place in watched:
            made = Score(columns=(ref.name,), kind="category", family=family or "category", level=names[place])
            self.share(made, first + _BASIC + place, first + _KNOWN)

    def share(self, score: Score, hits: int, rows: int) -> None:
        self.score(score, [1.0, 0.0], [hits, rows], [-1, hits])

    def score(self, score: Score, values: list[float], plus: list[int], minus: list[int]) -> None:
        self.scores.append(score)
        self.starts.append(len(self.values))
        self.values += values
        self.plus += plus
        self.minus += minus

    def layout(self, edges_hash: str, pairs: int, first_pair: int) -> Layout:
        sizes = np.diff([*self.starts, len(self.values)])
        return Layout(
            edges_hash=edges_hash, scores=tuple(self.scores), values=np.array(self.values, dtype=np.float64),
            plus=np.array(self.plus, dtype=np.int64), minus=np.array(self.minus, dtype=np.int64) % (self.width + 1),
            starts=np.array(self.starts, dtype=np.int64), owner=np.repeat(np.arange(len(self.scores)), sizes),
            columns=tuple(self.columns), pairs=pairs, first_pair=first_pair, width=self.width,
        )  # fmt: skip


def _by_rank(ref: ColumnReference) -> Counts:
    """Bins in order, thrown together by their mid-rank; a value that holds many rows stays by itself, near enough."""
    total = max(int(ref.counts.sum()), 1)
    middles = (np.cumsum(ref.counts) - ref.counts / 2) / total
    return np.unique(np.minimum((middles * GROUPS).astype(np.int64), GROUPS - 1), return_inverse=True)[1].astype(np.int64)


def _by_level(ref: ColumnReference) -> Counts:
    """The largest levels each by themselves, in order of size; flags keep theirs."""
    if ref.kind == "flag":
        return np.arange(len(ref.levels), dtype=np.int64)
    group = np.empty(len(ref.counts), dtype=np.int64)
    group[np.argsort(-ref.counts, kind="stable")] = np.minimum(np.arange(len(ref.counts)), TOP_LEVELS)
    return group


def _is_constant(column: ColumnProfile) -> int:
    if column.values < 2:
        return -1
    one_level = int((column.counts > 0).sum()) + (column.new > 0) == 1
    return int(one_level and not (column.new and len(column.new_values) != 1) and column.low == column.high)


# Whoever lays scores out names the column of answers too.
__all__ = ["PREDICTION", "Layout", "Score", "ScoreKind", "WindowScores", "atoms", "column_layout", "layout", "read", "weights"]
