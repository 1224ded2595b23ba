"""Performance of a regression without labels: how large its errors were on rows like these, learnt from rows that judged it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from farero.core import additive
from farero.core.additive import Additive, Binning, CrossFitted
from farero.core.estimated import Estimate
from farero.core.schema import Field

Floats: TypeAlias = NDArray[np.float64]
Counts: TypeAlias = NDArray[np.int64]

LEAST_ROWS: Final = 50
MOST_ROWS: Final = 20_000
PREDICTION: Final = Field(name="prediction", kind="number")

_NEEDS: Mapping[str, tuple[str, ...]] = {"mae": ("absolute",), "rmse": ("squared",), "mape": ("relative",), "r2": ("squared", "signed")}
_GROUPS = 20
_Z95 = 1.959963984540054


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LossTally:
    """The expected losses of some rows, added up; tallies of the same model add up, so any span is the `add` of its windows.

    Attributes:
        rows: how many.
        losses: kind of loss -> its expected sum.
        truth, truth_squares: expected sums of the label and of its square; 0 where R² is not estimated.
        groups: (groups,) rows by the twentieth of the judged rows, by expected loss, that they would be in.
    """

    rows: int
    losses: Mapping[str, float]
    truth: float
    truth_squares: float
    groups: Counts


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LossModel:
    """Expected loss by inputs and prediction: an additive model for each kind of loss.

    Attributes:
        rows: it was learnt from.
        metrics: it can estimate.
        models: kind of loss -> model.
        noise: kind of loss -> variance of a row's loss around what was expected of it by a model that had not seen it.
        blocks: kind of loss -> variance of the mean error of a stretch of rows beyond what chance explains.
        skill: kind of loss -> share of its variance that the model explains for rows not seen; 0 = it says the mean for every row.
        limits: (groups - 1,) of the expected loss, of the first kind, between about twentieths of the judged rows.
        judged: (groups,) their shares.
    """

    rows: int
    metrics: tuple[str, ...]
    binning: Binning
    models: Mapping[str, Additive]
    noise: Mapping[str, float]
    blocks: Mapping[str, float]
    skill: Mapping[str, float]
    limits: Floats
    judged: Floats

    def tally(self, matrix: Floats, value: Floats) -> LossTally:
        """Add up what is expected of some rows.

        Args:
            matrix: (n, features) as `core.matrix.to_matrix` gives it.
            value: (n,) predictions.
        """
        codes = self.binning.codes(np.column_stack([matrix, value]))
        expected = {name: model.at(codes) for name, model in self.models.items()}
        losses = {name: float(np.maximum(each, 0.0).sum()) for name, each in expected.items() if name != "signed"}
        first = next(iter(losses))
        groups = np.bincount(np.searchsorted(self.limits, expected[first]), minlength=len(self.limits) + 1)
        truth = squares = 0.0
        if "signed" in expected:
            middle = value + expected["signed"]
            truth = float(middle.sum())
            squares = float((middle**2 + np.maximum(expected["squared"] - expected["signed"] ** 2, 0.0)).sum())
        return LossTally(rows=len(value), losses=losses, truth=truth, truth_squares=squares, groups=groups.astype(np.int64))

    def estimates(self, tally: LossTally) -> dict[str, Estimate]:
        """The expected metrics, each with its 95 % interval.

        The interval holds the chance in the window's rows, the chance in the effective judged rows, and by how much the means of five
        stretches of the judged rows were missed beyond chance.
        """
        if tally.rows == 0:
            return {}
        effective = self.effective_rows(tally)
        found: dict[str, Estimate] = {}
        for metric in self.metrics:
            name = _NEEDS[metric][0]
            mean = tally.losses[name] / tally.rows
            half = _Z95 * sqrt(self.noise[name] * (1 / tally.rows + 1 / effective) + self.blocks[name])
            low, high = max(mean - half, 0.0), mean + half
            if metric == "rmse":
                found[metric] = Estimate(value=sqrt(mean), low=sqrt(low), high=sqrt(high))
            elif metric == "r2":
                spread = tally.truth_squares / tally.rows - (tally.truth / tally.rows) ** 2
                if spread > 0:
                    found[metric] = Estimate(value=1 - mean / spread, low=1 - high / spread, high=1 - low / spread)
            else:
                found[metric] = Estimate(value=mean, low=low, high=high)
        return found

    def effective_rows(self, tally: LossTally) -> float:
        """How many judged rows the estimate rests on; see `core.calibrated.Calibration.effective_rows`, here by expected loss."""
        if tally.rows == 0:
            return 0.0
        held = tally.groups / tally.rows
        strange = float((held**2 / self.judged).sum()) - (len(held) - 1) / tally.rows
        return self.rows / max(strange, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Learnt:
    """A model of the losses, with what was expected of each judged row by models that had not seen it, for a check.

    `expected` and `actual`: kind of loss -> (n,); `fold`: (n,) which stretch of time each row is in.
    """

    model: LossModel
    expected: Mapping[str, Floats]
    actual: Mapping[str, Floats]
    fold: Counts


def learn(
    fields: Sequence[Field], matrix: Floats, labels: Floats, value: Floats, metrics: Sequence[str], *, most_sweeps: int = 30
) -> Learnt:
    """Learn how large errors are, from rows that the model had not learnt from.

    Args:
        fields: (features,) what the matrix's columns are.
        matrix: (n, features), oldest row first; the folds are stretches of time.
        labels: (n,) NaN is left out.
        value: (n,) predictions.
        metrics: of "mae", "rmse", "mape", "r2"; MAPE is left out where a label is 0.

    Raises:
        ValueError: fewer than `LEAST_ROWS` labelled rows, or no metric that can be estimated.

    Source: the idea of regressing the loss is NannyML's direct loss estimation; the model and its intervals are our own.
    """
    known = np.flatnonzero(np.isfinite(labels) & np.isfinite(value))[-MOST_ROWS:]
    if len(known) < LEAST_ROWS:
        raise ValueError(f"{len(known)} labelled rows say too little; at least {LEAST_ROWS} are needed")
    truth, answers = labels[known], value[known]
    wanted = tuple(metric for metric in metrics if metric in _NEEDS and not (metric == "mape" and np.any(truth == 0)))
    if not wanted:
        raise ValueError("none of the metrics can be estimated from these rows")
    error = truth - answers
    targets = {"absolute": np.abs(error), "squared": error**2, "signed": error}
    if "mape" in wanted:
        targets["relative"] = np.abs(error / truth)
    both = np.column_stack([matrix[known], answers])
    cut = additive.binning([*fields, PREDICTION], both)
    codes = cut.codes(both)
    fold = (np.arange(len(known)) * additive.FOLDS) // len(known)
    needed = dict.fromkeys(name for metric in wanted for name in _NEEDS[metric])
    fitted = {name: additive.cross_fit(codes, cut.widths, targets[name], "mean", fold, most_sweeps=most_sweeps) for name in needed}
    limits, judged = _limits(fitted[next(iter(needed))].whole.at(codes))
    model = LossModel(
        rows=len(known),
        metrics=wanted,
        binning=cut,
        models={name: one.whole for name, one in fitted.items()},
        noise={name: float(np.mean((targets[name] - one.values) ** 2)) for name, one in fitted.items()},
        blocks={name: _between(targets[name] - one.values, fold) for name, one in fitted.items()},
        skill={name: _skill(targets[name], one) for name, one in fitted.items()},
        limits=limits,
        judged=judged,
    )
    return Learnt(
        model=model, expected={name: one.values for name, one in fitted.items()}, actual={name: targets[name] for name in needed}, fold=fold
    )


def add(a: LossTally, b: LossTally) -> LossTally:
    """The tally of both tallies' rows.

    Raises:
        ValueError: they are of different models.
    """
    if a.losses.keys() != b.losses.keys() or a.groups.shape != b.groups.shape:
        raise ValueError("tallies of different models do not add up")
    return LossTally(
        rows=a.rows + b.rows, losses={name: total + b.losses[name] for name, total in a.losses.items()}, truth=a.truth + b.truth,
        truth_squares=a.truth_squares + b.truth_squares, groups=a.groups + b.groups,
    )  # fmt: skip


def _between(missed: Floats, fold: Counts) -> float:
    """The variance of the folds' mean errors beyond what independent rows would have."""
    rows = np.bincount(fold)
    means = np.bincount(fold, weights=missed) / rows
    return max(float(np.mean(means**2 - np.var(missed) / rows)), 0.0)


def _skill(target: Floats, fitted: CrossFitted) -> float:
    spread = float(np.var(target))
    return max(1 - float(np.mean((target - fitted.values) ** 2)) / spread, 0.0) if spread > 0 else 0.0


def _limits(expected: Floats) -> tuple[Floats, Floats]:
    """Cuts into about `_GROUPS` groups of equal size, and their shares; one group where every row is expected to lose the same."""
    ordered = np.sort(expected)
    cuts = np.unique(ordered[(np.arange(1, _GROUPS) * len(ordered)) // _GROUPS])
    cuts = cuts[cuts < ordered[-1]]
    sizes = np.bincount(np.searchsorted(cuts, ordered), minlength=len(cuts) + 1)
    return cuts, sizes / len(ordered)
