from __future__ import annotations

from datetime import timedelta

import pytest
from tests.benches import T0
from tests.standin import version

from farero.adapters.manual_clock import ManualClock
from farero.core.run import Run
from farero.store import runs, tracked, versions
from farero.store.database import Store
from farero.store.tracked import Thing

HOUR = timedelta(hours=1)


@pytest.fixture
def store() -> Store:
    made = Store.memory(clock=ManualClock(T0))
    with made.write() as conn:
        runs.start(conn, Run(id="points-train/1", model="points", kind="train", started=T0, because="first"))
        versions.add(conn, version("points", "1.0.0", "candidate", T0))
        versions.add(conn, version("points", "1.1.0", "candidate", T0 + HOUR))
    return made


def stamps(store: Store) -> dict[tuple[str, str], str]:
    with store.read() as conn:
        return {(thing.kind, thing.key): thing.stamp for thing in tracked.things(conn, "points")}


@pytest.mark.row("R9")
def test_a_stamp_changes_when_its_thing_does_and_no_other(store: Store) -> None:
    before = stamps(store)
    assert list(before) == [("run", "points-train/1"), ("version", "1.0.0"), ("version", "1.1.0"), ("aliases", "aliases")]
    with store.write() as conn:
        runs.finish(conn, "points-train/1", T0, "succeeded", "1.0.0", None)
    assert {key for key, stamp in stamps(store).items() if stamp != before[key]} == {("run", "points-train/1")}
    between = stamps(store)
    with store.write() as conn:
        versions.move(conn, "points", "1.0.0", source="candidate", target="staging", at=T0, by="ana", because="x")
    changed = {key for key, stamp in stamps(store).items() if stamp != between[key]}
    assert changed == {("run", "points-train/1"), ("version", "1.0.0"), ("aliases", "aliases")}, "the run's report tells of the move"
    with store.write() as conn:
        assert tracked.staging(conn, "points") == "1.0.0"
        versions.delete(conn, "points", "1.0.0", at=T0, by="ana", because="x")
        assert tracked.staging(conn, "points") is None
        assert tracked.run_of(conn, "points", "1.0.0") == "points-train/1"
        assert tracked.digest_of(conn, "points", "1.0.0") == version("points", "1.0.0", "candidate", T0).digest
    assert stamps(store)["version", "1.0.0"].startswith("deleted/")


def test_one_process_has_a_thing_in_hand_until_its_time_is_over(store: Store) -> None:
    thing = Thing(kind="version", model="points", key="1.0.0", stamp="candidate/1")
    with store.write() as conn:
        assert tracked.claim(conn, thing, T0, T0 + HOUR)
        assert not tracked.claim(conn, thing, T0, T0 + HOUR)
        assert tracked.claim(conn, thing, T0 + HOUR, T0 + 2 * HOUR)
        tracked.failed(conn, thing, "it is down", T0 + 3 * HOUR)
        assert not tracked.claim(conn, thing, T0 + 2 * HOUR, T0 + 4 * HOUR)
        assert tracked.hurry(conn, "points") == 1
        assert tracked.claim(conn, thing, T0 + 2 * HOUR, T0 + 4 * HOUR)
        tracked.told(conn, thing, "7")
        known = tracked.all(conn, "points")["version", "1.0.0"]
        assert (known.stamp, known.remote, known.attempts, known.error, known.due_at) == ("candidate/1", "7", 0, None, None)
        assert not tracked.claim(conn, thing, T0 + 9 * HOUR, T0 + 10 * HOUR), "it has been told of this state"


def test_aliases_are_told_anew_when_asked_for(store: Store) -> None:
    thing = Thing(kind="aliases", model="points", key="aliases", stamp="1.0.0/1/")
    with store.write() as conn:
        tracked.claim(conn, thing, T0, T0 + HOUR)
        tracked.told(conn, thing, "production=1.0.0")
        tracked.forget_aliases(conn, "points")
        assert tracked.claim(conn, thing, T0, T0 + HOUR)
        assert tracked.all(conn, "points")["aliases", "aliases"].remote == "production=1.0.0"
