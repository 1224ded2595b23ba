"""Whether a version still does what it did: its figures beside a stored baseline, its answers beside those that are kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from farero.core import performance
from farero.core.guards import Check
from farero.core.label import LabelKind

DROP: Final = 0.05
"""By what share of the baseline a figure may be worse [0-1]."""

METRICS: Final[Mapping[LabelKind, tuple[str, ...]]] = {
    "binary": ("accuracy", "roc_auc", "f1"),
    "classes": ("accuracy", "roc_auc", "f1"),
    "number": ("mae", "rmse"),
}
"""What is compared with the baseline, by kind of label."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Regression:
    """What a version was asked, and how it did.

    Attributes:
        against: the version whose stored figures are the baseline; it may be the same.
    """

    model: str
    version: str
    against: str
    passed: bool
    checks: tuple[Check, ...]


def regression(model: str, version: str, against: str, checks: tuple[Check, ...]) -> Regression:
    """The result: passed where nothing failed. What could not be asked is told, and fails nobody."""
    return Regression(
        model=model, version=version, against=against, passed=all(check.passed is not False for check in checks), checks=checks
    )


def beside_baseline(kind: LabelKind, baseline: Mapping[str, float], now: Mapping[str, float], *, drop: float = DROP) -> tuple[Check, ...]:
    """Whether each figure is no worse than its baseline by more than `drop`, one check a metric.

    >>> [check.because for check in beside_baseline("number", {"mae": 10.0}, {"mae": 10.6})]
    ['mae is 10.6, the baseline is 10: more than 5 % worse', 'rmse was not measured']
    """
    checks = []
    for name in METRICS[kind]:
        if name not in baseline or name not in now:
            checks.append(Check(name=name, passed=None, because=f"{name} was not measured"))
            continue
        worse = performance.is_worse(name, now[name], baseline[name], drop)
        told = f"{name} is {now[name]:.4g}, the baseline is {baseline[name]:.4g}"
        because = f"{told}: more than {drop * 100:g} % worse" if worse else told
        checks.append(Check(name=name, passed=not worse, because=because, figures={"value": now[name], "baseline": baseline[name]}))
    return tuple(checks)
