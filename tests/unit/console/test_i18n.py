"""Both languages say everything, and figures look as each of them writes them."""

from __future__ import annotations

import re
import string
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import farero.console
from farero.console.i18n import Words, catalogue, choose

HOME = Path(farero.console.__file__).parent


def test_both_languages_have_the_same_keys_and_the_same_gaps_to_fill() -> None:
    english, spanish = catalogue("en"), catalogue("es")
    assert english.keys() == spanish.keys()
    for key, text in english.items():
        assert _gaps(text) == _gaps(spanish[key]), key


def test_every_key_that_a_page_names_exists() -> None:
    texts = [path.read_text() for folder in ("templates/*.html", "*.py") for path in HOME.glob(folder)]
    named = {key for text in texts for key in re.findall(r"\b(?:t|words)\(\s*[\"']([a-z0-9.-]+)[\"']\s*[,)]", text)}
    assert len(named) > 60
    assert named <= catalogue("en").keys()


@pytest.mark.row("P1")
@pytest.mark.parametrize(
    ("asked", "remembered", "accepted", "expected"),
    [
        (None, None, "", "en"),
        (None, None, "es-ES,es;q=0.9", "es"),
        (None, "es", "en", "es"),
        ("en", "es", "es", "en"),
        ("xx", "yy", "fr, en;q=0.1, es;q=0.05", "en"),
        (None, None, "es;q=0, en;q=0.2", "en"),
        (None, None, "en;q=zz, es", "es"),
    ],
)
def test_the_address_goes_before_memory_before_the_browser(asked: str | None, remembered: str | None, accepted: str, expected: str) -> None:
    assert choose(asked, remembered, accepted) == expected


@pytest.mark.parametrize(
    ("value", "english", "spanish"),
    [
        (68.6349, "68.6", "68,6"),
        (0.12345, "0.123", "0,123"),
        (1234567.0, "1,234,567", "1.234.567"),
        (0.0, "0", "0"),
        (-5.25, "-5.25", "-5,25"),
        (0.000012, "1.2e-05", "1,2e-05"),
        (float("nan"), "–", "–"),
        (999.6, "1,000", "1.000"),
        (0.0457, "0.0457", "0,0457"),
    ],
)
def test_figures_have_three_digits_and_the_marks_of_the_language(value: float, english: str, spanish: str) -> None:
    assert (Words("en").number(value), Words("es").number(value)) == (english, spanish)


def test_a_time_of_day_is_left_out_at_midnight() -> None:
    assert Words("es").moment(datetime(2012, 9, 1, tzinfo=UTC)) == "1 sept 2012"
    assert Words("en").moment(datetime(2012, 9, 1, 13, 30, tzinfo=UTC)) == "1 Sep 2012 13:30"


@pytest.mark.parametrize(("seconds", "text"), [(5, "5 s"), (300, "5 min"), (7200, "2 h"), (259200, "3 d")])
def test_a_span_is_said_in_one_unit(seconds: int, text: str) -> None:
    assert Words("en").span(timedelta(seconds=seconds)) == text


def _gaps(text: str) -> set[str | None]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}
