from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from farero.core.contest import Difference, compare, compare_all
from farero.core.label import LabelKind
from farero.core.performance import METRICS
from farero.core.prediction import Outputs

Drawn = tuple[np.ndarray, Outputs, Outputs]


def binary(random: np.random.Generator, rows: int = 200, noise: tuple[float, float] = (0.5, 0.5)) -> Drawn:
    """Labels, and the answers of two models that see them through so much noise."""
    z = random.normal(size=rows)
    labels = (random.random(rows) < 1 / (1 + np.exp(-z))).astype(float)
    shares = [1 / (1 + np.exp(-(z + random.normal(size=rows) * much))) for much in noise]
    return labels, *(Outputs(value=(share >= 0.5).astype(float), probability=share) for share in shares)  # type: ignore[return-value]


def classes(random: np.random.Generator, rows: int = 200) -> Drawn:
    labels = random.integers(0, 3, rows).astype(float)
    answers = []
    for _ in range(2):
        shares = random.dirichlet(np.ones(3), rows) + 0.3 * np.eye(3)[labels.astype(int)]
        shares /= shares.sum(axis=1, keepdims=True)
        answers.append(Outputs(value=shares.argmax(axis=1).astype(float), probability=shares.max(axis=1), probabilities=shares))
    return labels, *answers  # type: ignore[return-value]


def number(random: np.random.Generator, rows: int = 200) -> Drawn:
    z = random.normal(size=rows) * 3 + 20
    return z + random.normal(size=rows), *(Outputs(value=z + random.normal(size=rows) * 0.5) for _ in range(2))  # type: ignore[return-value]


DRAW: dict[LabelKind, Callable[[np.random.Generator], Drawn]] = {"binary": binary, "classes": classes, "number": number}


@pytest.mark.row("R6")
@pytest.mark.parametrize(("kind", "metric"), [(kind, metric.name) for kind in DRAW for metric in METRICS.values() if kind in metric.kinds])
def test_of_two_models_that_are_equally_good_the_interval_holds_zero_in_19_of_20_cases(kind: LabelKind, metric: str) -> None:
    random = np.random.default_rng(7)
    missed = 0
    for _ in range(100):
        found = compare(kind, metric, *DRAW[kind](random))
        assert found.low is not None and found.high is not None and found.gain is not None
        assert found.low <= found.gain <= found.high
        missed += not found.low <= 0 <= found.high
    assert missed <= 11  # of 100 at 5 %: more than that has a chance of 1 in 200


@pytest.mark.row("R6")
@pytest.mark.parametrize("metric", ["accuracy", "roc_auc", "log_loss", "brier", "f1"])
def test_a_clearly_better_model_is_better_whatever_the_metrics_direction(metric: str) -> None:
    found = compare("binary", metric, *binary(np.random.default_rng(3), 2000, noise=(3.0, 0.1)))
    assert found.gain is not None and found.gain > 0
    assert found.low is not None and found.low > 0 and found.better is not None and found.better > 0.999


@pytest.mark.row("R6")
def test_a_guard_speaks_beyond_chance_only() -> None:
    alike = compare("binary", "recall", *binary(np.random.default_rng(5)))
    worse = compare("binary", "recall", *binary(np.random.default_rng(5), 2000, noise=(0.1, 5.0)))
    assert not alike.is_worse_by(0.0)
    assert worse.is_worse_by(0.0) and worse.gain is not None and not worse.is_worse_by(-worse.gain)
    assert not Difference(metric="recall", current=None, candidate=None).is_worse_by(0.0)


@pytest.mark.row("R6")
def test_rows_of_one_day_that_go_together_are_less_sure_than_they_look() -> None:
    random = np.random.default_rng(11)
    days = np.repeat(np.arange(20), 30)
    labels = np.zeros(600)
    moods = np.repeat(random.normal(0.3, 1.0, 20), 30)
    old, new = Outputs(value=2 + np.abs(moods)), Outputs(value=2 + np.abs(moods) - moods)
    alone, together = compare("number", "mae", labels, old, new), compare("number", "mae", labels, old, new, days=days)
    assert not alone.by_day and together.by_day and together.spread > 3 * alone.spread
    assert alone.better is not None and together.better is not None and 0.5 < together.better < alone.better
    assert together.low is not None and alone.low is not None and together.low < alone.low


def test_what_is_undefined_has_no_gain() -> None:
    one_class = Outputs(value=np.ones(3), probability=np.array([0.9, 0.8, 0.7]))
    found = compare("binary", "roc_auc", np.ones(3), one_class, one_class)
    assert (found.gain, found.low, found.better, found.method) == (None, None, None, "none")


def test_models_that_answer_alike_are_as_likely_better_as_worse() -> None:
    answers = Outputs(value=np.arange(5.0))
    found = compare("number", "mae", np.arange(5.0) + 1, answers, answers)
    assert (found.gain, found.low, found.high, found.better) == (0.0, 0.0, 0.0, 0.5)


def test_each_metric_is_compared_once() -> None:
    drawn = binary(np.random.default_rng(1))
    assert [found.metric for found in compare_all("binary", ["f1", "brier", "f1"], *drawn)] == ["f1", "brier"]
