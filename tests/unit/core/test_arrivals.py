"""How many rows come, for how long none, and how many are refused."""

from __future__ import annotations

import numpy as np
import pytest

from farero.core.arrivals import refused, silence, usual, volume

DAY_S, HOUR_S = 86_400.0, 3_600.0


def office(weeks: int, first: int = 0) -> list[tuple[int, int]]:
    """Monday to Friday about 1,000 rows, none at the weekend; windows are counted from a Monday."""
    random = np.random.default_rng(weeks)
    return [(first + n, int(1000 * np.exp(0.05 * random.normal()))) for n in range(7 * weeks) if n % 7 < 5]


@pytest.mark.row("M4")
def test_a_tenth_and_ten_times_the_rows_are_findings_and_half_as_many_again_are_none() -> None:
    known = usual([], office(8), DAY_S)
    assert known is not None
    assert [volume(known, 56, rows) for rows in (700, 1000, 1500)] == [None, None, None]
    low, high = volume(known, 56, 100), volume(known, 56, 10_000)
    assert low is not None and high is not None
    assert (low.severity, high.severity) == ("high", "medium")
    assert (low.value, low.limit) == (pytest.approx(0.1, rel=0.1), 0.5)
    assert low.because == "100 rows, 500 to 2000 are usual for such a window" or "are usual for such a window" in low.because


@pytest.mark.row("M4")
def test_weekdays_have_their_own_number() -> None:
    windows = [(n, 1000 if n % 7 < 5 else 20) for n in range(56)]
    known = usual([], windows, DAY_S)
    assert known is not None and known.period == 7
    assert volume(known, 56 + 5, 22) is None
    assert volume(known, 56, 22) is not None


def test_nothing_is_said_before_a_window_of_the_present_and_few_windows_are_not_enough() -> None:
    assert usual(office(8), [], DAY_S) is None
    assert usual([], office(1), DAY_S) is None
    assert usual([(1, 0), (2, 0)], [(3, 0)], DAY_S) is None


def test_a_reference_that_is_a_sample_is_not_asked() -> None:
    assert usual([(n, 10) for n in range(60)], [(100, 5000)], DAY_S) is None
    like = usual([(n, 900) for n in range(60)], [(100, 1000)], DAY_S)
    assert like is not None
    assert volume(like, 101, 50) is not None


def test_the_present_alone_tells_once_it_is_long_enough() -> None:
    known = usual([(n, 1000) for n in range(60)], [(100 + n, 3000 if n else 2000) for n in range(20)], DAY_S)
    assert known is not None
    assert known.windows == 20
    assert volume(known, 130, 3100) is None


def test_a_first_day_cut_short_and_an_accident_do_not_widen_the_band() -> None:
    plain = [(n, 1000 + n % 3) for n in range(40)]
    cut = usual([], [(0, 30), *plain[1:]], DAY_S)
    assert cut is not None
    assert cut.limits(50) == (pytest.approx(500, rel=0.01), pytest.approx(2002, rel=0.01))


@pytest.mark.row("M4")
def test_an_empty_working_day_is_a_finding_and_an_empty_weekend_is_none() -> None:
    known = usual([], office(8), DAY_S)
    assert known is not None
    friday = 56 + 4
    assert silence(known, friday, friday) is None
    assert silence(known, friday, friday + 2) is None
    found = silence(known, friday, friday + 3)
    assert found is not None
    assert (found.subject, found.severity, found.value) == ("rows", "high", 3.0)
    assert found.because.startswith("no row in the last 3 windows; about ")
    assert found.because.endswith("and at most 2 were empty in a row")


def test_the_time_between_reference_and_present_is_no_silence() -> None:
    known = usual(office(6), office(1, first=70_000), DAY_S)
    assert known is not None
    assert known.longest == 2
    assert silence(known, 70_004, 70_007) is not None


def test_where_rows_are_few_silence_must_last_longer() -> None:
    random = np.random.default_rng(2)
    rows = random.poisson(1.0, 200)
    known = usual([], [(n, int(held)) for n, held in enumerate(rows) if held], DAY_S)
    assert known is not None
    assert silence(known, 199, 199 + known.longest) is None
    found = silence(known, 199, 199 + 60)
    assert found is not None and found.limit >= known.longest


def test_nights_without_rows_are_usual_for_hours() -> None:
    windows = [(n, 100) for n in range(24 * 8) if n % 24 >= 6]
    known = usual([], windows, HOUR_S)
    assert known is not None and known.period == 24
    evening = 24 * 8 - 1
    assert silence(known, evening, evening + 6) is None
    assert silence(known, evening, evening + 7) is not None


def test_an_outage_of_the_past_does_not_make_deaf() -> None:
    windows = [(n, 1000) for n in range(60) if n not in range(30, 37)]
    known = usual([], windows, DAY_S)
    assert known is not None and known.longest == 7
    assert silence(known, 59, 60) is not None


@pytest.mark.row("M4")
def test_many_refusals_of_one_feature_are_a_finding() -> None:
    past = [({"tenure": 1}, 1000)] * 20
    assert refused({"tenure": 3}, 1000, past) == []
    (found,) = refused({"tenure": 100, "plan": 2}, 900, past)
    assert (found.subject, found.severity, found.value) == ("tenure", "medium", 0.1)
    assert found.because.startswith("100 values of tenure were refused beside 900 answered rows: 10.0%, limit ")
    assert found.because.endswith("0.1% are usual")


@pytest.mark.parametrize(("count", "rows", "severity"), [(600, 400, "high"), (900, 0, "critical"), (300, 700, "medium")])
def test_the_more_the_graver(count: int, rows: int, severity: str) -> None:
    assert [found.severity for found in refused({"x": count}, rows, [])] == [severity]


def test_a_first_day_with_a_few_refusals_is_none() -> None:
    assert refused({"x": 5}, 300, []) == []
    assert refused({}, 300, []) == []


def test_a_field_that_is_refused_every_day_is_usual() -> None:
    random = np.random.default_rng(1)
    past = [({"x": int(random.binomial(500, 0.2))}, 400) for _ in range(20)]
    assert refused({"x": 130}, 400, past) == []
    restless = [({"x": int(500 * share)}, 500) for share in random.uniform(0.02, 0.4, 20)]
    assert refused({"x": 250}, 400, restless) == []
