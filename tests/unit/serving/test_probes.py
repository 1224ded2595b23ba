"""Rows that try a model out: always such as the schema allows, and all that it allows."""

from __future__ import annotations

import numpy as np
import pytest

from farero.core.matrix import to_columns
from farero.core.schema import Field, Schema
from farero.project.frame import frame
from farero.serving import probes

SCHEMA = Schema(
    fields=(
        Field(name="age", kind="number", min=0, max=120),
        Field(name="debt", kind="number", missing=True),
        Field(name="plan", kind="choice", levels=("a", "b", "c"), missing=True, new_levels=True),
        Field(name="land", kind="choice", levels=("es", "pt")),
        Field(name="paid", kind="flag", missing=True),
        Field(name="active", kind="flag"),
        Field(name="since", kind="date", missing=True),
    )
)
AGE, DEBT, PLAN, LAND, PAID, ACTIVE, SINCE = range(7)
FIELDS = SCHEMA.features


def random() -> np.random.Generator:
    return np.random.default_rng(0)


def _base(rows: int = 300) -> probes.Matrix:
    return probes.drawn(SCHEMA, rows, random())


def _all() -> dict[str, probes.Matrix]:
    base = _base(2000)
    thresholds = {AGE: np.array([17.5, 64.999999, 200.0]), DEBT: np.array([0.1, -3e5]), PLAN: np.array([1.0])}
    return {
        "drawn": base,
        "ends": np.concatenate(list(probes.ends(SCHEMA, base))),
        "gaps": probes.gaps(SCHEMA, base, random()),
        "thresholds": probes.at_thresholds(SCHEMA, base, thresholds, random()),
    }


@pytest.mark.parametrize("kind", ["drawn", "ends", "gaps", "thresholds"])
def test_every_row_fits_the_schema(kind: str) -> None:
    rows = _all()[kind]
    assert len(rows)
    age, debt, since = rows[:, AGE], rows[:, DEBT], rows[:, SINCE]
    assert ((age >= 0) & (age <= 120)).all()
    assert not np.isinf(debt).any()
    assert set(rows[:, PLAN]) <= {-2, -1, 0, 1, 2}
    assert set(rows[:, LAND]) <= {0, 1}
    assert set(rows[:, PAID]) <= {-1, 0, 1}
    assert set(rows[:, ACTIVE]) <= {0, 1}
    assert (since[~np.isnan(since)] % 1 == 0).all()
    assert len(frame(SCHEMA, to_columns(SCHEMA, rows))) == len(rows)


def test_drawn_rows_hold_gaps_and_new_levels_where_they_are_allowed_and_every_level() -> None:
    rows = _base(2000)
    assert 100 < np.isnan(rows[:, DEBT]).sum() < 300
    assert set(rows[:, PLAN]) == {-2, -1, 0, 1, 2}
    assert set(rows[:, PAID]) == {-1, 0, 1}


def test_numbers_without_a_range_are_drawn_from_what_the_model_knows_and_beyond() -> None:
    schema = Schema(fields=(Field(name="debt", kind="number"),))
    rows = probes.drawn(schema, 1000, random(), np.array([[1000.0], [3000.0], [np.nan]]))
    assert 0 <= rows.min() < 200 and 3800 < rows.max() <= 4000
    assert 0.15 < (rows % 1 == 0).mean() < 0.35


def test_a_known_range_does_not_widen_a_declared_one() -> None:
    schema = Schema(fields=(Field(name="age", kind="number", min=0, max=120),))
    rows = probes.drawn(schema, 1000, random(), np.array([[18.0], [118.0]]))
    assert rows.min() >= 0 and rows.max() <= 120


def test_each_feature_is_missing_in_turn_and_all_of_them_together() -> None:
    base = np.array([[30.0, 5.0, 1.0, 0.0, 1.0, 1.0, 0.0]])
    rows = probes.gaps(SCHEMA, base, random())
    assert np.isnan(rows[0, DEBT]) and rows[0, AGE] == 30 and rows[0, PLAN] == 1
    assert rows[1:4, PLAN].tolist() == [-1, -2, 1] and rows[3, PAID] == -1 and np.isnan(rows[4, SINCE])
    together = rows[5]
    assert np.isnan(together[[DEBT, SINCE]]).all() and together[PLAN] == -2 and together[PAID] == -1
    assert len(np.unique(np.nan_to_num(rows[6:], nan=-9), axis=0)) > 10


def test_a_schema_without_gaps_has_no_rows_with_gaps() -> None:
    schema = Schema(fields=(Field(name="age", kind="number"),))
    assert probes.gaps(schema, np.array([[1.0]]), random()).shape == (0, 1)


def test_the_ends_of_what_is_allowed_are_tried_and_too_large_numbers_by_themselves() -> None:
    usual, large = probes.ends(SCHEMA, _base())
    assert {0.0, 120.0, float(np.nextafter(120.0, 0)), 5e-324} <= set(usual[:, AGE])
    assert (np.abs(usual[:, DEBT][~np.isnan(usual[:, DEBT])]) <= np.finfo(np.float32).max).all()
    assert sorted(set(large[:, DEBT])) == [-1.7e308, -3.5e38, 3.5e38, 1.7e308]
    assert np.signbit(usual[usual[:, DEBT] == 0, DEBT]).any()


def test_around_a_threshold_stand_its_neighbours_of_both_precisions() -> None:
    field = Field(name="debt", kind="number")
    threshold = 0.1
    short = np.float32(threshold)
    found = probes.around(field, np.array([threshold, threshold, np.inf])).tolist()
    assert found == sorted(
        {
            threshold, np.nextafter(threshold, -1), np.nextafter(threshold, 1), float(short),
            float(np.nextafter(short, np.float32(-1))), float(np.nextafter(short, np.float32(1))),
        }
    )  # fmt: skip


def test_around_a_threshold_of_a_date_stand_whole_microseconds_and_outside_a_range_stands_nothing() -> None:
    dates = probes.around(Field(name="since", kind="date"), np.array([1000.5]))
    assert {999.0, 1000.0, 1001.0, 1002.0} <= set(dates) and (dates % 1 == 0).all()
    assert probes.around(Field(name="age", kind="number", min=0, max=120), np.array([200.0, -1.0])).size == 0
    assert probes.around(Field(name="plan", kind="choice", levels=("a",)), np.array([0.5])).size == 0


def test_every_case_of_every_feature_stands_in_some_row() -> None:
    schema = Schema(fields=(Field(name="x", kind="number"), Field(name="y", kind="number"), Field(name="z", kind="number")))
    generator = random()
    thresholds = {0: generator.normal(size=500), 2: generator.normal(size=70)}
    base = generator.normal(size=(100, 3))
    rows = probes.at_thresholds(schema, base, thresholds, random())
    for position, values in thresholds.items():
        assert set(probes.around(schema.features[position], values)) == set(rows[:, position])
    assert set(rows[:, 1]) <= set(base[:, 1])
    assert rows.tobytes() == probes.at_thresholds(schema, base, thresholds, random()).tobytes()


def test_a_row_moves_to_a_threshold_near_it() -> None:
    schema = Schema(fields=(Field(name="x", kind="number"),))
    base = np.linspace(0, 1, 200).reshape(-1, 1)
    rows = probes.at_thresholds(schema, base, {0: np.linspace(0.001, 0.999, 40)}, random())
    assert len(rows) > 150
    assert set(np.round(rows[:, 0], 3)) == set(np.round(np.linspace(0.001, 0.999, 40), 3))


def test_more_cases_than_rows_are_tried_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "MOST_AT_THRESHOLDS", 50)
    schema = Schema(fields=(Field(name="x", kind="number"),))
    rows = probes.at_thresholds(schema, np.zeros((3, 1)), {0: np.arange(1000.0)}, random())
    assert len(rows) == 50
    assert np.diff(np.sort(rows[:, 0])).max() < 25


def test_without_thresholds_there_are_no_such_rows() -> None:
    assert probes.at_thresholds(SCHEMA, _base(), {}, random()).shape == (0, 7)
    assert probes.at_thresholds(SCHEMA, _base(), {PLAN: np.array([1.0])}, random()).shape == (0, 7)
