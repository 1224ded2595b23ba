"""The best way to watch within a budget."""

from __future__ import annotations

import pytest

from farero.core.advice import advise, judged_dict, parse_budget, to_dict
from farero.core.tuning import PATIENCE, Delay, Judged, Tuned, Watching


def judged(name: str, delay: int | None, false: float, most: float, promised: float | None = None, limit: float | None = None) -> Judged:
    return Judged(
        watching=Watching(name=name, verdict="sensitive" if promised else "psi", a_year=promised, limit=limit), alarms=1,
        false_a_year=false,
        at_most=most, promised=promised, delays={"shift": Delay(median=delay, late=delay, runs=5)},
    )  # fmt: skip


def tuned(*each: Judged) -> Tuned:
    return Tuned(judged=each, windows=90, normal=60, years=8, into={"shift": ("x",)})


@pytest.mark.parametrize(
    ("text", "a_year"),
    [
        ("1 per year", 1.0),
        ("2 a month", 24.0),
        ("1/quarter", 4.0),
        ("0.5 per year", 0.5),
        ("1 per 5 years", 0.2),
        (" 3 per week ", 3 * 365 / 7),
    ],
)
def test_a_budget_is_read_in_words(text: str, a_year: float) -> None:
    assert parse_budget(text) == pytest.approx(a_year)


@pytest.mark.parametrize("text", ["", "often", "0 per year", "1 per 0 years", "-1 per year", "1 per decade"])
def test_what_is_no_budget_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="such as 1 per year"):
        parse_budget(text)


@pytest.mark.row("M11")
def test_the_soonest_of_those_that_keep_the_budget_is_chosen() -> None:
    slow, soon = judged("slow", 9, 0, 0.4, 1.0), judged("soon", 2, 0, 0.4, 1.0)
    loud, lucky = judged("loud", 1, 300, 320), judged("lucky", 1, 0, 6.0)
    advice = advise(tuned(slow, soon, loud, lucky), 1.0)
    assert advice.chosen is soon
    assert advice.because[0] == "2 of 4 ways to watch keep 1 false alarms a year; none of them sees changes sooner"
    assert advice.because[1].startswith("0 false alarms a year, with 95 % confidence at most 0.4, on 60 windows taken as normal")
    assert advice.because[1].endswith("laid out for 1")


def test_a_promise_that_the_windows_break_does_not_count() -> None:
    broken = judged("broken", 1, 3.0, 5.0, 1.0)
    assert advise(tuned(broken, judged("good", 5, 0, 0.4, 1.0)), 1.0).chosen is not broken


def test_a_detector_is_not_taken_beyond_what_it_is_laid_out_for() -> None:
    good = judged("good", 5, 0, 0.4, 1.0)
    assert advise(tuned(judged("bold", 1, 0, 0.4, 4.0), good), 1.0).chosen is good


def test_a_rule_may_be_chosen_where_the_windows_show_that_it_is_quiet() -> None:
    rule = judged("rule", 1, 0, 3.0)
    assert advise(tuned(rule, judged("detector", 2, 0, 0.4, 1.0)), 4.0).chosen is rule


def test_a_limit_that_the_project_file_does_not_take_is_never_chosen() -> None:
    advice = advise(tuned(judged("psi 0.1", 1, 0, 0.1, limit=0.1)), 1.0)
    assert advice.chosen is None


@pytest.mark.row("M11")
def test_where_none_is_sure_the_quietest_is_named() -> None:
    advice = advise(tuned(judged("loud", 1, 300, 320), judged("less", 3, 5, 9)), 1.0)
    assert advice.chosen is None
    words = "none is sure to keep 1 false alarms a year on these windows; the quietest is less, 5 false alarms a year"
    assert advice.because[0].startswith(words)


def test_others_that_are_as_soon_are_named() -> None:
    advice = advise(tuned(judged("a", 2, 0, 0.4, 1.0), judged("b", 2, 0, 0.5, 1.0)), 1.0)
    assert advice.because[2].endswith(": b")


def test_a_change_that_is_not_seen_counts_as_patience() -> None:
    assert judged("never", None, 0, 0.1).mean_delay == PATIENCE


def test_the_document_names_all_that_it_rests_on() -> None:
    found = to_dict(tuned(judged("a", None, 0, 0.4, 1.0)), "1d")
    assert (found["windows"], found["normal_windows"], found["simulated_years"], found["window"]) == (90, 60, 8, "1d")
    assert found["changes"] == {"shift": ["x"]}
    assert judged_dict(judged("a", None, 0, 0.4, 1.0))["delays"] == {"shift": {"median": None, "nine_in_ten": None, "runs": 5}}
