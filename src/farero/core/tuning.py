"""Policies of watching put side by side on recorded windows: how often each cries wolf there, and how soon it sees a change put in."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import betaincinv, chdtri

from farero.core import injected
from farero.core.baseline import PresetName, windows_a_year
from farero.core.bet import Evidence, Played, evidence, group, paths, play, resampled, together
from farero.core.days import Days
from farero.core.injected import CHANGES, Change
from farero.core.reference import Counts, Floats, Reference
from farero.core.ruled import Table, alarms, drifted, table
from farero.core.stacked import Flags, Stack, figures

PATIENCE = 60
"""Windows after which a change counts as not seen."""

STARTS = 5
"""Places in the record, evenly spread, where each change begins."""

DRIFT_WINDOWS = 56
"""Newest normal windows that changes are put into."""

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Watching:
    """One way to watch inputs.

    Attributes:
        name: shown in tables.
        verdict: what `fa.Drift` calls it: a rule, or a preset of the detector.
        limit: of a rule, in its own unit; None = the rule's own.
        a_year: of a preset, false alarms a year and model that it is laid out for; None for rules.
    """

    name: str
    verdict: str
    limit: float | None = None
    a_year: float | None = None

    @property
    def line(self) -> str | None:
        """What the project file says for it; None where it cannot be asked for there."""
        if self.a_year is not None:
            return f'fa.Drift("{self.verdict}")' if self.a_year == 1 else f'fa.Drift("{self.verdict}", a_year={self.a_year:g})'
        return f'fa.Drift("{self.verdict}")' if self.limit is None else None


WATCHING = (
    *(Watching(name=f"sensitive, {n:g} a year", verdict="sensitive", a_year=n) for n in (12.0, 4.0, 2.0, 1.0, 0.2)),
    *(Watching(name=f"quiet, {n:g} a year", verdict="quiet", a_year=n) for n in (12.0, 4.0, 2.0, 1.0, 0.2)),
    Watching(name="guarded", verdict="guarded"), Watching(name="effect", verdict="effect"),
    Watching(name="bonferroni", verdict="bonferroni"), Watching(name="fdr", verdict="fdr"),
    Watching(name="share, 30 % of features", verdict="share"), Watching(name="share, 50 % of features", verdict="share", limit=0.5),
    Watching(name="psi >= 0.25", verdict="psi"), Watching(name="psi >= 0.1", verdict="psi", limit=0.1),
    Watching(name="textbook, p < .05", verdict="textbook"), Watching(name="textbook, p < .01", verdict="textbook", limit=0.01),
)  # fmt: skip
"""What is set side by side unless asked otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delay:
    """Windows until a change was seen; None = not within `PATIENCE`. `late`: nine in ten were seen by then."""

    median: int | None
    late: int | None
    runs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What one way to watch came to.

    Attributes:
        alarms: on the recorded windows.
        false_a_year: on windows taken as normal [1/year]; `at_most` the same with 95 % confidence.
        promised: what it is laid out for, by theorem where its assumptions hold [1/year]; None = nothing.
        delays: change -> how soon it was seen.
    """

    watching: Watching
    alarms: int
    false_a_year: float
    at_most: float
    promised: float | None
    delays: Mapping[str, Delay]

    @property
    def mean_delay(self) -> float:
        """Over the changes [windows]; one that was not seen counts as `PATIENCE`."""
        medians = [PATIENCE if one.median is None else one.median for one in self.delays.values()]
        return float(np.mean(medians)) if medians else math.inf


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuned:
    """All of them, and what they were measured on.

    Attributes:
        windows: recorded; `normal` of them, or of the reference, were taken as free of drift.
        years: simulated for each preset by drawing whole weeks of normal windows anew.
        into: change -> the columns that it was put into.
    """

    judged: tuple[Judged, ...]
    windows: int
    normal: int
    years: int
    into: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Records:
    """What policies are measured on.

    Attributes:
        reference: of the version that answered.
        days: its windows, which detectors are fitted on.
        normal: windows taken as free of drift.
        recorded: windows to play through; may be the normal ones.
        size_s: length of a window [s]; None = windows by count.
        a_year: windows a year; None = as many as of this length.
        models: of the installation; spend: share of a model's budget that its inputs have [0-1].
        fresh: whether the normal windows are others than those of the reference. Where they are the same, each simulated year gets a
            baseline from windows drawn anew, or the detector would be asked about what it has learnt by heart.
    """

    reference: Reference
    days: Days
    normal: Stack
    recorded: Stack
    size_s: float | None
    a_year: float | None = None
    models: int = 1
    spend: float = 1.0
    fresh: bool = True

    @property
    def windows_a_year(self) -> float:
        """As they say, or as many as of this length; one a day where nothing is said."""
        return self.a_year or windows_a_year(self.size_s or 86_400.0)


def compare(
    records: Records,
    *,
    watching: Sequence[Watching] = WATCHING,
    changes: Sequence[Change] = CHANGES,
    years: int = 8,
    seed: int = 0,
    progress: Callable[[float, str], None] = lambda share, words: None,
) -> Tuned:
    """Put every way to watch through the same windows.

    Rules judge each window by itself: their false alarms are the share of normal windows that raise one. A detector gathers evidence, so
    whole years are drawn from the normal windows, week by week, and played through it. Changes are put into the newest normal windows
    (`injected`), into up to three columns each, from `STARTS` places on; a detector comes to them with what it had gathered until then.

    Args:
        records: what to measure on.
        years: simulated for each preset.
        seed: of the draws.
        progress: called with the share done [0-1] and what is being done.

    Source: Efron & Tibshirani (1993), An Introduction to the Bootstrap; Kuensch (1989) for drawing blocks; Shin, Ramdas & Rinaldo (2023)
    for what detectors promise.
    """
    pool = records.normal.pick(np.arange(max(len(records.normal.rows) - DRIFT_WINDOWS, 0), len(records.normal.rows)))
    changed: dict[str, list[tuple[int, Stack]]] = {}
    into: dict[str, tuple[str, ...]] = {}
    for change in changes:
        places = injected.targets(records.reference, change)
        if change.kind == "correlation" and not pool.pair_rows.shape[1]:
            places = []
        if places:
            changed[change.name] = [(place, injected.inject(records.reference, pool, change, place)) for place in places]
            into[change.name] = tuple(injected.names(records.reference, change, places))
    starts = np.unique(np.linspace(0, len(pool.rows) - 1, STARTS).round().astype(np.int64))
    progress(0.1, "judging windows by rules")
    found = _rules(records, [one for one in watching if one.a_year is None], pool, changed, starts)
    for at, preset in enumerate(sorted({one.verdict for one in watching if one.a_year is not None})):
        progress(0.2 + 0.4 * at, f"gathering evidence: {preset}")
        own = [one for one in watching if one.a_year is not None and one.verdict == preset]
        found |= _detectors(records, own, "quiet" if preset == "quiet" else "sensitive", pool, changed, starts, years, seed)
    progress(1.0, "done")
    return Tuned(
        judged=tuple(found[one] for one in watching), windows=len(records.recorded.rows), normal=len(records.normal.rows),
        years=years if any(one.a_year is not None for one in watching) else 0, into=into,
    )  # fmt: skip


def _rules(
    records: Records, watching: Sequence[Watching], pool: Stack, changed: Mapping[str, list[tuple[int, Stack]]], starts: Counts
) -> dict[Watching, Judged]:
    reference = records.reference
    normal = table(reference, records.normal)
    recorded = normal if _same(records) else table(reference, records.recorded)
    newest = normal.pick(np.arange(len(normal.rows) - len(pool.rows), len(normal.rows)))
    # Under a changed correlation margins stay as they are, and rules look at nothing else.
    moved = {
        name: [
            newest if name.startswith("correlation")
            else newest.with_column(place, figures(reference.columns[place], windows.columns[place], reference.rows))
            for place, windows in each
        ]
        for name, each in changed.items()
    }  # fmt: skip
    a_year = records.windows_a_year
    made: dict[Watching, Judged] = {}
    for one in watching:

        def judge(seen: Table, one: Watching = one) -> Flags:
            return alarms(one.verdict, drifted(one.verdict, seen, one.limit), one.limit)

        delays = {
            name: _delay([_first(alarmed, start) for alarmed in map(judge, each) for start in starts.tolist()])
            for name, each in moved.items()
        }
        hits, windows = int(judge(normal).sum()), len(normal.rows)
        upper = 1.0 if hits >= windows else float(betaincinv(hits + 1, windows - hits, CONFIDENCE))
        made[one] = Judged(
            watching=one, alarms=int(judge(recorded).sum()), false_a_year=hits / windows * a_year, at_most=upper * a_year, promised=None,
            delays=delays,
        )  # fmt: skip
    return made


def _detectors(
    records: Records, watching: Sequence[Watching], preset: PresetName, pool: Stack, changed: Mapping[str, list[tuple[int, Stack]]],
    starts: Counts, years: int, seed: int,
) -> dict[Watching, Judged]:  # fmt: skip
    size_s, a_year = records.size_s, records.windows_a_year
    limits = [a_year * records.models / records.spend / (one.a_year or 1.0) for one in watching]
    usual = limits[len(limits) // 2]
    random = np.random.default_rng(seed)
    length = round(min(a_year, 365.0 * 24))
    if records.fresh:
        simulated = None
    else:
        simulated = [
            evidence(records.reference, resampled(records.days, size_s, random), preset, size_s, usual, records.normal)
            for _ in range(years)
        ]
    made: dict[Watching, Judged] = {}
    for places, own in group(records.reference, records.days, preset, size_s, limits):
        normal = own.of(records.normal)
        recorded = normal if _same(records) else own.of(records.recorded)
        orders = [together(records.normal.numbers, own.period, length, random) for _ in range(years)]
        played = _years(simulated, own, normal, orders, limits, places)
        paths_of = _paths(own, normal, pool, changed, starts, max(limits[place] for place in places))
        for place in places:
            one, limit = watching[place], limits[place]
            alarms = played[place]
            made[one] = Judged(
                watching=one, alarms=play(recorded, own.weights, np.arange(len(recorded))[None, :], limit).alarms,
                false_a_year=alarms / years,
                at_most=float(chdtri(2 * alarms + 2, 1 - CONFIDENCE)) / 2 / years, promised=one.a_year,
                delays={name: _delay(_crossed(path, limit)) for name, path in paths_of.items()},
            )  # fmt: skip
    return made


def _years(
    simulated: Sequence[tuple[Evidence, Floats]] | None, own: Evidence, normal: Floats, orders: Sequence[Counts], limits: Sequence[float],
    places: Sequence[int],
) -> dict[int, int]:  # fmt: skip
    """Alarms of each limit over all simulated years."""
    if simulated is None:
        runs: list[tuple[Floats, Floats, Counts]] = [(normal, own.weights, np.array(orders))]
    else:
        runs = [(held, each.weights, order[None, :]) for (each, held), order in zip(simulated, orders, strict=True)]
    found = dict.fromkeys(places, 0)
    for held, weights, order in runs:
        least = min(limits[place] for place in places)
        first: Played = play(held, weights, order, least)
        for place in places:
            if first.alarms:
                # After an alarm all begins anew, so each limit has a course of its own.
                found[place] += first.alarms if limits[place] == least else play(held, weights, order, limits[place]).alarms
    return found


def _paths(
    own: Evidence, normal: Floats, pool: Stack, changed: Mapping[str, list[tuple[int, Stack]]], starts: Counts, most: float
) -> dict[str, Floats]:
    """Change -> (runs, windows) evidence after each window since it began."""
    before = normal[len(normal) - len(pool.rows) :]
    made: dict[str, Floats] = {}
    for name, each in changed.items():
        held = np.stack([own.of(windows) for _, windows in each])
        made[name] = paths(before, held, own.weights, starts, PATIENCE, most)
    return made


def _crossed(path: Floats, limit: float) -> list[int | None]:
    over = path >= limit
    return [int(row.argmax()) + 1 if row.any() else None for row in over]


def _first(alarms: Flags, start: int) -> int | None:
    """Windows until the first alarm from a place on; behind the newest window the oldest follows."""
    rolled = np.roll(alarms, -start)
    course = np.tile(rolled, math.ceil(PATIENCE / len(rolled)))[:PATIENCE]
    return int(course.argmax()) + 1 if course.any() else None


def _delay(windows: Sequence[int | None]) -> Delay:
    ordered = sorted(PATIENCE + 1 if one is None else one for one in windows)
    middle, late = ordered[(len(ordered) - 1) // 2], ordered[math.ceil(0.9 * len(ordered)) - 1]
    return Delay(median=middle if middle <= PATIENCE else None, late=late if late <= PATIENCE else None, runs=len(ordered))


def _same(records: Records) -> bool:
    return records.recorded is records.normal
