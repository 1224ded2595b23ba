from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.benches import ALWAYS, DAY, NEVER, T0, install, make_project, write_csv

from farero.core.policy import PolicyRule
from farero.core.replayed import DecisionResult, PolicyResult
from farero.core.window import WindowSize
from farero.project.load import Loaded, load
from farero.replay import history, run

DAYS = 12


def untimed(entry: DecisionResult) -> DecisionResult:
    """A decision without what is measured anew each time: how long its candidate took to answer, and the bytes that tell how it trained."""
    if entry.verdict is None:
        return entry
    checks = tuple(check for check in entry.verdict.checks if check.name not in ("pace", "size"))
    return replace(entry, verdict=replace(entry.verdict, checks=checks))


@pytest.fixture(scope="module")
def points(tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    return load(make_project(tmp_path_factory.mktemp("points")))


def live(points: Loaded, folder: Path, rule: PolicyRule) -> tuple[PolicyResult, list[tuple[float, str]]]:
    folder.mkdir(exist_ok=True)
    path = write_csv(folder / "history.csv", days=DAYS, slope=lambda day: 2.0 if day < 8 else 4.0)
    project = points.projects["points"]
    read = history.read(path, project.schema, project.label_spec, time="ts")
    here = install(points, folder / "state", rule)
    heard: list[tuple[float, str]] = []
    until = T0 + 5 * DAY
    return run(
        here.bench, read, policy=rule.name, until=until, size=WindowSize(), progress=lambda share, words: heard.append((share, words))
    ), heard


@pytest.mark.row("M11")
def test_every_row_after_the_start_is_predicted_once_by_the_version_of_its_time(points: Loaded, tmp_path: Path) -> None:
    result, heard = live(points, tmp_path, NEVER)
    assert (result.predictions, len(result.windows)) == ((DAYS - 5) * 12, DAYS - 5)
    assert {window.version for window in result.windows} == {"1.0.0"}
    assert (result.retrainings, result.promotions, result.rejections) == (0, 0, 0)
    assert heard[0] == (0.0, "training version 1.0.0") and heard[-1] == (1.0, "2024-01-13")


@pytest.mark.row("M11")
def test_the_served_metric_counts_each_row_for_the_version_that_served_it(points: Loaded, tmp_path: Path) -> None:
    never, _ = live(points, tmp_path, NEVER)
    perfect = [window.metric for window in never.windows[:3]]
    broken = [window.metric for window in never.windows[3:]]
    assert perfect == pytest.approx([0.0] * 3, abs=1e-6)
    assert min(value for value in broken if value is not None) > 3
    assert never.metric == pytest.approx(sum(value or 0.0 for value in [*perfect, *broken]) / 7)


@pytest.mark.row("M11")
def test_a_policy_that_retrains_serves_better_and_its_counts_add_up(points: Loaded, tmp_path: Path) -> None:
    eager, _ = live(points, tmp_path / "eager", ALWAYS)
    never, _ = live(points, tmp_path / "never", NEVER)
    assert eager.metric is not None and never.metric is not None and eager.metric < never.metric
    verdicts = [entry.verdict for entry in eager.decisions if entry.verdict is not None]
    assert eager.promotions == sum(verdict.accepted for verdict in verdicts) >= 1
    assert eager.rejections == sum(not verdict.accepted for verdict in verdicts)


@pytest.mark.row("M11")
def test_two_replays_of_the_same_history_are_equal(points: Loaded, tmp_path: Path) -> None:
    results = []
    for name in ("one", "two"):
        results.append(live(points, tmp_path / name, ALWAYS)[0])
    one, two = results
    assert (one.windows, one.incidents, one.metric) == (two.windows, two.incidents, two.metric)
    assert [untimed(entry) for entry in one.decisions] == [untimed(entry) for entry in two.decisions]


def test_a_window_longer_than_the_labels_delay_sees_no_label_of_its_last_day(points: Loaded, tmp_path: Path) -> None:
    result, _ = live(points, tmp_path, PolicyRule(name="farero", cooldown=timedelta(0), min_rows=1))
    assert [entry.decision.action for entry in result.decisions if entry.decision.window.end == T0 + 9 * DAY] == ["keep"]


@pytest.mark.row("M9")
@pytest.mark.row("M11")
def test_windows_by_count_are_lived_too(points: Loaded, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "history.csv", days=DAYS, slope=lambda day: 2.0 if day < 8 else 4.0)
    read = history.read(path, points.projects["points"].schema, points.projects["points"].label_spec, time="ts")
    size = WindowSize(rows=24)
    here = install(points, tmp_path / "state", ALWAYS, size)
    lived = run(here.bench, read, policy="eager", until=T0 + 5 * DAY, size=size, progress=lambda share, words: None)
    assert [window.rows for window in lived.windows] == [24, 24, 24, 12]
    assert lived.predictions == (DAYS - 5) * 12
    assert len(lived.decisions) == 3, "the last window is not full"
    assert lived.promotions >= 1
    assert [one.window.start for one in lived.windows[1:]] == [one.window.end for one in lived.windows[:-1]]
