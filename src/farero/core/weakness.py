"""Segments on which a model does worse than elsewhere, searched for on one half of the rows and tested on the other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr

from farero.core import intervals
from farero.core.intervals import LEAST_DAYS, Floats
from farero.core.segments import Cut

LEAST_ROWS = 30
"""Rows of a segment in either half, at least."""

LEAST_SHARE = 0.01
"""Share of all rows that a segment holds, at least."""

WORSE = 0.1
"""A segment is weak when its mean loss is more than this share above that of all other rows."""

ALPHA = 0.01
"""How often a report on rows without a weak segment may name one."""

TESTED = 5
"""Segments that the search hands to the test, at most; `ALPHA` is shared among them."""

MOST_FEATURES = 20
"""Features whose pairs are searched: those that divide the losses most, where there are more."""

_SHADOW = 0.5
_HOPEFUL = 1.5
_BORROWED = 5.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Weak:
    """A segment on which the model does worse.

    All figures are of the half of the rows that the segment was not found on.

    Attributes:
        features: one or two, with the segment of each in `names`.
        rows: (m,) places of its rows, and `rest` (k,) those of all others.
        loss, rest_loss: mean loss of either.
        p_value: of its being no more than `WORSE` worse, one-sided, not yet shared among the tests.
    """

    features: tuple[str, ...]
    names: tuple[str, ...]
    rows: NDArray[np.intp]
    rest: NDArray[np.intp]
    loss: float
    rest_loss: float
    p_value: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Search:
    """What was found among how many segments that were looked at; `because` says why nothing was looked at."""

    found: tuple[Weak, ...]
    searched: int
    because: str = ""


def search(made: Sequence[Cut], losses: Floats, *, days: NDArray[np.integer], seed: int) -> Search:
    """Weak segments among all single ones and all pairs.

    Half of the days (of the rows, where there are fewer than twenty days) is searched. The segments that stand out most there, at most
    `TESTED`, are tested on the other half: Welch's one-sided test that the segment's mean loss is at most 1 + `WORSE` times that of the
    rest, each at `ALPHA` / `TESTED` (Bonferroni), with the larger of the standard errors of independent rows and of independent days.
    However many were searched, the test's half has seen none of it. So a report names a segment where there is none in at most
    `ALPHA` of cases, as far as Welch's test holds: approximately for means of `LEAST_ROWS` losses.

    Losses differ by segment for good reasons, too: where the outcome is open, every model loses more. "Weak" is no verdict on why.

    Args:
        made: how the rows divide, by feature.
        losses: (n,) of each row, finite and at least 0.
        days: (n,) a number for each row's day.
        seed: of the choice of halves.

    Source: splitting for an honest test goes back to Cox (1975), Biometrika 62:441-444; Welch (1947), Biometrika 34:28-35.
    """
    count = len(losses)
    if count < 4 * LEAST_ROWS:
        return Search(found=(), searched=0, because=f"{count} labelled rows are too few to search; it takes {4 * LEAST_ROWS}")
    if not made:
        return Search(found=(), searched=0, because="no feature divides the rows")
    if not float(losses.std()) > 0:
        return Search(found=(), searched=0, because="all rows lost the same")
    first = _half(days, seed)
    if not float(losses[first].std()) > 0:
        return Search(found=(), searched=0, because="all rows of the searched half lost the same")
    looked, searched = _look(made, losses, first)
    hopeful = _apart(looked, made, first)
    tested = [_test(one, made, losses, days, ~first) for one in hopeful]
    found = [one for one in tested if one is not None and one.p_value <= ALPHA / TESTED]
    found.sort(key=lambda one: (one.rest_loss - one.loss) * len(one.rows))
    return Search(found=tuple(found), searched=searched)


class _Candidate(NamedTuple):
    """A segment of one or two cuts, and how far it stands out on the searched half."""

    score: float
    places: tuple[int, ...]
    cells: tuple[int, ...]


def _half(days: NDArray[np.integer], seed: int) -> NDArray[np.bool_]:
    """(n,) which rows are searched."""
    different, codes = np.unique(days, return_inverse=True)
    draw = np.random.default_rng(seed)
    if len(different) < 2 * LEAST_DAYS:
        return np.asarray(draw.permutation(len(days)) % 2 == 0)
    return np.asarray((draw.permutation(len(different)) % 2 == 0)[codes])


def _look(made: Sequence[Cut], losses: Floats, first: NDArray[np.bool_]) -> tuple[list[_Candidate], int]:
    """Every segment that is large enough and does worse, by how far it stands out; and how many there were."""
    own = losses[first]
    codes = [each.codes[first] for each in made]
    alone = [_Cells.of(code, len(each.names), own) for code, each in zip(codes, made, strict=True)]
    found: list[_Candidate] = []
    searched = 0
    for place, cells in enumerate(alone):
        scores = cells.scores(own)
        searched += int(np.isfinite(scores).sum())
        found += [_Candidate(float(scores[at]), (place,), (int(at),)) for at in np.flatnonzero(scores > _HOPEFUL)]
    telling = sorted(range(len(made)), key=lambda place: -alone[place].divides(own))[:MOST_FEATURES]
    for a, b in combinations(sorted(telling), 2):
        width = len(made[b].names)
        cells = _Cells.of(codes[a] * width + codes[b], len(made[a].names) * width, own)
        scores = cells.scores(own)
        searched += int(np.isfinite(scores).sum())
        # Half of a weak segment is weak as well: a pair has to add something to each of its parts.
        adds = np.minimum(cells.beyond(np.repeat(alone[a].mean, width)), cells.beyond(np.tile(alone[b].mean, len(made[a].names))))
        found += [
            _Candidate(float(scores[at]), (a, b), (int(at) // width, int(at) % width))
            for at in np.flatnonzero((scores > _HOPEFUL) & (adds > 2.0))
        ]
    return sorted(found, key=lambda one: -one.score), searched


class _Cells(NamedTuple):
    """Rows, mean loss and variance of each cell of a division."""

    rows: Floats
    mean: Floats
    variance: Floats

    @classmethod
    def of(cls, codes: NDArray[np.intp], many: int, losses: Floats) -> _Cells:
        rows = np.bincount(codes, minlength=many).astype(np.float64)
        kept = np.maximum(rows, 1.0)
        middle = float(losses.mean())
        off = losses - middle  # squares of small differences, not differences of large squares
        mean = np.bincount(codes, weights=off, minlength=many) / kept
        square = np.bincount(codes, weights=off**2, minlength=many)
        # A handful of equal losses is no proof of a spread of 0: each cell borrows some rows of the whole's variance.
        variance = (np.maximum(square - rows * mean**2, 0.0) + _BORROWED * float(off.var())) / (kept - 1 + _BORROWED)
        return cls(rows, mean + middle, variance)

    def scores(self, losses: Floats) -> Floats:
        """How many standard errors each cell lies above `1 + WORSE` times the rest; -inf where it is too small."""
        count, total = len(losses), float(losses.sum())
        rest = count - self.rows
        least = max(float(LEAST_ROWS), LEAST_SHARE * count)
        with np.errstate(divide="ignore", invalid="ignore"):
            others = (total - self.rows * self.mean) / rest
            error = np.sqrt(self.variance / self.rows + (1 + WORSE) ** 2 * float(losses.var()) / rest)
            found = (self.mean - (1 + WORSE) * others) / error
        return np.where((self.rows >= least) & (rest >= LEAST_ROWS), found, -np.inf)

    def beyond(self, parents: Floats) -> Floats:
        """How many standard errors each cell lies above the mean of what it is a part of."""
        return np.asarray((self.mean - parents) / np.sqrt(self.variance / np.maximum(self.rows, 1.0)), dtype=np.float64)

    def divides(self, losses: Floats) -> float:
        """How much of the losses' variance lies between the cells."""
        return float(np.sum(self.rows * (self.mean - losses.mean()) ** 2))


def _apart(looked: Sequence[_Candidate], made: Sequence[Cut], first: NDArray[np.bool_]) -> list[_Candidate]:
    """The foremost that are not mostly made of the same rows."""
    kept: list[tuple[_Candidate, NDArray[np.bool_]]] = []
    for one in looked:
        rows = _rows(one, made) & first
        size = rows.sum()
        if all((rows & other).sum() <= _SHADOW * min(size, other.sum()) for _, other in kept):
            kept.append((one, rows))
        if len(kept) == TESTED:
            break
    return [one for one, _ in kept]


def _rows(one: _Candidate, made: Sequence[Cut]) -> NDArray[np.bool_]:
    rows = np.ones(len(made[0].codes), dtype=np.bool_)
    for place, cell in zip(one.places, one.cells, strict=True):
        rows &= made[place].codes == cell
    return rows


def _test(one: _Candidate, made: Sequence[Cut], losses: Floats, days: NDArray[np.integer], second: NDArray[np.bool_]) -> Weak | None:
    """The segment on the rows that it was not found on; None where these are too few."""
    inside = _rows(one, made)
    rows, rest = np.flatnonzero(inside & second), np.flatnonzero(~inside & second)
    if len(rows) < LEAST_ROWS or len(rest) < LEAST_ROWS:
        return None
    count = len(rows) + len(rest)
    own, others = losses[rows], losses[rest]
    all_of_them = float(losses[second].var())
    variance = (float(own.var()) * len(own) + _BORROWED * all_of_them) / (len(own) - 1 + _BORROWED)
    excess = float(own.mean()) - (1 + WORSE) * float(others.mean())
    error = math.sqrt(variance / len(own) + (1 + WORSE) ** 2 * float(others.var()) / len(others))
    freedom = float(min(len(own), len(others)) - 1)
    moved = np.empty(count)
    moved[: len(rows)] = (own - own.mean()) * count / len(own)
    moved[len(rows) :] = -(1 + WORSE) * (others - others.mean()) * count / len(others)
    by_day = intervals.spread_by_day(moved, np.concatenate([days[rows], days[rest]]))
    if by_day is not None and by_day[0] > error:
        error, freedom = by_day[0], float(by_day[1])
    return Weak(
        features=tuple(made[place].feature for place in one.places),
        names=tuple(made[place].names[cell] for place, cell in zip(one.places, one.cells, strict=True)),
        rows=rows, rest=rest, loss=float(own.mean()), rest_loss=float(others.mean()),
        p_value=float(stdtr(freedom, -excess / error)) if error > 0 else float(excess <= 0),
    )  # fmt: skip
