"""The detector sees what changes, names it, stays silent otherwise, and takes an answer."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.unit.core.days_of_scores import ROWS, fitted, joined, window
from tests.unit.core.rows_of import SCHEMA, columns

from farero.core import detector, profile, scores
from farero.core.days import days_of, gather
from farero.core.detector import CALM_WINDOWS, Alarm, State
from farero.core.schema import NEW_CODE, Columns, Field, Schema
from farero.core.scores import WindowScores

REFERENCE, BASELINE, HELD = fitted()


def day(number: int, **change: float) -> Columns:
    return columns(ROWS, 50_000 + number, **{"missing": 0.02, **change})


def played(windows: list[Columns], state: State | None = None, first: int = 60) -> tuple[State, list[Alarm]]:
    state = state or detector.begin(BASELINE)
    alarms = []
    for number, table in enumerate(windows, first):
        state, alarm = detector.update(state, BASELINE, window(REFERENCE, table, number))
        alarms += [alarm] if alarm else []
    return state, alarms


def with_column(number: int, name: str, values: NDArray[np.generic]) -> Columns:
    return {**day(number), name: values}


@pytest.mark.row("M2")
def test_four_quiet_months_raise_no_alarm() -> None:
    state, alarms = played([day(i) for i in range(120)])
    assert alarms == []
    assert (state.windows, state.last) == (120, 179)


@pytest.mark.row("M2")
def test_its_own_reference_played_again_raises_no_alarm() -> None:
    state = detector.begin(BASELINE)
    for number, cells, constant in zip(HELD.numbers, HELD.table(), HELD.constants(), strict=True):
        seen = WindowScores(number=int(number), rows=ROWS, edges_hash=HELD.edges_hash, cells=cells, constant=constant)
        state, alarm = detector.update(state, BASELINE, seen)
        assert alarm is None


@pytest.mark.row("M2")
def test_a_shift_is_seen_within_days_and_named() -> None:
    _, alarms = played([day(i, shift=0.4) for i in range(4)])
    first = alarms[0]
    assert first.windows <= 3
    assert first.columns[0] == "amount"
    assert (first.evidence[0].kind, first.evidence[0].columns) == ("location", ("amount",))
    assert first.evidence[0].now > first.evidence[0].before + 0.05
    assert first.log_evidence >= first.log_limit == pytest.approx(np.log(365))
    assert 0.9 < sum(one.share for one in first.evidence) <= 1 + 1e-9
    assert "amount rank 0.5" in first.because


@pytest.mark.row("M1")
def test_each_kind_of_change_is_named_by_its_kind() -> None:
    quiet = day(0)
    wide = quiet["amount"] + np.random.default_rng(1).normal(0, 25, ROWS)
    cases: dict[str, Columns] = {
        "category": {**quiet, "plan": np.roll(np.repeat([0, 1, 2], [40, 300, 60]), 7).astype(np.int32)},
        "missing": {**quiet, "amount": np.where(np.arange(ROWS) % 3 == 0, np.nan, quiet["amount"])},
        "new": {**quiet, "plan": np.where(np.arange(ROWS) % 10 == 0, NEW_CODE, quiet["plan"]).astype(np.int32)},
        "infinite": {**quiet, "amount": np.where(np.arange(ROWS) % 10 == 0, np.inf, quiet["amount"])},
        "outside": {**quiet, "amount": np.where(np.arange(ROWS) % 10 == 0, 1e6, quiet["amount"])},
        "spread": {**quiet, "amount": np.clip(wide, 60, 140)},
    }
    for kind, table in cases.items():
        _, alarms = played([table] * 2)
        assert alarms[0].evidence[0].kind == kind, kind


@pytest.mark.row("M4")
@pytest.mark.parametrize("rows", [35, ROWS])
def test_a_column_that_goes_all_missing_or_constant_is_the_loudest_at_once(rows: int) -> None:
    # Beside another column that drifted by a deviation.
    quiet = columns(rows, 1, shift=1.0)
    flags = quiet["active"].copy()
    for name, values, kind in (
        ("plan", np.full(rows, -1, dtype=np.int32), "missing"),
        ("plan", np.full(rows, 2, dtype=np.int32), "constant"),
        ("active", np.ones_like(flags), "constant"),
    ):
        _, alarms = played([{**quiet, name: values}])
        assert len(alarms) == 1
        assert (alarms[0].evidence[0].columns, alarms[0].evidence[0].kind) == ((name,), kind)
    _, alarms = played([{**quiet, "amount": np.full(rows, 101.5)}])
    assert (alarms[0].evidence[0].columns, alarms[0].evidence[0].kind) == (("amount",), "constant")
    assert "turned constant" in alarms[0].because


@pytest.mark.row("M3")
def test_a_correlation_that_appears_is_named_as_a_pair() -> None:
    schema = Schema(fields=(Field(name="a", kind="number"), Field(name="b", kind="number")))
    random = np.random.default_rng(0)

    def drawn(rows: int, correlation: float) -> Columns:
        a, b = random.normal(size=(2, rows))
        return {"a": a, "b": correlation * a + np.sqrt(1 - correlation**2) * b}

    days = [drawn(1000, 0.0) for _ in range(40)]
    table = joined(days)
    index = np.repeat(np.arange(40), 1000)
    reference = profile.build_reference(schema, table, None, index)
    plan = scores.layout(reference)
    baseline = detector.fit(plan, days_of(reference, table, None, index), preset="sensitive", size_s=86_400, limit=365.0)
    state, seen = detector.begin(baseline), []
    for number in range(40, 43):
        made = scores.read(plan, profile.build(reference, drawn(1000, 0.5)), number)
        state, alarm = detector.update(state, baseline, made)
        seen += [alarm] if alarm else []
    assert (seen[0].evidence[0].kind, seen[0].evidence[0].columns) == ("pair", ("a", "b"))
    assert seen[0].number <= 41


def test_an_alarm_begins_anew_and_comes_again_while_nobody_answers() -> None:
    state, alarms = played([day(0, shift=2.0)])
    assert len(alarms) == 1
    assert np.all(np.isneginf(state.held))
    assert (state.windows, state.alarm) == (0, alarms[0])
    again = played([day(1, shift=2.0)], state, first=61)[1]
    assert [alarm.windows for alarm in again] == [1]


def test_still_wrong_mutes_what_was_named_until_it_was_calm_again() -> None:
    state, _ = played([day(0, shift=2.0)])
    state = detector.answer(state, BASELINE, "still wrong")
    assert state.alarm is None
    state, alarms = played([day(i, shift=2.0) for i in range(1, 15)], state, first=61)
    assert alarms == []
    # Everything else is watched on.
    broken = {**day(15, shift=2.0), "active": np.full(ROWS, -1, dtype=np.int8)}
    _, other = played([broken], state, first=75)
    assert other[0].columns[0] == "active"
    # It comes back to the old normal for long enough, and is heard when it goes again.
    state, alarms = played([day(i) for i in range(15, 15 + 3 * CALM_WINDOWS)], state, first=75)
    assert alarms == []
    assert len(state.muted) == 0
    _, alarms = played([day(99, shift=2.0)], state, first=90)
    assert alarms[0].columns[0] == "amount"


def test_new_normal_begins_with_a_baseline_of_the_windows_since() -> None:
    state, _ = played([day(0, shift=2.0)])
    state = detector.answer(state, BASELINE, "new normal")
    assert (state.alarm, len(state.muted)) == (None, 0)
    since = gather([window(REFERENCE, day(i, shift=2.0), 61 + i) for i in range(30)])
    fresh = detector.fit(BASELINE.plan, since, preset="sensitive", size_s=86_400, limit=365.0)
    state = detector.begin(fresh)
    for i in range(30, 60):
        state, alarm = detector.update(state, fresh, window(REFERENCE, day(i, shift=2.0), 61 + i))
        assert alarm is None
    state, alarm = detector.update(state, fresh, window(REFERENCE, day(90), 121))
    assert alarm is not None


def test_an_answer_needs_an_alarm() -> None:
    with pytest.raises(ValueError, match="no alarm"):
        detector.answer(detector.begin(BASELINE), BASELINE, "still wrong")


def test_the_order_of_the_columns_is_of_no_matter() -> None:
    names = ["amount", "plan", "active"]
    fields = {field.name: field for field in SCHEMA.fields}
    evidence = []
    for order in (names, names[::-1]):
        schema = Schema(fields=tuple(fields[name] for name in order))
        table = joined([columns(200, i, missing=0.02) for i in range(30)])
        index = np.repeat(np.arange(30), 200)
        reference = profile.build_reference(schema, table, None, index)
        plan = scores.layout(reference)
        baseline = detector.fit(
            plan, days_of(reference, {n: table[n] for n in order}, None, index), preset="quiet", size_s=86_400, limit=365
        )
        made = scores.read(plan, profile.build(reference, columns(200, 99, shift=1.0)), 30)
        alarm = detector.update(detector.begin(baseline), baseline, made)[1]
        assert alarm is not None
        evidence.append((alarm.log_evidence, alarm.columns[0]))
    assert evidence[0][0] == pytest.approx(evidence[1][0], rel=1e-9)
    assert evidence[0][1] == evidence[1][1]


def test_a_larger_shift_is_more_evidence() -> None:
    found = [played([day(0, shift=shift)])[1][0].log_evidence for shift in (1.0, 1.5, 2.0, 3.0)]
    assert found == sorted(found)


def test_gaps_and_empty_windows_are_no_evidence() -> None:
    state = detector.begin(BASELINE)
    state, _ = detector.update(state, BASELINE, window(REFERENCE, day(0), 60))
    state, alarm = detector.update(state, BASELINE, window(REFERENCE, {n: c[:0] for n, c in day(1).items()}, 95))
    assert alarm is None
    assert (state.windows, state.last) == (2, 95)
    assert np.all(np.isfinite(state.held[: 6 * len(BASELINE.plan.scores)]))


def test_windows_come_in_order_and_on_the_right_reference() -> None:
    state, _ = played([day(0)])
    with pytest.raises(ValueError, match="not newer"):
        played([day(0)], state, first=60)
    other = profile.build_reference(SCHEMA, columns(100, 3))
    with pytest.raises(ValueError, match="another reference"):
        detector.update(state, BASELINE, window(other, day(1), 61))


def test_a_fleet_asks_for_more_evidence() -> None:
    alone = detector.fit(BASELINE.plan, HELD, preset="sensitive", size_s=86_400, limit=365.0)
    fleet = detector.fit(BASELINE.plan, HELD, preset="sensitive", size_s=86_400, limit=365.0 * 1000)
    seen = window(REFERENCE, day(0, shift=2.0), 60)
    one, many = (detector.update(detector.begin(made), made, seen)[1] for made in (alone, fleet))
    assert one is not None
    assert many is not None
    assert many.log_limit - one.log_limit == pytest.approx(np.log(1000))


def test_the_state_survives_bytes_and_goes_on_as_if_nothing_had_been() -> None:
    state, _ = played([day(i, shift=0.1) for i in range(3)])
    state, alarms = played([day(3, shift=2.0)], state, first=63)
    state = detector.answer(state, BASELINE, "still wrong")
    state, _ = played([day(4, shift=2.0)], state, first=64)
    again = State.from_bytes(state.to_bytes())
    a, b = (played([day(5)], one, first=65)[0] for one in (state, again))
    assert np.array_equal(a.held, b.held)
    assert np.array_equal(a.muted, b.muted)
    assert np.array_equal(a.calm, b.calm)
    waiting = State.from_bytes(played([day(0, shift=2.0)])[0].to_bytes())
    assert waiting.alarm is not None
    assert waiting.alarm.evidence == alarms[0].evidence or waiting.alarm.columns == alarms[0].columns
