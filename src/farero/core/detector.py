"""Whether the world a model sees is still the one it was trained on: evidence gathered window by window, with a promise on false alarms."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

import numpy as np

from farero.core.baseline import PRESETS, Baseline, Preset, PresetName, accumulate, fit, log_bets, windows_a_year
from farero.core.packed import pack, unpack
from farero.core.reference import Counts, Floats
from farero.core.scores import Score, ScoreKind, WindowScores, atoms

Answer: TypeAlias = Literal["new normal", "still wrong"]

CALM_WINDOWS = 3
"""Windows in a row that speak for the old normal before a score that was "still wrong" is listened to again."""

_SAYS_NOTHING = 1.0  # nat: what the best of six bets reaches by chance now and then
_NAMED = 5
_LEAST_SHARE = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One score that spoke for a change.

    Attributes:
        share: of all evidence [0-1].
        before, now: mean of the score [0-1] in the reference, for this weekday, and in the window that raised the alarm; for location 0.5
            is the reference's middle.
    """

    columns: tuple[str, ...]
    kind: ScoreKind
    level: str | None
    share: float
    before: float
    now: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """Enough evidence that something changed. `log_evidence` and `log_limit` [nat]; `windows` since the detector last began anew."""

    number: int
    windows: int
    log_evidence: float
    log_limit: float
    evidence: tuple[Evidence, ...]
    because: str

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns concerned, those with most evidence first."""
        return tuple(dict.fromkeys(name for one in self.evidence for name in one.columns))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class State:
    """What the detector remembers between windows.

    Attributes:
        held: (6 s + columns,) log of each component's evidence; -inf at the start.
        windows: seen since it last began anew.
        last: number of the newest window seen; None before the first.
        muted: (m,) scores, and s + place for columns that turned constant, that are known to be still wrong.
        calm: (m,) windows in a row in which each of them was as it used to be.
        alarm: the last one, until it is answered.
    """

    held: Floats
    windows: int = 0
    last: int | None = None
    muted: Counts = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    calm: Counts = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    alarm: Alarm | None = None

    def to_bytes(self) -> bytes:
        """This state as bytes that `from_bytes` reads."""
        return pack(self)

    @classmethod
    def from_bytes(cls, data: bytes) -> State:
        """Read what `to_bytes` wrote.

        Raises:
            Corrupt: the bytes are something else.
        """
        return unpack(data, cls)


def begin(baseline: Baseline) -> State:
    """No evidence yet."""
    return State(held=np.full(len(baseline.log_weights), -np.inf))


def update(state: State, baseline: Baseline, window: WindowScores) -> tuple[State, Alarm | None]:
    """Take one more window into account; after an alarm the evidence begins anew.

    Call it once for each closed window, in order. Windows without rows need not be given: the promise counts the windows that are.

    **Theorem.** Let nothing have changed: given the past, rows are independent, and the mean of each score lies within the allowance of
    its baseline. Then each bet e has E[e] <= 1 (its factors 1 + lambda (g - m0) do, as E[g] <= m0), each M <- (1 + M) e minus the number of
    windows is a supermartingale, and so is their weighted mean. By optional stopping the expected number of windows to a false alarm is
    at least `Baseline.limit`. It holds for any number of columns and whatever the dependence between them, with no correction for many
    tests, and however often one looks.

    **What is approximate.** Where the reference's own windows differ more than independent rows would, bets are raised to the power
    1 / phi: the sub-Gaussian form, with phi estimated. The baseline is estimated too: the allowance holds its error with a probability,
    not surely. Days that hang together are tempered by their long-run variance, as far as the reference shows it; seasons longer than the
    reference are not known. Changes smaller than the allowance raise no alarm, whatever the number of rows.

    Args:
        state: from `begin`, or the last call.
        baseline: the same since `begin`.
        window: read on the baseline's layout.

    Returns:
        The next state, and an alarm or None.

    Raises:
        ValueError: the window was read on another reference, or is not newer than the last one.

    Source: Shin, Ramdas & Rinaldo (2023), E-detectors: a nonparametric framework for sequential change detection, New England J. Stat.
    Data Sci. 2; Waudby-Smith & Ramdas (2024), Estimating means of bounded random variables by betting, JRSS B 86. Podkopaev & Ramdas
    (2022), Tracking the risk of a deployed model and detecting harmful distribution shifts, ICLR, for the loss. Measured:
    `benchmarks/monitoring.py`.
    """
    if window.edges_hash != baseline.plan.edges_hash:
        raise ValueError("this window was read on another reference than the baseline's: read its profile on that one")
    if state.last is not None and window.number <= state.last:
        raise ValueError(f"window {window.number} is not newer than {state.last}: windows are taken in order, each once")
    gains = _gains(baseline, window)
    held = accumulate(state.held, gains)
    muted, calm = _still_muted(state, baseline, gains)
    if len(state.muted):
        held[_components(baseline, state.muted)] = -np.inf  # of those, too, that are heard again from the next window on
    counted = held + baseline.log_weights
    top = float(counted.max(initial=-np.inf))
    total = top + float(np.log(np.exp(counted - top).sum())) if np.isfinite(top) else -np.inf
    limit = float(np.log(baseline.limit))
    after = replace(state, held=held, windows=state.windows + 1, last=window.number, muted=muted, calm=calm)
    if total < limit:
        return after, None
    alarm = _alarm(baseline, window, after, counted, total)
    return replace(after, held=np.full(len(held), -np.inf), windows=0, alarm=alarm), alarm


def answer(state: State, baseline: Baseline, said: Answer) -> State:
    """What a person says of the last alarm.

    "new normal": the world is another one and that is fine. What was muted is heard again, and the evidence begins anew; give the
    detector a baseline of windows since then (`days.gather`, `baseline.fit`) or a version trained on them, or it alarms again.

    "still wrong": known, and being worked on. The scores of the alarm, and all of its columns, are not counted until they were back to
    the old normal for `CALM_WINDOWS` windows in a row; everything else is watched as before. Leaving scores out only lowers the evidence,
    so the promise holds.

    Raises:
        ValueError: there is no alarm to answer.
    """
    if state.alarm is None:
        raise ValueError("there is no alarm that waits for an answer")
    fresh = replace(state, held=np.full(len(state.held), -np.inf), windows=0, alarm=None)
    if said == "new normal":
        return replace(fresh, muted=np.zeros(0, dtype=np.int64), calm=np.zeros(0, dtype=np.int64))
    named = {(one.columns, one.kind, one.level) for one in state.alarm.evidence}
    concerned = {name for one in state.alarm.evidence if len(one.columns) == 1 for name in one.columns}
    places = [
        place
        for place, score in enumerate(_every(baseline))
        if (score.columns, score.kind, score.level) in named or concerned.intersection(score.columns)
    ]
    muted = np.union1d(state.muted, np.array(places, dtype=np.int64)).astype(np.int64)
    return replace(fresh, muted=muted, calm=np.zeros(len(muted), dtype=np.int64))


def _gains(baseline: Baseline, window: WindowScores) -> Floats:
    """(6 s + columns,) log evidence of this window."""
    bets = log_bets(baseline, window.number, atoms(baseline.plan, window.cells).astype(np.float64))
    stuck = np.where(window.constant == 0, -np.inf, 0.0)
    for place in np.flatnonzero(window.constant == 1).tolist():
        # A fair bet: p ** (1 - n) where all n rows hold a value of share p, and nothing otherwise; p ** n of it, summed over values, is 1.
        column = baseline.plan.columns[place]
        own = slice(column.groups_from(), column.groups_from() + column.groups)
        gain = float(baseline.constant_gain[own][window.cells[own] > 0].sum())
        stuck[place] = gain * max(int(window.cells[own].sum()) - 1, 0)
    return np.concatenate([bets.reshape(-1), stuck])


def _components(baseline: Baseline, places: Counts) -> Counts:
    """Components of scores, and of columns behind them."""
    s = len(baseline.plan.scores)
    of_scores = (np.arange(6)[:, None] * s + places[places < s]).reshape(-1)
    return np.concatenate([of_scores, 5 * s + places[places >= s]]).astype(np.int64)


def _still_muted(state: State, baseline: Baseline, gains: Floats) -> tuple[Counts, Counts]:
    if not len(state.muted):
        return state.muted, state.calm
    s = len(baseline.plan.scores)
    best = np.concatenate([gains[: 6 * s].reshape(6, s).max(axis=0), gains[6 * s :]])[state.muted]
    calm = np.where(best <= _SAYS_NOTHING, state.calm + 1, 0)
    return state.muted[calm < CALM_WINDOWS], calm[calm < CALM_WINDOWS]


def _every(baseline: Baseline) -> tuple[Score, ...]:
    stuck = tuple(Score(columns=(column.name,), kind="constant", family="quality") for column in baseline.plan.columns)
    return baseline.plan.scores + stuck


def _alarm(baseline: Baseline, window: WindowScores, state: State, counted: Floats, total: float) -> Alarm:
    s = len(baseline.plan.scores)
    shares = np.exp(counted - total)
    of_each = np.concatenate([shares[: 6 * s].reshape(6, s).sum(axis=0), shares[6 * s :]])
    every = _every(baseline)
    before, now = _means(baseline, window)
    order = [place for place in np.argsort(-of_each, kind="stable").tolist()[:_NAMED] if of_each[place] >= _LEAST_SHARE]
    evidence = tuple(
        Evidence(
            columns=every[place].columns, kind=every[place].kind, level=every[place].level, share=float(of_each[place]),
            before=float(before[place]), now=float(now[place]),
        )
        for place in order
    )  # fmt: skip
    limit = float(np.log(baseline.limit))
    because = f"evidence e^{total:.1f} >= e^{limit:.1f} after {state.windows} windows: " + ", ".join(_said(one) for one in evidence)
    return Alarm(number=window.number, windows=state.windows, log_evidence=total, log_limit=limit, evidence=evidence, because=because)


def _means(baseline: Baseline, window: WindowScores) -> tuple[Floats, Floats]:
    plan, s = baseline.plan, len(baseline.plan.scores)
    slot = (window.number % baseline.period) * s
    counts = atoms(plan, window.cells)
    rows = np.maximum(np.add.reduceat(counts, plan.starts), 1)
    now = np.add.reduceat(counts * plan.values, plan.starts) / rows
    return np.concatenate([baseline.base[slot : slot + s], np.zeros(len(plan.columns))]), np.concatenate([now, window.constant == 1])


def _said(one: Evidence) -> str:
    name = " and ".join(one.columns)
    if one.kind == "constant":
        return f"{name} turned constant ({one.share:.0%} of the evidence)"
    what = {
        "location": "rank",
        "spread": "spread of ranks",
        "pair": "both above the median",
        "category": f"share of {one.level or 'the rest'}",
    }
    return f"{name} {what.get(one.kind, one.kind)} {one.before:.3f} -> {one.now:.3f} ({one.share:.0%} of the evidence)"


# Whoever runs a detector fits it too: one import serves.
__all__ = [
    "PRESETS", "Alarm", "Answer", "Baseline", "Evidence", "Preset", "PresetName", "State",
    "answer", "begin", "fit", "update", "windows_a_year",
]  # fmt: skip
