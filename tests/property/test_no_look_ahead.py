"""Replay never reads the future: whatever is planted after a moment, everything that happened before it stays as it was."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farero.adapters.inline_child import InlineChild
from farero.core.policy import NAMED, PolicyRule
from farero.core.replayed import DecisionResult, PolicyResult
from farero.core.window import WindowSize
from farero.project.load import Loaded, load
from farero.replay import history as recorded
from farero.replay import run
from farero.replay.history import History
from farero.replay.side_by_side import Plan
from farero.serving import stored
from farero.wiring import bench

PROJECT = """
import farero as fa
import numpy as np


class Point(fa.Features):
    x: float = fa.number()
    shape: str = fa.choice("a", "b")


class Line:
    def __init__(self, slope):
        self.slope = slope

    def predict(self, X):
        return X["x"].to_numpy() * self.slope


def train(data: fa.TrainingSet) -> fa.Regressor:
    x = data.X["x"].to_numpy()
    return Line(float(x @ data.y.to_numpy() / (x @ x + 1e-9)))


project = fa.Project(
    model="points", features=Point, train=train, label=fa.Number("y", arrives_within="36h"),
    policy=fa.Policy(cooldown="2d", min_rows=10),
)
"""
T0 = datetime(2024, 1, 1, tzinfo=UTC)
DAYS = 24
A_DAY = 12
UNTIL = T0 + timedelta(days=6)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    root = tmp_path_factory.mktemp("points")
    (root / "farero.toml").write_text('project = "project.py:project"\n')
    (root / "project.py").write_text(PROJECT)
    return load(root)


@pytest.fixture(scope="module")
def lived() -> dict[str, PolicyResult]:
    """What each rule makes of the history as it was: the same every time, so it is lived once."""
    return {}


def make_history(root: Path, seed: int) -> History:
    """A relation that changes half-way, so that there is something to alarm about, retrain and promote."""
    random = np.random.default_rng(seed)
    count = DAYS * A_DAY
    times = [T0 + timedelta(hours=24 / A_DAY * number) for number in range(count)]
    x = random.uniform(1, 5, count)
    slope = np.where(np.arange(count) < count * 0.6, 2.0, 4.0)
    y = x * slope + random.normal(0, 0.1, count)
    lines = [f"{time:%Y-%m-%dT%H:%M:%SZ},{a},{'ab'[number % 2]},{b}" for number, (time, a, b) in enumerate(zip(times, x, y, strict=True))]
    path = root / f"history-{seed}.csv"
    path.write_text("ts,x,shape,y\n" + "\n".join(lines) + "\n")
    return recorded.read(path, _project(root).schema, _project(root).label_spec, time="ts")


def _project(root: Path):
    return load(root).projects["points"]


def live(loaded: Loaded, history: History, rule: PolicyRule) -> PolicyResult:
    with TemporaryDirectory() as name:
        plan = Plan(
            root=loaded.root, model="points", data=Path("unused"), time="ts", label=None, label_time=None, until=UNTIL,
            size=WindowSize(), rule=rule,
        )  # fmt: skip
        return run(
            bench(loaded, plan, Path(name), child=InlineChild()), history, policy=rule.name, until=UNTIL, size=WindowSize(),
            progress=lambda share, words: None,
        )  # fmt: skip


def plant(history: History, at: datetime, seed: int) -> History:
    """Another future: every row after `at`, and every label that becomes known after it, is replaced."""
    random = np.random.default_rng(seed)
    later = history.times >= stored.moment(at)
    unknown = ~(history.known <= stored.moment(at))
    columns = dict(history.rows.columns)
    columns["x"] = np.where(later, random.uniform(100, 200, history.count), columns["x"])
    columns["shape"] = np.where(later, 0, columns["shape"]).astype(np.int32)
    labels = np.where(unknown, random.uniform(-1e4, 1e4, history.count), history.labels)
    raw = np.where(unknown, labels.astype(str), history.raw.astype(str))
    return replace(history, rows=replace(history.rows, columns=columns), labels=labels, raw=raw)


def _as_decided(entry: DecisionResult) -> DecisionResult:
    """Without what is measured anew each time: how long a candidate took to answer, and the bytes that tell how it trained."""
    if entry.verdict is None:
        return entry
    checks = tuple(check for check in entry.verdict.checks if check.name not in ("pace", "size"))
    return replace(entry, verdict=replace(entry.verdict, checks=checks))


def before(result: PolicyResult, at: datetime) -> list[object]:
    """All that was done and decided by `at`. A window's final metric is left out: it uses labels that came later, as it should."""
    windows = [replace(window, metric=None) for window in result.windows if window.window.end <= at]
    decisions = [_as_decided(entry) for entry in result.decisions if entry.decision.at <= at]
    incidents = [(incident.id, incident.opened, incident.because) for incident in result.incidents if incident.opened <= at]
    return [windows, decisions, sorted(incidents)]


@pytest.mark.row("M11")
@pytest.mark.parametrize(
    "rule", [PolicyRule(name="farero", cooldown=timedelta(days=2), min_rows=10), NAMED["always"]], ids=["farero", "always"]
)
@settings(max_examples=6)
@given(day=st.integers(8, DAYS - 2), seed=st.integers(0, 2**16))
def test_a_planted_future_changes_nothing_before_it(
    loaded: Loaded, lived: dict[str, PolicyResult], rule: PolicyRule, day: int, seed: int
) -> None:
    history = make_history(loaded.root, 1)
    at = T0 + timedelta(days=day)
    if rule.name not in lived:
        lived[rule.name] = live(loaded, history, rule)
    original, other = lived[rule.name], live(loaded, plant(history, at, seed), rule)
    assert before(original, at) == before(other, at)
    assert len([entry for entry in original.decisions if entry.decision.at <= at]) == day - 6


@pytest.mark.row("M11")
def test_the_planted_future_would_show_if_it_were_read(loaded: Loaded) -> None:
    """The test above can fail: after the moment, the two histories do differ."""
    history = make_history(loaded.root, 1)
    at = T0 + timedelta(days=10)
    rule = NAMED["always"]
    assert before(live(loaded, history, rule), T0 + timedelta(days=DAYS)) != before(
        live(loaded, plant(history, at, 3), rule), T0 + timedelta(days=DAYS)
    )


@pytest.mark.row("M11")
def test_the_loop_notices_the_change_retrains_and_serves_better_than_never(loaded: Loaded) -> None:
    history = make_history(loaded.root, 1)
    farero = live(loaded, history, PolicyRule(name="farero", cooldown=timedelta(days=2), min_rows=10))
    never = live(loaded, history, NAMED["never"])
    assert farero.promotions >= 1 and farero.metric is not None and never.metric is not None
    assert farero.metric < never.metric
    assert never.retrainings == 0 and {window.version for window in never.windows} == {"1.0.0"}
