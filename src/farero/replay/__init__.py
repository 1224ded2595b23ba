"""replay: recorded history through `loop.py` in simulated time, one policy beside another. Nothing later than "now" is ever read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import process_time
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from farero.core import performance
from farero.core.label import LabelRow, LabelSpec
from farero.core.prediction import Outputs
from farero.core.replayed import DecisionResult, PolicyResult, WindowResult
from farero.core.window import Window, WindowSize, window_at
from farero.loop import Loop, Turn
from farero.replay.history import History
from farero.serving import stored
from farero.store import decisions, incidents, outbox, runs, versions
from farero.store.database import Store


class SettableClock(Protocol):
    """A clock that tells the time it was set to last."""

    def now(self) -> datetime:
        """The moment it was set to."""
        ...

    def set(self, moment: datetime) -> None:
        """Move on to a later moment."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """An installation to live history on: the loop of one model, its clock, and how recorded rows reach the log."""

    model: str
    label: LabelSpec
    metric: str
    loop: Loop
    clock: SettableClock
    store: Store
    hand_over: Callable[[], object]


Progress = Callable[[float, str], None]
"""Called with the share done [0-1] and a word on where it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Served:
    window: Window
    first: int
    last: int
    version: str
    outputs: Outputs


def run(bench: Bench, history: History, *, policy: str, until: datetime, size: WindowSize, progress: Progress) -> PolicyResult:
    """Live the history after `until` under one policy; the part before it trains version 1.0.0.

    Each window is predicted by the version in production at its start; at its end the labels that are known by then
    arrive, and the loop takes its turn.
    """
    begun = process_time()
    first = int(np.searchsorted(history.times, stored.moment(until)))
    bench.clock.set(until)
    progress(0.0, "training version 1.0.0")
    _start(bench, history, first, until)
    arrivals = np.argsort(history.known, kind="stable")
    arrivals = arrivals[(arrivals >= first) & ~np.isnat(history.known[arrivals])]
    told = 0
    served: list[_Served] = []
    turns: dict[datetime, Turn] = {}
    windows = _windows(history, first, size)
    for number, (window, begin, end) in enumerate(windows):
        bench.clock.set(window.end)
        served.append(_predict(bench, history, window, begin, end))
        bench.hand_over()
        upto = int(np.searchsorted(history.known[arrivals], stored.moment(window.end), side="right"))
        _tell(bench, history, arrivals[told:upto], window_of=served)
        told = upto
        if _is_whole(history, window, number == len(windows) - 1, size, end - begin):
            turns.update({turn.window.end: turn for turn in bench.loop.turn(window.end)})
        else:
            bench.loop.record.done(window)  # a live loop that goes on from here must not judge it either
        progress((number + 1) / len(windows), f"{window.end:%Y-%m-%d}")
    return _result(bench, history, policy, served, turns, process_time() - begun)


def _start(bench: Bench, history: History, first: int, until: datetime) -> None:
    base = history.labelled(first)
    kept = bench.loop.retrain.keep(base)
    known = base.where(base.known <= stored.moment(until))
    trained = bench.loop.retrain.first(
        known, until=until, origin="replay/first", because=f"the history until {until:%Y-%m-%d}", tags={"base": kept}
    )
    verdict = bench.loop.validate.judge(trained.version, None, None)
    bench.loop.promote.apply(trained.version, verdict, by="replay")


def _windows(history: History, first: int, size: WindowSize) -> list[tuple[Window, int, int]]:
    found: list[tuple[Window, int, int]] = []
    begin = first
    if size.rows is not None:
        for window in stored.cut(history.times[first:], size.rows, None):
            end = int(np.searchsorted(history.times, stored.moment(window.end)))
            found.append((window, begin, end))
            begin = end
        if begin < history.count:  # the rows of a window that is not full
            rest = Window(start=found[-1][0].end if found else stored.aware(history.times[first]), end=_after(history.times[-1]))
            found.append((rest, begin, history.count))
        return found
    while begin < history.count:
        window = window_at(stored.aware(history.times[begin]), size.span)
        end = int(np.searchsorted(history.times, stored.moment(window.end)))
        found.append((window, begin, end))
        begin = end
    return found


def _after(time: np.datetime64) -> datetime:
    return stored.aware(time) + timedelta(microseconds=1)


def _is_whole(history: History, window: Window, is_last: bool, size: WindowSize, rows: int) -> bool:
    """Whether the history lasts to the end of its last window, all but a tenth; what happened in the rest of it nobody recorded, so nobody
    could have judged it."""
    if size.rows is not None:
        return rows >= size.rows
    return not is_last or stored.aware(history.times[-1]) >= window.end - (window.end - window.start) / 10


def _predict(bench: Bench, history: History, window: Window, begin: int, end: int) -> _Served:
    times = [time.replace(tzinfo=UTC) for time in history.times[begin:end].tolist()]
    rows = history.slice(begin, end)
    answered = bench.loop.predict.answer(rows, request_id=_request_id(window), endpoint="replay", at=window.end, times=times)
    return _Served(window=window, first=begin, last=end, version=answered.version, outputs=answered.outputs)


def _request_id(window: Window) -> str:
    return f"replay-{window.start:%Y%m%dT%H%M%S}" + (f".{window.start:%f}" if window.start.microsecond else "")


def _tell(bench: Bench, history: History, positions: NDArray[np.intp], window_of: list[_Served]) -> None:
    """Hand in labels as a client would: by request id and row."""
    if positions.size == 0:
        return
    firsts = np.asarray([served.first for served in window_of])
    homes = np.searchsorted(firsts, positions, side="right") - 1
    known = history.known[positions].tolist()
    rows = [
        LabelRow(
            raw=history.raw[position],
            known_at=known[index].replace(tzinfo=UTC),
            request_id=_request_id(window_of[home].window),
            row=int(position) - window_of[home].first,
        )
        for index, (position, home) in enumerate(zip(positions.tolist(), homes.tolist(), strict=True))
    ]
    bench.loop.label.take(rows)


def _result(bench: Bench, history: History, policy: str, served: list[_Served], turns: dict[datetime, Turn], cpu_s: float) -> PolicyResult:
    with bench.store.read() as conn:
        stored_decisions = decisions.all(conn, bench.model, last=None)
        all_incidents = incidents.all(conn, bench.model, last=None)
        notified = len({delivery.message.id for delivery in outbox.all(conn, last=None)})
        all_runs = [run for run in runs.all(conn, bench.model, last=None) if run.kind == "retrain"]
        moves = versions.moves(conn, bench.model)
        made = versions.all(conn, bench.model)
    labelled = ~np.isnan(history.labels)
    positions = np.arange(served[0].first, served[-1].last)
    everything = _outputs_together([entry.outputs for entry in served])
    mask = labelled[positions]
    total = performance.evaluate(bench.label.kind, history.labels[positions][mask], stored.pick(everything, mask), [bench.metric])
    return PolicyResult(
        name=policy,
        metric=total.get(bench.metric),
        windows=[_window_result(bench, history, entry, turns.get(entry.window.end)) for entry in served],
        decisions=[DecisionResult(decision=entry.decision, candidate=entry.candidate, verdict=entry.verdict) for entry in stored_decisions],
        incidents=all_incidents,
        notifications=notified,
        predictions=int(positions.size),
        unlabelled=int((~mask).sum()),
        rejections=sum(entry.verdict is not None and not entry.verdict.accepted for entry in stored_decisions),
        promotions=sum(move.target == "production" for move in moves) - 1,
        retrainings=len(all_runs),
        rollbacks=sum(move.target == "production" and move.source == "archived" for move in moves),
        cpu_s=cpu_s + sum(float(version.tags.get(name, 0.0)) for version in made for name in ("train_cpu_s", "contest_cpu_s")),
        trainings=sum(int(version.tags.get("trainings", 1)) for version in made if version.origin.startswith("loop/")),
    )


def _window_result(bench: Bench, history: History, entry: _Served, turn: Turn | None) -> WindowResult:
    labels = history.labels[entry.first : entry.last]
    mask = ~np.isnan(labels)
    metric = performance.evaluate(bench.label.kind, labels[mask], stored.pick(entry.outputs, mask), [bench.metric]).get(bench.metric)
    observation = turn.observation if turn else None
    drift = observation.drift if observation else None
    estimate = observation.estimated.get(bench.metric) if observation else None
    window = entry.window
    refused = (history.refused >= stored.moment(window.start)) & (history.refused < stored.moment(window.end))
    return WindowResult(
        window=window,
        rows=entry.last - entry.first,
        version=entry.version,
        metric=metric,
        estimated=estimate.value if estimate else None,
        drift_alarm=drift is not None and drift.alarm,
        drift_score=drift.score if drift else 0.0,
        drift_features=drift.features if drift else (),
        quality=tuple(finding.because for finding in observation.findings if finding.kind == "DATA_QUALITY") if observation else (),
        refused=int(refused.sum()),
    )


def _outputs_together(parts: list[Outputs]) -> Outputs:
    def joined(name: str) -> NDArray[np.float64] | None:
        arrays = [getattr(part, name) for part in parts]
        return None if any(array is None for array in arrays) else np.concatenate(arrays)

    return Outputs(
        value=np.concatenate([part.value for part in parts]),
        probability=joined("probability"),
        probabilities=joined("probabilities"),
    )
