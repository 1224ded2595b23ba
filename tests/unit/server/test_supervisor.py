"""The supervisor forks, replaces what dies, tells a failed start as its owner would want it told, and ends the keeper last."""

from __future__ import annotations

import gc
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest
from tests.running import is_alive, soon

from farero.errors import OutsideError, StoreUnavailable
from farero.server import supervisor
from farero.server.binding import bind
from farero.server.supervisor import PEOPLE, _Member, _Supervisor
from farero.serving.meters import Meters

Run = Callable[[Callable[[], None]], None]


@dataclass
class Family:
    """A supervisor in this thread whose children do as the test says; another thread looks on and ends it."""

    root: Path
    meters: Meters = field(default_factory=lambda: Meters(None, "test"))
    ready: int = 0

    def live(self, watch: Callable[[], None], **members: Run) -> None:
        """Run until `watch`, in a thread, is through. The first member is the keeper."""
        main = threading.main_thread().ident
        assert main is not None
        failures: list[BaseException] = []

        def look_on() -> None:
            try:
                watch()
            except BaseException as failure:  # noqa: BLE001 - told by the main thread
                failures.append(failure)
            finally:
                signal.pthread_kill(main, signal.SIGTERM)  # to the thread that has it blocked and fetches it

        watcher = threading.Thread(target=look_on)

        def up() -> None:
            self.ready += 1
            watcher.start()

        with bind("127.0.0.1", 0) as listener:
            _Supervisor(self.root, [_Member(name, run) for name, run in members.items()], listener, self.meters, up).run()
        watcher.join()
        if failures:
            raise failures[0]

    def people(self) -> list[int]:
        """Keeper and workers."""
        found = json.loads((self.root / PEOPLE).read_text())
        assert found["supervisor"] == os.getpid()
        return [found["keeper"], *found["workers"]]

    @property
    def restarts(self) -> float:
        return self.meters.counter("farero_worker_restarts_total").value


@pytest.fixture
def family(tmp_path: Path) -> Iterator[Family]:
    (tmp_path / PEOPLE).parent.mkdir(parents=True)
    yield Family(tmp_path)
    gc.unfreeze()


def patient(ready: Callable[[], None]) -> None:
    """A child that works until it is told to go."""
    ready()
    while True:
        signal.pause()


@pytest.mark.row("S3")
def test_all_members_run_and_are_named_and_end_with_it(family: Family) -> None:
    seen: list[int] = []

    def watch() -> None:
        seen.extend(family.people())
        assert all(is_alive(pid) for pid in seen)

    family.live(watch, keeper=patient, first=patient, second=patient)
    assert family.ready == 1
    assert len(set(seen)) == 3
    assert not any(is_alive(pid) for pid in seen)
    assert family.restarts == 0


@pytest.mark.row("S3")
def test_what_dies_is_replaced_and_counted_and_its_neighbours_stay(family: Family) -> None:
    def replaced(killed: int, restarts: int) -> bool:
        return family.restarts == restarts and killed not in family.people()

    def watch() -> None:
        before = family.people()
        for place, restarts in ((2, 1), (0, 2)):
            os.kill(before[place], signal.SIGKILL)
            soon(partial(replaced, before[place], restarts), within_s=10, what="it is replaced")
        after = family.people()
        assert [old == new for old, new in zip(before, after, strict=True)] == [False, True, False]
        assert all(is_alive(pid) for pid in after)

    family.live(watch, keeper=patient, first=patient, second=patient)
    assert family.restarts == 2


def test_what_dies_as_soon_as_it_is_started_is_given_a_pause_that_grows_to_a_limit(family: Family, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "LONGEST_PAUSE_S", 0.6)
    births = family.root / "births"

    def dying(ready: Callable[[], None]) -> None:
        with births.open("a") as file:
            file.write(f"{time.monotonic()}\n")
        ready()

    def born() -> list[float]:
        return [float(line) for line in births.read_text().splitlines()]

    def watch() -> None:
        soon(lambda: len(born()) >= 5, within_s=20, what="it is started again and again")

    family.live(watch, keeper=patient, dying=dying)
    times = born()
    pauses = [later - sooner for sooner, later in pairwise(times)]
    assert pauses[0] >= 0.45
    assert all(0.55 <= pause < 4 for pause in pauses[1:]), "not once in a blue moon, and not without a pause"


def test_a_start_that_fails_raises_the_childs_own_error_and_leaves_nobody(family: Family) -> None:
    here = family.root / "pid"

    def failing(ready: Callable[[], None]) -> None:
        raise StoreUnavailable("The state database does not answer.", hint="Start it.")

    def lasting(ready: Callable[[], None]) -> None:
        here.write_text(str(os.getpid()))
        patient(ready)

    with pytest.raises(StoreUnavailable, match="does not answer") as caught:
        family.live(lambda: None, keeper=lasting, failing=failing)
    assert caught.value.hint == "Start it."
    assert family.ready == 0
    assert not here.exists() or not is_alive(int(here.read_text()))


def test_a_start_that_ends_without_a_word_is_tried_again_and_then_told(family: Family, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "MOST_FAILURES", 2)
    births = family.root / "births"

    def vanishing(ready: Callable[[], None]) -> None:
        with births.open("a") as file:
            file.write("x")
        os._exit(3)

    with pytest.raises(OutsideError, match="vanishing ends as soon as it starts"):
        family.live(lambda: None, keeper=patient, vanishing=vanishing)
    assert births.read_text() == "xx"


@pytest.mark.row("S3", "L1")
def test_the_keeper_ends_last_because_it_hands_over_what_the_others_recorded(family: Family) -> None:
    ends = family.root / "ends"

    def lasting(name: str, pause_s: float) -> Run:
        def run(ready: Callable[[], None]) -> None:
            gone = threading.Event()
            signal.signal(signal.SIGTERM, lambda number, at: gone.set())
            ready()
            while not gone.wait(0.05):
                pass
            time.sleep(pause_s)
            with ends.open("a") as file:
                file.write(f"{name}\n")

        return run

    family.live(lambda: None, keeper=lasting("keeper", 0), first=lasting("first", 0.5), second=lasting("second", 0))
    assert ends.read_text().splitlines() == ["second", "first", "keeper"]


def test_what_does_not_end_in_time_is_killed(family: Family, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "STOP_S", 0.5)
    deaf_pid: list[int] = []

    def deaf(ready: Callable[[], None]) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        patient(ready)

    begun = time.monotonic()
    family.live(lambda: deaf_pid.append(family.people()[1]), keeper=patient, deaf=deaf)
    assert time.monotonic() - begun < 8
    assert not is_alive(deaf_pid[0])


def test_where_it_cannot_write_who_is_who_it_serves_all_the_same(family: Family) -> None:
    (family.root / PEOPLE).parent.rmdir()
    (family.root / PEOPLE).parent.write_text("in the way")
    family.live(lambda: None, keeper=patient, first=patient)
    assert family.ready == 1
