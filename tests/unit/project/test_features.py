from __future__ import annotations

from pathlib import Path

import pytest

import farero as fa
from farero.project.features import Declared, declared


class Base(fa.Features):
    tenure: float = fa.number(unit="month", min=0, max=600)
    plan: str = fa.choice("a", "b", new="allow", missing="allowed")


class Row(Base):
    plan: str = fa.choice("a", "b", "c")
    paid: bool = fa.flag(missing="allowed")
    since = fa.date(public=True)
    email: str = fa.personal("hash")
    forgotten: float


def test_lines_come_in_the_order_of_the_classes_base_first_and_the_last_word_counts() -> None:
    lines = declared(Row)
    assert list(lines) == ["tenure", "plan", "paid", "email", "forgotten", "since"]
    assert lines["plan"] == Declared(kind="choice", levels=("a", "b", "c"))
    assert declared(Base)["plan"] == Declared(kind="choice", levels=("a", "b"), new="allow", missing="allowed")


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("tenure", Declared(kind="number", unit="month", min=0, max=600)),
        ("paid", Declared(kind="flag", missing="allowed")),
        ("since", Declared(kind="date", public=True)),
        ("email", Declared(kind="personal", rule="hash", missing="allowed")),
    ],
)
def test_a_line_says_what_was_written(name: str, line: Declared) -> None:
    assert declared(Row)[name] == line


def test_an_annotation_without_a_line_is_found_so_that_it_can_be_named_as_a_mistake() -> None:
    assert declared(Row)["forgotten"] is None


def test_a_line_knows_its_place_in_the_file_that_it_was_written_in() -> None:
    line = declared(Base)["tenure"]
    assert isinstance(line, Declared)
    assert Path(line.place.file) == Path(__file__)
    assert "tenure: float" in Path(__file__).read_text().splitlines()[line.place.line - 1]
