"""How alike the groups of a feature are treated: what each is answered, how often rightly, and how far the groups lie apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import sqrt
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

from farero.core import intervals
from farero.core.intervals import LEVEL, Floats
from farero.core.label import LabelSpec
from farero.core.measured import Measured
from farero.core.prediction import Outputs
from farero.core.segments import Cut

FEW: Final = 30
"""Rows below which a figure of a group is shown but not compared: chance alone would part it from the others."""

SELECTED, FOUND, FALSE_ALARMS, RIGHT = "selection rate", "true positive rate", "false positive rate", "accuracy"
ANSWER, ERROR = "mean answer", "mean error"
_ABOUT: Final = {
    SELECTED: "rows answered with the positive class (demographic parity)",
    FOUND: "positive rows answered as such (equal opportunity)",
    FALSE_ALARMS: "negative rows answered as positive; with the true positive rate: equalized odds",
    RIGHT: "rows answered rightly",
    ANSWER: "the mean of what is answered",
    ERROR: "answer less truth: above 0 = the group is answered too high",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupFigures:
    """One group. `figures` by name, each with its own 95 % interval and the rows that it was taken from."""

    name: str
    rows: int
    figures: tuple[Measured, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """How far the groups lie apart in one figure.

    Attributes:
        value: the largest figure less the smallest; None where fewer than two groups have enough rows.
        low, high: its interval; of all pairs of groups at once, so that picking the widest apart does not flatter it.
        most, least: the two groups.
        left_out: groups with fewer than `FEW` rows for this figure.
    """

    figure: str
    about: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    most: str = ""
    least: str = ""
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupsOf:
    """All groups of one feature."""

    feature: str
    groups: tuple[GroupFigures, ...]
    gaps: tuple[Gap, ...]

    def beyond(self, limit: float) -> tuple[Gap, ...]:
        """The gaps that are larger than the limit, sure beyond chance."""
        return tuple(gap for gap in self.gaps if gap.low is not None and gap.low > limit)


class _Taken(NamedTuple):
    """One figure of one group: n values, 0 and 1 for shares."""

    values: Floats
    is_share: bool


def by_group(label: LabelSpec, labels: Floats, outputs: Outputs, made: Cut) -> GroupsOf:
    """The figures of each group and the gaps between them.

    A gap says that groups are treated differently, not why, and not whether that is wrong.

    Args:
        label: binary: selection, true and false positive rates; classes: accuracy; number: mean answer and mean error [the label's unit].
        labels: (n,) encoded labels, all known.
        outputs: n answers.
        made: how the rows divide.

    Source: the figures of binary labels are those of Hardt, Price & Srebro (2016), Equality of Opportunity in Supervised Learning, and
    are named as fairlearn names them; intervals of differences of shares: Newcombe (1998), Statistics in Medicine 17:873-890, method 10;
    of means: Welch (1947), Biometrika 34:28-35. Each is of level 1 - 0.05 / pairs (Bonferroni).
    """
    kinds = _FIGURES[label.kind]
    taken: dict[str, list[_Taken]] = {name: [] for name in kinds}
    groups: list[GroupFigures] = []
    for at, name in enumerate(made.names):
        own = made.codes == at
        truth, answers = labels[own], outputs.value[own]
        figures = {figure: _Taken(take(truth, answers), figure not in (ANSWER, ERROR)) for figure, take in kinds.items()}
        for figure, one in figures.items():
            taken[figure].append(one)
        groups.append(GroupFigures(name=name, rows=int(own.sum()), figures=tuple(_figure(figure, one) for figure, one in figures.items())))
    gaps = tuple(_gap(figure, made.names, each) for figure, each in taken.items())
    return GroupsOf(feature=made.feature, groups=tuple(groups), gaps=gaps)


def _figure(name: str, taken: _Taken) -> Measured:
    count = len(taken.values)
    if not count:
        return Measured(name=name, value=None, rows=0, because="no rows")
    value = float(taken.values.mean())
    because = f"fewer than {FEW} rows: not compared" if count < FEW else ""
    if taken.is_share:
        ends = intervals.share(int(taken.values.sum()), count)
        return Measured(name=name, value=value, low=ends.low, high=ends.high, rows=count, method="exact", because=because)
    if count < 2:
        return Measured(name=name, value=value, rows=count, because=because)
    reach = float(stdtrit(count - 1, (1 + LEVEL) / 2)) * float(taken.values.std(ddof=1)) / sqrt(count)
    return Measured(name=name, value=value, low=value - reach, high=value + reach, rows=count, method="delta", because=because)


def _gap(figure: str, names: Sequence[str], taken: Sequence[_Taken]) -> Gap:
    small = tuple(name for name, one in zip(names, taken, strict=True) if len(one.values) < FEW)
    kept = [(name, one) for name, one in zip(names, taken, strict=True) if len(one.values) >= FEW]
    if len(kept) < 2:
        return Gap(figure=figure, about=_ABOUT[figure], left_out=small)
    kept.sort(key=lambda pair: float(pair[1].values.mean()))
    (least, low_group), (most, high_group) = kept[0], kept[-1]
    pairs = len(list(combinations(kept, 2)))
    apart = _share_apart if low_group.is_share else _mean_apart
    low, high = apart(high_group.values, low_group.values, 1 - (1 - LEVEL) / pairs)
    return Gap(
        figure=figure, about=_ABOUT[figure], value=float(high_group.values.mean() - low_group.values.mean()), low=max(low, 0.0), high=high,
        most=most, least=least, left_out=small,
    )  # fmt: skip


def _share_apart(one: Floats, other: Floats, level: float) -> tuple[float, float]:
    """The interval of the difference of two shares: of Wilson's intervals of each."""
    p, q = float(one.mean()), float(other.mean())
    (p_low, p_high), (q_low, q_high) = _wilson(p, len(one), level), _wilson(q, len(other), level)
    return p - q - sqrt((p - p_low) ** 2 + (q_high - q) ** 2), p - q + sqrt((p_high - p) ** 2 + (q - q_low) ** 2)


def _wilson(share: float, rows: int, level: float) -> tuple[float, float]:
    z = float(ndtri((1 + level) / 2))
    middle = share + z * z / (2 * rows)
    reach = z * sqrt(share * (1 - share) / rows + z * z / (4 * rows * rows))
    whole = 1 + z * z / rows
    return (middle - reach) / whole, (middle + reach) / whole


def _mean_apart(one: Floats, other: Floats, level: float) -> tuple[float, float]:
    a, b = float(one.var(ddof=1)) / len(one), float(other.var(ddof=1)) / len(other)
    difference = float(one.mean() - other.mean())
    if a + b == 0:
        return difference, difference
    freedom = (a + b) ** 2 / (a * a / (len(one) - 1) + b * b / (len(other) - 1))
    reach = float(stdtrit(freedom, (1 + level) / 2)) * sqrt(a + b)
    return difference - reach, difference + reach


_Take = Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]


def _right(truth: Floats, answers: Floats) -> Floats:
    return np.asarray(answers == truth, dtype=np.float64)


_FIGURES: dict[str, dict[str, _Take]] = {
    "binary": {
        SELECTED: lambda truth, answers: (answers == 1).astype(np.float64),
        FOUND: lambda truth, answers: (answers[truth == 1] == 1).astype(np.float64),
        FALSE_ALARMS: lambda truth, answers: (answers[truth == 0] == 1).astype(np.float64),
        RIGHT: _right,
    },
    "classes": {RIGHT: _right},
    "number": {ANSWER: lambda truth, answers: answers, ERROR: lambda truth, answers: answers - truth},
}
