"""What the rows that a version was trained on looked like, frozen with it: bins, counts, and how much its own windows differ."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from farero.core.counting import Bins, Levels
from farero.core.distance import jensen_shannon
from farero.core.packed import pack, unpack
from farero.core.pairs import Halves, choose_pairs, halves, halves_of_flags
from farero.core.prediction import Outputs
from farero.core.schema import MISSING_CODE, Columns, Schema

ColumnKind: TypeAlias = Literal["number", "choice", "flag", "date"]
Floats: TypeAlias = NDArray[np.float64]
Counts: TypeAlias = NDArray[np.int64]

PREDICTION = "prediction"
"""Name of the column that holds a model's own answers."""

BINS = 1024
GROUPS = 10
TOP_LEVELS = 20
MOST_LEVELS = 1000
"""Levels of a choice that are counted by themselves, the most frequent ones; of a choice that declares more, the rest share one bin."""

OTHER_LEVELS = "(all others)"
FLAG_LEVELS = ("false", "true")
_AS_DECLARED = np.zeros(0, dtype=np.uint16)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ColumnReference:
    """One column of the rows that a version was trained on.

    Attributes:
        edges: (k - 1,) ascending, numbers and dates [unit; s since 1970]: bin i holds edges[i-1] < x <= edges[i]; the first and the
            last bin lie outside what the reference holds. Quantiles, so every bin holds about 1 / `BINS` of the rows; a value that
            holds more has a bin of its own. Empty for choices and flags.
        levels: (k,) names, choices and flags.
        codes: (d,) which of the levels each of d declared ones counts as, where a choice declares more than `MOST_LEVELS`; else empty.
        counts: (k,) rows per bin or level.
        groups: (k,) which of a few larger bins each bin belongs to, for PSI and Jensen-Shannon: tenths of the rows, or the largest
            `TOP_LEVELS` levels and the rest.
        missing: rows without a value.
        mean, std, low, high: of the values; None where there are none, or for choices.
        noise: largest distance of one window of the reference to all of it: KS for numbers and dates, else Jensen-Shannon [0-1].
        missing_noise: largest difference of one window's share of missing values to the whole [0-1].
        constant_windows: how many windows held one single value.
    """

    name: str
    kind: ColumnKind
    edges: Floats
    levels: tuple[str, ...]
    counts: Counts
    groups: Counts
    missing: int
    mean: float | None
    std: float | None
    low: float | None
    high: float | None
    noise: float = 0.0
    missing_noise: float = 0.0
    constant_windows: int = 0
    codes: NDArray[np.uint16] = field(default_factory=lambda: np.zeros(0, dtype=np.uint16))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reference:
    """The rows that a version was trained on, frozen with it. `windows` and `window_rows` (median) tell where `noise` comes from.

    `pairs`: (2 p,) places of the two columns of each pair whose joint behaviour profiles count; none in references made before there were.
    """

    rows: int
    columns: tuple[ColumnReference, ...]
    prediction: ColumnReference | None
    windows: int
    window_rows: int
    edges_hash: str
    pairs: Counts = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    def to_bytes(self) -> bytes:
        """This reference as bytes that `from_bytes` reads."""
        return pack(self)

    @classmethod
    def from_bytes(cls, data: bytes) -> Reference:
        """Read what `to_bytes` wrote.

        Raises:
            Corrupt: the bytes are something else.
        """
        return unpack(data, cls)


def build_reference(
    schema: Schema, columns: Columns, outputs: Outputs | None = None, window_index: NDArray[np.int64] | None = None
) -> Reference:
    """Freeze what these rows look like.

    Args:
        schema: declares the features.
        columns: n checked rows by feature name.
        outputs: the model's answers to them, or to other rows that it was not trained on, for prediction drift. None = not watched.
        window_index: (n,) which window each row falls into, any whole numbers; tells how much windows differ of themselves (a weekend is no
            drift). None = unknown, and taken as not at all.

    Returns:
        The reference; with zero rows one whose every count is 0.
    """
    windows = _Windows.of(window_index)
    made = tuple(_column_reference(f.name, _kind(f.kind), f.levels, columns[f.name], windows) for f in schema.features)
    rows = len(columns[schema.features[0].name]) if schema.features else 0
    prediction = None
    if outputs is not None:
        kind, levels, values = prediction_column(outputs)
        # Answers to rows held out of the training are fewer than the rows; which window each falls into is not known then.
        prediction = _column_reference(PREDICTION, kind, levels, values, windows if len(values) == rows else _Windows.of(None))
        rows = rows or len(values)
    every = (*made, prediction) if prediction else made
    return Reference(
        rows=rows,
        columns=made,
        prediction=prediction,
        windows=windows.count,
        window_rows=windows.median_rows,
        edges_hash=_edges_hash(every),
        pairs=choose_pairs([side(ref, columns[ref.name]) for ref in made]),
    )


def grouped(counts: NDArray[Any], groups: Counts) -> Floats:
    """Counts over the larger bins of a reference (see `ColumnReference.groups`)."""
    return np.asarray(np.bincount(groups, weights=counts, minlength=int(groups.max(initial=0)) + 1), dtype=np.float64)


def as_floats(raw: NDArray[Any]) -> Floats:
    """Numbers as they are; dates as seconds since 1970, NaT as NaN."""
    if raw.dtype.kind == "M":
        micros = raw.astype("datetime64[us]").astype(np.int64)
        return np.where(np.isnat(raw), np.nan, micros / 1e6)
    return np.asarray(raw, dtype=np.float64)


def bins_of(ref: ColumnReference) -> Bins:
    """The bins of a column of numbers or dates, ready to count in."""
    return Bins(ref.edges, mean=ref.mean, low=ref.low, high=ref.high)


def levels_of(ref: ColumnReference) -> Levels:
    """The levels of a column of choices or flags, ready to count in."""
    return Levels(len(ref.levels), ref.codes)


def cut_of(ref: ColumnReference) -> float | int | None:
    """Where a column is cut in two: the value that half of the reference lies above; the code of the largest level. None = nowhere."""
    if ref.kind == "date" or not ref.counts.sum():
        return None
    if ref.kind == "flag":
        return 1
    if ref.kind == "choice":
        top = int(np.argmax(ref.counts[:-1] if len(ref.codes) else ref.counts))
        return int(np.argmax(ref.codes == top)) if len(ref.codes) else top
    # At an edge, so that the sides are the same whether rows or bins are looked at; of a column of few values, the one nearest to half.
    below = np.cumsum(ref.counts)[:-1]
    return float(ref.edges[np.argmin(np.abs(2 * below - ref.counts.sum()))])


def side(ref: ColumnReference, raw: NDArray[Any]) -> Halves | None:
    """Which rows lie above the reference's median: for choices, which hold its largest level. None = has no sides: dates, or no values."""
    cut = cut_of(ref)
    return None if cut is None else cut_at(cut, raw)


def cut_at(cut: float | int, raw: NDArray[Any], *, whole: bool = False) -> Halves:
    """The two sides of a column of numbers (a float) or of codes (an integer); see `cut_of`. `whole`: no value is missing."""
    if isinstance(cut, float):
        return halves(as_floats(raw), cut, whole=whole)
    return halves_of_flags(raw == cut, None if whole else raw != MISSING_CODE)


def prediction_column(outputs: Outputs) -> tuple[ColumnKind, tuple[str, ...], NDArray[Any]]:
    """The answers as a column: class indices for classes, the probability for binary, else the value."""
    if outputs.probabilities is not None:
        return "choice", tuple(str(i) for i in range(outputs.probabilities.shape[1])), outputs.value.astype(np.int64)
    return "number", (), outputs.value if outputs.probability is None else outputs.probability


def _kind(kind: str) -> ColumnKind:
    kinds: Mapping[str, ColumnKind] = {"number": "number", "choice": "choice", "flag": "flag", "date": "date"}
    return kinds[kind]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Windows:
    """Which rows belong to which of the reference's windows; windows of less than half the median size say little and are left out."""

    index: NDArray[np.int64] | None
    kept: NDArray[np.bool_]
    median_rows: int

    @property
    def count(self) -> int:
        return int(self.kept.sum())

    @classmethod
    def of(cls, window_index: NDArray[np.int64] | None) -> _Windows:
        if window_index is None or not len(window_index):
            return cls(index=None, kept=np.zeros(0, dtype=np.bool_), median_rows=0)
        _, index, sizes = np.unique(window_index, return_inverse=True, return_counts=True)
        median = float(np.median(sizes))
        return cls(index=index.astype(np.int64), kept=sizes >= median / 2, median_rows=int(median))

    def table(self, codes: Counts, bins: int) -> Counts:
        """(windows, bins) rows of each kept window in each bin; codes below 0 are left out."""
        assert self.index is not None
        used = codes >= 0
        flat = np.bincount(self.index[used] * bins + codes[used], minlength=len(self.kept) * bins)
        return flat.reshape(len(self.kept), bins)[self.kept]


def freeze_values(name: str, kind: ColumnKind, ordered: Floats, missing: int) -> ColumnReference:
    """A column of numbers or dates.

    Args:
        name: of the column.
        kind: "number" or "date".
        ordered: (n,) finite values in ascending order [unit; s since 1970].
        missing: rows without a value.
    """
    edges = _edges(ordered)
    counts = count_ordered(edges, ordered)
    held = len(ordered) > 0
    with np.errstate(over="ignore", invalid="ignore"):
        mean, std = (float(ordered.mean()), float(ordered.std())) if held else (None, None)
    return ColumnReference(
        name=name, kind=kind, edges=edges, levels=(), counts=counts, groups=_tenths(counts), missing=missing,
        mean=mean, std=std,
        low=float(ordered[0]) if held else None, high=float(ordered[-1]) if held else None,
    )  # fmt: skip


def freeze_levels(name: str, kind: ColumnKind, levels: tuple[str, ...], counts: Counts, missing: int) -> ColumnReference:
    """A column of choices or flags.

    Args:
        name: of the column.
        kind: "choice", or "flag" with `FLAG_LEVELS`.
        levels: (k,) names.
        counts: (k,) rows of each.
        missing: rows without a value.
    """
    total = int(counts.sum())
    return ColumnReference(
        name=name, kind=kind, edges=np.zeros(0), levels=levels, counts=counts, groups=_largest(counts), missing=missing,
        mean=float(counts[1] / total) if kind == "flag" and total else None, std=None, low=None, high=None,
    )  # fmt: skip


def count_ordered(edges: Floats, ordered: Floats) -> Counts:
    """(k,) how many of these ascending values lie in each bin."""
    passed = np.searchsorted(ordered, edges, side="right")
    return np.diff(passed, prepend=0, append=len(ordered)).astype(np.int64)


def _column_reference(name: str, kind: ColumnKind, levels: tuple[str, ...], raw: NDArray[Any], windows: _Windows) -> ColumnReference:
    if kind in ("number", "date"):
        values = as_floats(raw)
        made = freeze_values(name, kind, np.sort(values[np.isfinite(values)]), int(np.isnan(values).sum()))
        codes = bins_of(made).places(values).astype(np.int64)
    else:
        levels = FLAG_LEVELS if kind == "flag" else levels
        counts, missing, _ = Levels(len(levels), _AS_DECLARED).count(raw)
        levels, counts, places = _most_frequent(levels, counts)
        made = replace(freeze_levels(name, kind, levels, counts, missing), codes=places)
        codes = levels_of(made).places(raw)
    if windows.count < 2 or not made.counts.sum():
        return made
    table = windows.table(codes, len(made.counts))
    shares = windows.table(_missing_flags(raw, kind), 2)
    return replace(
        made,
        noise=_largest_distance(table, made),
        missing_noise=float(np.max(np.abs(shares[:, 1] / shares.sum(axis=1) - made.missing / len(raw)))),
        constant_windows=int(np.sum((table > 0).sum(axis=1) == 1)),
    )


def _most_frequent(levels: tuple[str, ...], counts: Counts) -> tuple[tuple[str, ...], Counts, NDArray[np.uint16]]:
    """At most `MOST_LEVELS` levels in their declared order and one for the rest, the rows of each, and where each declared one went."""
    if len(levels) <= MOST_LEVELS + 1:
        return levels, counts, _AS_DECLARED
    kept = np.sort(np.argsort(-counts, kind="stable")[:MOST_LEVELS])
    places = np.full(len(levels), MOST_LEVELS, dtype=np.uint16)
    places[kept] = np.arange(MOST_LEVELS, dtype=np.uint16)
    pooled = np.append(counts[kept], counts.sum() - counts[kept].sum())
    return (*(levels[i] for i in kept.tolist()), OTHER_LEVELS), pooled, places


def _missing_flags(raw: NDArray[Any], kind: ColumnKind) -> Counts:
    return (raw == -1 if kind in ("choice", "flag") else np.isnan(as_floats(raw))).astype(np.int64)


def _largest_distance(table: Counts, column: ColumnReference) -> float:
    """How far the farthest window lies from all rows."""
    table = table[table.sum(axis=1) > 0]
    if not len(table):
        return 0.0
    if len(column.edges):
        shares = table / table.sum(axis=1, keepdims=True) - column.counts / column.counts.sum()
        return float(np.max(np.abs(np.cumsum(shares, axis=1))))
    whole = grouped(column.counts, column.groups)
    return max(jensen_shannon(whole, grouped(row, column.groups)) for row in table)


def _edges(ordered: Floats) -> Floats:
    """Quantiles, unique; a value that holds a whole bin's rows gets a second edge just below, and so a bin of its own."""
    n = len(ordered)
    if not n:
        return np.zeros(0)
    points = np.unique(ordered[np.ceil(n * np.arange(1, BINS + 1) / BINS).astype(np.int64) - 1])
    held = np.searchsorted(ordered, points, side="right") - np.searchsorted(ordered, points, side="left")
    atoms = points[held * BINS >= n]
    with np.errstate(over="ignore"):
        just_below = np.maximum(np.nextafter(np.append(atoms, ordered[0]), -np.inf), np.finfo(np.float64).min)
    return np.unique(np.concatenate([points, just_below]))


def _tenths(counts: Counts) -> Counts:
    """Bins in order, thrown together into about `GROUPS` of equal size."""
    total = int(counts.sum())
    if not total:
        return np.zeros(len(counts), dtype=np.int64)
    middles = np.cumsum(counts) - counts / 2
    tenth = np.minimum((middles * GROUPS / total).astype(np.int64), GROUPS - 1)
    return np.unique(tenth, return_inverse=True)[1].astype(np.int64)


def _largest(counts: Counts) -> Counts:
    """The largest levels each by themselves, the others together."""
    order = np.argsort(-counts, kind="stable")
    groups = np.empty(len(counts), dtype=np.int64)
    groups[order] = np.minimum(np.arange(len(counts)), TOP_LEVELS)
    return groups


def _edges_hash(columns: tuple[ColumnReference, ...]) -> str:
    digest = hashlib.sha256()
    for column in columns:
        digest.update(repr((column.name, column.kind, column.levels)).encode() + column.edges.tobytes() + column.codes.tobytes())
    return digest.hexdigest()
