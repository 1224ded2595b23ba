"""Performance that nobody measured yet, and why it fell: the part of App that estimates and explains, and changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from farero.app.reading import Reading
from farero.core.estimated import EstimateReport
from farero.core.explain_page import page
from farero.core.explained import DropReport
from farero.errors import BadInput
from farero.flow.estimate import EstimateWindows
from farero.flow.explain import ExplainDrop
from farero.flow.record import attempt

if TYPE_CHECKING:
    from farero.ports import Clock, PredictionLog
    from farero.serving.pool import Pool


class Explaining(Reading):
    """Estimated performance, and reasons for a fall."""

    _log: PredictionLog
    _pool: Pool
    _clock: Clock
    _hand_over: Callable[[], int]

    def estimate(
        self, model: str, *, start: datetime | None = None, end: datetime | None = None, version: str | None = None
    ) -> EstimateReport:
        """Performance by window before labels come, with what became of earlier estimates.

        Args:
            start, end: of the predictions; default: the newest 60 windows.
            version: only rows that it answered.

        Raises:
            BadInput: no version that answered can be estimated, or the span ends before it begins.
            VersionNotFound: no such version.
        """
        project = self.project(model)
        _check(start, end)
        attempt(self._hand_over)  # what was predicted a moment ago counts
        step = EstimateWindows(
            model=model, label=project.label_spec, metric=project.metric, window_size=project.window.span, store=self._store, log=self._log,
            pool=self._pool,
        )  # fmt: skip
        return step.report(start, end, version, now=self._clock.now())

    def explain_drop(
        self, model: str, *, start: datetime | None = None, end: datetime | None = None,
        against: tuple[datetime, datetime] | None = None, by: Sequence[str] = (), version: str | None = None,
    ) -> DropReport:  # fmt: skip
        """Why the labelled rows of a span went as they did, beside the rows that judged their version, or beside another span.

        Args:
            start, end: of the predictions; default: the newest windows that hold 1,000 labels together.
            against: the other span.
            by: features to look for segments in; none = all.
            version: only rows that it answered; default: the one that answered most of them.

        Raises:
            BadInput: there are too few labelled rows on a side, no such feature, or a span ends before it begins.
            VersionNotFound: no such version.
        """
        project = self.project(model)
        _check(start, end)
        if against is not None:
            _check(*against)
        attempt(self._hand_over)
        step = ExplainDrop(
            model=model, schema=project.schema, label=project.label_spec, metric=project.metric, window_size=project.window.span,
            seed=project.seed, store=self._store, log=self._log, pool=self._pool,
        )  # fmt: skip
        return step.report(start, end, against=against, by=by, version=version, now=self._clock.now())


def drop_page(report: DropReport) -> str:
    """An explanation as one HTML page that needs nothing else."""
    return page(report)


def _check(start: datetime | None, end: datetime | None) -> None:
    if start is not None and end is not None and end <= start:
        raise BadInput(f"The span ends at {end:%Y-%m-%d %H:%M}, before it begins.", hint="Give the earlier time first.")
