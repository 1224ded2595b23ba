from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from tests.benches import DAY, PROJECT, ROWS, T0, WON, Installation, day, install

from farero.core.competition import Entrant
from farero.flow.retrain.sets import from_table, held_out, of_entrants, to_table
from farero.project.load import load
from farero.serving import stored


@pytest.mark.row("R5")
def test_the_newest_share_of_what_production_has_not_seen_is_held_out_and_rows_of_one_moment_stay_together(here: Installation) -> None:
    rows = here.base()
    train, heldout = held_out(rows, T0 - 5 * DAY, None, 0.3, 1)
    assert heldout is not None
    assert (train.count, heldout.count) == (51, 9)
    assert train.times[-1] < heldout.times[0]
    twins = rows.where(np.repeat(np.arange(rows.count), 4))
    train, heldout = held_out(twins, T0 - 5 * DAY, None, 0.3, 1)
    assert heldout is not None
    assert (train.count, heldout.count) == (51 * 4, 9 * 4)
    assert held_out(rows, T0, None, 0.3, 1)[1] is None
    assert held_out(rows, T0 - 5 * DAY, None, 0.0, 20)[1] is not None


@pytest.mark.row("R5")
def test_an_entrant_learns_what_its_look_back_holds_counted_from_the_newest_known_row(here: Installation) -> None:
    rows = here.base()
    newest = rows.times[-1]
    assert of_entrants([Entrant(look_back=2 * DAY)], rows, newest, 0).count == 13
    assert of_entrants([Entrant(look_back=2 * DAY)], rows, newest + np.timedelta64(1, "D"), 0).count == 7
    assert of_entrants([Entrant(look_back=DAY), Entrant(look_back=2 * DAY)], rows, newest, 0).count == 13
    drawn = of_entrants([Entrant(half_life=timedelta(days=2))], rows, newest, 0)
    assert 5 < drawn.count < 40
    assert drawn.times.tolist() == of_entrants([Entrant(half_life=timedelta(days=2))], rows, newest, 0).times.tolist()


def test_rows_are_read_back_as_they_were_written(here: Installation) -> None:
    rows = here.base()
    back = from_table(here.loop.retrain.schema, to_table(here.loop.retrain.schema, rows))
    assert back.times.tolist() == rows.times.tolist() and back.known.tolist() == rows.known.tolist()
    assert {name: values.tolist() for name, values in back.columns.items()} == {n: v.tolist() for n, v in rows.columns.items()}


@pytest.mark.row("M11")
def test_rows_and_labels_of_later_are_not_there(here: Installation) -> None:
    for number in range(2):
        here.predict(number)
    here.label(0, rows=range(10))
    here.label(0, rows=range(10, ROWS), known_at=day(0).end + timedelta(microseconds=1))
    here.label(1)
    assert here.loop.retrain.sets.history(day(0).end).count == 60 + 10
    assert here.loop.retrain.sets.history(day(0).end + timedelta(microseconds=1)).count == 60 + ROWS


SOURCE = """
import pandas as pd


def rows(until):
    times = pd.date_range("2023-12-20", "2024-01-10", freq="1h", tz="UTC")
    x = [1.0 + n % 5 for n in range(len(times))]
    return pd.DataFrame({"time": times, "x": x, "shape": ["a"] * len(x), "y": [4.0 * value for value in x]})


"""


@pytest.mark.row("R5")
def test_a_projects_own_source_gives_the_rows_and_none_of_later(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    root = tmp_path / "sourced"
    root.mkdir()
    (root / "farero.toml").write_text('project = "project.py:project"\n')
    (root / "project.py").write_text(PROJECT.replace("\nproject = fa.Project(", SOURCE + "project = fa.Project(\n    source=rows,"))
    here = install(load(root), tmp_path / "state")
    here.start()
    here.predict(0)
    here.label(0, WON)
    rows = here.loop.retrain.history(day(0).end)
    assert rows.count == 12 * 24 + 1
    assert rows.times.max() <= stored.moment(day(0).end - DAY) and rows.known.max() <= stored.moment(day(0).end)
    assert "retrain.rows-dropped" in caplog.text
    (turn,) = here.end(0)
    assert turn.candidate is not None and (turn.candidate.number, turn.candidate.trained_rows) == ("1.1.1", 12 * 24 + 1)


@pytest.mark.row("R5", "L5")
def test_rows_whose_labels_came_after_production_learnt_are_new_to_it_however_old_they_are(here: Installation) -> None:
    rows = here.base()
    known = rows.times.copy()
    known[[50, 55]] = stored.moment(T0 + DAY)
    late = replace(rows, known=known)
    train, heldout = held_out(late, T0, T0, 1.0, 1)
    assert heldout is not None
    assert heldout.times.tolist() == rows.times[[50, 55]].tolist()
    assert train.times.tolist() == rows.times[:50].tolist()
    assert held_out(late, T0, None, 1.0, 1)[1] is None


@pytest.mark.row("R5")
def test_rows_that_are_all_of_one_moment_are_parted_in_their_order(here: Installation) -> None:
    rows = here.base()
    same = replace(rows, times=np.full(rows.count, rows.times[-1]))
    train, heldout = held_out(same, T0 - 5 * DAY, None, 0.25, 1)
    assert heldout is not None
    assert (train.count, heldout.count) == (rows.count - heldout.count, -(-rows.count // 4))
    assert train.labels.tolist() == rows.labels[: train.count].tolist()
