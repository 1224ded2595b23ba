from __future__ import annotations

import numpy as np
import pytest

from farero.core.expected import Cells, figures
from farero.core.performance import evaluate
from farero.core.prediction import Outputs

SCORES = np.linspace(0, 1, 21)


def binary(seed: int, rows: int = 400) -> tuple[np.ndarray, Outputs, Cells]:
    random = np.random.default_rng(seed)
    place = random.integers(0, 21, rows)
    score = SCORES[place]
    labels = (random.random(rows) < 0.1 + 0.7 * score).astype(float)
    given = (score >= 0.5).astype(int)
    counts = np.bincount(place + 21 * given, minlength=42).reshape(1, 2, 21).astype(float)
    positives = np.bincount(place + 21 * given, weights=labels, minlength=42).reshape(1, 2, 21)
    return (
        labels,
        Outputs(value=given.astype(float), probability=score),
        Cells(rows=rows, counts=counts, positives=positives, scores=SCORES),
    )


def several(seed: int, rows: int = 300, classes: int = 3) -> tuple[np.ndarray, Outputs, Cells]:
    random = np.random.default_rng(seed)
    parts = random.multinomial(20, [1 / classes] * classes, rows)
    shares = parts / 20
    labels = np.array([random.choice(classes, p=share) for share in shares], dtype=float)
    value = shares.argmax(axis=1).astype(float)
    counts, positives = np.zeros((classes, 2, 21)), np.zeros((classes, 2, 21))
    for row in range(rows):
        for cls in range(classes):
            at = (cls, int(value[row] == cls), int(parts[row, cls]))
            counts[at] += 1
            positives[at] += labels[row] == cls
    outputs = Outputs(value=value, probability=shares.max(axis=1), probabilities=shares)
    return labels, outputs, Cells(rows=rows, counts=counts, positives=positives, scores=SCORES)


@pytest.mark.row("M6")
@pytest.mark.parametrize("seed", range(5))
def test_where_the_expected_counts_are_the_true_ones_every_metric_is_the_realized_one(seed: int) -> None:
    labels, outputs, cells = binary(seed)
    assert {name: figure.value for name, figure in figures(cells).items()} == pytest.approx(evaluate("binary", labels, outputs))
    labels, outputs, cells = several(seed)
    found = {name: figure.value for name, figure in figures(cells).items()}
    assert found == pytest.approx(evaluate("classes", labels, outputs))
    assert len(found) == 7


@pytest.mark.parametrize("kind", ["binary", "several"])
def test_slopes_are_what_one_more_positive_row_changes(kind: str) -> None:
    cells = (binary(1) if kind == "binary" else several(1))[2]
    step = 1e-5
    found = figures(cells)
    for at in [(0, 0, 3), (0, 1, 12), (len(cells.counts) - 1, 1, 15), (len(cells.counts) - 1, 0, 2)]:
        more = cells.positives.copy()
        more[at] += step
        moved = figures(Cells(rows=cells.rows, counts=cells.counts, positives=more, scores=cells.scores))
        for name, figure in found.items():
            assert (moved[name].value - figure.value) / step == pytest.approx(
                np.broadcast_to(figure.slope, cells.counts.shape)[at], abs=1e-6
            ), (name, at)


def test_what_is_undefined_is_left_out() -> None:
    cells = binary(2)[2]
    assert figures(Cells(rows=0, counts=cells.counts * 0, positives=cells.positives * 0, scores=SCORES)) == {}
    none_given = cells.counts.copy()
    none_given[0, 0] += none_given[0, 1]
    none_given[0, 1] = 0
    nobody = Cells(rows=cells.rows, counts=none_given, positives=np.zeros_like(none_given), scores=SCORES)
    assert set(figures(nobody)) == {"accuracy", "log_loss", "brier"}
