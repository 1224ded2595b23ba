"""Writes project folders for tests."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

GOOD = '''\
"""A test project."""

import farero as fa


class Row(fa.Features):
    tenure: float = fa.number(min=0, missing="allowed")
    plan: str = fa.choice("a", "b")


class Model:
    classes_ = [0, 1]

    def __init__(self, rate):
        self.rate = rate

    def predict(self, X):
        return [int(self.rate >= 0.5)] * len(X)

    def predict_proba(self, X):
        return [[1 - self.rate, self.rate]] * len(X)


def train(data: fa.TrainingSet) -> fa.Classifier:
    return Model(data.y.mean())


project = fa.Project(model="m", features=Row, train=train, label=fa.Binary("y", arrives_within="1d"))
'''


def make(root: Path, project: str = GOOD, toml: str = 'project = "project.py:project"\n') -> Path:
    """A project folder with these two files."""
    (root / "farero.toml").write_text(toml)
    (root / "project.py").write_text(project)
    return root


def with_train(body: str) -> str:
    """The good project with another body of `train`."""
    head, _, rest = GOOD.partition("    return Model(data.y.mean())\n")
    return head + "".join(f"    {line}\n" for line in dedent(body).strip().splitlines()) + rest
