"""Monitors replayed on a file, and on what is stored."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from tests.benches import DAY, T0, Installation, install, make_project

from farero.core.schema import Field, Schema
from farero.core.window import WindowSize
from farero.errors import BadInput
from farero.project.load import load
from farero.replay.monitors import Question, of_file, of_store
from farero.store import versions

SCHEMA = Schema(fields=(Field(name="x", kind="number"), Field(name="shape", kind="choice", levels=("a", "b"))))
ASKED = Question(model="points", schema=SCHEMA, size=WindowSize(), models=1, seed=0)


def quiet(share: float, words: str) -> None:
    """Nobody looks."""


def write(path: Path, days: int, *, drift_from: int | None = None, rows: int = 60) -> Path:
    random = np.random.default_rng(5)
    lines = ["ts,x,shape"]
    for number in range(days):
        shift = 1.0 if drift_from is not None and number >= drift_from else 0.0
        for row in range(rows):
            at = T0 + number * DAY + row * DAY / rows
            lines.append(f"{at:%Y-%m-%dT%H:%M:%SZ},{random.normal() + shift:.4f},{'ab'[int(random.random() < 0.3)]}")
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.row("M11")
def test_a_files_first_part_is_normal_and_the_rest_is_played(tmp_path: Path) -> None:
    told: list[tuple[float, str]] = []
    path = write(tmp_path / "rows.csv", 60, drift_from=45)
    tuned = of_file(ASKED, path, time="ts", until="0.5", progress=lambda share, words: told.append((share, words)))
    assert (tuned.normal, tuned.windows) == (30, 30)
    found = {one.watching.name: one for one in tuned.judged}
    assert found["sensitive, 1 a year"].alarms >= 1
    assert found["sensitive, 1 a year"].false_a_year == 0
    assert told[0] == (pytest.approx(0.6 / 60), "profile 1 of 60")
    assert told[-1][0] == pytest.approx(1.0)


def test_a_time_cuts_as_well_as_a_share(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.csv", 40)
    tuned = of_file(ASKED, path, time="ts", until="2024-01-21T12:00Z", progress=quiet)
    assert (tuned.normal, tuned.windows) == (21, 20)  # the day that is cut counts on both sides


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"until": "0.1"}, "Only 4 windows before --train-until 0.1"),
        ({"time": "when"}, "has no column 'when'"),
        ({"until": "2"}, "is not a share between 0 and 1"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused(tmp_path: Path, changes: dict[str, str], words: str) -> None:
    options = {"time": "ts", "until": "0.5", **changes}
    with pytest.raises(BadInput, match=words):
        of_file(ASKED, write(tmp_path / "rows.csv", 40, rows=5), progress=quiet, **options)


def test_rows_without_a_time_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.csv", 30, rows=5)
    path.write_text(path.read_text() + ",1.0,a\n")
    with pytest.raises(BadInput, match="1 row without ts"):
        of_file(ASKED, path, time="ts", until="0.5", progress=quiet)


def test_windows_may_have_another_length(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.csv", 20)
    asked = Question(model="points", schema=SCHEMA, size=WindowSize(span=timedelta(hours=12)), models=1, seed=0)
    tuned = of_file(asked, path, time="ts", until="0.5", progress=quiet)
    assert (tuned.normal, tuned.windows) == (20, 20)


@pytest.fixture
def here(tmp_path: Path) -> Installation:
    installed = install(load(make_project(tmp_path / "project")), tmp_path)
    installed.start()
    return installed


@pytest.mark.row("M11")
def test_stored_windows_are_enough(here: Installation) -> None:
    loop = here.loop
    for number in range(16):
        here.predict(number)
        loop.profile.build(loop.record.due(T0 + (number + 1) * DAY)[-1])
    with here.bench.store.read() as conn:
        current = versions.production(conn, "points")
    assert current is not None
    asked = Question(model="points", schema=loop.predict.schema, size=WindowSize(), models=1, seed=0)
    loaded = loop.predict.pool.get(current, gate=False)
    tuned = of_store(asked, here.bench.store, loaded, start=None, end=None, progress=quiet)
    assert (tuned.windows, tuned.normal) == (16, 16)
    with pytest.raises(BadInput, match="Only 3 windows stored for points"):
        of_store(asked, here.bench.store, loaded, start=None, end=T0 + 3 * DAY, progress=quiet)
    hours = Question(model="points", schema=loop.predict.schema, size=WindowSize(span=timedelta(hours=1)), models=1, seed=0)
    with pytest.raises(BadInput, match="does not know its reference window by window"):
        of_store(hours, here.bench.store, loaded, start=None, end=None, progress=quiet)


@pytest.mark.row("M9")
def test_windows_by_count_are_set_side_by_side_at_the_pace_they_came(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    draw = np.random.default_rng(0)
    count = 24 * 80  # a row an hour: windows of 48 rows are 182.5 a year
    lines = [f"{T0 + timedelta(hours=n):%Y-%m-%dT%H:%M:%SZ},{draw.normal()},{'ab'[n % 2]}" for n in range(count)]
    path.write_text("ts,x,shape\n" + "\n".join(lines) + "\n")
    asked = Question(model="points", schema=SCHEMA, size=WindowSize(rows=48), models=1, seed=0)
    found = of_file(asked, path, time="ts", until="0.5", progress=quiet)
    assert (found.normal, found.windows) == (20, 20)
    textbook = next(one for one in found.judged if one.watching.verdict == "textbook" and one.watching.limit is None)
    assert textbook.false_a_year <= 183
