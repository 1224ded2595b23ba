"""Small models of each kind of label in an installation of their own, with days that drift as a test wants them to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tests.benches import DAY, NEVER, T0, Installation, day, install

from farero.core.label import LabelRow
from farero.core.schema import check_rows
from farero.project.load import Loaded, load
from farero.serving import stored
from farero.serving.stored import Labelled

LABELS = {
    "binary": 'fa.Binary("y", arrives_within="1d")',
    "classes": 'fa.Classes("y", "0", "1", "2", arrives_within="1d")',
    "number": 'fa.Number("y", arrives_within="1d")',
}
METRICS = {"binary": "accuracy", "classes": "accuracy", "number": "mae"}
WIDTH = {"binary": 2, "classes": 3}

PROJECT = '''
"""A model whose answers follow from x; whether they come true is the test's affair."""
import numpy as np

import farero as fa


class Row(fa.Features):
    x: float = fa.number(missing="allowed")
    shape: str = fa.choice("a", "b")


class Model:
    classes_ = {classes}

    def predict(self, X):
        return X["x"].fillna(0.5).to_numpy() * 10

    def predict_proba(self, X):
        x = np.clip(X["x"].fillna(0.5).to_numpy(), 0.01, 0.99)
        shares = np.column_stack([1 - x, x, x * (1 - x)])[:, : {width}]
        return shares / shares.sum(axis=1, keepdims=True)


def train(data: fa.TrainingSet):
    return Model()


project = fa.Project(
    model="points", features=Row, train=train, label={label},
    monitors=[fa.Drift()], policy=fa.Policy(gate=fa.Gate("{metric}", min_rows=10)),
)
'''


def make(root: Path, kind: str) -> Loaded:
    """A project of this kind of label."""
    root.mkdir(parents=True)
    (root / "farero.toml").write_text('project = "project.py:project"\n')
    classes = [str(at) for at in range(3)] if kind == "classes" else [0, 1]
    text = PROJECT.format(label=LABELS[kind], metric=METRICS[kind], width=WIDTH.get(kind, 2), classes=classes)
    (root / "project.py").write_text(text)
    return load(root)


def truth(kind: str, x: np.ndarray, shape: np.ndarray, seed: int, *, turned: float = 0.0) -> np.ndarray:
    """Labels as they came true when the model was judged; `turned` [0-1] is the share of rows of shape b that go another way."""
    random = np.random.default_rng(seed)
    if kind == "number":
        return 10 * x + random.normal(size=len(x)) * (0.2 + x) * (1 + 5 * turned * shape)
    if kind == "binary":
        labels = (random.random(len(x)) < 0.2 + 0.6 * x).astype(float)
        return np.where((shape == 1) & (random.random(len(x)) < turned), 1 - (x >= 0.5), labels)
    shares = np.column_stack([1 - x, x, x * (1 - x)])
    cut = (shares / shares.sum(axis=1, keepdims=True)).cumsum(axis=1)
    labels = (cut < random.random((len(x), 1))).sum(axis=1).astype(float)
    return np.where((shape == 1) & (random.random(len(x)) < turned), 2.0, labels)


def begin(loaded: Loaded, folder: Path, kind: str, *, rows: int = 2000) -> Installation:
    """Version 1.0.0 in production at T0; the last fifth of so many rows judged it."""
    here = install(loaded, folder, NEVER)
    here.bench.clock.set(T0)
    random = np.random.default_rng(0)
    x, shape = random.random(rows), random.integers(0, 2, rows)
    times = stored.moment(T0 - 20 * DAY) + np.arange(rows) * np.timedelta64(20 * 86_400_000_000 // rows, "us")
    base = Labelled(
        columns={"x": x, "shape": shape.astype(np.int32)}, times=times, known=times, labels=truth(kind, x, shape, 1),
        versions=np.asarray([], dtype=np.str_),
    )  # fmt: skip
    tags = {"base": here.loop.retrain.keep(base)}
    trained = here.loop.retrain.first(base, until=T0, origin="train/first", because="the first", tags=tags)
    here.loop.promote.to_production(trained.version.number, by="ana", because="the first")
    return here


def live(
    here: Installation, kind: str, number: int, *, rows: int = 200, high: float = 0.0, turned: float = 0.0, labelled: bool = True,
    vanished: bool = False,
) -> None:  # fmt: skip
    """A day of predictions and their labels. `high`: that share of the rows has x in the upper fifth instead of anywhere."""
    random = np.random.default_rng(100 + number)
    x = np.where(random.random(rows) < high, random.uniform(0.8, 1.0, rows), random.random(rows))
    shape = random.integers(0, 2, rows)
    start = day(number).start
    given = check_rows(
        here.loop.predict.schema, [{"x": None if vanished else float(a), "shape": "ab"[b]} for a, b in zip(x, shape, strict=True)]
    )
    assert given.faults == ()
    times = [start + DAY * at / rows for at in range(rows)]
    here.loop.predict.answer(given.rows, request_id=f"day-{number}", endpoint="test", at=start, times=times)
    here.bench.hand_over()
    if labelled:
        values = truth(kind, x, shape, 500 + number, turned=turned)
        raw = [str(int(value)) if kind == "classes" else float(value) for value in values]
        here.loop.label.take(
            [LabelRow(raw=one, request_id=f"day-{number}", row=at, known_at=times[at] + DAY / 10_000) for at, one in enumerate(raw)]
        )
    here.bench.clock.set(day(number).end)
