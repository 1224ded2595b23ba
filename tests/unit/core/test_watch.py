from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.unit.core.days_of_scores import ROWS, fitted, window
from tests.unit.core.rows_of import columns

from farero.core import watch
from farero.core.days import gather
from farero.core.detector import CALM_WINDOWS, fit
from farero.core.schema import Columns
from farero.core.watch import Watch

REFERENCE, BASELINE, _ = fitted()


def day(number: int, shift: float = 0.0) -> Columns:
    return columns(ROWS, 5000 + number, missing=0.02, shift=shift)


def lived(days: list[Columns], seen: Watch | None = None, first: int = 60) -> Watch:
    seen = seen or watch.begin(BASELINE)
    for number, table in enumerate(days, first):
        seen = watch.look(seen, BASELINE, window(REFERENCE, table, number))
    return seen


@pytest.mark.row("M2")
def test_quiet_windows_raise_nothing() -> None:
    seen = lived([day(i) for i in range(30)])
    assert (seen.standing, seen.columns, seen.state.last) == ((), (), 89)


@pytest.mark.row("M2")
def test_an_alarm_stands_as_long_as_what_raised_it_and_is_raised_once() -> None:
    seen = lived([day(i, shift=2.0) for i in range(20)])
    assert [alarm.number for alarm in seen.standing] == [60]
    assert seen.columns == ("amount",)
    back = lived([day(20 + i) for i in range(CALM_WINDOWS)], seen, first=80)
    assert back.standing == ()


def test_another_column_raises_an_alarm_of_its_own_beside_it() -> None:
    seen = lived([day(0, shift=2.0), {**day(1, shift=2.0), "active": np.full(ROWS, -1, dtype=np.int8)}])
    assert seen.columns == ("active", "amount")


def test_the_same_window_twice_is_taken_once() -> None:
    seen = lived([day(0, shift=0.3)])
    again = watch.look(seen, BASELINE, window(REFERENCE, day(0, shift=0.3), 60))
    assert again is seen
    assert watch.look(seen, BASELINE, window(REFERENCE, day(0), 12)) is seen


def test_the_new_normal_is_what_is_compared_with_from_then_on() -> None:
    seen = lived([day(i, shift=2.0) for i in range(40)])
    since = gather([window(REFERENCE, day(i, shift=2.0), 60 + i) for i in range(40)])
    fresh = fit(BASELINE.plan, since, preset="sensitive", size_s=86_400, limit=365.0)
    settled = watch.settle(seen, fresh)
    assert (settled.standing, settled.state.last, settled.state.windows) == ((), 99, 0)
    for number in range(100, 120):
        settled = watch.look(settled, fresh, window(REFERENCE, day(number, shift=2.0), number))
    assert settled.standing == ()
    assert watch.look(settled, fresh, window(REFERENCE, day(7), 120)).columns == ("amount",)


def test_it_comes_back_from_bytes_as_it_was() -> None:
    seen = lived([day(0), day(1, shift=2.0)])
    again = Watch.from_bytes(seen.to_bytes())
    assert again.standing == seen.standing
    assert np.array_equal(again.state.held, seen.state.held)
    assert np.array_equal(again.state.muted, seen.state.muted)
    empty = replace(again, standing=())
    assert Watch.from_bytes(empty.to_bytes()).standing == ()
