"""What the metrics of a window are expected to be before its labels come, and whether that is worse than when the version was judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from farero.core.estimate import Estimator
from farero.core.estimated import Estimate, has_fallen, has_labels, judged_by
from farero.core.label import LabelSpec
from farero.core.observation import Observation
from farero.core.performance import is_worse
from farero.core.window import Window
from farero.errors import PredictFailed
from farero.serving import estimating, stored
from farero.serving.pool import Loaded
from farero.serving.sample import evenly
from farero.store import observations
from farero.store.database import Store

MOST_ROWS = 20_000
"""Rows of a window that are estimated at most, evenly spaced."""

KEPT = 8
"""Versions whose estimators stay in memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Foresee:
    """Estimates the windows of one model.

    Attributes:
        metric: the project's.
        drop: relative fall under what the version was judged at that counts [0-1].
    """

    model: str
    label: LabelSpec
    metric: str
    drop: float
    store: Store
    known: dict[str, Estimator | None] = field(default_factory=dict)

    def expected(self, version: Loaded, rows: pa.Table) -> dict[str, Estimate]:
        """The project's metric, and the one that falls are judged by; nothing where nothing is known of the version.

        Args:
            rows: of the log, that the version answered.
        """
        estimator = self._estimator(version)
        if estimator is None or not rows.num_rows:
            return {}
        chosen = rows.take(pa.array(evenly(rows.num_rows, MOST_ROWS))) if rows.num_rows > MOST_ROWS else rows
        try:
            outputs, matrix = estimating.answers(version, self.label, chosen)
        except PredictFailed:  # the version does not answer these rows any more: other steps say so
            return {}
        found = estimator.estimates(estimator.tally(outputs, matrix)).metrics
        return {name: found[name] for name in self._wanted() if name in found}

    def fallen(self, version: Loaded, seen: Observation) -> str:
        """Why a window and the one before it are estimated to go worse than when the version was judged; "" = they are not.

        One window alone is chance too often, with several hundred of them a year. Where half of a window's rows have labels, those speak:
        of this window, the estimate is no evidence any more; of the one before, they must say the same.

        Args:
            seen: what is known of the window by its end.
        """
        estimator, name, number = self._estimator(version), judged_by(self.metric), version.version.number
        judged = estimator.judged.get(name) if estimator is not None else None
        if judged is None or has_labels(seen.rows, seen.labelled) or not self._is_worse(name, seen.estimated, judged):
            return ""
        with self.store.read() as conn:
            last = observations.last_before(conn, self.model, seen.window.start)
        if last is None or last.version != number or not self._is_worse(name, last.estimated, judged):
            return ""
        if has_labels(last.rows, last.labelled) and not is_worse(name, last.metrics.get(name, judged), judged, self.drop):
            return ""
        one = seen.estimated[name]
        between = f"{one.value:.4g} ({one.low:.4g} to {one.high:.4g})"
        return f"{name} is estimated at {between} before labels, for two windows: the rows that judged {number} gave {judged:.4g}"

    def _wanted(self) -> list[str]:
        return list(dict.fromkeys((self.metric, judged_by(self.metric))))

    def _is_worse(self, name: str, found: Mapping[str, Estimate], judged: float) -> bool:
        return name in found and has_fallen(name, found[name], judged, self.drop)

    def _estimator(self, version: Loaded) -> Estimator | None:
        number = version.version.number
        if number not in self.known:
            while len(self.known) >= KEPT:
                self.known.pop(next(iter(self.known)))
            self.known[number] = self._learn(version)
        return self.known[number]

    def _learn(self, version: Loaded) -> Estimator | None:
        try:
            return estimating.learn(version, self.label, self._wanted(), quick=True)
        except ValueError:  # too few rows judged it, or rows of one class; `farero estimate` says which
            return None


def answered_by(rows: pa.Table, number: str, window: Window) -> pa.Table:
    """The rows of the log that a version answered in a window."""
    if not rows.num_rows:
        return rows
    inside = pa.array(stored.times(rows) >= stored.moment(window.start))
    return rows.filter(pc.and_(inside, pc.equal(rows["version"], number)))
