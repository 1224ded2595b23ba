"""What one window of one version looked like: the figures behind findings, charts and decisions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from farero.core.estimated import Estimate
from farero.core.finding import Finding
from farero.core.window import Window


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnDrift:
    """How one column's current values differ from its reference. Pairs are (reference, current); None = does not apply.

    Attributes:
        drift: what the verdict in use says of this column.
        ks: Kolmogorov-Smirnov distance [0-1]; `p_value` its two-sided p (categories: `chi2_p`).
        psi: population stability index [nat]; `psi_reading` is "stable" < 0.1 <= "moderate" < 0.25 <= "large".
        wasserstein: in the column's unit; `wasserstein_normalised` divided by the reference's standard deviation.
        jensen_shannon: distance, base 2 [0-1].
    """

    name: str
    kind: str
    drift: bool
    ks: float | None = None
    p_value: float | None = None
    psi: float | None = None
    psi_reading: str | None = None
    wasserstein: float | None = None
    wasserstein_normalised: float | None = None
    jensen_shannon: float | None = None
    chi2_p: float | None = None
    mean: tuple[float | None, float | None] | None = None
    std: tuple[float | None, float | None] | None = None
    missing: tuple[float, float] = (0.0, 0.0)
    new_categories: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftVerdict:
    """Whether the inputs of a window as a whole drifted, by which named rule; `score` is the share of columns that did [0-1]."""

    alarm: bool
    score: float
    rule: str
    features: tuple[str, ...]
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One closed window of one model. `labelled` and `metrics` count the labels known when it was made.

    `estimated` is what the metrics were expected to be before any label; empty where nothing can be said.
    """

    window: Window
    version: str
    rows: int
    labelled: int
    metrics: Mapping[str, float] = field(default_factory=dict)
    drift: DriftVerdict | None = None
    columns: tuple[ColumnDrift, ...] = ()
    findings: tuple[Finding, ...] = ()
    estimated: Mapping[str, Estimate] = field(default_factory=dict)
