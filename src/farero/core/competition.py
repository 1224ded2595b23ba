"""Which ways to train compete in one retraining, what each learns from, and which of them wins. The window is judged, never assumed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from math import sqrt
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from farero.core.window import duration_text

Param: TypeAlias = bool | int | float | str

_YEAR = 365
LADDER = tuple(timedelta(days=days) for days in (*(_YEAR * 2**power for power in range(6, -1, -1)), 180, 90, 45, 22, 11, 5, 2, 1))
"""The look-backs that may compete with all history where nobody names any, each about half of the one before."""

FEWEST_WINDOWS = 8
"""A look-back of the ladder holds at least so many windows: fewer say little beside what one window differs from the next."""

STEPS = 3
"""So many look-backs compete with all history."""

UNSURE_Z = 1.0
"""So many standard errors another way must be ahead of the one that production was trained by. The best of several that do not differ
is ahead by chance: without this, every contest would change the way, and the gate would see a gain that is none."""

FEWEST_ROWS = 20
"""A training on fewer rows is refused where nobody says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrant:
    """One way to train.

    Attributes:
        look_back: how much history to learn from; None = all.
        half_life: a row that is older by so much is drawn half as often; None = every row is drawn.
        params: what `train` finds in `data.params`.
    """

    look_back: timedelta | None = None
    half_life: timedelta | None = None
    params: Mapping[str, Param] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What it is called in records; the same way has the same name in every contest.

        >>> Entrant().name, Entrant(look_back=timedelta(days=90), params={"depth": 3}).name
        ('all history', '90d, depth=3')
        """
        words = ["all history" if self.look_back is None else _days(self.look_back)]
        words += [] if self.half_life is None else [f"half-life {_days(self.half_life)}"]
        return ", ".join([*words, *(f"{key}={value}" for key, value in sorted(self.params.items()))])


@dataclass(frozen=True, slots=True, kw_only=True)
class Heat:
    """How one entrant did on the held-out rows.

    Attributes:
        entrant: its name.
        rows: that it learnt from.
        digest: of its model's files; "" where it has none.
        cpu_s: of its training [CPU s].
        loss: mean loss on the held-out rows; None where it is out of the contest.
        failed: why it is out of the contest; "" = it is not.
    """

    entrant: str
    rows: int
    digest: str = ""
    cpu_s: float = 0.0
    loss: float | None = None
    failed: str = ""


def entrants(
    asked: Sequence[Entrant], *, look_back: timedelta | None, span: timedelta, window: timedelta, before: str | None = None
) -> tuple[Entrant, ...]:
    """The ways that compete in one retraining.

    Args:
        asked: what the project names: they and no others, where there are any.
        look_back: what the project has settled on; then it is no longer in question.
        span: from the oldest known row to the newest.
        window: of the loop.
        before: name of the look-back that won the last time; those next to it compete. Without one they are spread over the ladder.

    >>> day = timedelta(days=1)
    >>> [one.name for one in entrants((), look_back=None, span=400 * day, window=7 * day)]
    ['all history', '365d', '180d', '90d']
    >>> [one.name for one in entrants((), look_back=None, span=400 * day, window=day, before="45d")]
    ['all history', '90d', '45d', '22d']
    >>> [one.name for one in entrants((), look_back=None, span=20 * 365 * day, window=365 * day)]
    ['all history', '5840d', '2920d']
    """
    if asked:
        return tuple({one.name: one for one in asked}.values())
    if look_back is not None:
        return (Entrant(look_back=look_back),)
    fitting = [Entrant(look_back=length) for length in LADDER if FEWEST_WINDOWS * window <= length < span]
    names = [one.name for one in fitting]
    if len(fitting) <= STEPS:
        chosen = fitting
    elif before in names:
        first = min(max(names.index(before) - 1, 0), len(fitting) - STEPS)
        chosen = fitting[first : first + STEPS]
    else:
        chosen = [fitting[place] for place in (0, len(fitting) // 2, len(fitting) - 1)]
    return (Entrant(), *chosen)


def drawn(entrant: Entrant, ages_s: NDArray[np.float64], luck: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(n,) which rows an entrant learns from.

    Rows are drawn, not weighted, because every `train` can learn from fewer rows, and few take weights. Drawing is without
    repetition: a row that were there twice could be on both sides of a split that `train` makes for itself.

    Args:
        ages_s: (n,) seconds before the newest known row.
        luck: (n,) uniform in [0, 1), the same for every entrant of a contest.
    """
    kept = np.ones(ages_s.size, dtype=np.bool_)
    if entrant.look_back is not None:
        kept &= ages_s <= entrant.look_back.total_seconds()
    if entrant.half_life is not None:
        kept &= luck < 0.5 ** (ages_s / entrant.half_life.total_seconds())
    return kept


def pick(losses: Mapping[str, NDArray[np.float64]], *, before: str | None) -> str:
    """The name of the winner among entrants that answered every held-out row.

    The way that production was trained by, `before`, or the first named where that does not compete, stays unless another is ahead of
    it by `UNSURE_Z` standard errors of the paired difference; among those, the least mean loss wins.

    Args:
        losses: entrant -> (n,) losses of the same held-out rows; at least one entrant.

    >>> losses = {"all history": np.array([4.0, 5.0, 6.0]), "90d": np.array([3.0, 4.5, 5.0])}
    >>> pick(losses, before=None)
    '90d'
    """
    stays = before if before is not None and before in losses else next(iter(losses))
    ahead = {stays: 0.0}
    for name, own in losses.items():
        difference = own - losses[stays]
        error = float(np.std(difference, ddof=1)) / sqrt(difference.size) if difference.size > 1 else 0.0
        mean = float(np.mean(difference)) if difference.size else 0.0
        if mean + UNSURE_Z * error < 0:
            ahead[name] = mean
    return min(ahead, key=lambda name: ahead[name])


def _days(length: timedelta) -> str:
    days = length / timedelta(days=1)
    return f"{days:.0f}d" if days.is_integer() else duration_text(length)
