"""Rollouts: a good version reaches production by itself, a bad one leaves it by itself, and whoever acts in between is heeded."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.benches import Installation
from tests.unit.flow.rollout.world import NEW, OLD, RULE, World

from farero.core.approval import ApprovalRule
from farero.core.endpoint import PRODUCTION, Route
from farero.core.gate import Verdict
from farero.errors import BadInput, Conflict, Denied, NotFound, StaleDecision
from farero.store import endpoints, incidents, outbox, rollouts

WON = Verdict(accepted=True, metric={"current": 2.0, "candidate": 1.0}, because=("a gain of 1",), against=OLD)


@pytest.fixture
def world(here: Installation) -> World:
    return World(here)


def told(world: World) -> list[str]:
    with world.here.bench.store.read() as conn:
        return [one.message.event for one in reversed(outbox.all(conn)) if one.message.event != "version.promoted"]


def events(world: World) -> list[str]:
    with world.here.bench.store.read() as conn:
        return [one.kind for one in incidents.open(conn, "points")]


@pytest.mark.row("R7", "S4")
def test_a_good_version_reaches_production_by_itself_in_steps(world: World) -> None:
    world.serve(300)
    assert world.begin().state == "staging"
    first = world.tick()
    assert first is not None
    assert str(first.stage) == "canary 20 %"
    assert world.own().routes == (Route(version=PRODUCTION, share=80), Route(version=NEW, share=20, name="canary"))
    world.serve(400)
    second = world.tick()
    assert second is not None
    assert str(second.stage) == "canary 50 %"
    world.serve(400)
    done = world.tick()
    assert done is not None
    assert done.status == "promoted"
    assert world.here.states() == {OLD: "archived", NEW: "production"}
    assert world.own().routes == ()
    assert world.here.loop.predict.pool.production("points").version.number == NEW
    assert [(line.stage, line.action) for line in done.history] == [
        ("staging", "begin"), ("staging", "advance"), ("smoke", "advance"), ("approval", "advance"), ("canary 20 %", "advance"),
        ("canary 50 %", "finish"),
    ]  # fmt: skip
    assert done.history[2].because == ("50 made-up rows were answered over HTTP",)
    assert {one.kind for one in done.history[-1].compared} == {"errors", "latency", "constant", "range", "distribution"}
    assert world.tick() is None
    assert told(world) == ["rollout.begun"]


@pytest.mark.row("R7", "R3")
@pytest.mark.parametrize(
    ("harm", "kind"),
    [
        ({"failing": 0.2}, "errors"), ({"new_us": 45_000.0}, "latency"), ({"new": lambda x: 4.0}, "constant"),
        ({"new": lambda x: 900 + x}, "range"),
    ],
)  # fmt: skip
def test_a_canary_that_does_harm_leaves_by_itself_with_an_incident(world: World, harm: dict[str, object], kind: str) -> None:
    world.serve(300)
    world.begin()
    world.tick()
    world.serve(500, **harm)  # type: ignore[arg-type]
    done = world.tick()
    assert done is not None
    assert done.status == "rolled-back"
    assert any(because.startswith(f"{kind}: it ") for because in done.history[-1].because)
    assert world.here.states() == {OLD: "production", NEW: "rejected"}
    assert world.own().routes == ()
    assert events(world) == ["CANARY_ROLLED_BACK"]
    assert told(world) == ["rollout.begun", "incident.opened"]


@pytest.mark.row("R7")
def test_a_canary_whose_labels_show_it_worse_leaves_by_itself(world: World) -> None:
    world.serve(400, labelled=True)
    world.begin()
    world.tick()
    world.serve(400)
    world.tick()
    world.serve(900, over=timedelta(minutes=9), labelled=True, wrong=2.0)
    done = world.tick()
    assert done is not None
    assert done.history[-1].because[0].startswith("quality: it lost")
    assert done.status == "rolled-back"


@pytest.mark.row("R7")
def test_twice_as_many_microseconds_are_no_reason(world: World) -> None:
    world.serve(300)
    world.begin()
    world.tick()
    world.serve(400, new_us=1800.0)
    after = world.tick()
    assert after is not None
    assert str(after.stage) == "canary 50 %"


@pytest.mark.row("R7")
def test_a_version_that_fails_its_smoke_test_answers_nobody(world: World) -> None:
    world.answer = lambda body: (500, b'{"detail": "it cannot be loaded"}')
    world.begin()
    done = world.tick()
    assert done is not None
    assert (done.status, done.history[-1].because) == ("rolled-back", ("the smoke test failed: 500: it cannot be loaded",))
    with world.here.bench.store.read() as conn:
        assert [one.name for one in endpoints.all(conn)] == []
    assert world.here.states()[NEW] == "rejected"


@pytest.mark.row("R7", "S4")
def test_a_shadow_scores_copies_before_it_answers_anybody_and_failing_copies_end_it(here: Installation) -> None:
    world = World(here, rule=replace(RULE, shadow_rows=200))
    world.begin()
    world.tick()
    assert world.own().shadow == (NEW,)
    world.serve(150)
    assert str(world.tick().stage) == "shadow"  # type: ignore[union-attr]
    world.serve(100)
    assert str(world.tick().stage) == "canary 20 %"  # type: ignore[union-attr]
    assert world.own().shadow == ()
    again = World(here)
    assert again.last().history[3].because == ("250 requests answered in secret",)


@pytest.mark.row("R7")
def test_copies_that_fail_end_a_rollout(here: Installation) -> None:
    world = World(here, rule=replace(RULE, shadow_rows=500))
    world.begin()
    world.tick()
    world.serve(50)
    world.failures[f"{NEW}.shadow"] = 5
    done = world.tick()
    assert done is not None
    assert (done.status, world.own().shadow) == ("rolled-back", ())


@pytest.mark.row("R7")
def test_a_freeze_holds_what_goes_by_itself_and_lifting_it_lets_it_go_on(world: World) -> None:
    frozen = world.steps.freeze(by="ana", because="inventory")
    world.begin()
    waiting = world.tick()
    assert waiting is not None
    assert (waiting.status, str(waiting.stage)) == ("waiting", "approval")
    assert waiting.waits_for == f"production is frozen: {frozen}"
    assert world.own().routes == ()
    assert world.steps.unfreeze(by="ana") == frozen
    assert str(world.tick().stage) == "canary 20 %"  # type: ignore[union-attr]


@pytest.mark.row("R7")
def test_without_a_declared_rollout_a_freeze_alone_makes_a_version_wait(here: Installation) -> None:
    world = World(here, rule=None)
    assert not world.steps.goes_by_stages()
    world.steps.freeze(by="ana", because="inventory")
    assert world.steps.goes_by_stages()
    candidate = next(one for one in here.versions() if one.number == NEW)
    assert world.steps.carry_out(candidate, WON).state == "staging"
    world.tick()
    assert here.states() == {OLD: "production", NEW: "staging"}
    world.steps.unfreeze(by="ana")
    world.tick()
    assert here.states() == {OLD: "archived", NEW: "production"}


@pytest.mark.row("R2", "R7")
def test_people_approve_before_it_answers_anybody_and_a_refusal_ends_it(here: Installation) -> None:
    rule = replace(RULE, approval=ApprovalRule(approvals=1, approvers={"risk": ("ana", "ben")}, four_eyes=True))
    world = World(here, rule=rule)
    world.begin(by="ana")
    assert world.tick().status == "waiting"  # type: ignore[union-attr]
    with pytest.raises(Denied, match="four eyes"):
        world.steps.say(NEW, by="ana", role="risk", approved=True, because="")
    with pytest.raises(Denied, match="not declared as risk"):
        world.steps.say(NEW, by="carl", role="risk", approved=True, because="")
    with pytest.raises(Denied, match="1 of 1 approvals are missing"):
        world.steps.permit(NEW, by="ana")
    world.steps.say(NEW, by="ben", role="risk", approved=True, because="seen")
    world.steps.permit(NEW, by="ana")
    assert str(world.tick().stage) == "canary 20 %"  # type: ignore[union-attr]
    with pytest.raises(BadInput, match="for a reason"):
        world.steps.say(NEW, by="ben", role="risk", approved=False, because=" ")
    world.steps.say(NEW, by="ben", role="risk", approved=False, because="complaints")
    done = world.tick()
    assert done is not None
    assert done.history[-1].because == ("ben (risk) refused it: complaints",)
    assert world.here.states()[NEW] == "rejected"


@pytest.mark.row("R7")
def test_a_newer_version_takes_the_place_of_one_that_is_on_its_way(world: World) -> None:
    world.begin()
    world.tick()
    third = world.here.loop.retrain.first(
        world.here.base(3.0), until=world.now, origin="train/third", because="asked for", tags={}
    ).version  # fmt: skip
    with pytest.raises(Conflict, match="on its way already"):
        world.begin()
    world.steps.begin(third.number, by="ana", because="newer")
    assert world.open().number == third.number
    assert world.own().routes == ()
    assert world.here.states()[NEW] == "archived"
    assert told(world) == ["rollout.begun", "rollout.stopped", "rollout.begun"]


@pytest.mark.row("R7")
def test_a_verdict_that_was_carried_out_before_is_not_carried_out_again(world: World) -> None:
    candidate = next(one for one in world.here.versions() if one.number == NEW)
    world.steps.carry_out(candidate, WON)
    world.steps.stop(by="ana", because="not now")
    assert world.steps.carry_out(candidate, WON).state == "staging"
    with world.here.bench.store.read() as conn:
        assert [one.status for one in rollouts.all(conn, "points")] == ["stopped"]


@pytest.mark.row("R7")
def test_a_verdict_against_another_production_is_not_carried_out(world: World) -> None:
    candidate = next(one for one in world.here.versions() if one.number == NEW)
    with pytest.raises(StaleDecision):
        world.steps.carry_out(candidate, replace(WON, against="0.9.0"))
    assert world.here.states()[NEW] == "candidate"


@pytest.mark.row("R7")
def test_production_changed_by_hand_stops_it_and_so_does_another_split(world: World) -> None:
    world.begin()
    world.tick()
    by_hand = (Route(version=PRODUCTION, share=60), Route(version=NEW, share=40))
    with world.here.bench.store.write() as conn:
        endpoints.put(conn, replace(endpoints.own(conn, "points"), routes=by_hand), at=world.now, by="ana", because="a test")
    done = world.tick()
    assert done is not None
    assert (done.status, done.history[-1].because) == ("stopped", ("somebody changed how requests are split",))
    assert world.own().routes == by_hand


@pytest.mark.row("R7")
def test_a_person_may_stop_it_for_a_reason(world: World) -> None:
    with pytest.raises(NotFound, match="on its way"):
        world.steps.stop(by="ana", because="not now")
    world.begin()
    world.tick()
    with pytest.raises(BadInput, match="for a reason"):
        world.steps.stop(by="ana", because="")
    stopped = world.steps.stop(by="ana", because="not now")
    assert (stopped.status, stopped.history[-1].by) == ("stopped", "ana")
    assert world.own().routes == ()
    assert world.here.states()[NEW] == "staging"


@pytest.mark.row("R7")
def test_two_that_look_at_once_do_everything_once(world: World) -> None:
    world.begin()
    running = world.open()
    world.tick()
    steps, counted = world.steps, world.steps.measure.look(running, world.now, {})
    with pytest.raises(StaleDecision):
        steps._move(running, counted, None, world.now)
    assert told(world) == ["rollout.begun"]


@pytest.mark.row("R7")
def test_a_death_between_any_two_transactions_loses_and_doubles_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look is cut off before its transaction, and in it after everything was written; then it is taken again."""

    class Killed(BaseException):
        pass

    def dying(*args: object, **kwargs: object) -> None:
        raise Killed

    world.serve(300)
    world.begin()
    plan = [(0, 0), (0, 0), (0, 0), (400, 0), (400, 0)]
    for count, _ in plan:
        if count:
            world.serve(count)
        for name in ("save", "free"):
            with monkeypatch.context() as patched:
                patched.setattr(rollouts, name, dying)
                before = world.open()
                try:
                    world.tick()
                except Killed:
                    after = world.open()
                    assert after.stage == before.stage or after.revision > before.revision
        world.tick()
        if not world.last().is_open:
            break
    done = world.last()
    assert done.status == "promoted"
    assert [line.action for line in done.history] == ["begin", *["advance"] * 4, "finish"]
    assert told(world) == ["rollout.begun"]
    assert world.here.states() == {OLD: "archived", NEW: "production"}
