"""A whole installation in memory for tests of the loop: one small model, a clock that is set by hand, and a child that can fail."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import numpy as np

from farero.adapters.inline_child import InlineChild
from farero.adapters.manual_clock import ManualClock
from farero.adapters.memory_notifier import MemoryNotifier
from farero.core.label import LabelReceipt, LabelRow
from farero.core.policy import PolicyRule
from farero.core.schema import Rows, check_rows
from farero.core.version import Move, Version
from farero.core.window import Window, WindowSize
from farero.loop import Loop, Turn
from farero.ports import Limits
from farero.project.load import Loaded
from farero.replay import Bench
from farero.replay.side_by_side import Plan
from farero.serving import stored
from farero.serving.stored import Labelled
from farero.store import versions
from farero.wiring import bench

PROJECT = '''
"""A line through the origin, so that a test can say what a version has learnt."""
import farero as fa


class Point(fa.Features):
    x: float = fa.number(min=0, max=1000, missing="allowed")
    shape: str = fa.choice("a", "b")


class Line:
    def __init__(self, slope):
        self.slope = slope

    def predict(self, X):
        return X["x"].fillna(0.0).to_numpy() * self.slope


def train(data: fa.TrainingSet) -> fa.Regressor:
    x = data.X["x"].to_numpy()
    return Line(float(x @ data.y.to_numpy() / (x @ x + 1e-9)))


project = fa.Project(
    model="points", features=Point, key="customer", train=train, label=fa.Number("y", arrives_within="1d"),
    monitors=[fa.Quality(max_missing=0.2), fa.Drift(), fa.Performance("mae", max=50.0)],
    policy=fa.Policy(cooldown="1d", min_rows=10, gate=fa.Gate("mae", min_rows=10)),
)
'''
T0 = datetime(2024, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
ROWS = 40
ALWAYS = PolicyRule(name="eager", trigger="always", cooldown=timedelta(0), min_rows=1, holdout_share=0.5)
NEVER = PolicyRule(name="never", trigger="never")


def make_project(root: Path, *, toml: str = "") -> Path:
    """The project folder."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "farero.toml").write_text('project = "project.py:project"\n' + toml)
    (root / "project.py").write_text(PROJECT)
    return root


def day(number: int) -> Window:
    """The day that is so many days after T0."""
    return Window(start=T0 + number * DAY, end=T0 + (number + 1) * DAY)


def write_csv(path: Path, *, days: int, slope: Callable[[int], float] = lambda day: 2.0, a_day: int = 12, first: datetime = T0) -> Path:
    """History as a file: `a_day` rows a day with y = slope(day) * x."""
    lines = []
    for number in range(days * a_day):
        x = 1 + number * 7 % a_day / a_day * 4
        lines.append(f"{first + number * DAY / a_day:%Y-%m-%dT%H:%M:%SZ},{x},{'ab'[number % 2]},{x * slope(number // a_day)}")
    path.write_text("ts,x,shape,y\n" + "\n".join(lines) + "\n")
    return path


class Killed(BaseException):
    """Stands for kill -9: nothing catches it on the way."""


@dataclass
class FailingChild:
    """Trains in this process, counts the trainings, and fails with `failing` while that is set."""

    failing: Exception | None = None
    trainings: int = 0
    inner: InlineChild = field(default_factory=InlineChild)

    def run(self, job: Callable[[Path], None], folder: Path, limits: Limits, progress: Callable[[str], None] | None = None) -> None:
        if self.failing is not None:
            raise self.failing
        self.trainings += 1
        self.inner.run(job, folder, limits, progress)


class Dying:
    """A step that is killed once: before or after one of its methods has done its work."""

    def __init__(self, step: object, method: str, *, after: bool) -> None:
        self._step, self._method, self._after = step, method, after

    def __getattr__(self, name: str) -> Any:
        inner = getattr(self._step, name)
        if name != self._method:
            return inner

        def die(*args: Any, **kwargs: Any) -> None:
            if self._after:
                inner(*args, **kwargs)
            raise Killed

        return die


def killed_in(loop: Loop, step: str, method: str, *, after: bool) -> Loop:
    """The loop with one step that dies."""
    return replace(loop, **cast(Any, {step: Dying(getattr(loop, step), method, after=after)}))


@dataclass
class Installation:
    """A bench, and words for what a day brings."""

    bench: Bench
    child: FailingChild

    @property
    def loop(self) -> Loop:
        return self.bench.loop

    @property
    def sent(self) -> MemoryNotifier:
        return cast(MemoryNotifier, self.loop.notify.channels["replay"])

    def base(self, slope: float = 2.0, rows: int = 60) -> Labelled:
        """Labelled rows of the ten days before T0."""
        x = np.linspace(1, 5, rows)[np.arange(rows) * 7 % rows]  # every day has small and large ones
        times = stored.moment(T0 - 10 * DAY) + np.arange(rows) * np.timedelta64(10 * 86400_000_000 // rows, "us")
        columns = {"x": x, "shape": (np.arange(rows) % 2).astype(np.int32)}
        wobble = np.where(np.arange(rows) % 2 == 0, 0.1, -0.1)
        return Labelled(columns=columns, times=times, known=times, labels=x * slope + wobble, versions=np.asarray([], dtype=np.str_))

    def start(self, slope: float = 2.0) -> Version:
        """Version 1.0.0 learns the base and goes into production at T0."""
        self.bench.clock.set(T0)
        rows = self.base(slope)
        tags = {"base": self.loop.retrain.keep(rows)}
        trained = self.loop.retrain.first(rows, until=T0, origin="train/first", because="the first", tags=tags)
        return self.loop.promote.to_production(trained.version.number, by="ana", because="the first")

    def rows(self, count: int = ROWS, *, shift: float = 0.0, missing: int = 0) -> Rows:
        x: list[float | None] = [float(value) for value in np.linspace(1, 5, count) + shift]
        x[:missing] = [None] * missing
        checked = check_rows(
            self.loop.predict.schema, [{"x": value, "shape": "ab"[n % 2], "customer": f"c{n}"} for n, value in enumerate(x)]
        )
        assert checked.faults == ()
        return checked.rows

    def predict(self, number: int, count: int = ROWS, *, shift: float = 0.0, missing: int = 0) -> str:
        """A request on that day with rows over its first 22 hours, handed over to the log."""
        start = day(number).start
        times = [start + timedelta(hours=22) * n / count for n in range(count)]
        request_id = f"day-{number}"
        self.loop.predict.answer(
            self.rows(count, shift=shift, missing=missing), request_id=request_id, endpoint="test", at=start, times=times
        )
        self.bench.hand_over()
        return request_id

    def label(
        self, number: int, slopes: float | Sequence[float] = 2.0, *, rows: Sequence[int] = range(ROWS), known_at: datetime | None = None
    ) -> LabelReceipt:
        """Labels of rows of that day's request; known an hour after each prediction unless told otherwise."""
        start, x = day(number).start, np.linspace(1, 5, ROWS)
        each = np.broadcast_to(np.asarray(slopes, dtype=float), (ROWS,))
        return self.loop.label.take(
            [
                LabelRow(
                    raw=float(x[row] * each[row]), request_id=f"day-{number}", row=row,
                    known_at=known_at or start + timedelta(hours=22) * row / ROWS + timedelta(hours=1),
                )
                for row in rows
            ]
        )  # fmt: skip

    def end(self, number: int) -> list[Turn]:
        """The loop's turn at the end of that day."""
        self.bench.clock.set(day(number).end)
        return self.loop.turn(day(number).end)

    def day(self, number: int, slopes: float | Sequence[float] = 2.0, *, shift: float = 0.0) -> Turn:
        """A whole day: predictions, their labels, and the turn at its end."""
        self.predict(number, shift=shift)
        self.label(number, slopes)
        (turn,) = self.end(number)
        return turn

    def versions(self) -> list[Version]:
        with self.bench.store.read() as conn:
            return versions.all(conn, "points")

    def states(self) -> dict[str, str]:
        return {version.number: version.state for version in reversed(self.versions())}

    def production(self) -> str:
        return next(version.number for version in self.versions() if version.state == "production")

    def moves(self) -> list[Move]:
        with self.bench.store.read() as conn:
            return versions.moves(conn, "points")


WON = [4.0] * ROWS
"""Labels of a day on which a candidate wins: the world has changed for good."""
LOST = [40.0] * (ROWS // 2) + [2.0] * (ROWS // 2)
"""Labels of a day on which a candidate loses: it learns from a morning that the afternoon does not repeat."""


def install(loaded: Loaded, folder: Path, rule: PolicyRule = ALWAYS, size: WindowSize | None = None) -> Installation:
    """An installation under this rule, without a version."""
    plan = Plan(
        root=loaded.root, model="points", data=Path("unused"), time="ts", label=None, label_time=None, until=T0,
        size=size or WindowSize(), rule=rule,
    )  # fmt: skip
    child = FailingChild()
    made = bench(loaded, plan, folder, child=child)
    assert isinstance(made.clock, ManualClock)
    return Installation(bench=made, child=child)
