from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from tests.benches import NEVER, Installation, day, install

from farero.core.reference import Reference
from farero.core.window import WindowSize
from farero.flow.monitor.detect import SHARES, Detect
from farero.flow.profile import Summary
from farero.project.load import Loaded
from farero.serving import stored
from farero.serving.stored import Labelled
from farero.store import detectors


@pytest.fixture
def calm(points: Loaded, tmp_path: Path) -> Installation:
    installed = install(points, tmp_path, NEVER)
    installed.start()
    return installed


def summary(here: Installation, number: int, shift: float = 0.0) -> Summary:
    here.predict(number, shift=shift)
    here.bench.clock.set(day(number).end)
    return here.loop.profile.build(day(number))


def detect(here: Installation) -> Detect:
    return here.loop.monitor.detect


def look(here: Installation, number: int, shift: float = 0.0) -> tuple[str, ...]:
    made = summary(here, number, shift)
    seen = detect(here).inputs(made.loaded, made.reference, made.window, made.profile)
    assert seen is not None
    return seen.columns


def test_the_shares_of_the_budget_make_one() -> None:
    assert sum(SHARES.values()) == pytest.approx(1.0)


@pytest.mark.row("M2")
def test_what_is_known_is_stored_after_each_window_and_goes_on_in_another_process(calm: Installation) -> None:
    assert [look(calm, number) for number in range(3)] == [()] * 3
    other = replace(detect(calm), _fitted={}, _known={})
    seen = other.standing("1.0.0", "inputs")
    assert seen is not None and (seen.state.windows, seen.standing) == (3, ())
    made = summary(calm, 3, shift=200.0)
    after = other.inputs(made.loaded, made.reference, made.window, made.profile)
    assert after is not None and after.state.last == other.number(day(3)) and "x" in after.columns


@pytest.mark.row("M2")
def test_a_window_taken_twice_counts_once(calm: Installation) -> None:
    made = summary(calm, 0)
    for _ in range(2):
        seen = detect(calm).inputs(made.loaded, made.reference, made.window, made.profile)
        assert seen is not None and seen.state.windows == 1


def test_without_windows_of_this_length_there_is_no_evidence(calm: Installation) -> None:
    hourly = replace(detect(calm), window_size=WindowSize(span=timedelta(hours=1)), _fitted={}, _known={})
    made = summary(calm, 0)
    assert hourly.inputs(made.loaded, made.reference, made.window, made.profile) is None
    with calm.bench.store.read() as conn:
        assert detectors.get(conn, "points", "1.0.0", "inputs") is None


@pytest.mark.row("M9")
def test_the_new_normal_is_compared_with_from_then_on(calm: Installation) -> None:
    for number in range(20):
        look(calm, number, shift=3.0)
    assert "x" in look(calm, 20, shift=3.0)
    assert calm.loop.monitor.accept(summary(calm, 20, shift=3.0).loaded) == 21
    assert [look(calm, number, shift=3.0) for number in range(21, 26)] == [()] * 5
    assert "x" in [name for number in range(26, 30) for name in look(calm, number)]


def labelled(number: int, factor: float, here: Installation) -> Labelled:
    """Rows of one day before their labels' time is over, answered as version 1.0.0 would, off by so much."""
    rows = here.base(rows=60)
    moved = rows.times - rows.times[0] + np.datetime64(day(number).start.replace(tzinfo=None), "us")
    within = np.datetime64(day(number).start.replace(tzinfo=None), "us") + (moved - moved[0]) // 11
    answers = here.loop.predict.pool.production("points").engine.predict(rows.columns, rows.count)
    return replace(rows, times=within, known=within, labels=rows.labels * factor, outputs=answers)


@pytest.mark.row("M5")
def test_losses_are_looked_at_once_their_labels_have_had_their_time(calm: Installation) -> None:
    version = calm.loop.predict.pool.production("points")
    early = detect(calm).losses(version, labelled(0, 1.0, calm), day(0))
    assert early is None  # the labels of day 0 may still come until the end of day 1
    ripe = detect(calm).losses(version, labelled(0, 1.0, calm), day(1))
    assert ripe is not None and (ripe.state.windows, ripe.standing) == (1, ())
    seen = ripe
    for number in range(1, 8):
        found = detect(calm).losses(version, labelled(number, 4.0, calm), day(number + 1))
        assert found is not None
        seen = found
    assert seen.columns == ("loss",)
    assert Reference.from_bytes(version.reference or b"").rows > 0


@pytest.mark.row("M3")
def test_labels_that_change_are_seen(calm: Installation) -> None:
    version = calm.loop.predict.pool.production("points")
    for number in range(8):
        found = detect(calm).labels(version, labelled(number, 30.0, calm), day(number + 1))
    assert found is not None and found.columns == ("label",)


@pytest.fixture
def by_count(points: Loaded, tmp_path: Path) -> Installation:
    installed = install(points, tmp_path, NEVER, WindowSize(rows=20))
    installed.start()
    return installed


@pytest.mark.row("M9")
def test_by_count_rows_are_sorted_into_the_windows_that_the_loop_cut(by_count: Installation) -> None:
    for number in range(3):
        by_count.predict(number)
    done = [turn.window for turn in by_count.end(2)]
    assert len(done) == 6
    times = np.array([stored.moment(one.start) for one in done] + [stored.moment(done[-1].end)])
    found = detect(by_count).numbers(times, done[-1])
    assert found.tolist()[:6] == [detect(by_count).number(one) for one in done]
    assert found[6] > found[5], "what lies behind the newest window is not in it"
    assert [detect(by_count).start(number) for number in found.tolist()[:6]] == [one.start for one in done]
    assert detect(by_count).numbers(times[:0], done[-1]).tolist() == []


@pytest.mark.row("M9")
def test_by_count_the_budget_of_a_year_goes_by_how_many_windows_there_are(by_count: Installation) -> None:
    assert detect(by_count).windows_a_year() == 365.0, "nothing is known yet"
    for number in range(3):
        by_count.predict(number)
    done = [turn.window for turn in by_count.end(2)]
    days = (done[-1].end - done[0].start) / timedelta(days=1)
    assert detect(by_count).windows_a_year() == pytest.approx(6 * 365 / days)
    ready = detect(by_count)._ready("1.0.0", "inputs")
    assert ready is not None
    assert ready.baseline.limit == pytest.approx(6 * 365 / days / SHARES["inputs"]), "not that of the first window, when nothing was known"


@pytest.mark.row("M9")
def test_by_count_a_change_is_seen_and_labels_are_judged_once_they_had_their_time(by_count: Installation) -> None:
    for number in range(8):
        by_count.predict(number, shift=0.0 if number < 5 else 60.0)
        by_count.label(number)
    turns = by_count.end(7)
    alarmed = [
        at
        for at, turn in enumerate(turns)
        if turn.observation is not None and turn.observation.drift is not None and turn.observation.drift.alarm
    ]
    assert min(alarmed) in (10, 11), "the windows of the sixth day"
    seen = detect(by_count).standing("1.0.0", "label")
    assert seen is not None
    within = detect(by_count).label.arrives_within
    ripe = [turn.window for turn in turns if turn.window.end <= turns[-1].window.end - within]
    assert seen.state.last == detect(by_count).number(ripe[-1])
