from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from farero.core.explain import OTHERS, explain
from farero.core.explained import Explanation
from farero.core.field import Field
from farero.core.shift_game import PLAYERS, Side

FIELDS = tuple(Field(name=name, kind="number", missing=True) for name in ("a", "b", "c"))
ROWS = 6000


def side(seed: int, *, shift: float = 0.0, harder: float = 0.0, rows: int = ROWS) -> Side:
    """Losses of 1 + 2 * 1[a > 0] + noise; `shift` moves a, `harder` adds to the loss where b > 0: another relation."""
    random = np.random.default_rng(seed)
    matrix = random.normal(size=(rows, 3))
    matrix[:, 0] += shift
    losses = 1 + 2 * (matrix[:, 0] > 0) + harder * (matrix[:, 1] > 0) + random.normal(0, 0.5, rows)
    return Side(matrix=matrix, losses=losses, windows=np.arange(rows) // (rows // 20))


def exactly(found: Explanation) -> None:
    assert found.known_inputs.value + found.new_inputs.value + found.relation.value == pytest.approx(found.total.value, abs=1e-12)
    assert sum(one.part.value for one in found.features) + found.unshared == pytest.approx(found.inputs.value, abs=1e-9)
    for one in found.by_segment:
        assert sum(segment.mix + segment.within.value for segment in one.segments) == pytest.approx(found.total.value, abs=1e-9)


@pytest.mark.row("M7")
def test_where_only_the_inputs_changed_the_inputs_have_it_all_and_the_feature_that_moved() -> None:
    found = explain(FIELDS, side(1), side(2, shift=1.0))
    exactly(found)
    assert found.total.value == pytest.approx(2 * 0.341, abs=0.06)
    assert found.inputs.value == pytest.approx(found.total.value, abs=0.06)
    assert found.relation.low < 0 < found.relation.high
    assert found.features[0].feature == "a"
    assert found.features[0].part.value == pytest.approx(found.inputs.value, abs=0.04)
    assert not any(segment.clear for one in found.by_segment if one.feature != "a" and one.uneven_p is None for segment in one.segments)


@pytest.mark.row("M7")
def test_where_only_the_relation_changed_the_relation_has_it_all_and_the_segment_is_named() -> None:
    found = explain(FIELDS, side(3), side(4, harder=1.0))
    exactly(found)
    assert found.relation.value == pytest.approx(0.5, abs=0.06)
    assert found.inputs.value == pytest.approx(0.0, abs=0.06)
    assert found.overlap > 0.95
    assert found.by_segment[0].feature == "b"
    assert {segment.name.split()[0] for segment in found.by_segment[0].segments if segment.clear and segment.within.value > 0.05}


@pytest.mark.row("M7")
def test_where_both_changed_each_has_its_share() -> None:
    found = explain(FIELDS, side(5), side(6, shift=1.0, harder=0.6))
    exactly(found)
    assert found.inputs.value == pytest.approx(0.68, abs=0.08)
    assert found.relation.value == pytest.approx(0.30, abs=0.08)
    assert found.relation.low > 0.15 and found.inputs.low > 0.5


@pytest.mark.row("M7")
def test_where_it_went_better_the_parts_are_below_0() -> None:
    found = explain(FIELDS, side(7, shift=1.0, harder=0.6), side(8))
    exactly(found)
    assert found.total.high < found.relation.value < 0 > found.inputs.value


@pytest.mark.row("M7")
def test_without_a_change_no_part_is_beyond_chance_about_as_often_as_it_says() -> None:
    """30 tries, each interval missing 0 with 5 % (plus what the fitted odds add); more than 10 misses is less likely than 1e-6."""
    missed = {"total": 0, "inputs": 0, "relation": 0}
    for seed in range(30):
        found = explain(FIELDS, side(100 + seed, rows=800), side(200 + seed, rows=800))
        exactly(found)
        for name in missed:
            part = getattr(found, name)
            missed[name] += not part.low <= 0 <= part.high
    assert max(missed.values()) <= 10


@pytest.mark.row("M7")
def test_of_many_features_orders_are_drawn_by_the_seed_and_the_sampling_error_is_told() -> None:
    random = np.random.default_rng(0)
    fields = tuple(Field(name=f"x{at}", kind="number") for at in range(12))

    def many(shift: float, seed: int) -> Side:
        matrix = np.random.default_rng(seed).normal(size=(3000, 12)) + shift * np.arange(12) / 12
        return Side(matrix=matrix, losses=matrix[:, 11] + matrix[:, 10] + random.normal(size=3000), windows=np.zeros(3000, dtype=np.int64))

    before, now = many(0.0, 1), many(0.8, 2)
    found, again = explain(fields, before, now, seed=3), explain(fields, before, now, seed=3)
    assert found == again
    exactly(found)
    assert {one.feature for one in found.features[:2]} == {"x10", "x11"}
    assert all(one.sampling_error > 0 for one in found.features if one.part.value)
    other = {one.feature: one for one in explain(fields, before, now, seed=4).features}
    for one in found.features:
        assert abs(one.part.value - other[one.feature].part.value) < 6 * (one.sampling_error + other[one.feature].sampling_error) + 1e-9


def test_beyond_twenty_features_the_lesser_ones_go_together() -> None:
    fields = tuple(Field(name=f"x{at}", kind="number") for at in range(PLAYERS + 10))
    wide = [np.random.default_rng(seed).normal(size=(2500, PLAYERS + 10)) for seed in (1, 2)]
    wide[1] += 0.3
    before, now = (Side(matrix=one, losses=one.sum(axis=1), windows=np.zeros(2500, dtype=np.int64)) for one in wide)
    found = explain(fields, before, now)
    exactly(found)
    assert len(found.features) == PLAYERS + 1
    assert OTHERS in {one.feature for one in found.features}


@pytest.mark.row("M7")
def test_a_feature_that_vanished_is_named_and_nothing_is_claimed_of_it() -> None:
    now = side(2)
    now.matrix[:, 0] = np.nan
    found = explain(FIELDS, side(1), Side(matrix=now.matrix, losses=now.losses + 1, windows=now.windows))
    exactly(found)
    assert found.relation.value == pytest.approx(1.0, abs=0.1)
    assert any("a is missing in 100% of the current rows" in note for note in found.notes)
    assert found.overlap < 0.2 and any("have little in common" in note for note in found.notes)


def test_segments_are_looked_for_where_they_are_asked_for() -> None:
    found = explain(FIELDS, side(1), side(2), by=["b"])
    assert [one.feature for one in found.by_segment] == ["b"]


@pytest.mark.row("M7")
def test_three_rows_and_rows_that_all_lose_the_same() -> None:
    with pytest.raises(ValueError, match="3 labelled current rows say too little; at least 50"):
        explain(FIELDS, side(1), Side(matrix=np.zeros((3, 3)), losses=np.zeros(3), windows=np.zeros(3, int)))
    flat = Side(matrix=side(1).matrix, losses=np.ones(ROWS), windows=np.zeros(ROWS, dtype=np.int64))
    found = explain(FIELDS, flat, flat)
    assert (found.total.value, found.relation.value, found.inputs.value) == (0.0, 0.0, 0.0)


def test_models_without_features_have_a_relation_only() -> None:
    before, now = (Side(matrix=np.zeros((100, 0)), losses=np.full(100, loss), windows=np.zeros(100, dtype=np.int64)) for loss in (1.0, 2.0))
    found = explain((), before, now)
    assert (found.relation.value, found.inputs.value, found.features) == (1.0, 0.0, ())


@pytest.mark.row("M7")
def test_bikes_of_2012_are_rented_more_at_the_same_hours_and_weather_so_it_is_the_relation() -> None:
    """A mean by hour and working day of September 2011, a year later: the trend is no input, and rush hours gained most."""
    frame = pd.read_parquet(Path(__file__).parents[3] / "examples" / "bikes" / "hours.parquet")
    year, month = frame["ts"].dt.year, frame["ts"].dt.month
    learnt = frame[(year == 2011) & (month == 9)].groupby(["hr", "workingday"])["cnt"].mean()
    names = ("hr", "workingday", "temp", "hum", "windspeed")

    def autumn(of: int) -> Side:
        part = frame[(year == of) & month.isin([10, 11])]
        expected = learnt.loc[list(zip(part["hr"], part["workingday"], strict=True))].to_numpy()
        days = (part["ts"] - pd.Timestamp("2011-01-01")).dt.days.to_numpy()
        return Side(
            matrix=part[list(names)].to_numpy(dtype=float), losses=np.abs(part["cnt"].to_numpy() - expected), windows=days.astype(np.int64)
        )

    found = explain(tuple(Field(name=name, kind="number") for name in names), autumn(2011), autumn(2012))
    exactly(found)
    assert found.overlap > 0.7
    assert found.total.value > 40
    assert found.relation.value == pytest.approx(found.total.value, rel=0.2) and found.relation.low > 0.7 * found.total.value
    assert found.by_segment[0].feature == "hr"
    worst = max(found.by_segment[0].segments, key=lambda segment: segment.within.value)
    assert worst.clear and worst.name == "14 < hr ≤ 19"
