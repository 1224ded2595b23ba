"""Windows of the past are counted again for the version in production; what was found in them stays."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from tests.benches import ROWS, WON, Installation, day, install, make_project

from farero.app.profiling import Profiling
from farero.errors import NotReady
from farero.project.load import load
from farero.store import profiles


@pytest.fixture
def here(tmp_path: Path) -> Installation:
    return install(load(make_project(tmp_path / "points")), tmp_path / "home")


def part(here: Installation) -> Profiling:
    made = Profiling(projects={"points": cast(Any, SimpleNamespace(model="points"))}, store=here.bench.store)
    made._loops = {"points": here.loop}
    return made


@pytest.mark.row("M9")
def test_the_windows_of_a_span_are_counted_for_the_version_that_answers_now(here: Installation) -> None:
    here.start()
    for number in range(3):
        here.day(number)
    here.day(3, WON)
    later = here.production()
    assert later != "1.0.0"
    before = part(here).observations("points")
    told: list[float] = []
    found = part(here).recount("points", start=day(1).start, progress=lambda share, words: told.append(share))
    assert (found.version, list(found.windows), found.rows) == (later, [day(1), day(2), day(3)], 3 * ROWS)
    assert [column.name for column in found.columns] == ["x", "shape"]
    low, high = found.ks_within["x"]
    assert found.columns[0].ks == pytest.approx(low) and low <= high
    assert told == [0, 1 / 3, 2 / 3]
    with here.bench.store.read() as conn:
        assert profiles.get(conn, "points", later, day(1)) is not None
        assert profiles.get(conn, "points", later, day(0)) is None
    assert part(here).observations("points") == before


def test_a_span_without_windows_has_no_figures(here: Installation) -> None:
    here.start()
    found = part(here).recount("points", end=day(0).start)
    assert (found.windows, found.rows, found.columns) == ((), 0, ())


def test_without_a_version_in_production_there_is_no_reference(here: Installation) -> None:
    with pytest.raises(NotReady, match="No version of points"):
        part(here).recount("points")
