from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import pytest
from tests.benches import ROWS, WON, Installation, day

from farero.core.profile import Profile
from farero.store import profiles


def test_a_window_becomes_counts_of_the_version_that_answered_it(here: Installation) -> None:
    here.predict(0, missing=3)
    summary = here.loop.profile.build(day(0))
    assert (summary.window, summary.version, summary.rows) == (day(0), "1.0.0", ROWS)
    with here.bench.store.read() as conn:
        kept = profiles.get(conn, "points", "1.0.0", day(0))
    assert kept is not None and Profile.from_bytes(kept).to_bytes() == summary.profile.to_bytes()


def test_a_window_that_two_versions_answered_has_a_profile_of_each_and_the_larger_one_speaks_for_it(here: Installation) -> None:
    here.day(0, WON)
    here.predict(1, 10)
    here.loop.promote.back(to="1.0.0", by="ana", because="hm")
    start = day(1).start
    here.loop.predict.answer(here.rows(25), request_id="more", endpoint="test", at=start, times=[start] * 25)
    here.bench.hand_over()
    summary = here.loop.profile.build(day(1))
    assert (summary.version, summary.rows) == ("1.0.0", 25)
    with here.bench.store.read() as conn:
        assert all(profiles.get(conn, "points", version, day(1)) is not None for version in ("1.0.0", "1.1.1"))


def test_profiling_twice_gives_the_same_counts(here: Installation) -> None:
    here.predict(0)
    assert here.loop.profile.build(day(0)).profile.to_bytes() == here.loop.profile.build(day(0)).profile.to_bytes()


@pytest.mark.row("M9")
def test_a_window_of_many_rows_is_read_in_parts_and_adds_up_to_the_same(here: Installation) -> None:
    here.predict(0, missing=3)
    whole = here.loop.profile.build(day(0))
    read: list[int] = []

    class Watched:
        def __getattr__(self, name: str) -> object:
            return getattr(here.loop.profile.log, name)

        def read(self, *asked: object) -> pa.Table:
            table = here.loop.profile.log.read(*asked)
            read.append(table.num_rows if "version" in table.column_names else 0)
            return table

    parts = replace(here.loop.profile, most_rows=15, log=Watched()).build(day(0))
    assert read == [0, 15, 15, 10]
    assert [c.counts.tolist() for c in parts.profile.columns] == [c.counts.tolist() for c in whole.profile.columns]
    assert (parts.rows, parts.profile.columns[0].missing) == (ROWS, 3)
    assert parts.profile.prediction is not None and int(parts.profile.prediction.counts.sum()) == ROWS


@pytest.mark.row("M9")
def test_the_past_is_profiled_again_on_the_reference_of_a_version_that_came_later(here: Installation) -> None:
    here.predict(0, missing=3)
    here.end(0)
    here.day(1, WON)
    later = here.production()
    assert later != "1.0.0"
    summary = here.loop.profile.again(day(0), later)
    assert summary is not None
    assert (summary.version, summary.rows, summary.profile.rows) == (later, ROWS, ROWS)
    assert summary.profile.edges_hash == summary.reference.edges_hash
    assert summary.profile.prediction is None
    assert summary.profile.columns[0].missing == 3
    with here.bench.store.read() as conn:
        kept = {version: profiles.get(conn, "points", version, day(0)) for version in ("1.0.0", later)}
    assert kept["1.0.0"] is not None and kept[later] == summary.profile.to_bytes()
    assert Profile.from_bytes(kept["1.0.0"]).edges_hash != summary.profile.edges_hash


def test_what_a_version_answered_itself_stays_its_own_profile(here: Installation) -> None:
    here.day(0, WON)
    here.predict(1, 10)
    here.loop.promote.back(to="1.0.0", by="ana", because="hm")
    start = day(1).start
    here.loop.predict.answer(here.rows(25), request_id="more", endpoint="test", at=start, times=[start] * 25)
    here.bench.hand_over()
    here.loop.profile.build(day(1))
    with here.bench.store.read() as conn:
        before = profiles.get(conn, "points", "1.1.1", day(1))
    summary = here.loop.profile.again(day(1), "1.1.1")
    assert summary is not None and summary.rows == 10
    assert summary.profile.to_bytes() == before


def test_a_window_without_rows_has_nothing_to_profile_again(here: Installation) -> None:
    assert here.loop.profile.again(day(5), "1.0.0") is None
