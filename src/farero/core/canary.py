"""A canary beside production: whether it fails more, is slower, answers nonsense or is worse, with a stated chance of a false alarm."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from farero.core import duel, performance
from farero.core.duel import Tally
from farero.core.intervals import Floats
from farero.core.label import LabelKind
from farero.core.prediction import Outputs

Kind: TypeAlias = Literal["errors", "latency", "constant", "range", "quality", "distribution"]
Tallies: TypeAlias = Mapping[Kind, tuple[Tally, ...]]
"""What was counted of each kind, one tally a share of the split."""

ALPHA = 0.01
"""How often a canary that is no worse than production is rolled back, over all looks and all kinds together [0-1]."""

ALLOWED: Mapping[Kind, float] = {
    "errors": 0.001, "latency": 0.05, "constant": 0.5, "range": 0.05, "quality": 0.0, "distribution": 0.1,
}  # fmt: skip
"""By how much the canary's mean may be above production's: shares of requests or rows, or the loss of a row on its scale [0-1]."""

STOPPING: tuple[Kind, ...] = ("errors", "latency", "constant", "range", "quality")
"""What ends a rollout. That answers are distributed differently is shown only: a retrained model is meant to answer a bit differently."""

LEAST_ROWS = 100
"""Of production, before anything is measured by them."""

FLOOR_US = 5_000
"""Requests count as slow only where they take this much longer than production's 95th percentile [us]: nobody waits for 40 us."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruler:
    """What both versions are measured by; each part made of rows before the first one that is measured by it. None = not known yet.

    Attributes:
        slow_from_us: requests that take longer are slow [us].
        low, high: between these lie production's answers, for numbers [label's unit].
        loss_scale: a row's loss is divided by this and cut at 1 [metric's unit].
        first: the canary's first answer: the one that it gives always, if it gives but one.
        since: of each kind, from when on rows are measured by it.
    """

    slow_from_us: float | None = None
    low: float | None = None
    high: float | None = None
    loss_scale: float | None = None
    first: float | None = None
    since: Mapping[Kind, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One kind of comparison, after everything that was counted.

    Attributes:
        new, old: the mean of canary and of production; None where there is no row yet.
        rows: of canary and of production.
        log_evidence, limit: how strongly the counts say that the canary is worse, and what is believed [nat].
    """

    kind: Kind
    new: float | None
    old: float | None
    rows: tuple[int, int]
    log_evidence: float
    limit: float
    because: str

    @property
    def worse(self) -> bool:
        """Whether it passed its limit."""
        return self.log_evidence >= self.limit

    @property
    def stops(self) -> bool:
        """Whether the rollout must end for it."""
        return self.worse and self.kind in STOPPING


def compare(tallies: Tallies, *, alpha: float = ALPHA) -> tuple[Compared, ...]:
    """Every kind of which something was counted.

    A canary that is nowhere worse than production by more than is allowed is rolled back with probability `alpha` at most, however often
    this is asked: each of the kinds that stop has an equal part of it (Bonferroni).

    Args:
        tallies: since the split began.
        alpha: [0-1].

    >>> [one.stops for one in compare({"errors": (duel.events(0.05, (9, 60), (0, 1140)),)})]
    [True]
    """
    limit = math.log(len(STOPPING) / alpha)
    return tuple(_compared(kind, tallies[kind], limit) for kind in get_args(Kind) if tallies.get(kind))


def add(tallies: Tallies, kind: Kind, more: Tally) -> Tallies:
    """The tallies with one more, counted together with those of its share."""
    known = tallies.get(kind, ())
    rest = tuple(one for one in known if one.share != more.share)
    same = [one for one in known if one.share == more.share]
    return {**tallies, kind: (*rest, same[0].plus(more) if same else more)}


def joined(first: Tallies, second: Tallies) -> Tallies:
    """Both together."""
    for kind, held in second.items():
        for tally in held:
            first = add(first, kind, tally)
    return first


def slow_from(latencies_us: Floats, floor_us: float = FLOOR_US) -> float | None:
    """From which time on a request is slow: production's 95th percentile and a floor; None for fewer than `LEAST_ROWS` requests [us].

    >>> slow_from(np.full(200, 40.0))
    5040.0
    """
    if len(latencies_us) < LEAST_ROWS:
        return None
    return float(np.quantile(latencies_us, 0.95)) + floor_us


def span(values: Floats) -> tuple[float, float] | None:
    """Between which numbers production answers; None for fewer than `LEAST_ROWS` rows, or where all are equal."""
    known = values[np.isfinite(values)]
    if len(known) < LEAST_ROWS or known.min() == known.max():
        return None
    return float(known.min()), float(known.max())


def loss_scale(kind: LabelKind, losses: Floats) -> float | None:
    """By what losses are divided: 1 for labels of classes; for numbers four mean losses or the 99th percentile, the larger."""
    if kind != "number":
        return 1.0
    if len(losses) < LEAST_ROWS or not losses.max() > 0:
        return None
    return float(max(4 * losses.mean(), np.quantile(losses, 0.99)))


def losses(kind: LabelKind, metric: str, labels: Floats, outputs: Outputs) -> Floats:
    """(n,) the loss of each row by the project's metric, or by the nearest one that is bounded: squared error of a binary probability."""
    if kind == "binary" and metric in ("log_loss", "roc_auc", "brier"):
        return performance.loss(kind, "brier", labels, outputs)
    return performance.loss(kind, performance.row_metric(kind, metric, outputs), labels, outputs)


def answer_scores(kind: LabelKind, outputs: Outputs, ruler: Ruler) -> Floats | None:
    """(n,) answers on a scale from 0 to 1: the probability, or where a number lies between production's; None before that is known."""
    if kind != "number":
        return outputs.probability
    if ruler.low is None or ruler.high is None:
        return None
    return np.asarray((outputs.value - ruler.low) / (ruler.high - ruler.low))


def is_outside(outputs: Outputs, ruler: Ruler) -> NDArray[np.bool_] | None:
    """(n,) which numbers lie farther outside production's than those are apart, or are none at all; None before that is known."""
    if ruler.low is None or ruler.high is None:
        return None
    width = ruler.high - ruler.low
    inside = (outputs.value >= ruler.low - width) & (outputs.value <= ruler.high + width)
    return np.asarray(~inside)


def _compared(kind: Kind, tallies: Sequence[Tally], limit: float) -> Compared:
    allowed = ALLOWED[kind]
    found = duel.log_evidence(tallies, allowed)
    if kind == "distribution":  # in either direction; each has half of the chance
        found = max(found, duel.log_evidence([tally.mirrored() for tally in tallies], allowed)) - math.log(2)
    new, old = duel.rates(tallies)
    rows = (sum(tally.rows[0] for tally in tallies), sum(tally.rows[1] for tally in tallies))
    return Compared(
        kind=kind, new=new, old=old, rows=rows, log_evidence=found, limit=limit, because=_told(kind, new, old, rows, found >= limit)
    )  # fmt: skip


_WORDS: Mapping[Kind, str] = {
    "errors": "failed on {new} of its {n} requests, production on {old} of {m}",
    "latency": "was slow on {new} of its {n} requests, production on {old} of {m}",
    "constant": "gave one and the same answer to {new} of its {n} rows, production gave that to {old} of {m}",
    "range": "answered far outside production's range on {new} of its {n} rows, production on {old} of {m}",
    "quality": "lost {new} a labelled row on {n} rows, production {old} on {m}",
    "distribution": "answers {new} on average over {n} rows, production {old} over {m} (both on a scale from 0 to 1)",
}
_BEYOND: Mapping[Kind, str] = {
    "errors": "more than {allowed} above", "latency": "more than {allowed} above", "constant": "far above", "range": "far above",
    "quality": "worse", "distribution": "more than {allowed} apart",
}  # fmt: skip


def _told(kind: Kind, new: float | None, old: float | None, rows: tuple[int, int], worse: bool) -> str:
    parts = kind in ("errors", "latency", "constant", "range")

    def shown(value: float | None) -> str:
        return "none" if value is None else f"{value:.2%}" if parts else f"{value:.4g}"

    words = f"{kind}: it " + _WORDS[kind].format(new=shown(new), old=shown(old), n=rows[0], m=rows[1])
    return f"{words}: {_BEYOND[kind].format(allowed=f'{ALLOWED[kind]:.2%}')}" if worse else words
