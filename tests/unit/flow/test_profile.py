from __future__ import annotations

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
