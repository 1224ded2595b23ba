"""What share of the labels is in, window by window at equal age, and whether labels come later than they used to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr, stdtrit

from farero.core.finding import Finding
from farero.core.window import Window, duration_text

LEAST_EARLIER = 8
"""Earlier windows, at least, that say what share of labels is usual."""

_SIZES = (timedelta(days=1), timedelta(days=7), timedelta(days=28))

MOST_EARLIER = 60
"""Earlier windows, at most and the newest, that are asked: how long labels take may change over the years."""

FALSE_ALARM = 2e-4
"""How often one look finds labels late that are not, shared among the windows looked at: looked at daily, once in 13 years."""

MARGIN = 0.05
"""How far below the usual share [0-1] it must lie, whatever chance says."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cohort:
    """One window's predictions, and how many labels were in at which age.

    Attributes:
        rows: predictions.
        ages_s: (m,) ascending ages of the window [s] at which labels came to be known; below 0 = before the window's end.
        known: (m,) labels known by that age.
    """

    window: Window
    rows: int
    ages_s: NDArray[np.float64]
    known: NDArray[np.int64]

    @classmethod
    def of(cls, window: Window, rows: int, delays_s: NDArray[np.float64]) -> Cohort:
        """The cohort of these labels, each known so long after the window's end [s]."""
        ages_s, counts = np.unique(delays_s, return_counts=True)
        return cls(window=window, rows=rows, ages_s=ages_s, known=np.cumsum(counts, dtype=np.int64))

    @property
    def labelled(self) -> int:
        """Labels known at any age."""
        return int(self.known[-1]) if self.known.size else 0

    def share_in(self, age_s: float) -> float:
        """The share of labels that were in at this age of the window [0-1].

        >>> day = Window(start=_EPOCH, end=_EPOCH + timedelta(days=1))
        >>> Cohort.of(day, 4, np.array([-5.0, 60.0, 7200.0])).share_in(3600.0)
        0.5
        """
        past = int(np.searchsorted(self.ages_s, age_s, side="right"))
        return int(self.known[past - 1]) / self.rows if self.rows and past else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelsIn:
    """How much of one window is labelled.

    Attributes:
        rows, labelled: predictions, and those whose label is known.
        share: labelled / rows [0-1]; 0 where nothing was predicted.
        age_s: how long ago the window ended [s]; at least that long each of its labels has had.
        mature: older than labels may take.
        usual: the share that earlier windows had at the same age; None = too few of them.
        least: below this share labels are late; None = as `usual`.
        earlier: how many windows `usual` is taken from.
        late: the share is below `least`.
    """

    window: Window
    rows: int
    labelled: int
    share: float
    age_s: float
    mature: bool
    usual: float | None = None
    least: float | None = None
    earlier: int = 0
    late: bool = False


def cohort_size(window: timedelta, span: timedelta, most: int) -> timedelta:
    """How long cohorts are: a window, or the first of a day, a week and four weeks that divides the span into `most` at the most.

    >>> cohort_size(timedelta(hours=1), timedelta(days=30), 100).days
    1
    """
    sizes = [window, *(size for size in _SIZES if size > window)]
    return next((size for size in sizes if span / size <= most), sizes[-1])


def cohorts(windows: Sequence[Window], predicted: Sequence[int], codes: NDArray[np.integer], known_us: NDArray[np.integer]) -> list[Cohort]:
    """Labels sorted into the windows of their predictions.

    Args:
        windows: in order.
        predicted: predictions of each.
        codes: (m,) for each label the place of its prediction's window.
        known_us: (m,) when it was known [us since 1970].
    """
    order = np.lexsort((known_us, codes))
    bounds = np.searchsorted(codes[order], np.arange(len(windows) + 1))
    made: list[Cohort] = []
    for at, (window, rows) in enumerate(zip(windows, predicted, strict=True)):
        own = known_us[order[bounds[at] : bounds[at + 1]]]
        made.append(Cohort.of(window, rows, (own - _microseconds(window.end)) / 1e6))
    return made


def labels_in(every: Sequence[Cohort], *, at: datetime, arrives_within: timedelta) -> list[LabelsIn]:
    """Each window's share of labels beside that of earlier windows at the same age.

    Windows that labels may still reach, and the newest one that they no longer may, are looked at for lateness. A window is late where
    all of these hold, each at `FALSE_ALARM` shared among the windows looked at, and the share lies `MARGIN` below the usual:
    so few labels are no chance of the binomial law; so low a share is below the prediction limit that earlier windows' own spread
    gives (Student, one-sided); and it is below the one that their lowest quarter gives (exponential tail).

    A window with such a share says nothing of what is usual for those after it; where all of the newest `MOST_EARLIER` are so, there
    is no usual until there are `LEAST_EARLIER` new ones.

    Args:
        every: in order of time; labels known by `at` only.
        at: now.
        arrives_within: how long labels may take.

    Source: for the prediction limit Hahn & Meeker (1991), Statistical Intervals, 4.8.
    """
    asked = [each for each in every if each.window.end <= at]
    seen = [_seen(each, at, arrives_within) for each in asked]
    mature = [place for place, one in enumerate(seen) if one.mature]
    looked_at = {*range(len(seen))} - {*mature[:-1]}
    chance = FALSE_ALARM / max(len(looked_at), 1)
    found: list[LabelsIn] = []
    for place, one in enumerate(seen):
        earlier = range(max(0, place - MOST_EARLIER), place)
        usual = [asked[before] for before in earlier if asked[before].rows and not found[before].late]
        found.append(_beside(one, asked[place], usual, arrives_within, chance))
    return [one if place in looked_at else replace(one, late=False) for place, one in enumerate(found)]


def late(found: Sequence[LabelsIn]) -> Finding | None:
    """What to tell where labels are late: the gravest window, and how many there are; None where none is."""
    behind = [one for one in found if one.late and one.usual is not None and one.least is not None]
    if not behind:
        return None
    worst = min(behind, key=lambda one: one.share / (one.usual or 1.0))
    usual, least = worst.usual or 0.0, worst.least or 0.0
    because = f"{worst.share:.0%} of the labels of {worst.window} are in {_age(worst.age_s)} after its end; {usual:.0%} were usual"
    because += f" in {worst.earlier} earlier windows at that age, and below {least:.0%} is no chance"
    if len(behind) > 1:
        because += f"; {len(behind)} windows are late"
    return Finding(
        kind="LABELS_LATE", subject="labels", severity="high" if worst.share < usual / 2 else "medium",
        value=worst.share, limit=least, because=because,
    )  # fmt: skip


def _seen(one: Cohort, at: datetime, arrives_within: timedelta) -> LabelsIn:
    age_s = (at - one.window.end).total_seconds()
    return LabelsIn(
        window=one.window, rows=one.rows, labelled=one.labelled, share=one.labelled / one.rows if one.rows else 0.0, age_s=age_s,
        mature=age_s >= arrives_within.total_seconds(),
    )  # fmt: skip


def _beside(seen: LabelsIn, own: Cohort, before: Sequence[Cohort], arrives_within: timedelta, chance: float) -> LabelsIn:
    """The window beside the earlier ones, at the age that labels may take at most."""
    if len(before) < LEAST_EARLIER or not seen.rows:
        return seen
    age_s = min(seen.age_s, arrives_within.total_seconds())
    shares = np.array([each.share_in(age_s) for each in before])
    rows = np.array([each.rows for each in before], dtype=np.float64)
    usual = float(np.mean(shares))
    # One more label and one more gap than were seen, so that windows that were always full do not make one gap an impossible thing.
    pooled = (float(shares @ rows) + 1) / (float(rows.sum()) + 2)
    spread = max(float(np.var(shares, ddof=1)), pooled * (1 - pooled) / seen.rows) * (1 + 1 / len(before))
    by_windows = usual + float(stdtrit(len(before) - 1, chance)) * spread**0.5
    limits = (by_windows, _tail_limit(shares, chance), _chance_limit(seen.rows, pooled, chance), usual - MARGIN)
    least = max(0.0, min(limits))
    return replace(seen, usual=usual, least=least, earlier=len(before), late=own.share_in(age_s) < least)


def _tail_limit(shares: NDArray[np.float64], chance: float) -> float:
    """The share that one more window falls below with this chance, the lowest quarter taken for the tail of an exponential law.

    Shares near their ceiling lie askew: a slow day is much lower than a quick one is higher, and Student's limit knows nothing of that.

    Source: the prediction limit of an exponential sample, Hahn & Meeker (1991), 4.9, for what lies below the quarter.
    """
    ordered = np.sort(shares)
    tail = max(4, len(ordered) // 4)
    below = float(np.sum(ordered[tail] - ordered[:tail]))
    return float(ordered[tail] - below * ((tail / len(ordered) / chance) ** (1 / tail) - 1))


def _chance_limit(rows: int, share: float, level: float) -> float:
    """The smallest share that at least `level` of windows with so many rows do not reach or only just reach."""
    low, high = -1, rows  # P(labels <= low) < level <= P(labels <= high)
    while high - low > 1:
        middle = (low + high) // 2
        if float(bdtr(middle, rows, share)) < level:
            low = middle
        else:
            high = middle
    return high / rows


def _age(age_s: float) -> str:
    """An age in words, cut to a unit that reads well.

    >>> _age(7300.0), _age(45.0)
    ('2h', '45s')
    """
    for unit_s in (86400, 3600, 60):
        if age_s >= unit_s:
            return duration_text(timedelta(seconds=age_s // unit_s * unit_s))
    return f"{age_s:.0f}s"


def _microseconds(time: datetime) -> int:
    return (time - _EPOCH) // timedelta(microseconds=1)


_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
