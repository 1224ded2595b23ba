from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, softmax

from farero.serving.compile import links


def test_links_are_those_of_the_libraries() -> None:
    scores = np.array([9.0, 0.3, -1.2, 2.0])
    want = {
        links.IDENTITY: scores[1:],
        links.MEAN: scores[1:] / 3,
        links.SOFTMAX: softmax(scores[1:]),
        links.ONE_VERSUS_REST: expit(scores[1:]) / expit(scores[1:]).sum(),
        links.EXP: np.exp(scores[1:]),
    }
    for code, expected in want.items():
        given = scores.copy()
        assert links.link(code, given, 1, 3, 3.0)
        assert given[0] == 9.0
        assert given[1:] == pytest.approx(expected, abs=1e-15)


def test_one_score_becomes_the_chances_of_both_classes() -> None:
    scores = np.array([-0.7, 0.0])
    assert links.link(links.SIGMOID, scores, 0, 2, 1.0)
    assert scores == pytest.approx([1 - expit(-0.7), expit(-0.7)], abs=1e-15)


def test_a_score_that_is_no_number_is_no_answer() -> None:
    for nonsense in (np.nan, np.inf, -np.inf):
        assert not links.link(links.SIGMOID, np.array([nonsense, 0.0]), 0, 2, 1.0)


def test_shares_go_where_the_label_has_their_classes() -> None:
    answers = np.full(8, 5.0)
    links.hand_over(True, np.array([0.0, 0.25, 0.75]), 1, 2, np.array([2, 0]), answers, 4, 3)
    assert answers.tolist() == [5.0, 5.0, 5.0, 5.0, 0.75, 0.0, 0.25, 5.0]
    links.hand_over(True, np.array([0.25, 0.75]), 0, 2, np.array([-1, 0]), answers, 0, 1)
    links.hand_over(False, np.array([0.25, 0.75]), 0, 2, np.array([-1, 0]), answers, 1, 1)
    assert answers[0] == 0.75
    assert np.isnan(answers[1])
