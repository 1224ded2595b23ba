from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest
from tests.benches import LOST, NEVER, WON, Installation, Killed, day, install, killed_in, make_project

from farero.errors import NotFound, TrainFailed
from farero.loop import Turn
from farero.project.load import Loaded, load
from farero.store import decisions, incidents, observations, outbox, runs, steps
from farero.store.decisions import StoredDecision

T = TypeVar("T")

STEPS = [
    ("label", "retry_waiting"), ("record", "due"), ("profile", "build"), ("monitor", "check"), ("alert", "update"), ("decide", "choose"),
    ("retrain", "again"), ("validate", "judge"), ("decide", "outcome"), ("retrain", "refit"), ("promote", "apply"), ("record", "done"),
    ("notify", "drain"),
]  # fmt: skip


@pytest.fixture(scope="module")
def points(tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    return load(make_project(tmp_path_factory.mktemp("points")))


@pytest.fixture
def here(points: Loaded, tmp_path: Path) -> Installation:
    installed = install(points, tmp_path)
    installed.start()
    return installed


def everything(here: Installation) -> dict[str, object]:
    """All that a turn leaves behind."""
    states, moves = here.states(), [(move.number, move.source, move.target) for move in here.moves()]
    with here.bench.store.read() as conn:
        return {
            "states": states,
            "moves": moves,
            "decisions": [_untimed(entry) for entry in decisions.all(conn, "points")],
            "observations": observations.latest(conn, "points"),
            "incidents": incidents.all(conn, "points"),
            "messages": sorted((d.message.id, d.status) for d in outbox.all(conn)),
            "runs": [(run.id, run.status, run.version) for run in runs.all(conn, "points")],
            "closed": steps.last_end(conn, "points", "done"),
        }


def _untimed(entry: StoredDecision) -> StoredDecision:
    """A decision without what is never the same twice: how long its candidate took to answer, and the bytes that tell how it trained."""
    if entry.verdict is None:
        return entry
    checks = tuple(check for check in entry.verdict.checks if check.name not in ("pace", "size"))
    return replace(entry, verdict=replace(entry.verdict, checks=checks))


@pytest.mark.row("M9", "M10")
def test_a_changed_world_is_learnt_judged_refitted_and_served_in_one_turn(here: Installation) -> None:
    turn = here.day(0, WON)
    assert turn.decision.action == "retrain"
    assert turn.verdict is not None and turn.verdict.accepted
    assert turn.candidate is not None and turn.candidate.number == "1.1.1"
    assert here.states() == {"1.0.0": "archived", "1.1.0": "archived", "1.1.1": "production"}


@pytest.mark.row("M10")
def test_a_candidate_that_is_no_better_is_rejected_and_kept_and_production_stays(here: Installation) -> None:
    turn = here.day(0, LOST)
    assert turn.verdict is not None and not turn.verdict.accepted
    assert here.states() == {"1.0.0": "production", "1.1.0": "rejected"}
    rejected = here.moves()[-1]
    assert (rejected.number, rejected.target, rejected.because) == ("1.1.0", "rejected", "; ".join(turn.verdict.because))


@pytest.fixture(scope="module")
def calm(points: Loaded, tmp_path_factory: pytest.TempPathFactory) -> dict[bool, tuple[dict[str, object], int]]:
    """What a turn that is not killed leaves behind, and its trainings, for a contest that is won and one that is lost."""
    found = {}
    for won in (True, False):
        here = one_day(points, tmp_path_factory.mktemp("calm"), won=won)
        here.end(0)
        found[won] = everything(here), here.child.trainings
    return found


def one_day(points: Loaded, folder: Path, *, won: bool) -> Installation:
    here = install(points, folder)
    here.start()
    here.predict(0)
    here.label(0, WON if won else LOST)
    return here


KILLS = [(*step, True) for step in STEPS]
KILLS += [(*step, False) for step in STEPS if step[1] in ("judge", "outcome", "apply", "done")]


@pytest.mark.row("R4")
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(("step", "method", "won"), KILLS, ids=[f"{a}.{b}-{'won' if won else 'lost'}" for a, b, won in KILLS])
def test_a_turn_killed_at_any_step_ends_like_one_that_was_not_when_it_is_taken_again(
    points: Loaded, tmp_path: Path, calm: dict[bool, tuple[dict[str, object], int]], step: str, method: str, won: bool, after: bool
) -> None:
    here = one_day(points, tmp_path, won=won)
    here.bench.clock.set(day(0).end)
    with pytest.raises(Killed):
        killed_in(here.loop, step, method, after=after).turn(day(0).end)
    here.end(0)
    assert (everything(here), here.child.trainings) == calm[won]
    assert here.loop.predict.pool.production("points").version.number == here.production()


@pytest.mark.row("R4")
def test_a_verdict_stored_before_a_kill_stands_although_production_has_changed_hands_since(here: Installation) -> None:
    here.predict(0)
    here.label(0, LOST)
    here.bench.clock.set(day(0).end)
    with pytest.raises(Killed):
        killed_in(here.loop, "promote", "apply", after=False).turn(day(0).end)
    before = here.child.trainings
    again = killed_in(here.loop, "validate", "judge", after=False)  # a second contest would die
    (turn,) = again.turn(day(0).end)
    assert turn.verdict is not None and not turn.verdict.accepted
    assert here.child.trainings == before
    assert here.states() == {"1.0.0": "production", "1.1.0": "rejected"}


@pytest.mark.row("R4")
def test_a_window_is_taken_through_the_loop_once(here: Installation) -> None:
    here.day(0, WON)
    before = everything(here)
    assert here.end(0) == []
    assert everything(here) == before


@pytest.mark.row("M9")
def test_a_training_that_raises_leaves_production_as_it_is_and_a_decision_that_says_why(here: Installation) -> None:
    here.child.failing = TrainFailed("ValueError: the frame is empty")
    turn = here.day(0, WON)
    assert turn.failed == "ValueError: the frame is empty"
    assert here.states() == {"1.0.0": "production"}
    with here.bench.store.read() as conn:
        (decided,) = decisions.all(conn, "points")
        failed = runs.all(conn, "points")[0]
    assert decided.decision.action == "retrain" and decided.candidate is None
    assert decided.verdict is not None and decided.verdict.because == ("ValueError: the frame is empty",)
    assert (failed.status, failed.error) == ("failed", "ValueError: the frame is empty")
    here.child.failing = None
    assert here.day(1, WON).verdict is not None
    assert here.production() == "1.1.1"


def test_windows_that_piled_up_are_taken_oldest_first(here: Installation) -> None:
    for number in range(3):
        here.predict(number)
    turns = here.end(2)
    assert [turn.window for turn in turns] == [day(0), day(1), day(2)]


def test_a_day_without_predictions_makes_no_window(here: Installation) -> None:
    here.predict(0)
    here.predict(2)
    assert [turn.window for turn in here.end(2)] == [day(0), day(2)]


@pytest.mark.row("M9")
def test_a_forced_training_needs_no_reason_of_the_policy(points: Loaded, tmp_path: Path) -> None:
    here = install(points, tmp_path, NEVER)
    here.start()
    assert here.day(0, WON).decision.action == "keep"
    here.bench.clock.set(day(0).end)
    turn = here.loop.force(day(0).end, because="a new season")
    assert turn.decision.because == ("asked for: a new season",)
    assert turn.decision.policy == "forced"
    assert here.states() == {"1.0.0": "production", "1.1.0": "rejected"} or here.production() == "1.1.1"


@pytest.mark.row("R13")
def test_a_renewal_that_is_ordered_elsewhere_holds_the_next_window_back_and_keeps_book_of_its_steps(here: Installation) -> None:
    for number in range(2):
        here.predict(number)
        here.label(number, WON)
    here.bench.clock.set(day(1).end)
    ordered: list[Turn] = []

    def later(turn: Turn) -> Turn:
        ordered.append(turn)
        return turn

    (first,) = here.loop.turn(day(1).end, renew=later, free=lambda: not ordered)
    assert (first.window, first.candidate, ordered) == (day(0), None, [first])
    assert here.states() == {"1.0.0": "production"}
    taken: list[str] = []

    def step(name: str, do: Callable[[], T]) -> T:
        taken.append(name)
        return do()

    turn = here.loop.renew(day(0), step)
    assert taken == ["train", "judge", "refit", "promote", "notify"]
    assert turn.decision == first.decision
    assert turn.candidate is not None and here.production() == turn.candidate.number
    assert [later.window for later in here.loop.turn(day(1).end)] == [day(1)]


def test_nothing_is_renewed_that_was_not_decided(here: Installation) -> None:
    with pytest.raises(NotFound, match="Nothing was decided about points"):
        here.loop.renew(day(7))
