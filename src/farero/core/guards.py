"""What a candidate may not do, however well it does on the whole: lose a segment, promise too much, answer without sense."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from farero.core import reliability
from farero.core.contest import compare
from farero.core.intervals import Floats
from farero.core.label import LabelKind
from farero.core.measured import pick
from farero.core.prediction import Outputs
from farero.core.segments import Cut
from farero.errors import counted

CALIBRATED_ROWS = 100
"""Rows below which calibration errors of two models are too much chance to be compared."""

_FAR = 10.0
"""Answers so many times the labels' range beyond it are out of all reason."""

_OFTEN = 0.05
_TIMES = 10
"""A class is missed where labels and production have it in this share of the rows and so many of them, and the candidate in none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that a candidate was asked.

    Attributes:
        passed: None = it could not be asked; `because` says why. What could not be asked stops nobody.
        figures: what the answer was told from, by name.
    """

    name: str
    passed: bool | None
    because: str
    figures: Mapping[str, float] = field(default_factory=dict)


def segments(
    kind: LabelKind,
    metric: str,
    labels: Floats,
    current: Outputs,
    candidate: Outputs,
    cuts: Sequence[Cut],
    *,
    room: float,
    min_rows: int,
    days: NDArray[np.integer] | None = None,
) -> tuple[Check, ...]:
    """Whether a segment is answered worse than by production, one check a feature.

    A segment fails where its metric is worse by more than `room` beyond chance. Chance is shared among all segments of all features, so
    that of a hundred alike candidates five are stopped by mistake, not one in every second.

    Args:
        kind, labels, current, candidate, days: as for `contest.compare`.
        cuts: how the rows divide.
        room: how much worse a segment may be [the metric's unit], >= 0.
        min_rows: segments of fewer rows are passed over.
    """
    large = {cut.feature: [at for at in range(len(cut.names)) if int(np.sum(cut.codes == at)) >= min_rows] for cut in cuts}
    tests = max(1, sum(len(places) for places in large.values()))
    checks = []
    for cut in cuts:
        gains: dict[str, float] = {}
        lost = []
        for at in large[cut.feature]:
            rows = cut.codes == at
            found = compare(
                kind, metric, labels[rows], pick(current, rows), pick(candidate, rows), days=None if days is None else days[rows]
            )
            if found.gain is None:
                continue
            gains[cut.names[at]] = found.gain
            if found.is_worse_by(room, tests=tests):
                lost.append(
                    f"{cut.feature} {cut.names[at]}: {metric} {found.candidate:.4g} against {found.current:.4g} on {found.rows} rows"
                )
        if lost:
            because = f"worse beyond chance where {'; '.join(lost)}"
        elif gains:
            because = f"none of {counted(len(gains), 'segment')} of {cut.feature} is worse beyond chance"
        else:
            because = f"no segment of {cut.feature} has {min_rows} rows on which {metric} is defined"
        checks.append(Check(name=f"segments of {cut.feature}", passed=not lost if gains else None, because=because, figures=gains))
    return tuple(checks)


def calibration(kind: LabelKind, labels: Floats, current: Outputs, candidate: Outputs, *, room: float) -> Check | None:
    """Whether probabilities come true as well as production's; None for numbers and for answers without probabilities.

    What is compared is the expected calibration error less what of it is chance (`core.reliability`).

    Args:
        room: by how much more the candidate's may be [0-1].
    """
    found = [reliability.of_answers(kind, labels, answers) for answers in (current, candidate)]
    old, new = found
    if old is None or new is None or old.error.value is None or new.error.value is None:
        return None
    if labels.size < CALIBRATED_ROWS:
        return Check(name="calibration", passed=None, because=f"{labels.size} rows are too few, it takes {CALIBRATED_ROWS}")
    errors = [max(0.0, (one.error.value or 0.0) - one.by_chance) for one in (old, new)]
    figures = {"current": errors[0], "candidate": errors[1]}
    words = f"calibration error beyond chance {errors[1]:.3f} against {errors[0]:.3f}"
    passed = errors[1] <= errors[0] + room
    because = words if passed else f"{words}: worse by more than {room:g}"
    return Check(name="calibration", passed=passed, because=because, figures=figures)


def distribution(kind: LabelKind, classes: Sequence[str], labels: Floats, current: Outputs, candidate: Outputs) -> Check:
    """Whether answers have sense as a whole: no constant where production has none, nothing out of all reason, no class forgotten.

    Args:
        classes: names of the classes; empty for yes or no, and for numbers.
        labels: (n,) encoded labels of the same rows.
    """
    answers = [_numbers(kind, outputs) for outputs in (current, candidate)]
    faults = [fault for fault in (_constant(*answers), _missed_class(kind, classes, labels, current, candidate)) if fault]
    if kind == "number":
        faults += _out_of_reason(labels, *answers)
    new = answers[1]
    figures = {"mean": float(new.mean()), "std": float(new.std()), "lowest": float(new.min()), "highest": float(new.max())}
    because = "; ".join(faults) or f"answers from {figures['lowest']:.4g} to {figures['highest']:.4g}, mean {figures['mean']:.4g}"
    return Check(name="distribution", passed=not faults, because=because, figures=figures)


def _numbers(kind: LabelKind, outputs: Outputs) -> Floats:
    return outputs.probability if kind == "binary" and outputs.probability is not None else outputs.value


def _is_constant(values: Floats) -> bool:
    return bool(np.ptp(values) <= 1e-9 * max(1.0, float(np.max(np.abs(values)))))


def _constant(old: Floats, new: Floats) -> str | None:
    if _is_constant(new) and not _is_constant(old):
        return f"it answers {new[0]:.4g} to every row, and production does not"
    return None


def _out_of_reason(labels: Floats, old: Floats, new: Floats) -> list[str]:
    low, high = float(labels.min()), float(labels.max())
    reach = _FAR * (high - low)
    outside = [int(np.sum((answers < low - reach) | (answers > high + reach))) for answers in (old, new)]
    if not reach > 0 or outside[1] == 0 or outside[0] > 0:
        return []
    return [f"{counted(outside[1], 'answer')} lie more than {_FAR:g} times the labels' range beyond it ({low:.4g} to {high:.4g})"]


def _missed_class(kind: LabelKind, classes: Sequence[str], labels: Floats, current: Outputs, candidate: Outputs) -> str | None:
    if kind == "number":
        return None
    least = max(_TIMES, _OFTEN * labels.size)
    missed = [
        classes[int(code)] if classes else ("no", "yes")[int(code)]
        for code in np.unique(labels)
        if np.sum(labels == code) >= least and np.sum(current.value == code) >= least and not np.any(candidate.value == code)
    ]
    return f"it never answers {', '.join(missed)}, as production and the labels often do" if missed else None
