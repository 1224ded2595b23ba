"""A small project with a version in production, for servers that are to be killed."""

from __future__ import annotations

from pathlib import Path

import pytest

PROJECT = '''
"""A small model: y from x and kind."""
import farero as fa
from sklearn.linear_model import LinearRegression


class Point(fa.Features):
    x: float = fa.number(min=0, max=10)
    kind: str = fa.choice("a", "b")


class Fitted:
    def __init__(self, model):
        self.model = model

    def predict(self, X):
        return self.model.predict(X[["x"]].to_numpy())


def train(data: fa.TrainingSet) -> fa.Regressor:
    return Fitted(LinearRegression().fit(data.X[["x"]].to_numpy(), data.y))


project = fa.Project(model="small", features=Point, train=train, label=fa.Number("y", arrives_within="1h"))
'''


@pytest.fixture
def small_project(tmp_path: Path) -> Path:
    """A project folder whose version 1.0.0 is in production."""
    from farero.wiring import open_app

    root = tmp_path / "small"
    root.mkdir()
    (root / "farero.toml").write_text('project = "project.py:project"\n[worker]\ntick_s = 0.3\n[log]\nhandover_s = 0.2\n')
    (root / "project.py").write_text(PROJECT)
    rows = [f"{x / 10},{'ab'[x % 2]},{2 * x / 10 + 1}" for x in range(100)]
    (root / "data.csv").write_text("x,kind,y\n" + "\n".join(rows) + "\n")
    app = open_app(root)
    try:
        version = app.train("small", root / "data.csv", time=None, until=None, because="the first")
        app.promote("small", version.number, by="test", because="the first")
    finally:
        app.close()
    return root
