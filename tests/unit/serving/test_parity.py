"""A compiled engine that differs in any way that the criterion names does not pass, and says how."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from farero.core.label import LabelSpec
from farero.core.matrix import to_matrix
from farero.core.prediction import Outputs
from farero.core.schema import Columns, Field, Schema
from farero.errors import PredictFailed
from farero.serving import answers, parity
from farero.serving.compile.columns import whole_frame
from farero.serving.compile.ensemble import Ensemble, Tree
from farero.serving.parity import TOLERANCE, check, moved
from farero.serving.sample import Sample

SCHEMA = Schema(
    fields=(
        Field(name="age", kind="number", min=0, max=120),
        Field(name="debt", kind="number", missing=True),
        Field(name="plan", kind="choice", levels=("a", "b", "c"), missing=True, new_levels=True),
        Field(name="since", kind="date"),
    )
)
AGE, DEBT, PLAN, SINCE = range(4)
LIMIT = 0.1  # no float32: where a comparison is made in float32, its neighbours decide
Floats = NDArray[np.float64]
Formula = Callable[[Floats], Floats]


def _label(kind: str) -> LabelSpec:
    return LabelSpec(name="y", kind=kind, arrives_within=timedelta(days=1), classes=("x", "y", "z") if kind == "classes" else ())  # type: ignore[arg-type]


BINARY = _label("binary")


def probability(rows: Floats) -> Floats:
    """A tree of the features: compares in float32, as trees do, and sends missing values and new levels their own ways."""
    debt = rows[:, DEBT].astype(np.float32)
    low = np.where(np.isnan(debt), True, debt <= np.float32(LIMIT))
    return (
        np.where(low, 0.2, 0.6) + 0.001 * rows[:, AGE] + np.where(rows[:, PLAN] == 1, 0.1, 0.0) + np.where(rows[:, SINCE] > 1.6e15, 0.05, 0)
    )


def stumps(feature: int, limits: Floats) -> Ensemble:
    """Trees of one decision each."""
    stump = [Tree(
        left=np.array([1, -1, -1]), right=np.array([2, -1, -1]), feature=np.array([feature, -2, -2]),
        threshold=np.array([limit, -2.0, -2.0]),
        missing_left=np.array([True, False, False]), value=np.zeros((3, 1)), weight=np.ones(3), bits={},
    ) for limit in limits]  # fmt: skip
    return Ensemble(seen=whole_frame(SCHEMA), trees=stump, start=np.zeros(1), float32=True)


@dataclass
class Short:
    """The short way of a fake engine."""

    formula: Formula
    rows: Floats = field(default_factory=lambda: np.zeros((64, 4)))
    answers: Floats = field(default_factory=lambda: np.zeros((64, 1)))

    def run(self, count: int) -> None:
        self.answers[:count, 0] = self.formula(self.rows[:count])


@dataclass
class Fake:
    """An engine that answers by a formula of the row matrix."""

    formula: Formula
    label: LabelSpec = BINARY
    quick: Any = None
    asked: list[int] = field(default_factory=list)

    def predict(self, columns: Columns, count: int) -> Outputs:
        self.asked.append(count)
        with np.errstate(all="ignore"):
            found = self.formula(to_matrix(SCHEMA, columns, count))
        if self.label.kind == "number":
            return Outputs(value=found)
        if self.label.kind == "classes":
            spread = np.stack([found / 2, 1 - found, found / 2], axis=1)
            return answers.outputs(self.label, spread)
        return answers.outputs(self.label, np.stack([1 - found, found], axis=1))

    detail = "a fake"

    @property
    def reads(self) -> tuple[object, ...]:
        return (stumps(DEBT, np.array([LIMIT])),)

    def forget(self) -> None:
        raise AssertionError("what was read is still compared")


def _sample(rows: int = 300) -> Sample:
    random = np.random.default_rng(1)
    matrix = np.stack(
        [random.uniform(18, 90, rows), random.normal(size=rows), random.integers(0, 3, rows), random.integers(15e14, 17e14, rows)], axis=1
    )
    return Sample(rows=matrix, answers=probability(matrix).reshape(-1, 1))


def _changed(where: Callable[[Floats], NDArray[np.bool_]], by: float) -> Formula:
    return lambda rows: probability(rows) + np.where(where(rows), by, 0.0)


@pytest.mark.row("S11")
@pytest.mark.parametrize("sample", [None, _sample()], ids=["without a sample", "with a sample"])
@pytest.mark.parametrize("kind", ["binary", "number", "classes"])
def test_an_engine_that_answers_alike_passes_and_says_on_how_many_rows(kind: str, sample: Sample | None) -> None:
    found = check(Fake(probability, _label(kind)), Fake(probability, _label(kind)), SCHEMA, _label(kind), sample)
    assert (found.passed, found.flips, found.worst, found.because, found.covered, found.left) == (True, 0, 0.0, "", 1.0, 0)
    assert found.rows > 2200 + (300 if sample else 0)
    assert 0 < found.seconds < 5


@pytest.mark.row("S11")
@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (_changed(lambda rows: rows[:, AGE] == 120, 2e-6), "differs by 2e-06 in row"),
        (_changed(lambda rows: np.isnan(rows[:, DEBT]), 0.01), "rows"),
        (_changed(lambda rows: rows[:, PLAN] == -2, 0.01), "rows"),
        (_changed(lambda rows: rows[:, PLAN] == 2, -0.01), "rows"),
        (_changed(lambda rows: rows[:, DEBT] == float(np.float32(LIMIT)), 0.01), "rows at thresholds"),
        (_changed(lambda rows: rows[:, DEBT] == np.nextafter(LIMIT, 1), 0.01), "rows at thresholds"),
        (_changed(lambda rows: rows[:, DEBT] == float(np.finfo(np.float32).max), 0.01), "rows at the ends of what is allowed"),
        (_changed(lambda rows: rows[:, DEBT] > 1e300, 0.01), "rows at the ends of what is allowed"),
        (_changed(lambda rows: np.isnan(rows[:, DEBT]) & (rows[:, PLAN] == -1), 0.01), "rows"),
        (_changed(lambda rows: np.arange(len(rows)) == 1, 2e-6), "differs by 2e-06 in row 1 of 300 rows that it was trained on"),
        (_changed(lambda rows: rows[:, AGE] > 100, 0.3), "another label"),
    ],
    ids=[
        "an end", "a gap", "a new level", "a level", "float32", "float64", "largest float32", "too large", "two gaps",
        "each", "labels",
    ],
)  # fmt: skip
def test_an_engine_that_differs_anywhere_does_not_pass_and_the_reason_names_no_value(wrong: Formula, says: str) -> None:
    found = check(Fake(probability), Fake(wrong), SCHEMA, BINARY, _sample())
    assert not found.passed
    assert says in found.because
    assert found.worst > TOLERANCE or found.flips > 0
    assert str(LIMIT) not in found.because


def test_a_comparison_in_float64_where_the_original_uses_float32_is_found() -> None:
    def exact(rows: Floats) -> Floats:
        low = np.where(np.isnan(rows[:, DEBT]), True, rows[:, DEBT] <= LIMIT)
        return probability(rows) + np.where(low, 0.2, 0.6) - np.where(_low32(rows), 0.2, 0.6)

    def _low32(rows: Floats) -> NDArray[np.bool_]:
        debt = rows[:, DEBT].astype(np.float32)
        return np.where(np.isnan(debt), True, debt <= np.float32(LIMIT))

    found = check(Fake(probability), Fake(exact), SCHEMA, BINARY, None)
    assert not found.passed and "rows at thresholds" in found.because


def test_rounding_passes_and_more_does_not() -> None:
    everywhere = lambda rows: np.full(len(rows), True)  # noqa: E731
    assert check(Fake(probability), Fake(_changed(everywhere, 5e-7)), SCHEMA, BINARY, None).worst == pytest.approx(5e-7, rel=1e-3)
    assert not check(Fake(probability), Fake(_changed(everywhere, 1.1e-6)), SCHEMA, BINARY, None).passed


def test_a_flip_within_rounding_does_not_pass() -> None:
    at_half: Formula = lambda rows: np.full(len(rows), 0.5)  # noqa: E731
    below: Formula = lambda rows: np.where(rows[:, AGE] == 120, np.nextafter(0.5, 0), 0.5)  # noqa: E731
    found = check(Fake(at_half), Fake(below), SCHEMA, BINARY, None)
    assert not found.passed
    assert found.worst < TOLERANCE and found.flips > 0 and "another label in" in found.because


@pytest.mark.parametrize(("by", "passes"), [(0.9e-3, True), (1.2e-3, False)])
def test_numbers_may_differ_in_proportion_to_their_size(by: float, passes: bool) -> None:
    label = _label("number")
    large: Formula = lambda rows: 1000 + rows[:, AGE] * 0  # noqa: E731
    found = check(Fake(large, label), Fake(lambda rows: large(rows) + by, label), SCHEMA, label, None)
    assert found.passed is passes
    assert found.worst == pytest.approx(by / 1000, rel=1e-6)


def test_small_numbers_may_differ_by_no_more_than_a_millionth() -> None:
    label = _label("number")
    small: Formula = lambda rows: rows[:, AGE] * 0  # noqa: E731
    assert not check(Fake(small, label), Fake(lambda rows: small(rows) + 1.1e-6, label), SCHEMA, label, None).passed


def test_rows_left_to_the_original_are_no_difference_but_are_counted_and_never_asked_of_it() -> None:
    def refusing(rows: Floats) -> Floats:
        if np.isnan(rows[:, DEBT]).any():
            raise PredictFailed("Input X contains NaN.")
        return probability(rows)

    original = Fake(refusing)
    leaving: Formula = lambda rows: np.where(np.isnan(rows[:, DEBT]), np.nan, probability(rows))  # noqa: E731
    found = check(original, Fake(leaving), SCHEMA, BINARY, _sample())
    assert found.passed and found.left > 100
    answering = check(original, Fake(probability), SCHEMA, BINARY, _sample())
    assert not answering.passed
    assert "it answers drawn rows that the original refuses: Input X contains NaN." in answering.because


def test_an_engine_that_fails_does_not_pass() -> None:
    def failing(rows: Floats) -> Floats:
        raise PredictFailed("no such kernel")

    assert "fails at drawn rows: no such kernel" in check(Fake(probability), Fake(failing), SCHEMA, BINARY, None).because


def test_infinity_is_a_difference() -> None:
    label = _label("number")
    found = check(Fake(probability, label), Fake(lambda rows: probability(rows) + np.inf, label), SCHEMA, label, None)
    assert not found.passed and found.worst == np.inf


@pytest.mark.parametrize("size", [1, 2, 7])
def test_an_answer_that_depends_on_the_rows_beside_it_does_not_pass(size: int) -> None:
    leaky: Formula = lambda rows: probability(rows) + (1e-9 if len(rows) == size else 0.0)  # noqa: E731
    found = check(Fake(probability), Fake(leaky), SCHEMA, BINARY, _sample())
    assert (found.passed, found.because) == (False, f"it answers a row otherwise in a batch of {size}")


def test_the_short_way_must_give_the_same_numbers() -> None:
    assert check(Fake(probability), Fake(probability, quick=Short(probability)), SCHEMA, BINARY, _sample()).passed
    other = _changed(lambda rows: np.full(len(rows), True), 1e-9)
    found = check(Fake(probability), Fake(probability, quick=Short(other)), SCHEMA, BINARY, _sample())
    assert not found.passed and "on its short way, 1 rows at a time" in found.because


def test_when_the_time_is_up_no_further_thresholds_are_asked_and_it_says_what_share_was(monkeypatch: pytest.MonkeyPatch) -> None:
    class Many(Fake):
        @property
        def reads(self) -> tuple[object, ...]:
            return (stumps(AGE, np.linspace(0, 120, 300)),)

    monkeypatch.setattr(parity, "CHUNK", 100)
    found = check(Fake(probability), Many(probability), SCHEMA, BINARY, None, time_s=0.0)
    assert found.passed and found.covered == 0.0
    assert check(Fake(probability), Many(probability), SCHEMA, BINARY, None).covered == 1.0


def test_rows_are_asked_in_chunks_that_let_others_come_to_their_turn() -> None:
    class Many(Fake):
        @property
        def reads(self) -> tuple[object, ...]:
            return (stumps(AGE, np.linspace(0, 120, 2000)),)

    engine = Many(probability)
    found = check(Fake(probability), engine, SCHEMA, BINARY, None)
    assert found.rows > 3 * parity.CHUNK
    assert max(engine.asked) <= parity.CHUNK


@pytest.mark.row("M11")
def test_an_original_that_answers_as_it_did_has_not_moved_and_another_has_by_so_much() -> None:
    sample = _sample()
    assert moved(Fake(probability), SCHEMA, BINARY, sample) == 0.0
    assert moved(Fake(_changed(lambda rows: rows[:, AGE] > 50, 0.03)), SCHEMA, BINARY, sample) == pytest.approx(0.03)


@pytest.mark.row("M11")
def test_an_original_that_does_not_answer_its_own_rows_any_more_has_moved_infinitely() -> None:
    def failing(rows: Floats) -> Floats:
        raise PredictFailed("no such method")

    assert moved(Fake(failing), SCHEMA, BINARY, _sample()) == np.inf
    classes = _label("classes")
    assert moved(Fake(probability, classes), SCHEMA, classes, _sample()) == np.inf


@pytest.mark.row("S11", "R5")
def test_of_a_blend_the_thresholds_of_every_model_are_asked() -> None:
    class Two(Fake):
        @property
        def reads(self) -> tuple[object, ...]:
            return stumps(DEBT, np.array([LIMIT])), stumps(AGE, np.array([44.5]))

    wrong = _changed(lambda rows: rows[:, AGE] == 44.5, 0.01)
    assert check(Fake(probability), Fake(wrong), SCHEMA, BINARY, None).passed
    found = check(Fake(probability), Two(wrong), SCHEMA, BINARY, None)
    assert not found.passed and "rows at thresholds" in found.because
