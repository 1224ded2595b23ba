from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.store.values import DAY, T0

from farero.core.run import Run, RunNotes, RunStep
from farero.errors import NotFound
from farero.store import runs
from farero.store.database import Store

RUN = Run(id="churn-loop/1", model="churn", kind="retrain", started=T0, because="drift")


def test_a_run_is_running_until_it_is_finished(store: Store) -> None:
    with store.write() as conn:
        runs.start(conn, RUN)
        assert runs.all(conn) == [RUN]
        runs.finish(conn, RUN.id, T0 + DAY, "succeeded", "1.1.0", None)
        assert runs.all(conn) == [replace(RUN, status="succeeded", finished=T0 + DAY, version="1.1.0")]


def test_a_run_that_was_cut_off_starts_over_under_its_id(store: Store) -> None:
    with store.write() as conn:
        runs.start(conn, RUN)
        runs.finish(conn, RUN.id, T0, "failed", None, "train raised ValueError")
        runs.start(conn, replace(RUN, started=T0 + DAY))
        assert runs.all(conn) == [replace(RUN, started=T0 + DAY)]


def test_runs_are_listed_newest_first_for_one_model_or_all(store: Store) -> None:
    with store.write() as conn:
        runs.start(conn, RUN)
        runs.start(conn, replace(RUN, id="b", started=T0 + DAY))
        runs.start(conn, replace(RUN, id="c", model="risk", started=T0 + 2 * DAY))
        assert [run.id for run in runs.all(conn)] == ["c", "b", RUN.id]
        assert [run.id for run in runs.all(conn, "churn", last=1)] == ["b"]


def test_a_run_that_never_started_cannot_finish(store: Store) -> None:
    with store.write() as conn, pytest.raises(NotFound, match="no run 'x'"):
        runs.finish(conn, "x", T0, "failed", None, None)


def test_notes_are_kept_with_their_run_and_go_when_it_starts_over(store: Store) -> None:
    notes = RunNotes(steps=(RunStep(name="train", started=T0, finished=T0 + DAY),), output="epoch 1\n", left_out=7)
    with store.write() as conn:
        runs.start(conn, RUN)
        assert runs.get(conn, RUN.id) == (RUN, RunNotes())
        runs.note(conn, RUN.id, notes)
        assert runs.get(conn, RUN.id) == (RUN, notes)
        runs.start(conn, RUN)
        assert runs.get(conn, RUN.id) == (RUN, RunNotes())


def test_a_run_is_found_by_a_part_of_its_id_that_no_other_has(store: Store) -> None:
    with store.write() as conn:
        runs.start(conn, RUN)
        runs.start(conn, replace(RUN, id="churn-train/2"))
        assert runs.get(conn, "loop")[0] == RUN
        with pytest.raises(NotFound, match="several runs 'churn'"):
            runs.get(conn, "churn")
        with pytest.raises(NotFound, match="no run 'per%cent'"):
            runs.get(conn, "per%cent")
