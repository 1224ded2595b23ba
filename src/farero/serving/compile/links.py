"""From a model's raw scores to the answer that its library gives, in place, by the library's own formulas."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

IDENTITY, MEAN, SIGMOID, SOFTMAX, ONE_VERSUS_REST, EXP = range(6)


@njit(error_model="numpy")
def link(code: int, scores: Any, start: int, size: int, divisor: float) -> bool:
    """Turn scores[start : start + size] into answers.

    SIGMOID reads one score and leaves the chances of both classes.

    Returns:
        Whether all of them are finite.
    """
    for k in range(start, start + size):
        if not np.isfinite(scores[k]):
            return False
    if code == 1:  # MEAN
        for k in range(start, start + size):
            scores[k] /= divisor
    elif code == 2:  # SIGMOID
        scores[start + 1] = 1.0 / (1.0 + np.exp(-scores[start]))
        scores[start] = 1.0 - scores[start + 1]
    elif code == 3:  # SOFTMAX
        most = scores[start]
        for k in range(start, start + size):
            most = max(most, scores[k])
        whole = 0.0
        for k in range(start, start + size):
            scores[k] = np.exp(scores[k] - most)
            whole += scores[k]
        for k in range(start, start + size):
            scores[k] /= whole
    elif code == 4:  # ONE_VERSUS_REST
        whole = 0.0
        for k in range(start, start + size):
            scores[k] = 1.0 / (1.0 + np.exp(-scores[k]))
            whole += scores[k]
        for k in range(start, start + size):
            scores[k] = scores[k] / whole if whole else 1.0 / size
    elif code == 5:  # EXP
        for k in range(start, start + size):
            scores[k] = np.exp(scores[k])
    return True


@njit(error_model="numpy")
def hand_over(finite: bool, scores: Any, start: int, size: int, places: Any, answers: Any, into: int, wide: int) -> None:
    """Write one row's shares where the label has their classes; `places` is (size,), -1 for a share that nobody asks for."""
    for k in range(into, into + wide):
        answers[k] = 0.0 if finite else np.nan
    if finite:
        for k in range(size):
            if places[k] >= 0:
                answers[into + places[k]] = scores[start + k]
