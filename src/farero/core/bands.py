"""How much of each fault a window may hold when nothing is wrong: bands that a reference's own windows teach, weekday by weekday."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, betaincinv, expit, logit, stdtrit

from farero.core.baseline import season, windows_a_year
from farero.core.days import Days
from farero.core.reference import Counts, Floats, Reference
from farero.core.scores import Cells, Layout, Score, ScoreKind, layout
from farero.core.unrest import LEAST_WINDOWS, Unrest, measure
from farero.core.window import EPOCH

Fault: TypeAlias = Literal["missing", "infinite", "new", "outside", "duplicates"]

FALSE_FINDINGS_A_YEAR = 0.05
"""What all bands of a model together may find by chance in a year [findings]; half of the promise, because the rest is not exact."""

FLOORS: Mapping[Fault, float] = MappingProxyType({"missing": 0.005, "infinite": 0.0, "new": 0.005, "outside": 0.01, "duplicates": 0.01})
"""How far a share must lie above the usual one to be worth a finding, however sure it is [0-1]."""

_ROWS, _MISSING, _INFINITE, _NEW, _OUTSIDE, _KNOWN = range(6)  # places in a column's cells, see `scores.Cells`
_MOVES = 0.9
_GUESSED_SPREAD = 0.3  # days that differ by a third of a share, as log-odds
_BEYOND_WORST = 2.5  # in log-odds: what lies between the worst of 60 days and that of 3,000 years where they differ by 0.9
_MANY = 1e4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Share:
    """What is known of one share.

    Attributes:
        expected: (period,) its mean by place in the season [0-1].
        highest: (period,) what it may be in a window of endless rows [0-1].
        usual_rows: of a window that it was learnt from.
    """

    expected: Floats
    highest: Floats
    usual_rows: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bands:
    """What a model's windows may look like.

    Attributes:
        chance: that one band is passed in one window while nothing is wrong.
        period: windows in a season; 1 = none.
        shares: of each column and fault; duplicates are of whole rows: `ROWS`.
        largest: column -> (groups,) the largest share that each group of values held in any window, for columns that turn constant.
        moving: columns whose values go up with time, such as dates and running numbers: they leave their range by nature.
        ahead_s: column of dates -> how far its dates lay beyond the end of the newest window [s].
        size_s: length of a window [s]; None = windows by count.
    """

    ROWS: ClassVar[str] = "rows"

    chance: float
    period: int
    shares: Mapping[tuple[str, Fault], Share]
    largest: Mapping[str, Floats]
    groups: Mapping[str, Counts]
    moving: frozenset[str]
    ahead_s: Mapping[str, float]
    size_s: float | None

    def expected(self, column: str, fault: Fault, number: int) -> float:
        """The usual share in such a window [0-1]; 0 where nothing is known."""
        own = self.shares.get((column, fault))
        return 0.0 if own is None else float(own.expected[number % self.period])

    def limit(self, column: str, fault: Fault, number: int, rows: int) -> float:
        """The largest share that is no finding in a window of so many rows [0-1]; 1 where nothing is known.

        Args:
            number: of the window on the fixed grid.
            rows: that the share is of.
        """
        own = self.shares.get((column, fault))
        if own is None or not rows:
            return 1.0
        highest = float(own.highest[number % self.period])
        if fault == "duplicates":
            # More rows hold more copies by nature: the share rises with them, and no faster than they do.
            highest = min(1.0, highest * max(1.0, rows / own.usual_rows))
        return max(most_by_chance(rows, highest, self.chance) / rows, self.expected(column, fault, number) + FLOORS[fault])

    def passes(self, column: str, fault: Fault, share: float, number: int, rows: int) -> bool:
        """Whether a share lies above its band. Most lie below what needs no calculation."""
        if not share or share <= self.expected(column, fault, number) + FLOORS[fault]:
            return False
        return share > self.limit(column, fault, number, rows)

    def may_be_all(self, column: str, number: int, rows: int) -> bool:
        """Whether a window may hold no value of the column at all."""
        own = self.shares.get((column, "missing"))
        return own is None or float(own.highest[number % self.period]) ** rows >= self.chance

    def may_be_stuck(self, column: str, held: int, values: int) -> bool:
        """Whether all of a window's values may lie in one bin.

        Args:
            held: place of that bin or level in the reference.
            values: how many there are.
        """
        known = self.largest.get(column)
        if known is None:
            return True
        return float(known[self.groups[column][held]]) ** (values - 1) >= self.chance

    def until(self, column: str, number: int) -> float | None:
        """Up to when dates of this column may reach in a window without being odd [s since 1970]; None = not known."""
        if self.size_s is None or column not in self.ahead_s:
            return None
        return EPOCH.timestamp() + (number + 1) * self.size_s + self.ahead_s[column]


def learn(reference: Reference, days: Days, size_s: float | None, *, a_year: float | None = None) -> Bands:
    """Learn the bands of a reference.

    A share is drawn towards its weekday as far as weekdays differ (`core.unrest`). How sure it is: the upper Clopper-Pearson limit over all
    rows of the reference, rows that hang together counting as fewer. How much windows differ beyond their rows: a normal spread of the
    log-odds, its size from the overdispersion, Student's t for the few windows it is known from. What chance adds in the window itself is
    binomial (`most_by_chance`). Each of the three is taken at the chance that all bands together leave one, so a band errs on the
    quiet side. No band reaches further than 12 times the odds of the worst window that was seen.

    Args:
        reference: what profiles are counted on.
        days: its own windows.
        size_s: length of a window [s]; None = windows by count, which have no weekday.
        a_year: windows a year; None = as many as of this length, one a day where they go by count.

    Raises:
        ValueError: the windows were read on another reference.

    Source: Clopper & Pearson (1934), Biometrika 26; Williams (1982), Extra-binomial variation in logistic linear models, Applied
    Statistics 31. Measured: `benchmarks/quality.py`.
    """
    if days.edges_hash != reference.edges_hash:
        raise ValueError("these windows were read on another reference: read their profiles on this one")
    plan, held = layout(reference), days.table()
    own = plan.columns[: len(reference.columns)]
    hits, rows, keys = _counted(own, held, days)
    period = season(size_s, len(days.numbers))
    chance = FALSE_FINDINGS_A_YEAR / ((a_year or windows_a_year(size_s or 86_400.0)) * max(len(keys) + len(own), 1))
    return Bands(
        chance=chance, period=period, shares=_shares(keys, hits, rows, days.numbers, period, chance),
        largest={column.name: _largest(column, held) for column in own},
        groups={column.name: column.group for column in own},
        moving=frozenset(column.name for column in own if _is_moving(column, held)),
        ahead_s=_ahead(reference, days, size_s), size_s=size_s,
    )  # fmt: skip


def most_by_chance(rows: int, share: float, chance: float) -> int:
    """The largest number of hits among so many rows that is no surprise: more come with a chance below `chance`.

    >>> most_by_chance(1000, 0.01, 1e-6), most_by_chance(10, 0.0, 1e-6), most_by_chance(10, 1.0, 1e-6)
    (28, 0, 10)
    """
    if share <= 0.0 or share >= 1.0:
        return rows if share >= 1.0 else 0
    low, high = 0, rows  # P(at least `low` + 1 hits) may be a surprise; of more than `rows` it always is
    while low < high:
        middle = (low + high) // 2
        if betainc(middle + 1, rows - middle, share) < chance:
            high = middle
        else:
            low = middle + 1
    return low


def highest_share(hits: float, rows: float, chance: float) -> float:
    """The largest share that so many hits among so many rows leave possible, at this chance of being wrong (Clopper & Pearson 1934).

    >>> round(highest_share(0, 1000, 0.05), 4), highest_share(5, 5, 0.05)
    (0.003, 1.0)
    """
    return 1.0 if hits >= rows else float(betaincinv(hits + 1, rows - hits, 1 - chance))


def _counted(own: tuple[Cells, ...], held: NDArray[np.int64], days: Days) -> tuple[Counts, Counts, list[tuple[str, Fault]]]:
    """(t, s) hits and rows of each share, and what it is of."""
    hits: list[Counts] = []
    rows: list[Counts] = []
    keys: list[tuple[str, Fault]] = []

    def add(column: Cells, fault: Fault, place: int, of: int) -> None:
        keys.append((column.name, fault))
        hits.append(held[:, column.first + place])
        rows.append(held[:, column.first + of])

    for column in own:
        add(column, "missing", _MISSING, _ROWS)
        if column.kind == "number":
            add(column, "infinite", _INFINITE, _ROWS)
        if column.kind in ("number", "date"):
            add(column, "outside", _OUTSIDE, _KNOWN)  # of the reference's own rows none lies outside: of dates that cell stays 0
        if column.kind == "choice":
            add(column, "new", _NEW, _ROWS)
    if own and len(days.duplicates) == len(held):
        keys.append((Bands.ROWS, "duplicates"))
        hits.append(days.duplicates)
        rows.append(held[:, own[0].first + _ROWS])
    return np.array(hits).T.astype(np.int64), np.array(rows).T.astype(np.int64), keys


def _shares(
    keys: list[tuple[str, Fault]], hits: Counts, rows: Counts, numbers: Counts, period: int, chance: float
) -> dict[tuple[str, Fault], Share]:
    if not keys:
        return {}
    counts = np.empty((len(hits), 2 * len(keys)))
    counts[:, 0::2], counts[:, 1::2] = hits, rows - hits
    seen = measure(_plan(keys), numbers, counts, period)
    total = rows.sum(axis=0)
    spreads = _spreads(keys, hits, rows, seen)
    made: dict[tuple[str, Fault], Share] = {}
    for place, key in enumerate(keys):
        if not total[place]:
            continue
        base, temper, usual = seen.base[:, place], float(seen.temper[place]), float(seen.usual_rows[place])
        spread = spreads[place]
        # With too few windows the spread is a guess, not an estimate, and chance has no part in it.
        freedom = seen.count[place] - 1 if seen.count[place] >= LEAST_WINDOWS else _MANY
        effective = total[place] / temper / (period if np.ptp(base) > 0 else 1)
        sure = np.array([highest_share(p * effective, effective, chance) for p in base.tolist()])
        with np.errstate(divide="ignore"):
            highest = expit(logit(sure) + float(stdtrit(freedom, 1 - chance)) * spread)
            # No day is taken to go that far beyond the worst that was seen, whatever spread the few hits of a rare fault suggest.
            highest = np.minimum(highest, np.maximum(sure, expit(logit(_worst(hits[:, place], rows[:, place])) + _BEYOND_WORST)))
        made[key] = Share(expected=base, highest=np.asarray(highest, dtype=np.float64), usual_rows=usual)
    return made


def _spreads(keys: list[tuple[str, Fault]], hits: Counts, rows: Counts, seen: Unrest) -> Floats:
    """(s,) how much windows differ beyond their rows: standard deviation of the log-odds.

    From the overdispersion phi = 1 + n p (1 - p) spread². Of a rare fault phi tells nothing: where a window has 0.1 hits in the mean, two
    on one day make it large. Such a share takes the spread of the others of its kind, unless its hits come in clumps beyond doubt.
    """
    windows = len(hits)
    total = np.maximum(rows.sum(axis=0), 1)
    share = hits.sum(axis=0) / total
    usual = np.maximum(seen.usual_rows * share * (1 - share), 1e-12)  # hits of a window
    own = np.sqrt(np.maximum(seen.temper - 1, 0.0) / usual)
    expected = np.maximum(rows * share, 1e-12)
    ratio = ((hits - rows * share) ** 2 / expected).sum(axis=0) / max(windows - 1, 1)
    chance = np.sqrt((2 + 1 / usual) / windows)  # of the index of dispersion of Poisson counts
    tells = (usual >= 1) & (share > 0)
    made = np.where(share > 0, own, 0.0)
    for place in np.flatnonzero(~tells & (share > 0) & (ratio < 1 + 4 * chance)).tolist():
        kind = [other for other, key in enumerate(keys) if key[1] == keys[place][1] and tells[other]]
        made[place] = min(own[place], float(np.quantile(own[kind], 0.75)) if kind else _GUESSED_SPREAD)
    return np.asarray(made, dtype=np.float64)


def _worst(hits: Counts, rows: Counts) -> float:
    """The largest share of any window of usual size, one row more than was seen [0-1]."""
    told = rows >= np.median(rows) / 2
    return float(((hits[told] + 1) / (rows[told] + 2)).max())


def _plan(keys: list[tuple[str, Fault]]) -> Layout:
    """A layout of shares alone: each is its hits, worth 1, and its other rows, worth 0."""
    kinds: Mapping[Fault, ScoreKind] = {
        "missing": "missing", "infinite": "infinite", "new": "new", "outside": "outside", "duplicates": "category",
    }  # fmt: skip
    atoms = 2 * len(keys)
    return Layout(
        edges_hash="", scores=tuple(Score(columns=(name,), kind=kinds[fault], family="quality") for name, fault in keys),
        values=np.tile([1.0, 0.0], len(keys)), plus=np.arange(atoms), minus=np.full(atoms, atoms), starts=np.arange(0, atoms, 2),
        owner=np.repeat(np.arange(len(keys)), 2), columns=(), pairs=0, first_pair=atoms, width=atoms,
    )  # fmt: skip


def _largest(column: Cells, held: NDArray[np.int64]) -> Floats:
    """(groups,) the largest share of each group in any window, one row more than was seen; 1 where a window was that group alone.

    Of a column that most windows hold one value of, such as a holiday's flag, all are 1: what day it is says nothing of the source. All
    weekdays together: the holiday that falls on a Wednesday this year fell on another day last year.
    """
    own = held[:, column.groups_from() : column.groups_from() + column.groups]
    rows = own.sum(axis=1, keepdims=True)
    told = rows[:, 0] > 1
    alone = (own == rows) & told[:, None]
    if not told.any() or 2 * int(alone.any(axis=1).sum()) > int(told.sum()):
        return np.ones(max(column.groups, 1))
    largest: Floats = np.where(alone[told], 1.0, (own[told] + 1) / (rows[told] + 2)).max(axis=0)
    return largest


def _is_moving(column: Cells, held: NDArray[np.int64]) -> bool:
    """Whether the column's values rise or fall steadily from window to window."""
    if column.kind not in ("number", "date") or column.groups < 3:
        return False
    own = held[:, column.groups_from() : column.groups_from() + column.groups]
    rows = own.sum(axis=1)
    told = rows > 0
    if told.sum() < LEAST_WINDOWS:
        return False
    middle = (own[told] @ np.arange(column.groups)) / rows[told]
    far = abs(float(middle[-1] - middle[0])) > column.groups / 4
    return far and abs(float(np.corrcoef(np.arange(len(middle)), middle)[0, 1])) > _MOVES


def _ahead(reference: Reference, days: Days, size_s: float | None) -> dict[str, float]:
    if size_s is None or not len(days.numbers):
        return {}
    end = EPOCH.timestamp() + (int(days.numbers[-1]) + 1) * size_s
    return {ref.name: max(ref.high - end, 0.0) for ref in reference.columns if ref.kind == "date" and ref.high is not None}
