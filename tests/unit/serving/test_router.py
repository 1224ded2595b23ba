from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.unit.serving.test_pool import Constant, Shelf, Slow

from farero.core.endpoint import PRODUCTION, Endpoint, Route
from farero.core.version import Version
from farero.errors import Corrupt, FareroError, VersionNotFound
from farero.serving.pool import Pool
from farero.serving.router import Router

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SPLIT = Endpoint(
    name="ab", model="bikes", routes=(Route(version=PRODUCTION, share=50), Route(version="1.1.0", share=50)), shadow=("1.2.0",), revision=1
)


class Installation:
    """Three versions, the first in production, and endpoints that a test may change."""

    def __init__(self, folder: Path) -> None:
        self.shelf = Shelf(folder)
        self.versions = {
            number: self.shelf.version(number, Constant(value)) for number, value in (("1.0.0", 1.0), ("1.1.0", 2.0), ("1.2.0", 3.0))
        }
        self.pool = Pool(self.shelf.files)
        self.pool.swap("bikes", self.versions["1.0.0"])
        self.router = Router(self.pool)
        self.stored: list[Endpoint] = []

    def version_of(self, model: str, number: str) -> Version:
        assert model == "bikes"
        if number not in self.versions:
            raise VersionNotFound(f"bikes has no version {number}.")
        return self.versions[number]

    def read(self) -> tuple[Mapping[str, int], Iterable[Endpoint]]:
        return {one.name: one.revision for one in self.stored}, list(self.stored)

    def follow(self, *endpoints: Endpoint, load: bool = True) -> None:
        self.stored = list(endpoints)
        self.router.follow(self.read, self.version_of, load=load)

    def in_memory(self, name: str = "ab") -> list[str]:
        table = self.router.find(name)
        assert table is not None
        return [way.number for way in (*table.ways, *table.shadows) if way.loaded is not None]


@pytest.fixture
def here(tmp_path: Path) -> Installation:
    return Installation(tmp_path)


@pytest.mark.row("S4")
def test_versions_are_in_memory_before_the_table_is_there(here: Installation) -> None:
    assert here.router.find("ab") is None
    here.follow(SPLIT)
    assert here.in_memory() == ["1.1.0", "1.2.0"]
    assert here.router.stamp == {"ab": 1}


@pytest.mark.row("S4")
def test_a_request_is_picked_by_its_id_or_by_its_key_where_that_sticks(here: Installation) -> None:
    here.follow(SPLIT)
    table = here.router.find("ab")
    assert table is not None
    picked = [table.pick(f"r{number}", "C-1") for number in range(200)]
    assert {way.number if way else None for way in picked} == {None, "1.1.0"}
    here.follow(replace(SPLIT, sticky=True, revision=2))
    table = here.router.find("ab")
    assert table is not None
    assert len({way.number if way else None for way in (table.pick(f"r{number}", "C-1") for number in range(50))}) == 1
    assert {way.number if way else None for way in (table.pick(f"r{number}", None) for number in range(200))} == {None, "1.1.0"}


def test_an_endpoint_that_is_gone_is_followed_and_what_it_held_is_let_go(here: Installation) -> None:
    here.follow(SPLIT)
    assert {"1.1.0", "1.2.0"} <= {loaded.version.number for loaded in here.pool._recent.values()}
    here.follow()
    assert here.router.find("ab") is None
    assert {loaded.version.number for loaded in here.pool._recent.values()} == {"1.0.0"}


def test_a_version_that_two_endpoints_need_is_loaded_once(here: Installation) -> None:
    here.follow(SPLIT, replace(SPLIT, name="other"))
    one, other = here.router.find("ab"), here.router.find("other")
    assert one is not None and other is not None
    assert one.ways[1].loaded is not None and other.ways[1].loaded is not None
    assert one.ways[1].loaded.engine is other.ways[1].loaded.engine


def test_a_table_that_did_not_change_stays_the_same_object_and_a_changed_one_goes_on_counting(here: Installation) -> None:
    here.follow(SPLIT)
    before = here.router.find("ab")
    here.follow(SPLIT, Endpoint(name="bikes", model="bikes", revision=1))
    assert here.router.find("ab") is before
    here.follow(replace(SPLIT, revision=2, sticky=True))
    after = here.router.find("ab")
    assert before is not None and after is not None
    assert after is not before
    assert after.use is before.use


@pytest.mark.row("S4")
def test_a_version_that_cannot_be_loaded_is_not_tried_with_every_request(here: Installation) -> None:
    here.shelf.files.delete(here.versions["1.1.0"].digest)
    here.follow(SPLIT)
    table = here.router.find("ab")
    assert table is not None
    assert isinstance(table.ways[1].failure, Corrupt)
    with pytest.raises(Corrupt):
        here.router.load(table, table.ways[1])
    here.follow(replace(SPLIT, routes=(Route(version="9.9.9", share=100),), revision=2))
    table = here.router.find("ab")
    assert table is not None
    way = table.pick("r", None)
    assert way is not None and isinstance(way.failure, VersionNotFound)


@pytest.mark.row("S5")
def test_without_need_versions_are_loaded_by_their_first_request(here: Installation) -> None:
    here.follow(SPLIT, load=False)
    assert here.in_memory() == []
    assert here.router.is_resting("bikes", "ab")
    table = here.router.find("ab")
    assert table is not None
    loaded = here.router.load(table, table.ways[1])
    assert loaded.version.number == "1.1.0"
    assert here.in_memory() == ["1.1.0"]
    now = here.router.find("ab")
    assert now is not None
    assert here.router.load(now, now.ways[1]) is loaded


@pytest.mark.row("S5")
def test_what_nobody_asks_for_leaves_memory_after_its_time_and_comes_back(here: Installation) -> None:
    here.follow(replace(SPLIT, idle=timedelta(minutes=15)))
    here.router.rest(NOW)
    here.router.rest(NOW + timedelta(minutes=14))
    table = here.router.find("ab")
    assert table is not None
    table.use.count += 1
    here.router.rest(NOW + timedelta(minutes=16))
    here.router.rest(NOW + timedelta(minutes=30))
    assert here.in_memory() == ["1.1.0", "1.2.0"], "it was asked at 16 minutes at the latest"
    here.router.rest(NOW + timedelta(minutes=31))
    assert here.in_memory() == []
    assert {loaded.version.number for loaded in here.pool._recent.values()} == {"1.0.0"}
    assert here.pool.ready("bikes") is not None, "production is the business of the model's own endpoint"
    here.router.wake("bikes", "ab")
    assert here.in_memory() == ["1.1.0"], "copies load shadow versions"
    assert not here.router.is_resting("bikes", "ab")


@pytest.mark.row("S5")
def test_a_model_rests_when_no_endpoint_of_it_was_asked(here: Installation) -> None:
    own = Endpoint(name="bikes", model="bikes", idle=timedelta(seconds=10), revision=1)
    here.follow(SPLIT, own)
    here.router.rest(NOW)
    table = here.router.find("ab")
    assert table is not None
    table.use.count += 1
    here.router.rest(NOW + timedelta(seconds=10))
    assert here.pool.ready("bikes") is not None
    here.router.rest(NOW + timedelta(seconds=20))
    assert here.pool.ready("bikes") is None
    assert here.pool.expected("bikes") == here.versions["1.0.0"]
    assert here.router.is_resting("bikes", "bikes")
    here.router.wake("bikes", "bikes")
    loaded = here.pool.ready("bikes")
    assert loaded is not None and loaded.version.number == "1.0.0"


def test_a_resting_model_is_not_loaded_by_a_change(here: Installation) -> None:
    here.pool.rest("bikes")
    here.follow(SPLIT)
    assert here.in_memory() == []


@pytest.mark.row("S4")
def test_readers_go_on_with_the_old_table_while_a_version_loads(here: Installation) -> None:
    here.follow(SPLIT)
    before = here.router.find("ab")
    Slow.begun.clear()
    Slow.go_on.clear()
    here.versions["2.0.0"] = here.shelf.version("2.0.0", Slow(9.0))
    changing = threading.Thread(target=here.follow, args=(replace(SPLIT, routes=(Route(version="2.0.0", share=100),), revision=2),))
    changing.start()
    assert Slow.begun.wait(30)
    assert here.router.find("ab") is before
    Slow.go_on.set()
    changing.join(30)
    assert here.in_memory() == ["2.0.0", "1.2.0"]


def test_what_cannot_be_woken_is_left_for_the_request_to_be_told(here: Installation) -> None:
    here.pool.rest("bikes")
    here.shelf.files.delete(here.versions["1.0.0"].digest)
    here.router.wake("bikes", "bikes")
    with pytest.raises(FareroError):
        here.pool.production("bikes")
