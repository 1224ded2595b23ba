"""How well a model did once labels came: the part of App that reads the log and its labels, and changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from farero.app.reading import Reading
from farero.core.appraisal import Appraisal
from farero.core.performance_page import page
from farero.flow.appraise import Appraise, Judged
from farero.flow.record import attempt
from farero.serving import frozen

if TYPE_CHECKING:
    from farero.ports import Clock, PredictionLog
    from farero.serving.pool import Pool


class Performing(Reading):
    """Realized performance."""

    _log: PredictionLog
    _pool: Pool
    _clock: Clock
    _hand_over: Callable[[], int]

    def performance(
        self, model: str, *, start: datetime | None = None, end: datetime | None = None, by: Sequence[str] | None = None,
        version: str | None = None,
    ) -> Appraisal:  # fmt: skip
        """Metrics with intervals, by segment, version and window, as far as labels are in.

        Args:
            start, end: of the predictions; default: the last 90 windows, and those that labels may still reach.
            by: features to divide the rows by; None = those that the project names.
            version: only rows that it answered.

        Raises:
            BadInput: a feature that is none, or a span that ends before it starts.
            VersionNotFound: no such version.
        """
        project = self.project(model)
        judged = self._judged(model, version)
        attempt(self._hand_over)  # what was predicted a moment ago counts among the predictions
        step = Appraise(
            model=model, schema=project.schema, label=project.label_spec, metric=project.metric, window_size=project.window.span,
            seed=project.seed, store=self._store, log=self._log,
        )  # fmt: skip
        asked = project.segments if by is None else by
        return step.report(at=self._clock.now(), start=start, end=end, by=asked, version=version, judged=judged)

    def _judged(self, model: str, version: str | None) -> Judged | None:
        """The rows that judged this version, or the one in production where none is named, before it served."""
        schema = self.project(model).schema
        asked = None if version is None else self.version(model, version)
        loaded = self._pool.loaded.get(model) if asked is None else self._pool.get(asked, gate=False)
        rows = None if loaded is None else frozen.judged(loaded.folder, schema)
        return None if loaded is None or rows is None else Judged(version=loaded.version.number, rows=rows)


def performance_report(found: Appraisal) -> str:
    """Realized performance as one HTML page that needs nothing else."""
    return page(found)
