from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.core.test_explain import FIELDS, side
from tests.unit.core.test_explained import EMPTY, report

from farero.core.explain import explain
from farero.core.explain_page import page
from farero.core.explained import Part


@pytest.mark.row("M7")
@pytest.mark.parametrize(
    ("shift", "harder", "words"),
    [(1.0, 0.0, "the inputs are others (covariate shift)"), (0.0, 1.0, "other labels (concept drift)"), (1.0, 0.8, "another relation")],
)
def test_the_page_begins_with_the_answer_and_needs_nothing_else(shift: float, harder: float, words: str) -> None:
    html = page(report(explanation=explain(FIELDS, side(1), side(2, shift=shift, harder=harder))))
    assert words in html
    assert "src=" not in html and "<link" not in html and "@import" not in html and "http" not in html
    assert html.count("<svg") >= 1 and "Where" in html


def test_a_change_within_chance_is_said_to_be_one_and_no_feature_is_blamed() -> None:
    html = page(report())
    assert "within what chance explains" in html and "by feature" not in html


def test_names_cannot_break_the_page() -> None:
    named = [replace(field, name="<script>alert(1)</script>") for field in FIELDS]
    html = page(report(explanation=explain(named, side(1), side(2, shift=1.0))))
    assert "<script" not in html


def test_bars_of_nothing_are_drawn_too() -> None:
    zero = Part(value=0.0, low=0.0, high=0.0)
    assert "nan" not in page(report(explanation=replace(EMPTY, total=zero, inputs=zero, known_inputs=zero, new_inputs=zero, relation=zero)))
