"""What a reference's windows make likely for one more of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta, binom
from tests.unit.core.days_of_scores import joined
from tests.unit.core.rows_of import SCHEMA, columns

from farero.core import profile
from farero.core.bands import Bands, highest_share, learn, most_by_chance
from farero.core.days import Days, days_of
from farero.core.reference import Reference
from farero.core.schema import Columns, Field, Schema

DAY_S = 86_400.0


def learnt(tables: list[Columns], schema: Schema = SCHEMA, size_s: float | None = DAY_S) -> tuple[Reference, Days, Bands]:
    table = joined(tables)
    index = np.repeat(np.arange(len(tables)), [len(next(iter(part.values()))) for part in tables])
    reference = profile.build_reference(schema, table, None, index)
    days = days_of(reference, table, None, index)
    return reference, days, learn(reference, days, size_s)


@pytest.fixture(scope="module")
def sound() -> tuple[Reference, Days, Bands]:
    return learnt([columns(400, day, missing=0.02) for day in range(60)])


@given(st.integers(1, 3000), st.floats(0, 1), st.sampled_from([0.05, 1e-4, 1e-7]))
def test_the_largest_number_by_chance_is_where_the_tail_falls_below_it(rows: int, share: float, chance: float) -> None:
    most = most_by_chance(rows, share, chance)
    assert 0 <= most <= rows
    assert most == rows or binom.sf(most, rows, share) < chance * (1 + 1e-9)
    assert most == 0 or binom.sf(most - 1, rows, share) >= chance * (1 - 1e-9)


def test_the_highest_share_is_clopper_and_pearsons() -> None:
    assert highest_share(3, 100, 0.01) == pytest.approx(beta.ppf(0.99, 4, 97))


@pytest.mark.row("M4")
def test_a_share_that_was_two_hundredths_may_be_three_times_that_in_few_rows_and_less_in_many(sound: tuple[Reference, Days, Bands]) -> None:
    bands = sound[2]
    assert bands.expected("amount", "missing", 61) == pytest.approx(0.02, abs=0.002)
    few, many = bands.limit("amount", "missing", 61, 100), bands.limit("amount", "missing", 61, 100_000)
    assert 0.10 < few < 0.16
    assert 0.024 < many < 0.035


def test_what_never_was_may_be_in_a_few_rows(sound: tuple[Reference, Days, Bands]) -> None:
    bands = sound[2]
    assert bands.limit("plan", "new", 61, 400) == pytest.approx(6 / 400, abs=3 / 400)
    assert not bands.passes("plan", "new", 0.005, 61, 400)
    assert bands.passes("plan", "new", 0.05, 61, 400)


def test_nothing_is_known_of_a_column_that_is_not_there(sound: tuple[Reference, Days, Bands]) -> None:
    bands = sound[2]
    assert bands.limit("ghost", "missing", 61, 400) == 1.0
    assert bands.expected("ghost", "missing", 61) == 0.0
    assert bands.may_be_all("ghost", 61, 400) and bands.may_be_stuck("ghost", 0, 400)
    assert bands.until("ghost", 61) is None
    assert bands.limit("amount", "missing", 61, 0) == 1.0


@pytest.mark.row("M4")
def test_a_weekday_on_which_half_is_missing_has_a_band_of_its_own() -> None:
    tables = [columns(400, day, missing=0.5 if day % 7 == 6 else 0.02) for day in range(56)]
    bands = learnt(tables)[2]
    assert bands.expected("amount", "missing", 6 + 70) == pytest.approx(0.5, abs=0.05)
    assert bands.expected("amount", "missing", 5 + 70) == pytest.approx(0.02, abs=0.03)
    assert not bands.passes("amount", "missing", 0.55, 6 + 70, 400)
    assert bands.passes("amount", "missing", 0.5, 5 + 70, 400)


def test_days_that_differ_widen_the_band() -> None:
    random = np.random.default_rng(3)
    calm = learnt([columns(2000, day, missing=0.05) for day in range(40)])[2]
    shares = 1 / (1 + np.exp(2.9 - 0.4 * random.normal(size=40)))
    restless = learnt([columns(2000, day, missing=float(shares[day])) for day in range(40)])[2]
    assert restless.limit("amount", "missing", 50, 2000) > 2 * calm.limit("amount", "missing", 50, 2000)


def test_natural_copies_of_few_choices_are_usual_and_rise_with_the_rows() -> None:
    schema = Schema(fields=(Field(name="a", kind="choice", levels=("x", "y", "z")), Field(name="b", kind="flag")))

    def table(n: int, seed: int) -> Columns:
        random = np.random.default_rng(seed)
        return {"a": random.integers(0, 3, n).astype(np.int32), "b": random.integers(0, 2, n).astype(np.int8)}

    _, days, bands = learnt([table(100, day) for day in range(40)], schema)
    assert set(days.duplicates.tolist()) <= set(range(94, 96)) | {94, 95}
    assert bands.expected(Bands.ROWS, "duplicates", 50) == pytest.approx(0.94, abs=0.005)
    assert not bands.passes(Bands.ROWS, "duplicates", 0.994, 50, 1000)


def test_more_rows_may_hold_more_copies() -> None:
    random = np.random.default_rng(1)
    schema = Schema(fields=(Field(name="a", kind="number"),))
    bands = learnt([{"a": random.integers(0, 10_000, 500).astype(np.float64)} for _ in range(40)], schema)[2]
    usual, more = random.integers(0, 10_000, 500), random.integers(0, 10_000, 4_000)
    for drawn in (usual, more):
        share = 1 - len(np.unique(drawn)) / len(drawn)
        assert not bands.passes(Bands.ROWS, "duplicates", share, 50, len(drawn))
    assert bands.passes(Bands.ROWS, "duplicates", 0.2, 50, 500)


def test_windows_made_before_copies_were_counted_say_nothing_of_them(sound: tuple[Reference, Days, Bands]) -> None:
    reference, days, _ = sound
    old = learn(reference, replace(days, duplicates=np.zeros(0, dtype=np.int64)), DAY_S)
    assert old.limit(Bands.ROWS, "duplicates", 61, 400) == 1.0


@pytest.mark.row("M4")
def test_a_column_without_values_is_news_unless_windows_were_so(sound: tuple[Reference, Days, Bands]) -> None:
    assert not sound[2].may_be_all("amount", 61, 20)
    often = learnt([columns(3, day, missing=0.5) for day in range(60)])[2]
    assert often.may_be_all("amount", 61, 3)


@pytest.mark.row("M4")
def test_a_stuck_column_is_news_unless_a_window_was_so(sound: tuple[Reference, Days, Bands]) -> None:
    assert not sound[2].may_be_stuck("active", 0, 400)
    assert sound[2].may_be_stuck("active", 0, 8)
    tables = [
        {**columns(400, day), "active": np.zeros(400, dtype=np.int8) if day == 3 else columns(400, day)["active"]} for day in range(20)
    ]
    bands = learnt(tables)[2]
    assert bands.may_be_stuck("active", 0, 100_000)
    assert not bands.may_be_stuck("active", 1, 400)


@pytest.mark.row("M4")
def test_a_flag_that_says_what_day_it_is_may_be_one_value_all_day() -> None:
    def table(day: int) -> Columns:
        return {**columns(24, day), "active": np.full(24, day in (17, 40), dtype=np.int8)}

    _, _, bands = learnt([table(day) for day in range(56)])
    assert bands.may_be_stuck("active", 1, 24) and bands.may_be_stuck("active", 0, 24)
    never = learnt([{**table(day), "active": np.zeros(24, dtype=np.int8)} for day in range(56)])[2]
    assert never.may_be_stuck("active", 1, 24)


def test_a_number_that_goes_up_with_time_has_no_range() -> None:
    def table(day: int) -> Columns:
        rows = columns(200, day)
        return {**rows, "amount": np.arange(200.0) + 200 * day}

    bands = learnt([table(day) for day in range(30)])[2]
    assert "amount" in bands.moving
    assert "amount" not in learnt([columns(200, day) for day in range(30)])[2].moving


def test_dates_may_reach_as_far_beyond_their_window_as_they_did(sound: tuple[Reference, Days, Bands]) -> None:
    reference, days, bands = sound
    ref = reference.columns[3]
    assert ref.high is not None
    until = bands.until("since", int(days.numbers[-1]) + 10)
    assert until is not None
    assert until == pytest.approx(ref.high + 10 * DAY_S, abs=1.0)
    assert bands.until("amount", 61) is None
    assert learn(reference, days, None).until("since", 61) is None


def test_one_window_alone_still_has_bands() -> None:
    bands = learnt([columns(2000, 1, missing=0.1)])[2]
    assert 0.1 < bands.limit("amount", "missing", 1, 2000) < 0.9


def test_windows_of_another_reference_are_refused(sound: tuple[Reference, Days, Bands]) -> None:
    reference, days, _ = sound
    with pytest.raises(ValueError, match="another reference"):
        learn(reference, replace(days, edges_hash="other"), DAY_S)
