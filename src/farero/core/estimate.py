"""Estimated performance: what the rows that judged a version say about rows whose labels have not come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from farero.core import calibrated, loss_model, performance
from farero.core.calibrated import Calibration, ScoreTally, calibrate
from farero.core.estimated import Estimate
from farero.core.label import LabelKind
from farero.core.loss_model import Learnt, LossModel, LossTally, learn
from farero.core.prediction import Outputs
from farero.core.schema import Field

FOLDS = 5
QUICK_ROWS = 4000
QUICK_SWEEPS = 6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Estimated:
    """The metrics expected of some rows, and how many judged rows they rest on."""

    metrics: Mapping[str, Estimate]
    effective_rows: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Estimator:
    """What one version's judged rows have taught.

    Attributes:
        rows: labelled rows it was learnt from.
        judged: metric -> its figure on them.
        cross_fitted: metric -> root mean square of realized minus estimated over five stretches of them, each estimated from the others.
    """

    rows: int
    judged: Mapping[str, float]
    cross_fitted: Mapping[str, float]
    scores: Calibration | None = None
    losses: LossModel | None = None

    def tally(self, outputs: Outputs, matrix: NDArray[np.float64] | None = None) -> ScoreTally | LossTally:
        """What the estimate needs of some rows; adds up with `together`.

        Args:
            outputs: n answers.
            matrix: (n, features) as `core.matrix.to_matrix` gives it; only regressions need it.

        Raises:
            ValueError: the answers are of another kind than those it was learnt from, or a regression's inputs are not given.
        """
        if self.scores is not None:
            return self.scores.tally(outputs)
        if self.losses is None or matrix is None:
            raise ValueError("the estimate of a regression needs its inputs")
        return self.losses.tally(matrix, outputs.value)

    def estimates(self, tally: ScoreTally | LossTally) -> Estimated:
        """The expected metrics of tallied rows.

        Raises:
            ValueError: the tally is of another kind of label.
        """
        if self.scores is not None and isinstance(tally, ScoreTally):
            return Estimated(metrics=self.scores.estimates(tally), effective_rows=self.scores.effective_rows(tally))
        if self.losses is not None and isinstance(tally, LossTally):
            return Estimated(metrics=self.losses.estimates(tally), effective_rows=self.losses.effective_rows(tally))
        raise ValueError("the tally is of another kind of label")


def together(a: ScoreTally | LossTally, b: ScoreTally | LossTally) -> ScoreTally | LossTally:
    """The tally of both tallies' rows.

    Raises:
        ValueError: they are of different estimators.
    """
    if isinstance(a, ScoreTally) and isinstance(b, ScoreTally):
        return calibrated.add(a, b)
    if isinstance(a, LossTally) and isinstance(b, LossTally):
        return loss_model.add(a, b)
    raise ValueError("tallies of different kinds do not add up")


def estimator(
    kind: LabelKind,
    labels: NDArray[np.float64],
    outputs: Outputs,
    *,
    fields: Sequence[Field] = (),
    matrix: NDArray[np.float64] | None = None,
    metrics: Sequence[str] | None = None,
    quick: bool = False,
) -> Estimator:
    """Learn from labelled rows that the version had not learnt from.

    Args:
        kind: of the label.
        labels: (n,) encoded, oldest first; NaN is left out.
        outputs: the n answers it gave.
        fields, matrix: (n, features) the inputs; only regressions need them.
        metrics: to estimate; None = all that fit the label.
        quick: for many versions, as in a replay: the newest `QUICK_ROWS` rows, few sweeps, and no check across stretches of time.

    Raises:
        ValueError: too few labelled rows, labels of one class, no probabilities, or no metric that can be estimated.
    """
    wanted = list(metrics) if metrics is not None else [m.name for m in performance.METRICS.values() if kind in m.kinds]
    judged = performance.evaluate(kind, labels, outputs)
    if kind != "number":
        made = calibrate(kind, labels, outputs)
        crossed = {} if quick else _cross_calibrated(kind, labels, outputs)
        return Estimator(rows=made.rows, judged=judged, cross_fitted=crossed, scores=made)
    if matrix is None:
        raise ValueError("the estimate of a regression needs its inputs")
    newest = slice(-QUICK_ROWS, None) if quick else slice(None)
    if quick and labels.size > QUICK_ROWS:  # what is expected is compared with what it was learnt from
        judged = performance.evaluate(kind, labels[newest], _pick(outputs, np.arange(labels.size)[newest]))
    learnt = learn(
        fields, matrix[newest], labels[newest], outputs.value[newest], wanted, most_sweeps=QUICK_SWEEPS if quick else 30
    )  # fmt: skip
    return Estimator(rows=learnt.model.rows, judged=judged, cross_fitted={} if quick else _cross_learnt(learnt), losses=learnt.model)


def _cross_calibrated(kind: LabelKind, labels: NDArray[np.float64], outputs: Outputs) -> dict[str, float]:
    known = np.flatnonzero(np.isfinite(labels))
    fold = (np.arange(len(known)) * FOLDS) // max(len(known), 1)
    errors: dict[str, list[float]] = {}
    for out in range(FOLDS):
        held, others = known[fold == out], known[fold != out]
        try:
            made = calibrate(kind, labels[others], _pick(outputs, others))
        except ValueError:  # too few rows, or one class only: nothing to check with
            continue
        realized = performance.evaluate(kind, labels[held], _pick(outputs, held))
        for name, estimate in made.estimates(made.tally(_pick(outputs, held))).items():
            if name in realized:
                errors.setdefault(name, []).append(realized[name] - estimate.value)
    return {name: float(np.sqrt(np.mean(np.square(each)))) for name, each in errors.items()}


def _cross_learnt(learnt: Learnt) -> dict[str, float]:
    rows = np.bincount(learnt.fold)
    found: dict[str, float] = {}
    for metric, name in (("mae", "absolute"), ("mape", "relative"), ("rmse", "squared")):
        if metric in learnt.model.metrics:
            means = [np.bincount(learnt.fold, weights=side[name]) / rows for side in (learnt.actual, learnt.expected)]
            if metric == "rmse":
                means = [np.sqrt(np.maximum(mean, 0.0)) for mean in means]
            found[metric] = float(np.sqrt(np.mean((means[0] - means[1]) ** 2)))
    return found


def _pick(outputs: Outputs, rows: NDArray[np.intp]) -> Outputs:
    return Outputs(
        value=outputs.value[rows],
        probability=None if outputs.probability is None else outputs.probability[rows],
        probabilities=None if outputs.probabilities is None else outputs.probabilities[rows],
    )
