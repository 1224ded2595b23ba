"""What a retraining was worth, and with how many new rows another one would be."""

from __future__ import annotations

from math import log

LITTLE = 0.03
"""A contest that takes away less than this share of what is wrong was hardly worth its training."""

SURE = 0.9
"""How probable it must be that a candidate was better before its gain speaks for another retraining [0-1]."""

DOUBLE = 2.0
"""Where nothing is known of what retraining gains, a model that could learn from so many times the rows is worth a contest."""


def gain(current: float | None, candidate: float | None, *, higher_is_better: bool) -> float | None:
    """The share of what is wrong with production that a candidate took away [..1]; None where it cannot be said.

    >>> gain(40.0, 30.0, higher_is_better=False)
    0.25
    """
    if current is None or candidate is None:
        return None
    before, after = (1 - current, 1 - candidate) if higher_is_better else (current, candidate)
    return None if before <= 0 else (before - after) / before


def worth_it(current: float | None, candidate: float | None, *, higher_is_better: bool) -> bool:
    """Whether a candidate took away enough of what was wrong with production: of the error, or of what a score lacks to 1.

    An unknown figure, such as that of a first version, was worth it.

    >>> worth_it(40.0, 39.0, higher_is_better=False), worth_it(0.80, 0.82, higher_is_better=True)
    (False, True)
    """
    share = gain(current, candidate, higher_is_better=higher_is_better)
    return share is None or share >= LITTLE


def growth_needed(gained: float | None, grown: float | None, *, accepted: bool, sure: bool) -> float:
    """How many times the rows that production learnt from there must be before another retraining is worth it.

    Where nothing changes, what is wrong with a model falls with a power of the rows that it learns from; where the world moves, new rows
    are worth more than old ones, and the power is larger. Either way the last contest tells it: `grown` times the rows took away `gained`.
    Another is worth it when the same power takes away `LITTLE`.

    Args:
        gained: share of what was wrong that the last contest took away [..1]; None = there was none, or it cannot be said.
        grown: how many times the rows that production had learnt from there were at that contest; None = it is not known.
        accepted: whether production has learnt by it since. A lost one shows that more rows bring little: it takes four times as many, and
            no gain asks for more than that.
        sure: whether the gain is more than chance; otherwise it says nothing, and `DOUBLE` is asked for.

    >>> [round(growth_needed(gained, 2.0, accepted=True, sure=True), 2) for gained in (0.06, 0.02, 0.001)]
    [1.41, 2.84, 8.0]
    >>> growth_needed(-0.01, 2.0, accepted=False, sure=False), growth_needed(None, None, accepted=True, sure=False)
    (8.0, 2.0)
    """
    if gained is None or grown is None or grown <= 1:
        return DOUBLE
    most = grown * DOUBLE**2
    if not accepted:
        return most
    if not sure or gained <= 0:
        return DOUBLE
    if gained >= 1:
        return 1.0
    power = log(1 - LITTLE) / log(1 - gained)
    return most if power * log(grown) >= log(most) else float(grown**power)
