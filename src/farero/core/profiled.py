"""Counts of a window's rows, as values: they add up, and they are stored in about a byte a bin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from itertools import accumulate
from math import isnan

import numpy as np

from farero.core.narrow import Narrow, add, narrow
from farero.core.packed import is_packed, pack, unpack
from farero.core.reference import Counts

KEPT_NEW_VALUES = 20
"""How many new levels of a column are kept by name in one batch of rows; all are counted."""

MERGED_NEW_VALUES = 200
"""How many are kept by name in a sum of profiles."""

LONGEST_NAME = 100
"""Characters of a new level that are kept: anybody may send a text of any length."""

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
    `duplicates`: rows that are exact copies of another of the same window; 0 in profiles made before they were counted.
    """

    rows: int
    edges_hash: str
    columns: tuple[ColumnProfile, ...]
    prediction: ColumnProfile | None
    pair_hits: Counts = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    pair_rows: Counts = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    duplicates: int = 0

    def to_bytes(self) -> bytes:
        """This profile as bytes that `from_bytes` reads: about a byte a bin where windows have some thousand rows, two where a million."""
        return pack(_pack(self))

    @classmethod
    def from_bytes(cls, data: bytes) -> Profile:
        """Read what `to_bytes` wrote, now or in an earlier release.

        Raises:
            Corrupt: the bytes are something else.
        """
        return _unpack([unpack(data, StoredProfile)]) if is_packed(data, StoredProfile) else unpack(data, cls)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StoredProfile:
    """A profile as it is stored: the same fields of all columns side by side, so that many profiles add up in a few steps.

    Attributes:
        layout: the names of the c columns, the prediction last if there is one (`predicted`), and how many bins each has; packed by itself,
            because it is the same in all profiles on one reference.
        counts: all of their bins.
        pairs: `pair_hits`, then `pair_rows`.
        whole: c times 3 of int64: missing, infinite, new.
        real: c times 6 of float64: total, squares, under, over, low, high; NaN for None.
        new_values: column -> level -> rows.
    """

    rows: int
    edges_hash: str
    predicted: bool
    layout: bytes
    counts: Narrow
    pairs: Narrow
    whole: memoryview
    real: memoryview
    new_values: Mapping[str, Mapping[str, int]]
    duplicates: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layout:
    names: tuple[str, ...]
    sizes: tuple[int, ...]


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
        duplicates=a.duplicates + b.duplicates,
    )  # fmt: skip


def total(bodies: Sequence[bytes]) -> Profile:
    """The sum of stored profiles, such as those of the days of a month, without making each of them.

    Raises:
        ValueError: there is none, or they were counted on different references.
        Corrupt: the bytes are something else.
    """
    if not bodies:
        raise ValueError("a sum of profiles needs at least one")
    if all(is_packed(body, StoredProfile) for body in bodies):
        many = [unpack(body, StoredProfile) for body in bodies]
        if len({(one.edges_hash, one.layout, one.predicted, one.pairs.count) for one in many}) == 1:
            return _unpack(many)
    return reduce(merge, (Profile.from_bytes(body) for body in bodies))


def most_frequent(names: Mapping[str, int], kept: int = KEPT_NEW_VALUES) -> dict[str, int]:
    """The most frequent, most frequent first, ties by name; long ones cut off."""
    cut: dict[str, int] = {}
    for name, rows in names.items():
        shown = name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…"
        cut[shown] = cut.get(shown, 0) + rows
    return dict(sorted(cut.items(), key=lambda item: (-item[1], item[0]))[:kept])


def _add(a: ColumnProfile, b: ColumnProfile) -> ColumnProfile:
    lows = [x for x in (a.low, b.low) if x is not None]
    highs = [x for x in (a.high, b.high) if x is not None]
    return ColumnProfile(
        name=a.name, counts=a.counts + b.counts, missing=a.missing + b.missing, infinite=a.infinite + b.infinite,
        new=a.new + b.new, new_values=_add_names([a.new_values, b.new_values]), total=a.total + b.total, squares=a.squares + b.squares,
        under=a.under + b.under, over=a.over + b.over,
        low=min(lows, default=None), high=max(highs, default=None),
    )  # fmt: skip


def _add_names(many: Sequence[Mapping[str, int]]) -> Mapping[str, int]:
    added: dict[str, int] = {}
    for names in many:
        for name, rows in names.items():
            added[name] = added.get(name, 0) + rows
    return most_frequent(added, MERGED_NEW_VALUES) if added else added


def _pack(profile: Profile) -> StoredProfile:
    columns = [*profile.columns, *([profile.prediction] if profile.prediction is not None else [])]
    real = [(c.total, c.squares, c.under, c.over, _or_nan(c.low), _or_nan(c.high)) for c in columns]
    return StoredProfile(
        rows=profile.rows, edges_hash=profile.edges_hash, predicted=profile.prediction is not None,
        layout=pack(_Layout(names=tuple(c.name for c in columns), sizes=tuple(len(c.counts) for c in columns))),
        counts=narrow(np.concatenate([c.counts for c in columns]) if columns else _NO_PAIRS),
        pairs=narrow(np.concatenate([profile.pair_hits, profile.pair_rows])),
        whole=memoryview(np.array([(c.missing, c.infinite, c.new) for c in columns], dtype=np.int64).tobytes()),
        real=memoryview(np.array(real, dtype=np.float64).tobytes()),
        new_values={c.name: c.new_values for c in columns if c.new_values}, duplicates=profile.duplicates,
    )  # fmt: skip


def _unpack(many: Sequence[StoredProfile]) -> Profile:
    """The sum of at least one, all of the same reference, all with the prediction and pairs or all without."""
    one = many[0]
    counts = add([each.counts for each in many])
    pairs = add([each.pairs for each in many])
    whole = np.frombuffer(b"".join([each.whole for each in many]), dtype=np.int64).reshape(len(many), -1, 3).sum(axis=0)
    real = np.frombuffer(b"".join([each.real for each in many])).reshape(len(many), -1, 6)
    sums, low, high = real[:, :, :4].sum(axis=0), np.fmin.reduce(real[:, :, 4]), np.fmax.reduce(real[:, :, 5])
    layout = unpack(one.layout, _Layout)
    ends = list(accumulate(layout.sizes))
    named = {name for each in many for name in each.new_values}
    made = [
        ColumnProfile(
            name=name, counts=counts[start:end], missing=missing, infinite=infinite, new=new,
            new_values=_add_names([each.new_values[name] for each in many if name in each.new_values]) if name in named else {},
            total=of_values[0], squares=of_values[1], under=of_values[2], over=of_values[3], low=_or_none(least), high=_or_none(most),
        )
        for name, start, end, (missing, infinite, new), of_values, least, most in zip(
            layout.names, [0, *ends[:-1]], ends, whole.tolist(), sums.tolist(), low.tolist(), high.tolist(), strict=True
        )
    ]  # fmt: skip
    return Profile(
        rows=sum(each.rows for each in many), edges_hash=one.edges_hash, columns=tuple(made[:-1] if one.predicted else made),
        prediction=made[-1] if one.predicted else None, pair_hits=pairs[: len(pairs) // 2], pair_rows=pairs[len(pairs) // 2 :],
        duplicates=sum(each.duplicates for each in many),
    )  # fmt: skip


def _or_nan(value: float | None) -> float:
    return np.nan if value is None else value


def _or_none(value: float) -> float | None:
    return None if isnan(value) else value
