"""Canaries: a bad one is told by its kind, a good one is left alone, and what both are measured by is made of production alone."""

from __future__ import annotations

import math

import numpy as np
import pytest

from farero.core import canary, duel
from farero.core.canary import Ruler
from farero.core.prediction import Outputs


@pytest.mark.row("R7")
@pytest.mark.parametrize(
    ("kind", "tally"),
    [
        ("errors", duel.events(0.05, (20, 100), (0, 1900))),
        ("latency", duel.events(0.05, (95, 100), (80, 1900))),
        ("constant", duel.events(0.05, (100, 100), (10, 1900))),
        ("range", duel.events(0.05, (60, 100), (0, 1900))),
        ("quality", duel.scores(0.5, np.full(1000, 0.4), np.full(1000, 0.2))),
    ],
)
def test_each_kind_of_harm_stops_a_rollout_and_says_so(kind: canary.Kind, tally: duel.Tally) -> None:
    (found,) = canary.compare({kind: (tally,)})
    assert found.stops
    assert found.because.startswith(f"{kind}: it ")


@pytest.mark.row("R7")
def test_a_canary_that_does_as_production_does_goes_on() -> None:
    tallies = {
        "errors": (duel.events(0.05, (1, 1000), (19, 19_000)),),
        "latency": (duel.events(0.05, (45, 1000), (860, 19_000)),),
        "constant": (duel.events(0.05, (30, 1000), (570, 19_000)),),
        "quality": (duel.scores(0.05, np.full(1000, 0.2), np.full(19_000, 0.2)),),
    }  # type: canary.Tallies
    assert [one.worse for one in canary.compare(tallies)] == [False] * 4


def test_answers_that_are_distributed_otherwise_are_shown_and_stop_nothing() -> None:
    for new in (0.9, 0.1):
        (found,) = canary.compare({"distribution": (duel.scores(0.5, np.full(500, new), np.full(500, 0.5)),)})
        assert found.worse
        assert not found.stops


def test_each_kind_has_its_part_of_the_chance_of_a_false_alarm() -> None:
    (found,) = canary.compare({"errors": (duel.events(0.5, (0, 10), (0, 10)),)}, alpha=0.05)
    assert found.limit == pytest.approx(math.log(100))


def test_a_kind_of_which_nothing_was_counted_is_not_compared() -> None:
    assert canary.compare({}) == ()


def test_tallies_of_one_share_are_counted_together() -> None:
    one, two, other = duel.events(0.05, (1, 10), (0, 90)), duel.events(0.05, (0, 5), (1, 95)), duel.events(0.5, (0, 7), (0, 7))
    held = canary.joined(canary.add(canary.add({}, "errors", one), "errors", other), {"errors": (two,)})
    assert held == {"errors": (other, duel.events(0.05, (1, 15), (1, 185)))}


@pytest.mark.row("R7")
def test_twice_a_few_microseconds_is_not_slow_and_ten_times_a_few_milliseconds_is() -> None:
    quick, usual = np.full(500, 20.0), np.full(500, 8_000.0)
    assert canary.slow_from(quick) == 5_020.0
    assert canary.slow_from(usual) == 13_000.0
    assert canary.slow_from(quick[:99]) is None


def test_numbers_are_placed_between_those_of_production() -> None:
    ruler = Ruler(low=10.0, high=20.0)
    outputs = Outputs(value=np.array([10.0, 15.0, 29.0, 31.0, -1.0, np.nan]))
    scores, outside = canary.answer_scores("number", outputs, ruler), canary.is_outside(outputs, ruler)
    assert scores is not None
    assert outside is not None
    assert scores[:2].tolist() == [0.0, 0.5]
    assert outside.tolist() == [False, False, False, True, True, True]
    assert canary.answer_scores("number", outputs, Ruler()) is None
    assert canary.is_outside(outputs, Ruler()) is None


def test_probabilities_are_scores_as_they_are() -> None:
    shares = np.array([0.2, 0.9])
    assert canary.answer_scores("binary", Outputs(value=np.array([0.0, 1.0]), probability=shares), Ruler()) is shares


def test_the_span_of_production_needs_rows_that_differ() -> None:
    assert canary.span(np.linspace(1, 5, 200)) == (1.0, 5.0)
    assert canary.span(np.full(200, 3.0)) is None
    assert canary.span(np.array([1.0, 2.0])) is None


def test_losses_are_bounded_by_a_scale_made_of_production() -> None:
    assert canary.loss_scale("binary", np.zeros(0)) == 1.0
    assert canary.loss_scale("number", np.zeros(500)) is None
    assert canary.loss_scale("number", np.full(500, 2.0)) == 8.0


def test_a_ranking_metric_is_judged_by_squared_errors_of_probabilities() -> None:
    outputs = Outputs(value=np.array([1.0, 0.0]), probability=np.array([0.9, 0.4]))
    assert canary.losses("binary", "roc_auc", np.array([1.0, 0.0]), outputs) == pytest.approx([0.01, 0.16])
    assert canary.losses("number", "mae", np.array([1.0]), Outputs(value=np.array([4.0]))).tolist() == [3.0]
