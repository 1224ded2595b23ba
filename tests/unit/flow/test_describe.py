from __future__ import annotations

import pytest
from tests.benches import LOST, WON, Installation, day

from farero.core.card import card_document
from farero.core.document import markdown
from farero.errors import BadInput, VersionNotFound
from farero.flow.describe import Describe


def describing(here: Installation, *, groups: tuple[str, ...] = ("shape",), max_gap: float | None = 0.5) -> Describe:
    loop = here.loop
    return Describe(
        model="points", schema=loop.retrain.schema, label=loop.retrain.label, metric="mae", window_size=loop.retrain.window_size,
        segments=("shape",), groups=groups, max_gap=max_gap, drift_rule="sensitive", drift_a_year=1.0, store=here.bench.store,
        log=loop.retrain.log, files=loop.retrain.files, pool=loop.promote.pool, clock=here.bench.clock,
    )  # fmt: skip


@pytest.mark.row("R12")
def test_a_card_tells_data_figures_segments_groups_drift_and_who_let_it_serve(here: Installation) -> None:
    turn = here.day(0, WON)
    assert turn.candidate is not None and turn.verdict is not None
    here.day(1, WON)
    card = describing(here).card("1.0.0")
    assert (card.version.number, card.version.state, card.metric, card.parameters) == ("1.0.0", "archived", "mae", {"class": "Line"})
    assert card.heldout.count == 12
    assert {one.name: one.low is not None for one in card.metrics}["mae"]
    assert [segment.name for segment in card.segments[0].segments] == ["a", "b"]
    assert (card.live.count, card.seen.windows) == (40, 1)
    assert card.live_metrics[0].rows == 40
    assert card.moves[-1].because.startswith("replaced by")
    assert card.verdict is None, "nothing judged the first version"
    won = describing(here).card(turn.candidate.number)
    assert won.verdict == turn.verdict
    text = markdown(card_document(won))
    for part in ("# Model card: points", "This one follows its recipe", "## What cannot be seen", "Accepted against 1.0.0", "| shape |"):
        assert part in text


@pytest.mark.row("R12")
def test_groups_are_compared_on_rows_that_it_had_not_learnt_from(here: Installation) -> None:
    found, rows = describing(here).fairness("1.0.0", ["shape"])
    assert rows.count == 12
    assert [group.name for group in found[0].groups] == ["a", "b"]
    assert found[0].gaps[0].left_out == ("a", "b"), "six rows each are too few"
    with pytest.raises(BadInput, match="no feature 'sape'"):
        describing(here).fairness("1.0.0", ["sape"])


@pytest.mark.row("R12")
def test_two_versions_are_measured_on_rows_that_neither_had_learnt_from(here: Installation) -> None:
    turn = here.day(0, LOST)
    assert turn.candidate is not None and turn.verdict is not None
    found = describing(here).side_by_side("1.0.0", turn.candidate.number)
    assert found.rows == turn.verdict.rows
    mae = next(one for one in found.differences if one.metric == "mae")
    assert mae.current == pytest.approx(turn.verdict.metrics["mae"]["current"])
    assert mae.candidate == pytest.approx(turn.verdict.metrics["mae"]["candidate"])
    assert mae.low is not None
    assert found.known is not None
    assert (found.known.rows, found.known.of, found.known.changed > 0.5) == (60, "1.0.0", True)
    assert found.parameters == {}


def test_versions_without_common_rows_say_so(here: Installation) -> None:
    found = describing(here).side_by_side("1.0.0", "1.0.0")
    assert (found.rows, found.differences) == (0, ())
    assert found.because == "no labelled rows are newer than what both learnt from"
    assert found.known is not None
    assert found.known.changed == 0.0


def test_live_rows_that_are_newer_than_both_are_common(here: Installation) -> None:
    here.day(0, LOST)
    here.predict(1)
    here.label(1, 2.0)
    here.bench.clock.set(day(2).end)
    found = describing(here).side_by_side("1.0.0", "1.1.0")
    assert found.rows >= 40


def test_the_profile_tells_what_it_learnt_from(here: Installation) -> None:
    found = describing(here).profile("1.0.0")
    assert found["rows"] == 60
    columns = found["columns"]
    assert isinstance(columns, list)
    assert [column["name"] for column in columns] == ["x", "shape", "prediction"]
    assert columns[1]["levels"] == {"a": 30, "b": 30}


def test_a_version_that_is_none_is_not_found(here: Installation) -> None:
    with pytest.raises(VersionNotFound):
        describing(here).card("9.9.9")
