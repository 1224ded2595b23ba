"""Ways to watch side by side, on windows of which the truth is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.unit.core.days_of_scores import joined
from tests.unit.core.rows_of import SCHEMA, columns

from farero.core import profile
from farero.core.days import days_of
from farero.core.stacked import stack
from farero.core.tuning import PATIENCE, WATCHING, Records, Tuned, Watching, compare

DAY_S, ROWS, WINDOWS = 86_400.0, 300, 42


def records(recorded: int = 10, *, fresh: bool = False, size_s: float = DAY_S) -> Records:
    tables = [columns(ROWS, 10 + n, missing=0.02) for n in range(WINDOWS)]
    table, index = joined(tables), np.repeat(np.arange(WINDOWS), ROWS)
    reference = profile.build_reference(SCHEMA, table, None, index)
    profiles = [profile.build(reference, rows) for rows in tables]
    later = [profile.build(reference, columns(ROWS, 500 + n, missing=0.02, shift=0.0 if n < 5 else 1.0)) for n in range(recorded)]
    normal = stack(reference, profiles, range(WINDOWS))
    return Records(
        reference=reference, days=days_of(reference, table, None, index), normal=normal,
        recorded=stack(reference, later, range(WINDOWS, WINDOWS + recorded)) if recorded else normal, size_s=size_s, fresh=fresh,
    )  # fmt: skip


@pytest.fixture(scope="module")
def tuned() -> Tuned:
    return compare(records(), years=3)


def of(tuned: Tuned, name: str) -> int:
    return [one.watching.name for one in tuned.judged].index(name)


@pytest.mark.row("M11")
def test_twenty_ways_are_judged_in_the_order_in_which_they_were_named(tuned: Tuned) -> None:
    assert [one.watching for one in tuned.judged] == list(WATCHING)
    assert len(WATCHING) == 20
    assert (tuned.windows, tuned.normal, tuned.years) == (10, WINDOWS, 3)
    assert tuned.into["shift 0.25 σ"] == ("amount",)
    assert "correlation 0.5" not in tuned.into  # the table has one number only


@pytest.mark.row("M11")
def test_the_textbook_rule_cries_wolf_and_the_detector_does_not(tuned: Tuned) -> None:
    textbook, detector = tuned.judged[of(tuned, "textbook, p < .05")], tuned.judged[of(tuned, "sensitive, 1 a year")]
    assert textbook.false_a_year > 30
    assert detector.false_a_year == 0
    assert detector.at_most == pytest.approx(1.0, abs=0.01)  # 3 / 3 years
    assert (detector.promised, textbook.promised) == (1.0, None)


@pytest.mark.row("M11")
def test_the_larger_the_change_the_sooner_it_is_seen(tuned: Tuned) -> None:
    delays = tuned.judged[of(tuned, "sensitive, 1 a year")].delays
    seen = [delays[name].median for name in ("shift 1 σ", "shift 0.5 σ", "shift 0.25 σ")]
    assert seen[0] == 1
    assert all(one is not None for one in seen)
    assert sorted(seen, key=lambda one: one or 0) == seen
    assert delays["shift 1 σ"].runs == 5
    assert delays["10% missing"].runs == 15
    late = [(one.median or PATIENCE + 1) <= (one.late or PATIENCE + 1) for one in delays.values()]
    assert all(late)


def test_what_was_recorded_is_played_through(tuned: Tuned) -> None:
    assert tuned.judged[of(tuned, "sensitive, 1 a year")].alarms >= 1
    assert tuned.judged[of(tuned, "guarded")].alarms == 5


def test_a_larger_budget_is_never_slower(tuned: Tuned) -> None:
    ways = [tuned.judged[of(tuned, f"sensitive, {n} a year")].mean_delay for n in ("12", "4", "2", "1", "0.2")]
    assert ways == sorted(ways)


def test_windows_of_the_present_need_no_second_baseline() -> None:
    given = records(0, fresh=True)
    few = (Watching(name="d", verdict="sensitive", a_year=1.0), Watching(name="r", verdict="psi"))
    found = compare(given, watching=few, years=5)
    assert (found.windows, found.normal, found.years) == (WINDOWS, WINDOWS, 5)
    assert found.judged[0].false_a_year == 0
    assert compare(given, watching=few, years=5) == found


def test_rules_alone_simulate_no_year() -> None:
    found = compare(records(), watching=(Watching(name="r", verdict="psi"),))
    assert found.years == 0


def test_hours_are_counted_by_their_own_year() -> None:
    few = (Watching(name="textbook", verdict="textbook"),)
    daily, hourly = compare(records(), watching=few), compare(records(size_s=3600.0), watching=few)
    assert hourly.judged[0].false_a_year == pytest.approx(24 * daily.judged[0].false_a_year)


def test_progress_is_told_and_ends_with_all() -> None:
    told: list[float] = []
    compare(records(), watching=WATCHING[:1], years=1, progress=lambda share, words: told.append(share))
    assert told == sorted(told)
    assert told[-1] == 1.0


def test_old_profiles_without_pairs_can_be_judged() -> None:
    given = records()
    normal = replace(given.normal, pair_hits=given.normal.pair_hits[:, :0], pair_rows=given.normal.pair_rows[:, :0])
    found = compare(replace(given, normal=normal), watching=WATCHING[:1], years=1)
    assert found.judged[0].delays["shift 1 σ"].median is not None


@pytest.mark.parametrize(
    ("watching", "line"),
    [
        (Watching(name="x", verdict="sensitive", a_year=1.0), 'fa.Drift("sensitive")'),
        (Watching(name="x", verdict="quiet", a_year=0.2), 'fa.Drift("quiet", a_year=0.2)'),
        (Watching(name="x", verdict="psi"), 'fa.Drift("psi")'),
        (Watching(name="x", verdict="psi", limit=0.1), None),
    ],
)
def test_the_line_is_one_that_the_project_file_takes(watching: Watching, line: str | None) -> None:
    assert watching.line == line
