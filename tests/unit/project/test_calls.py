"""Wrong calls of declarations are listed with place and remedy, and the file runs on; outside of that they raise."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import farero as fa
from farero.project.calls import caller, collecting


def test_a_wrong_call_raises_where_nothing_is_collected() -> None:
    with pytest.raises(TypeError, match="arrives_within"):
        fa.Binary("cancelled")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="mim"):
        fa.number(mim=0)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("wrong", "subject", "words"),
    [
        (lambda: fa.Binary("cancelled"), "fa.Binary", 'arrives_within="30d"'),  # type: ignore[call-arg]
        (lambda: fa.number(mim=0), "fa.number", "'min'"),  # type: ignore[call-arg]
        (lambda: fa.Gate("roc_auc", gian=0.1), "fa.Gate", "'gain'"),  # type: ignore[call-arg]
    ],
    ids=["lacking", "misspelt on a function", "misspelt on a class"],
)
def test_a_wrong_call_is_listed_with_its_remedy_and_mended(wrong: Callable[[], object], subject: str, words: str) -> None:
    with collecting() as listed:
        assert wrong() is not None
    (only,) = listed
    assert only.subject == subject
    assert words.strip("'") in only.message
    assert Path(only.place.file).name == "test_calls.py"


def test_every_wrong_call_is_listed_not_only_the_first() -> None:
    with collecting() as listed:
        fa.number(mim=0)  # type: ignore[call-arg]
        fa.Binary("a")  # type: ignore[call-arg]
        fa.Policy(windw="1d")  # type: ignore[call-arg]
    assert [call.subject for call in listed] == ["fa.number", "fa.Binary", "fa.Policy"]


def test_right_calls_are_left_alone() -> None:
    with collecting() as listed:
        label = fa.Binary("cancelled", arrives_within="2d")
    assert listed == [] and label.arrives_within == "2d"


def test_the_caller_is_the_line_outside_of_farero() -> None:
    place = caller()
    assert Path(place.file).name == "test_calls.py" and place.line > 1
