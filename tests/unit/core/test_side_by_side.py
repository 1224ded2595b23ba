from __future__ import annotations

import pytest
from tests.benches import T0
from tests.standin import version

from farero.core.contest import Difference
from farero.core.document import markdown
from farero.core.side_by_side import KnownRows, SideBySide, differing, side_by_side_document
from farero.core.version import compare_versions

COMPARED = compare_versions(version("points", "1.0.0", "archived", T0), version("points", "1.1.0", "production", T0))


@pytest.mark.row("R12")
def test_what_was_measured_on_the_same_rows_stands_with_its_interval() -> None:
    found = SideBySide(
        compared=COMPARED,
        rows=40,
        differences=(Difference(metric="mae", current=2.0, candidate=1.5, gain=0.5, low=0.1, high=0.9, better=0.99),),
        parameters={"depth": ("3", None)},
        known=KnownRows(rows=100, of="1.0.0", changed=0.25, mean=0.1, largest=2.0),
    )
    text = markdown(side_by_side_document(found))
    for part in (
        "Both on the same 40 rows, from which neither had learnt.",
        "| mae | 2 | 1.5 | 0.5 | 0.1 to 0.9 | 99.0% |",
        "Of 100 rows stored with 1.0.0, the other answers 25.0% otherwise",
        "- **depth**: 3 → none",
        "Both were trained with the same libraries.",
    ):
        assert part in text, part


def test_what_was_not_is_said_to_be_each_ones_own() -> None:
    found = SideBySide(
        compared=COMPARED, rows=0, differences=(), parameters={}, known=None, because="they are strangers", known_because="nothing is kept"
    )
    text = markdown(side_by_side_document(found))
    assert "> **Not measured on the same rows: they are strangers. These are each version's own figures.**" in text
    assert "| mae | 48.21 | 48.21 |" in text
    assert "Not compared: nothing is kept." in text


def test_settings_that_are_alike_are_left_out() -> None:
    assert differing({"a": "1", "b": "2"}, {"a": "1", "b": "3"}) == {"b": ("2", "3")}
