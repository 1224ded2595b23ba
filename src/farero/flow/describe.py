"""describe: gathers what model cards, deployment documents and comparisons of versions tell, from the record and the stored files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import pyarrow.compute as pc

from farero.core import contest, fitness, reliability
from farero.core.card import Card, Rows, Seen
from farero.core.fairness import GroupsOf, by_group
from farero.core.gate import Verdict
from farero.core.label import LabelSpec
from farero.core.matrix import to_columns
from farero.core.measured import Measured, measure
from farero.core.prediction import Outputs
from farero.core.reference import Reference
from farero.core.schema import Schema
from farero.core.segments import by_segment, cut, features_named
from farero.core.side_by_side import KnownRows, SideBySide, differing
from farero.core.version import Version, compare_versions
from farero.core.window import WindowSize
from farero.errors import BadInput, Corrupt
from farero.ports import Clock, ModelFiles, PredictionLog
from farero.serving import frozen, stored
from farero.serving.layout import REFERENCE, read_contract
from farero.serving.parameters import parameters_in
from farero.serving.pool import Loaded, Pool
from farero.serving.sample import answers_of, read_sample
from farero.serving.stored import Labelled
from farero.store import approvals, decisions, incidents, labels, observations, versions
from farero.store.database import Connection, Store

LIVE = timedelta(days=365)
"""How far back live rows are looked at."""

LEAST_LIVE = 200
"""Labelled live rows from which on groups are compared on them, and not on the rows held out before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Describe:
    """Describes the versions of one model.

    Attributes:
        segments: features that rows are divided by; groups: those whose groups shall be treated alike, no further apart than `max_gap`.
    """

    model: str
    schema: Schema
    label: LabelSpec
    metric: str
    window_size: WindowSize
    segments: tuple[str, ...]
    groups: tuple[str, ...]
    max_gap: float | None
    drift_rule: str
    drift_a_year: float
    store: Store
    log: PredictionLog
    files: ModelFiles
    pool: Pool
    clock: Clock

    def card(self, number: str) -> Card:
        """The model card of a version.

        Raises:
            VersionNotFound: there is none.
            Corrupt: its files are not what was stored.
        """
        with self.store.read() as conn:
            version = versions.get(conn, self.model, number)
            moves = tuple(versions.moves(conn, self.model, number))
            said = approvals.of(conn, self.model, number)
            seen = self._seen(conn, number)
            parent = versions.find_by_origin(conn, self.model, version.origin.removesuffix("/refit"))
            verdict = _verdict(conn, self.model, {number} | ({parent.number} if parent else set()))
        folder = self.files.open(version.digest)
        contract = read_contract(folder)
        schema, label = contract.schema, contract.label
        heldout, live = frozen.judged(folder, schema), self._live(version, moves[0].at)
        calibration = reliability.of_answers(label.kind, heldout.labels, _answers(heldout), days=heldout.days) if heldout else None
        rows = live if live.count >= LEAST_LIVE or heldout is None else heldout
        return Card(
            version=version, made_at=self.clock.now(), label=label, metric=self.metric, features=schema.features,
            personal=tuple(field.name for field in schema.personal), window=self.window_size, drift_rule=self.drift_rule,
            drift_a_year=self.drift_a_year, learnt=self._learnt(version), parameters=parameters_in(folder),
            heldout=_span(heldout), metrics=_measured(label, heldout), calibration=calibration,
            segments=tuple(
                by_segment(label.kind, heldout.labels, _answers(heldout), cut(field, heldout.columns[field.name]), days=heldout.days,
                           names=[self.metric])
                for field in features_named(self.model, schema, [name for name in self.segments if _has(schema, name)])
            ) if heldout else (),
            live=_span(live), live_metrics=_measured(label, live), fairness=self._fair(schema, label, rows, self.groups),
            fairness_rows=_span(rows), max_gap=self.max_gap, seen=seen, verdict=verdict,
            moves=moves, approvals=said,
        )  # fmt: skip

    def profile(self, number: str) -> dict[str, object]:
        """What the rows that a version learnt from look like, column by column; empty where that was not kept."""
        with self.store.read() as conn:
            version = versions.get(conn, self.model, number)
        path = self.files.open(version.digest) / REFERENCE
        if not path.exists():
            return {}
        found = Reference.from_bytes(path.read_bytes())
        return {
            "rows": found.rows,
            "columns": [
                {
                    "name": column.name, "kind": column.kind, "missing": column.missing, "mean": column.mean, "std": column.std,
                    "min": column.low, "max": column.high, "levels": dict(zip(column.levels, column.counts.tolist(), strict=False)),
                }
                for column in (*found.columns, *((found.prediction,) if found.prediction else ()))
            ],
        }  # fmt: skip

    def fairness(self, number: str, groups: Sequence[str]) -> tuple[tuple[GroupsOf, ...], Rows]:
        """The groups of these features, and the rows that they were compared on.

        Raises:
            BadInput: there is no such feature, or there are no labelled rows.
        """
        with self.store.read() as conn:
            version = versions.get(conn, self.model, number)
            begun = versions.moves(conn, self.model, number)[0].at
        folder = self.files.open(version.digest)
        contract = read_contract(folder)
        features_named(self.model, contract.schema, groups)
        heldout, live = frozen.judged(folder, contract.schema), self._live(version, begun)
        rows = live if live.count >= LEAST_LIVE or heldout is None else heldout
        if not rows.count:
            raise BadInput(
                f"No labelled row is known that {self.model} {number} had not learnt from.",
                hint="Hand labels in with: farero label FILE.",
            )
        return self._fair(contract.schema, contract.label, rows, groups), _span(rows)

    def side_by_side(self, a: str, b: str) -> SideBySide:
        """Two versions on the same rows, as far as there are any that neither had learnt from.

        Raises:
            VersionNotFound: one of them does not exist.
        """
        with self.store.read() as conn:
            one, other = versions.get(conn, self.model, a), versions.get(conn, self.model, b)
        first, second = self.pool.get(one, gate=False), self.pool.get(other, gate=False)
        known, known_because = self._known(first, second)
        rows, because = self._common(first, second)
        differences: tuple[contest.Difference, ...] = ()
        if rows is not None:
            answers = [loaded.engine.predict(rows.columns, rows.count) for loaded in (first, second)]
            own = measure(self.label.kind, rows.labels, answers[0], days=rows.days)
            names = [each.name for each in own if each.value is not None]
            differences = contest.compare_all(self.label.kind, names, rows.labels, answers[0], answers[1], days=rows.days)
        return SideBySide(
            compared=compare_versions(one, other), rows=rows.count if rows else 0, differences=differences, because=because,
            parameters=differing(parameters_in(first.folder), parameters_in(second.folder)), known=known, known_because=known_because,
        )  # fmt: skip

    def _common(self, first: Loaded, second: Loaded) -> tuple[Labelled | None, str]:
        """Labelled rows that neither had learnt from: those that judged one of them, or live ones, whichever are more."""
        if first.schema.digest() != second.schema.digest():
            return None, "they were trained on other features"
        ends = [loaded.version.trained_until for loaded in (first, second)]
        if None in ends:
            return None, "nobody knows what one of them learnt from"
        newest = max(end for end in ends if end is not None)
        # Only of a version that was split before a contest are the stored rows strange to it; others learnt from them afterwards.
        split = [loaded for loaded in (first, second) if _was_split(loaded.version)]
        kept = [rows for loaded in split if (rows := frozen.judged(loaded.folder, loaded.schema)) is not None]
        fresh = [rows.where(rows.times >= stored.moment(newest)) for rows in kept]
        best = max([*fresh, self._labelled(newest, None)], key=lambda rows: rows.count)
        return (best, "") if best.count else (None, "no labelled rows are newer than what both learnt from")

    def _known(self, first: Loaded, second: Loaded) -> tuple[KnownRows | None, str]:
        if first.schema.digest() != second.schema.digest():
            return None, "they were trained on other features"
        sample = read_sample(first.folder, first.schema)
        if sample is None:
            return None, f"no rows are stored with {first.version.number}"
        now = answers_of(second.label, second.engine.predict(to_columns(second.schema, sample.rows), len(sample.rows)))
        check = fitness.known_rows(self.label.kind, sample.answers, now, most=None)
        if check.passed is None:
            return None, check.because
        made = check.figures
        return KnownRows(
            rows=len(now), of=first.version.number, changed=made["share"], mean=made["mean"], largest=made["largest"]
        ), ""  # fmt: skip

    def _live(self, version: Version, begun: datetime) -> Labelled:
        """Labelled rows that this version answered."""
        return self._labelled(begun, version.number)

    def _labelled(self, since: datetime, number: str | None) -> Labelled:
        """Labelled rows of the log after a moment; with `number`, those that this version answered."""
        now = self.clock.now()
        start = max(since, now - LIVE)
        with self.store.read() as conn:
            known = labels.between(conn, self.model, start, now, now)
        table = self.log.read(self.model, start, now)
        if number is not None:
            table = table.filter(pc.equal(table["version"], number))
        return stored.join(self.schema, self.label, table, known)

    def _fair(self, schema: Schema, label: LabelSpec, rows: Labelled, groups: Sequence[str]) -> tuple[GroupsOf, ...]:
        if not rows.count:
            return ()
        fields = features_named(self.model, schema, [name for name in groups if _has(schema, name)])
        return tuple(by_group(label, rows.labels, _answers(rows), cut(field, rows.columns[field.name])) for field in fields)

    def _seen(self, conn: Connection, number: str) -> Seen:
        watched = [seen for seen in observations.latest(conn, self.model) if seen.version == number]
        drifted = sum(seen.drift is not None and seen.drift.alarm for seen in watched)
        own = tuple(one for one in incidents.all(conn, self.model) if one.version == number)
        return Seen(windows=len(watched), drifted=drifted, incidents=own)

    def _learnt(self, version: Version) -> Rows:
        """The time that the kept windows of its reference span; the newest of them, where it learnt from more. By count, nobody knows."""
        try:
            days = frozen.days(self.files.open(version.digest), self.window_size)
        except Corrupt:
            return Rows()
        if days is None or len(days.numbers) < 2 or self.window_size.rows is not None:
            return Rows()
        first = stored.window_of(int(days.numbers.min()), self.window_size.span)
        return Rows(count=version.trained_rows, start=first.start, end=version.trained_until)


def _was_split(version: Version) -> bool:
    return version.origin.startswith("loop/") and not version.origin.endswith("/refit")


def _verdict(conn: Connection, model: str, numbers: set[str]) -> Verdict | None:
    """The newest verdict on one of these versions."""
    found = (decided.verdict for decided in decisions.all(conn, model) if decided.candidate in numbers and decided.verdict is not None)
    return next(found, None)


def _has(schema: Schema, name: str) -> bool:
    return any(field.name == name for field in schema.features)


def _answers(rows: Labelled) -> Outputs:
    assert rows.outputs is not None  # rows that judged a version, and rows of the log, carry answers
    return rows.outputs


def _measured(label: LabelSpec, rows: Labelled | None) -> tuple[Measured, ...]:
    return measure(label.kind, rows.labels, _answers(rows), days=rows.days) if rows is not None and rows.count else ()


def _span(rows: Labelled | None) -> Rows:
    if rows is None or not rows.count:
        return Rows()
    return Rows(count=rows.count, start=stored.aware(rows.times.min()), end=stored.aware(rows.times.max()))
