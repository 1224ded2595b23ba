from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from tests.unit.store.values import T0

from farero.core.run import Run, RunNotes, RunStep
from farero.store import runs
from farero.store.database import Store
from farero.store.journal import KEPT, PAUSE, Journal, listening

RUN = Run(id="churn-train/1", model="churn", kind="train", started=T0, because="asked for")
SECOND = timedelta(seconds=1)


class Watch:
    def __init__(self) -> None:
        self.at = T0

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture
def watch() -> Watch:
    return Watch()


def journal(store: Store, watch: Watch) -> Journal:
    with store.write() as conn:
        runs.start(conn, RUN)
    return Journal(store, RUN.id, watch)


def kept(store: Store) -> RunNotes:
    with store.read() as conn:
        return runs.get(conn, RUN.id)[1]


@pytest.mark.row("R5")
def test_a_step_is_on_record_while_it_goes_on_and_its_end_afterwards(store: Store, watch: Watch) -> None:
    made = journal(store, watch)
    with made.step("train"):
        assert kept(store).steps == (RunStep(name="train", started=T0),)
        watch.at += SECOND
    made.store()
    assert kept(store).steps == (RunStep(name="train", started=T0, finished=T0 + SECOND),)


@pytest.mark.row("R5")
def test_a_step_that_raises_stays_unfinished(store: Store, watch: Watch) -> None:
    made = journal(store, watch)
    with pytest.raises(ValueError, match="no"), made.step("train"):
        raise ValueError("no")
    made.store()
    assert [step.finished for step in kept(store).steps] == [None]


@pytest.mark.row("R5")
def test_lines_are_told_at_once_and_stored_no_more_often_than_once_a_second(store: Store, watch: Watch) -> None:
    heard: list[str] = []
    with listening(heard.append):
        made = journal(store, watch)
    with made.step("train"):
        made.line("epoch 1")
    assert heard == ["train", "epoch 1"] and kept(store).output == ""
    watch.at += PAUSE
    made.line("epoch 2")
    assert kept(store).output == "epoch 1\nepoch 2\n"


@pytest.mark.row("R5")
def test_of_a_long_output_the_last_whole_lines_are_kept_and_the_rest_is_counted(store: Store, watch: Watch) -> None:
    made = journal(store, watch)
    for number in range(9_000):
        made.line(f"line {number}")
    written = sum(len(f"line {number}\n") for number in range(9_000))
    assert made.notes.output.startswith("line ") and made.notes.output.endswith("line 8999\n")
    assert KEPT - 20 < len(made.notes.output) <= KEPT
    assert made.notes.left_out + len(made.notes.output) == written


def test_a_single_line_that_is_longer_than_all_that_is_kept_is_cut(store: Store, watch: Watch) -> None:
    made = journal(store, watch)
    made.line("x" * (2 * KEPT))
    assert len(made.notes.output) <= KEPT
