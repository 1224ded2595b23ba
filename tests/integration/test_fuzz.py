"""A short attack by the code of benchmarks/fuzz.py: thousands of broken requests, and every promise still holds."""

from __future__ import annotations

import pytest
from benchmarks.fuzzing.campaign import Tally, run
from benchmarks.fuzzing.report import markdown
from benchmarks.fuzzing.site import make_project

REQUESTS = 2000


@pytest.fixture(scope="module")
def tally(tmp_path_factory: pytest.TempPathFactory) -> Tally:
    root = make_project(tmp_path_factory.mktemp("fuzz") / "churn")
    return run(root, requests=REQUESTS, seed=3, examples=120, blocks=2)


@pytest.mark.row("S2")
def test_nothing_that_is_sent_gets_a_failure_inside_or_an_answer_that_is_none(tally: Tally) -> None:
    assert tally.wrong == [], markdown(tally, seed=3)
    assert tally.total >= 0.9 * REQUESTS
    assert len(tally.requests) >= 25, "a source of requests has fallen silent"
    assert max(status for statuses in tally.statuses.values() for status in statuses) < 500
    assert {200, 400, 404, 405, 415, 422} <= {status for statuses in tally.statuses.values() for status in statuses}


@pytest.mark.row("S2")
def test_the_worker_lives_through_it_and_known_answers_stay_what_they_were(tally: Tally) -> None:
    assert (tally.restarts, tally.exit_code, tally.probes) == (0, 0, 4)
    assert tally.fast > 50, "the hot lane was not attacked"


@pytest.mark.row("L1")
def test_every_acknowledged_row_is_recorded_once_and_no_other(tally: Tally) -> None:
    assert tally.acknowledged.total() > 200
    assert tally.logged == tally.acknowledged


@pytest.mark.row("S2")
def test_closed_connections_leave_no_open_files_behind(tally: Tally) -> None:
    first, last = tally.marks[0], tally.marks[-1]
    assert last.files <= first.files + 16, "more than the threads' database connections may take"
