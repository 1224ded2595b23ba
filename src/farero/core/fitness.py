"""Whether a candidate is fit to serve, apart from being right: known rows, pace, size; and what a first version must reach."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from farero.core import performance
from farero.core.guards import Check
from farero.core.intervals import Floats
from farero.core.label import LabelKind
from farero.core.prediction import Outputs

LEAST_TRAINED = 10
"""A model that learnt from fewer rows has learnt nothing that could be relied on."""

_FLOOR_S = {1: 0.02, 100: 0.2}
"""Pace is no matter as long as a request of so many rows takes no longer than this [s]."""

_MOVED = 0.05
"""A number counts as answered otherwise where it moved by more than this share of the known answers' standard deviation."""


def known_rows(kind: LabelKind, before: Floats, now: Floats, *, most: float | None) -> Check:
    """How the candidate answers the rows that are stored with the version in production.

    Args:
        before: (n, k) what production answers, as `serving.sample.answers_of` gives it.
        now: (n, k) what the candidate answers.
        most: largest share of rows that it may answer otherwise [0-1]; None = any, it is only told.
    """
    if before.shape != now.shape:
        return Check(name="known rows", passed=None, because="the two answer in different forms, so there is nothing to compare")
    moved = np.abs(now - before).max(axis=1)
    if kind == "number":
        other = moved > _MOVED * float(before.std())
    elif before.shape[1] > 1:
        other = before.argmax(axis=1) != now.argmax(axis=1)
    else:
        other = (before[:, 0] >= 0.5) != (now[:, 0] >= 0.5) if kind == "binary" else moved > 0
    figures = {"rows": float(len(moved)), "share": float(other.mean()), "mean": float(moved.mean()), "largest": float(moved.max())}
    told = f"{figures['share']:.1%} of {len(moved)} known rows are answered otherwise, the largest change is {figures['largest']:.3g}"
    passed = most is None or figures["share"] <= most
    return Check(name="known rows", passed=passed, because=told if passed else f"{told}: {most:.1%} may be", figures=figures)


def pace(seconds: Mapping[int, tuple[float, float]], *, most: float) -> Check:
    """Whether the candidate answers fast enough beside production.

    Args:
        seconds: rows of a request (1 and 100) -> seconds that production and the candidate took for it, measured side by side.
        most: how many times as long the candidate may take; no matter where it stays below 20 ms for one row and 200 ms for a hundred.
    """
    slow = [
        f"{rows} row{'s' * (rows > 1)} in {new * 1e3:.3g} ms against {old * 1e3:.3g} ms"
        for rows, (old, new) in seconds.items()
        if new > _FLOOR_S[rows] and new > most * old
    ]
    figures = {f"{name}_{rows}_ms": value * 1e3 for rows, pair in seconds.items() for name, value in zip(_PAIR, pair, strict=True)}
    if slow:
        return Check(name="pace", passed=False, because=f"too slow: {', '.join(slow)}; {most:g} times as long is allowed", figures=figures)
    told = ", ".join(
        f"{rows} row{'s' * (rows > 1)} in {new * 1e3:.3g} ms against {old * 1e3:.3g} ms" for rows, (old, new) in seconds.items()
    )
    return Check(name="pace", passed=True, because=told, figures=figures)


_PAIR = ("current", "candidate")


def size(size_bytes: int, *, most_mb: float | None) -> Check:
    """Whether the version's files are small enough [MB of a million bytes]; None = any size is."""
    megabytes = size_bytes / 1e6
    passed = most_mb is None or megabytes <= most_mb
    because = f"{megabytes:.3g} MB" if passed else f"{megabytes:.3g} MB, {most_mb:g} MB are allowed"
    return Check(name="size", passed=passed, because=because, figures={"megabytes": megabytes})


def learnt(rows: int) -> Check:
    """Whether it learnt from rows enough to have learnt anything."""
    passed = rows >= LEAST_TRAINED
    because = f"learnt from {rows} rows" if passed else f"it learnt from {rows} rows; fewer than {LEAST_TRAINED} are no training"
    return Check(name="trained rows", passed=passed, because=because, figures={"rows": float(rows)})


def floors(metrics: Mapping[str, float], limits: Mapping[str, float]) -> tuple[Check, ...]:
    """Whether each metric is at least its limit, or at most where less is better; one that was not measured does not reach it.

    >>> [check.because for check in floors({"mae": 60.0}, {"mae": 50.0, "r2": 0.5})]
    ['mae is 60, at most 50 is asked for', 'r2 was not measured, at least 0.5 is asked for']
    """
    checks = []
    for name, limit in limits.items():
        higher = performance.METRICS[name].higher_is_better
        asked = f"{'at least' if higher else 'at most'} {limit:g} is asked for"
        if name not in metrics:
            checks.append(Check(name=f"floor of {name}", passed=False, because=f"{name} was not measured, {asked}"))
            continue
        value = metrics[name]
        passed = value >= limit if higher else value <= limit
        checks.append(
            Check(
                name=f"floor of {name}", passed=passed, because=f"{name} is {value:.4g}, {asked}", figures={"value": value, "limit": limit}
            )
        )
    return tuple(checks)


def better_than_a_constant(kind: LabelKind, metric: str, labels: Floats, outputs: Outputs) -> Check:
    """Whether a model says more than the best single answer to all rows would: on the metric, or on the Brier score of its probabilities.

    Precision, recall and F1 are judged as accuracy is: always saying yes has perfect recall.
    """
    judged = "accuracy" if metric in ("precision", "recall", "f1") else metric
    names = [judged, *(["brier"] if kind != "number" and judged != "brier" else [])]
    own = performance.evaluate(kind, labels, outputs, names)
    flat = performance.evaluate(kind, labels, _flat(kind, metric, labels, outputs), names)
    told = []
    for name in names:
        if name not in own or name not in flat:
            continue
        sign = 1 if performance.METRICS[name].higher_is_better else -1
        told.append(f"{name} {own[name]:.4g} against {flat[name]:.4g}")
        if sign * (own[name] - flat[name]) > 1e-12:
            return Check(
                name="better than a constant", passed=True, because=f"{told[-1]} of the best single answer",
                figures={"value": own[name], "constant": flat[name]},
            )  # fmt: skip
    if not told:
        return Check(name="better than a constant", passed=None, because=f"{metric} is undefined on the {labels.size} rows that judged it")
    because = f"it is no better than one answer to every row: {', '.join(told)}"
    return Check(name="better than a constant", passed=False, because=because)


def _flat(kind: LabelKind, metric: str, labels: Floats, outputs: Outputs) -> Outputs:
    """The best single answer to all of these rows."""
    rows = labels.size
    if kind == "number":
        best = float(labels.mean()) if metric in ("rmse", "r2") else float(np.median(labels))
        return Outputs(value=np.full(rows, best))
    if kind == "binary":
        share = float(labels.mean())
        return Outputs(value=np.full(rows, float(share >= 0.5)), probability=None if outputs.probability is None else np.full(rows, share))
    codes, counts = np.unique(labels, return_counts=True)
    spread = outputs.probabilities
    if spread is not None:
        shares = np.bincount(labels.astype(np.int64), minlength=spread.shape[1])[: spread.shape[1]] / rows
        spread = np.tile(shares, (rows, 1))
    return Outputs(
        value=np.full(rows, codes[counts.argmax()]), probabilities=spread,
        probability=None if outputs.probability is None else np.full(rows, counts.max() / rows),
    )  # fmt: skip
