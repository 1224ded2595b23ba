from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from numpy.typing import NDArray

from farero.core.blend import ROUNDS, Way, choose, from_tags, mean, tags
from farero.core.competition import Entrant, entrants

Floats = NDArray[np.float64]
OLD, YOUNG = Entrant(), Entrant(look_back=timedelta(days=90))
LABELS = np.random.default_rng(0).normal(size=(500, 1))


def loss(answers: Floats) -> Floats:
    return np.asarray(np.abs(answers - LABELS)[:, 0])


def off(seed: int, by: float) -> Floats:
    """Answers whose errors have nothing to do with those of another seed."""
    return np.asarray(LABELS + np.random.default_rng(seed).normal(scale=by, size=LABELS.shape))


@pytest.mark.row("R5")
def test_models_whose_errors_differ_answer_together_better_than_each_alone() -> None:
    answers = {"a": off(1, 1.0), "b": off(2, 1.0), "c": off(3, 1.0)}
    parts = choose(answers, loss, first="a")
    assert set(parts) == {"a", "b", "c"} and sum(parts.values()) <= ROUNDS
    assert loss(mean(answers, parts)).mean() < 0.7 * min(loss(own).mean() for own in answers.values())


@pytest.mark.row("R5")
def test_a_model_that_is_far_better_than_the_others_answers_alone() -> None:
    answers = {"good": off(1, 0.1), "bad": off(2, 3.0), "worse": LABELS + 5}
    assert choose(answers, loss, first="good") == {"good": 1}


@pytest.mark.row("R5")
def test_a_better_model_has_the_larger_share() -> None:
    answers = {"better": off(1, 0.6), "worse": off(2, 1.2)}
    parts = choose(answers, loss, first="better")
    assert parts["better"] > parts.get("worse", 0)


@pytest.mark.row("R5")
def test_one_round_is_the_first_alone_and_equal_models_are_no_blend() -> None:
    answers = {"a": off(1, 1.0), "b": off(2, 1.0), "twin": off(1, 1.0)}
    assert choose(answers, loss, first="b", rounds=1) == {"b": 1}
    assert choose({"a": answers["a"], "twin": answers["twin"]}, loss, first="a") == {"a": 1}


@pytest.mark.row("R5")
def test_the_mean_weighs_by_parts() -> None:
    answers = {"a": np.array([[0.0, 1.0]]), "b": np.array([[1.0, 0.0]])}
    assert mean(answers, {"a": 3, "b": 1}).tolist() == [[0.25, 0.75]]
    assert mean(answers, {"b": 1}).tolist() == [[1.0, 0.0]]


@pytest.mark.row("R5")
def test_a_way_tells_its_shares_and_is_led_by_the_largest() -> None:
    way = Way(parts=((OLD, 1), (YOUNG, 3)))
    assert (way.name, way.shares, way.lead) == ("1/4 all history + 3/4 90d", (0.25, 0.75), YOUNG)
    assert Way(parts=((OLD, 1), (YOUNG, 1))).lead is OLD
    assert (way.near, Way.of(OLD).near) == ("90d", "all history")
    assert Way(parts=((OLD, 3), (YOUNG, 1))).near == "90d", "all history is in every contest anyway"
    assert (Way.of(YOUNG).name, Way.of(YOUNG).shares) == ("90d", (1.0,))


@pytest.mark.row("R5", "R1")
@pytest.mark.parametrize(
    "way",
    [Way.of(OLD), Way.of(Entrant(half_life=timedelta(hours=36), params={"depth": 3, "kind": "x, y", "fast": True})),
     Way(parts=((OLD, 1), (YOUNG, 2), (Entrant(look_back=timedelta(days=9), params={"a": 0.5}), 1)))],
    ids=["alone", "with parameters", "blend"],
)  # fmt: skip
def test_a_version_s_tags_tell_its_way_and_are_read_back(way: Way) -> None:
    told = tags(way)
    assert told["trained_by"] == way.name and all(isinstance(text, str) for text in told.values())
    assert from_tags({**told, "other": "tag"}) == way


def test_a_version_without_such_tags_has_no_way() -> None:
    assert from_tags({"sha256": "abc"}) is None


@pytest.mark.row("R5")
def test_the_look_backs_of_a_blend_that_all_history_leads_compete_again() -> None:
    day, month = timedelta(days=1), Entrant(look_back=timedelta(days=45))
    for way in (Way(parts=((OLD, 1), (month, 1))), Way(parts=((OLD, 3), (month, 1)))):
        competing = entrants((), look_back=None, span=3000 * day, window=day, before=way.near)
        assert [one.name for one in competing] == ["all history", "90d", "45d", "22d"]
