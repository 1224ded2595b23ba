"""explain: why the labelled rows of a span went worse than those before them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from farero.core import explain as core
from farero.core import performance
from farero.core.explained import LABELS_NOTE, SURROGATES, DropReport, Span
from farero.core.label import LabelSpec
from farero.core.matrix import to_matrix
from farero.core.schema import Schema
from farero.core.segments import features_named
from farero.core.shift_game import Side
from farero.errors import BadInput
from farero.ports import PredictionLog
from farero.serving import frozen, stored
from farero.serving.pool import Loaded, Pool
from farero.serving.stored import Labelled
from farero.store import labels, versions
from farero.store.database import Store

ENOUGH_ROWS = 1000
"""Labelled rows, in whole windows backwards from the newest, that are explained where nobody says from when."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainDrop:
    """Takes falls of one model's performance apart."""

    model: str
    schema: Schema
    label: LabelSpec
    metric: str
    window_size: timedelta
    seed: int
    store: Store
    log: PredictionLog
    pool: Pool

    def report(
        self, start: datetime | None, end: datetime | None, *, against: tuple[datetime, datetime] | None, by: Sequence[str],
        version: str | None, now: datetime,
    ) -> DropReport:  # fmt: skip
        """Why the labelled rows predicted in [start, end) went as they did, beside the rows that judged their version.

        Args:
            start: None = the newest windows that hold `ENOUGH_ROWS` labelled rows together.
            against: another span of the same version's rows instead of those that judged it.
            by: features to look for segments in; none = all.
            version: None = the one that answered most of the labelled rows.
            now: labels known by then count.

        Raises:
            BadInput: there are too few labelled rows on a side, or no such feature.
            VersionNotFound: there is no such version.
        """
        features_named(self.model, self.schema, by)
        logged = self._labelled(self.schema, start, end, now)
        number = version or _most_frequent(logged)
        if number is None:
            raise BadInput(
                f"No labelled prediction of {self.model} lies in this span.",
                hint="Hand in labels with: farero label FILE. Before labels come, see: farero estimate.",
            )
        with self.store.read() as conn:
            loaded = self.pool.get(versions.get(conn, self.model, number), gate=False)
        if loaded.schema != self.schema:  # the features were others when it was trained
            logged = self._labelled(loaded.schema, start, end, now)
        current = self._asked(loaded, logged.where(logged.versions == number))
        if current.count == 0:
            raise BadInput(f"{self.model} {number} answered no labelled row in this span.", hint="Choose another with --from and --to.")
        if start is None:
            current = self._newest(current)
        reference = self._reference(loaded, against, now)
        sides = self._side(loaded.schema, reference), self._side(loaded.schema, current)
        try:
            found = core.explain(loaded.schema.features, *sides, by=by or None, seed=self.seed)
        except ValueError as reason:
            raise BadInput(
                f"The performance of {self.model} {number} cannot be explained: {reason}.",
                hint="Choose a longer span with --from and --to, or hand in more labels.",
            ) from None
        others = logged.count - int((logged.versions == number).sum())
        return DropReport(
            model=self.model,
            version=number,
            metric=self.metric,
            metrics=(self._measured(reference), self._measured(current)),
            loss_name=SURROGATES[self.metric],
            current=Span(start=stored.aware(current.times[0]), end=stored.aware(current.times[-1]) + timedelta(microseconds=1)),
            reference=None if against is None else Span(start=against[0], end=against[1]),
            explanation=found,
            notes=(LABELS_NOTE, *([f"{others} rows that other versions answered are left out."] if others else [])),
        )

    def _labelled(self, schema: Schema, start: datetime | None, end: datetime | None, now: datetime) -> Labelled:
        until = end or now + timedelta(microseconds=1)
        with self.store.read() as conn:
            found = labels.between(conn, self.model, start, until, now)
        rows = stored.join(schema, self.label, self.log.read(self.model, start, until), found)
        return rows.where(np.argsort(rows.times, kind="stable"))

    def _reference(self, loaded: Loaded, against: tuple[datetime, datetime] | None, now: datetime) -> Labelled:
        number = loaded.version.number
        if against is not None:
            before = self._labelled(loaded.schema, *against, now)
            return self._asked(loaded, before.where(before.versions == number))
        judged = frozen.judged(loaded.folder, loaded.schema)
        if judged is None:
            raise BadInput(
                f"No row is kept that {self.model} {number} had not learnt from when it was judged.",
                hint="Set the span against an earlier one of the same version: --against FROM TO.",
            )
        return judged

    def _asked(self, loaded: Loaded, rows: Labelled) -> Labelled:
        """The log keeps one probability a row; where a loss may need that of every class, the version is asked again."""
        return frozen.with_outputs(rows, loaded.engine.predict(rows.columns, rows.count)) if self.label.kind == "classes" else rows

    def _newest(self, rows: Labelled) -> Labelled:
        if rows.count <= ENOUGH_ROWS:
            return rows
        numbers = stored.window_numbers(rows.times, self.window_size)
        return rows.where(numbers >= numbers[-ENOUGH_ROWS])

    def _side(self, schema: Schema, rows: Labelled) -> Side:
        assert rows.outputs is not None
        losses = performance.loss(self.label.kind, self.metric, rows.labels, rows.outputs)
        known = np.isfinite(losses)
        kept = rows if known.all() else rows.where(known)
        windows = stored.window_numbers(kept.times, self.window_size)
        return Side(matrix=to_matrix(schema, kept.columns, kept.count), losses=losses[known], windows=windows)

    def _measured(self, rows: Labelled) -> float | None:
        assert rows.outputs is not None
        return performance.evaluate(self.label.kind, rows.labels, rows.outputs, [self.metric]).get(self.metric)


def _most_frequent(rows: Labelled) -> str | None:
    if rows.count == 0:
        return None
    names, counts = np.unique(rows.versions, return_counts=True)
    return str(names[np.argmax(counts)])
