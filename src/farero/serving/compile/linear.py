"""Linear models: what a choice adds to the score is looked up whole, so one-hot columns are never made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from farero.serving.compile.columns import FIRST_CODE, Numeric, Seen, Table, numeric
from farero.serving.compile.forests import single_output
from farero.serving.compile.links import EXP, IDENTITY, ONE_VERSUS_REST, SIGMOID, SOFTMAX, hand_over, link
from farero.serving.compile.memory import OPTIONS, SIGNATURE, address, at, carray
from farero.serving.compile.program import INSTRUCTION, Program, fill
from farero.serving.compile.refused import NotCompiled

STATE: Final = (
    "features total instructions instruction_count tables table_count weights choices choice_count sums sum_count start outputs stride "
    "link places wide block"
).split()
_BLOCK: Final = 256


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Linear:
    """A linear model: (k, m) `weights` over m columns, (k,) `start`."""

    seen: Seen
    weights: NDArray[np.float64]
    start: NDArray[np.float64]
    link: int
    what: str


class PackedLinear:
    """The memory of a linear model, and how to call the kernel on it."""

    def __init__(self, model: Linear, places: NDArray[np.int64], wide: int) -> None:
        outputs = len(model.start)
        columns: list[Numeric] = [numeric(column) for column in model.seen.columns]
        weights = np.concatenate([model.weights.T, np.zeros((len(model.seen.guards), outputs))])
        read: list[Numeric] = []
        kept: list[NDArray[np.float64]] = []
        sums: dict[int, NDArray[np.float64]] = {}
        for column, weight in zip((*columns, *model.seen.guards), weights, strict=True):
            if not isinstance(column, Table):
                read.append(column)
                kept.append(weight)
                continue
            with np.errstate(invalid="ignore"):  # what the original refuses times nothing is NaN, and refused here
                added = column.values[:, None] * weight[None, :]
            sums[column.feature] = sums[column.feature] + added if column.feature in sums else added
        program = Program(read)
        weights = np.zeros((program.total, outputs))
        weights[: len(read)] = np.array(kept).reshape(len(read), outputs)
        starts = np.cumsum([0, *(len(one) for one in sums.values())])[: len(sums)]
        stride = 2 if model.link == SIGMOID else outputs
        self._arrays: dict[str, NDArray[Any]] = {
            "instructions": program.instructions,
            "tables": program.tables,
            "weights": np.ascontiguousarray(weights),
            "choices": np.ascontiguousarray(np.column_stack([list(sums), starts]).astype(np.int64)) if sums else np.zeros((1, 2), np.int64),
            "sums": np.ascontiguousarray(np.concatenate(list(sums.values()))) if sums else np.zeros((1, outputs)),
            "start": np.ascontiguousarray(model.start, dtype=np.float64),
            "places": places,
        }
        self._words = {
            "total": program.total, "instruction_count": len(program.instructions), "table_count": len(program.tables),
            "choice_count": len(sums), "sum_count": self._arrays["sums"].size, "outputs": outputs, "stride": stride, "link": model.link,
            "wide": wide, "block": _BLOCK,
        }  # fmt: skip
        self.scratch_bytes = _BLOCK * 8 * (program.total + stride) + 64
        self.kernel = kernel()

    def state(self, features: int) -> NDArray[np.int64]:
        """The kernel's state for rows of so many features."""
        words = {**self._words, "features": features} | {name: address(array) for name, array in self._arrays.items()}
        return np.array([words[name] for name in STATE], dtype=np.int64)


def run(state: int, rows: int, answers: int, scratch: int, count: int) -> None:
    """The kernel; see `memory.SIGNATURE`. `scratch` has room for the columns and the scores of `block` rows."""
    s = carray(at(state), (18,), np.int64)
    features, total, outputs, stride, wide, block = s[0], s[1], s[12], s[13], s[16], s[17]
    instructions = carray(at(s[2]), (s[3],), INSTRUCTION)
    tables = carray(at(s[4]), (s[5],), np.float64)
    weights = carray(at(s[6]), (total * outputs,), np.float64)
    choices = carray(at(s[7]), (s[8] * 2,), np.int64)
    sums = carray(at(s[9]), (s[10],), np.float64)
    start = carray(at(s[11]), (outputs,), np.float64)
    places = carray(at(s[15]), (stride,), np.int64)
    for first in range(0, count, block):
        n = min(block, count - first)
        given = carray(at(rows + first * features * 8), (n * features,), np.float64)
        out = carray(at(answers + first * wide * 8), (n * wide,), np.float64)
        columns = carray(at(scratch), (n * total,), np.float64)
        scores = carray(at(scratch + block * total * 8), (n * stride,), np.float64)
        fill(instructions, tables, given, features, columns, total, n)
        for r in range(n):
            base = r * stride
            scores[base + stride - 1] = 0.0
            for k in range(outputs):
                score = start[k]
                for m in range(total):
                    score += columns[r * total + m] * weights[m * outputs + k]
                for j in range(s[8]):
                    code = np.int64(given[r * features + choices[2 * j]]) + FIRST_CODE
                    score += sums[(choices[2 * j + 1] + code) * outputs + k]
                scores[base + k] = score
            fine = link(s[14], scores, base, stride, 1.0)
            hand_over(fine, scores, base, stride, places, out, r * wide, wide)


def kernel() -> Any:
    """The compiled kernel; compiles it, or reads it from the cache, at the first call."""
    global _kernel
    if _kernel is None:
        _kernel = njit(SIGNATURE, **OPTIONS)(run)
    return _kernel


_kernel: Any = None


def _read(model: Any, seen: Seen, link_code: int) -> Linear:
    single_output(model)
    weights = model.coef_.toarray() if hasattr(model.coef_, "toarray") else np.asarray(model.coef_)
    if weights.ndim == 2 and not hasattr(model, "classes_") and weights.shape[0] != 1:
        raise NotCompiled(f"{type(model).__name__} with several outputs is not compiled.")
    weights = weights.astype(np.float64).reshape(-1, weights.shape[-1])
    start = np.broadcast_to(np.asarray(model.intercept_, dtype=np.float64).reshape(-1), (len(weights),))
    return Linear(seen=seen, weights=weights, start=start, link=link_code, what=type(model).__name__)


def _regression(model: Any, seen: Seen) -> Linear:
    return _read(model, seen, IDENTITY)


def _logistic(model: Any, seen: Seen) -> Linear:
    if getattr(model, "multi_class", "auto") not in ("auto", "deprecated", "warn"):
        raise NotCompiled("Logistic regression with a setting for multi_class is not compiled.")
    liblinear = getattr(model, "solver", "") == "liblinear"
    return _read(model, seen, SIGMOID if len(model.coef_) == 1 else ONE_VERSUS_REST if liblinear else SOFTMAX)


def _gradient_descent(model: Any, seen: Seen) -> Linear:
    if model.loss != "log_loss":
        raise NotCompiled(f"SGDClassifier with the loss {model.loss} is not compiled.")
    return _read(model, seen, SIGMOID if len(model.coef_) == 1 else ONE_VERSUS_REST)


def _generalized(model: Any, seen: Seen) -> Linear:
    kind = type(model._base_loss.link).__name__
    if kind not in ("LogLink", "IdentityLink"):
        raise NotCompiled(f"{type(model).__name__} with the link {kind} is not compiled.")
    return _read(model, seen, EXP if kind == "LogLink" else IDENTITY)


_REGRESSIONS = (
    "linear_model.LinearRegression linear_model.Ridge linear_model.RidgeCV linear_model.Lasso linear_model.LassoCV linear_model.ElasticNet "
    "linear_model.ElasticNetCV linear_model.Lars linear_model.LassoLars linear_model.BayesianRidge linear_model.ARDRegression "
    "linear_model.HuberRegressor linear_model.QuantileRegressor linear_model.TheilSenRegressor linear_model.SGDRegressor "
    "linear_model.PassiveAggressiveRegressor svm.LinearSVR"
).split()

LINEAR: Final[Mapping[str, Callable[[Any, Seen], Linear]]] = {
    **{f"sklearn.{name}": _regression for name in _REGRESSIONS},
    "sklearn.linear_model.LogisticRegression": _logistic,
    "sklearn.linear_model.LogisticRegressionCV": _logistic,
    "sklearn.linear_model.SGDClassifier": _gradient_descent,
    "sklearn.linear_model.PoissonRegressor": _generalized,
    "sklearn.linear_model.GammaRegressor": _generalized,
    "sklearn.linear_model.TweedieRegressor": _generalized,
}
