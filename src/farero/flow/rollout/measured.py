"""What the prediction log, the labels and the counters of failures say of a canary and of production since it began."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from farero.core import canary, duel
from farero.core.canary import Kind, Ruler, Tallies
from farero.core.endpoint import OWN
from farero.core.intervals import Floats
from farero.core.label import LabelSpec
from farero.core.prediction import Outputs
from farero.core.rollout import Rollout
from farero.ports import PredictionLog
from farero.serving import stored
from farero.serving.shadow import SUFFIX
from farero.store import labels
from farero.store.database import Store

SETTLE = timedelta(seconds=3)
"""After a split was changed, until every process has seen it: requests of that time went by one share or the other."""

FOLD = timedelta(minutes=1)
"""Rows as old as this are counted once and for all: whatever process recorded them, they are in the log by now."""

BEFORE = (timedelta(hours=1), timedelta(days=7))
"""How far to look back for what production is like; the longer span only where the shorter has too few rows."""

_COLUMNS = ("time", "request_id", "row", "endpoint", "version", "prediction", "probability", "latency_us")


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What is known now. `rollout` has what need not be read again; `tallies` and `rows` are of everything until now."""

    rollout: Rollout
    tallies: Tallies
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """Counts for one model. `metric`: the one that contests are judged by."""

    model: str
    label: LabelSpec
    metric: str
    store: Store
    log: PredictionLog

    def look(self, rollout: Rollout, at: datetime, failures: Mapping[str, float]) -> Counted:
        """Everything that was counted since the rollout began.

        Args:
            failures: requests that each version failed on, as counters that only rise, and begin anew with the service. Copies that a
                version failed on stand under the version and `SUFFIX`.
        """
        if rollout.stage.kind == "shadow":
            return self._copies(rollout, at, failures)
        if rollout.stage.kind != "canary":
            return Counted(rollout=replace(rollout, failures={**rollout.failures, **failures}), tallies=rollout.tallies, rows=0)
        rollout = self._with_ruler(rollout, at)
        start = rollout.counted_until or rollout.stage.since + SETTLE
        table = self._read(start, at, rollout)
        old = max(start, at - FOLD)
        share = rollout.stage.share / 100
        failed = {number: _risen(rollout.failures.get(number, 0.0), failures.get(number)) for number in _both(rollout)}
        bad, usual = failed[rollout.number], failed[rollout.against or ""]
        fresh = duel.events(share, (bad, bad), (usual, usual))
        settled, recent = _split(table, old)
        tallies = canary.add(rollout.tallies, "errors", fresh)
        rows = rollout.stage_rows + bad
        tallies = canary.joined(tallies, self._tally(settled, rollout, share))
        rows += _requests(settled, rollout.number)
        kept = replace(rollout, tallies=tallies, stage_rows=rows, counted_until=old, failures={**rollout.failures, **failures})
        tallies = canary.joined(tallies, self._tally(recent, rollout, share))
        quality = self._quality(kept, at)
        return Counted(
            rollout=kept, tallies={**tallies, "quality": quality} if quality else tallies, rows=rows + _requests(recent, rollout.number)
        )

    def _read(self, start: datetime, end: datetime, rollout: Rollout) -> pa.Table:
        """The rows of both versions that came to the model's own endpoint."""
        if start >= end:
            start = end
        table = self.log.read(self.model, start, end, list(_COLUMNS))
        of_both = pc.is_in(table["version"].cast(pa.string()), value_set=pa.array(_both(rollout), pa.string()))
        return table.filter(pc.and_(of_both, pc.equal(table["endpoint"].cast(pa.string()), OWN)))

    def _tally(self, table: pa.Table, rollout: Rollout, share: float) -> Tallies:
        """What these rows count; each request once."""
        if table.num_rows == 0:
            return {}
        rows = RequestRows.of(table, self.label, rollout.number)
        ruler, found = rollout.ruler, dict[Kind, tuple[duel.Tally, ...]]()
        found["errors"] = (duel.events(share, (0, int(rows.new.sum())), (0, int((~rows.new).sum()))),)
        if ruler.slow_from_us is not None:
            slow, since = rows.latency_us > ruler.slow_from_us, rows.since(ruler.since.get("latency"))
            new, old = slow[rows.new & since], slow[~rows.new & since]
            found["latency"] = (duel.events(share, (int(new.sum()), len(new)), (int(old.sum()), len(old))),)
        if ruler.first is not None:
            same = (rows.answer == ruler.first).astype(np.float64)
            found["constant"] = (rows.scored(share, same, ruler.since.get("constant")),)
        outside = canary.is_outside(rows.outputs, ruler) if self.label.kind == "number" else None
        if outside is not None:
            found["range"] = (rows.scored(share, outside.astype(np.float64), ruler.since.get("range")),)
        scores = canary.answer_scores(self.label.kind, rows.outputs, ruler)
        if scores is not None:
            found["distribution"] = (rows.scored(share, scores, ruler.since.get("range")),)
        return found

    def _quality(self, rollout: Rollout, at: datetime) -> tuple[duel.Tally, ...]:
        """Losses of the labelled rows of every step until now: labels of an earlier step may come in a later one."""
        scale, since = rollout.ruler.loss_scale, rollout.ruler.since.get("quality")
        steps = [stage for stage in (*rollout.passed, rollout.stage) if stage.kind == "canary"]
        if scale is None or since is None or not steps:
            return ()
        with self.store.read() as conn:
            if not labels.count_known(conn, self.model, since=steps[0].since, known_by=at):
                return ()
        found: Tallies = {}
        for step, end in zip(steps, [*(later.since for later in steps[1:]), at], strict=True):
            begun = max(step.since + SETTLE, since)
            if begun >= end:
                continue
            table = self._read(begun, end, rollout)
            with self.store.read() as conn:
                known = labels.between(conn, self.model, begun, end, at)
            places, values, _ = stored.matched(table, known)
            if not len(places):
                continue
            chosen = table.take(pa.array(places))
            losses = canary.losses(self.label.kind, self.metric, values, stored.outputs(self.label, chosen)) / scale
            rows = RequestRows.of(chosen, self.label, rollout.number)
            found = canary.add(found, "quality", rows.scored(step.share / 100, losses, None))
        return found.get("quality", ())

    def _with_ruler(self, rollout: Rollout, at: datetime) -> Rollout:
        """What is not known yet of production, and of the canary's first answer, if its rows are there by now."""
        ruler = rollout.ruler
        lacks = ruler.slow_from_us is None or ruler.loss_scale is None or (self.label.kind == "number" and ruler.low is None)
        if lacks:
            ruler = self._measured(ruler, rollout, at)
        if ruler.first is None:
            table = self._read(rollout.stage.since, at, rollout)
            own = table.filter(pc.equal(table["version"].cast(pa.string()), rollout.number))
            if own.num_rows:
                outputs = stored.outputs(self.label, own.slice(0, 1))
                first = float((outputs.value if outputs.probability is None else outputs.probability)[0])
                after = stored.aware(stored.times(own)[0]) + timedelta(microseconds=1)
                ruler = replace(ruler, first=first, since={**ruler.since, "constant": after})
        return rollout if ruler == rollout.ruler else replace(rollout, ruler=ruler)

    def _measured(self, ruler: Ruler, rollout: Rollout, at: datetime) -> Ruler:
        """Parts of the ruler that production's rows until now give; rows from now on are measured by them."""
        # At the first look nothing has been measured yet, so what was there before the step may measure all of it.
        now = rollout.stage.since if rollout.counted_until is None else at
        since = dict(ruler.since)
        if ruler.slow_from_us is None or (ruler.low is None and self.label.kind == "number"):
            table = self._before(rollout, now)
            latencies = np.asarray(table.filter(pc.equal(table["row"], 0))["latency_us"].to_numpy(), dtype=np.float64)
            if ruler.slow_from_us is None:
                ruler, since["latency"] = replace(ruler, slow_from_us=canary.slow_from(latencies, rollout.rule.slow_us)), now
            span = canary.span(stored.outputs(self.label, table).value) if self.label.kind == "number" else None
            if ruler.low is None and span is not None:
                ruler, since["range"] = replace(ruler, low=span[0], high=span[1]), now
        if ruler.loss_scale is None:
            scale = canary.loss_scale(self.label.kind, self._losses(rollout, now))
            ruler, since["quality"] = replace(ruler, loss_scale=scale), now
        return replace(ruler, since=since)

    def _before(self, rollout: Rollout, end: datetime) -> pa.Table:
        """The newest rows of production, enough to measure by where there are so many."""
        alone = replace(rollout, number=rollout.against or "")
        recent = self._read(end - BEFORE[0], end, alone)
        return recent if recent.num_rows >= 2 * canary.LEAST_ROWS else self._read(end - BEFORE[1], end, alone)

    def _losses(self, rollout: Rollout, before: datetime) -> Floats:
        """Of the newest labelled rows of production."""
        if self.label.kind != "number":
            return np.zeros(0)
        start = before - self.label.arrives_within - BEFORE[1]
        with self.store.read() as conn:
            known = labels.between(conn, self.model, start, before, before)
        if not known.rows:
            return np.zeros(0)
        table = self._read(start, before, replace(rollout, number=rollout.against or ""))
        places, values, _ = stored.matched(table, known)
        return canary.losses(self.label.kind, self.metric, values, stored.outputs(self.label, table.take(pa.array(places))))

    def _copies(self, rollout: Rollout, at: datetime, failures: Mapping[str, float]) -> Counted:
        """Requests that the version answered in secret, or failed on."""
        name = rollout.number + SUFFIX
        failed = _risen(rollout.failures.get(name, 0.0), failures.get(name))
        start = rollout.stage.since
        table = self.log.read(self.model + SUFFIX, start, at, ["row", "endpoint", "version"])
        own = pc.and_(pc.equal(table["version"].cast(pa.string()), rollout.number), pc.equal(table["endpoint"].cast(pa.string()), OWN))
        answered = table.filter(pc.and_(own, pc.equal(table["row"], 0))).num_rows
        tallies = canary.add(rollout.tallies, "errors", duel.events(1.0, (failed, failed), (0, 0)))
        kept = replace(rollout, tallies=tallies, failures={**rollout.failures, **failures})
        tallies = canary.add(tallies, "errors", duel.events(1.0, (0, answered), (0, 0)))
        total = sum(tally.rows[0] for tally in tallies["errors"])
        return Counted(rollout=kept, tallies=tallies, rows=total)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RequestRows:
    """n log rows of k requests.

    Attributes:
        request: (n,) the place of each row's request.
        new: (k,) whether the canary answered it.
        times: (k,) datetime64[us]. latency_us: (k,).
        answer: (n,) the probability, or the value where there is none.
    """

    request: NDArray[np.int64]
    new: NDArray[np.bool_]
    times: NDArray[np.datetime64]
    latency_us: Floats
    answer: Floats
    outputs: Outputs

    @classmethod
    def of(cls, table: pa.Table, label: LabelSpec, number: str) -> RequestRows:
        ids = table["request_id"].cast(pa.string()).combine_chunks().dictionary_encode()
        codes = np.asarray(ids.indices, dtype=np.int64)
        _, first, request = np.unique(codes, return_index=True, return_inverse=True)
        outputs = stored.outputs(label, table)
        return cls(
            request=request.astype(np.int64),
            new=(stored.versions(table) == number)[first],
            times=stored.times(table)[first],
            latency_us=np.asarray(table["latency_us"].to_numpy(), dtype=np.float64)[first],
            answer=outputs.value if outputs.probability is None else outputs.probability,
            outputs=outputs,
        )  # fmt: skip

    def since(self, moment: datetime | None) -> NDArray[np.bool_]:
        """(k,) which requests came at or after it."""
        if moment is None:
            return np.ones(len(self.times), dtype=np.bool_)
        return np.asarray(self.times >= stored.moment(moment))

    def scored(self, share: float, scores: Floats, since: datetime | None) -> duel.Tally:
        """The mean score of each request, counted: its rows share one draw of the split."""
        mean = self.means(np.clip(scores, 0.0, 1.0))
        there = np.isfinite(mean) & self.since(since)
        return duel.scores(share, mean[there & self.new], mean[there & ~self.new])

    def means(self, values: Floats) -> Floats:
        """(k,) the mean of each request's finite values; NaN where it has none."""
        kept = np.isfinite(values)
        total = np.bincount(self.request[kept], weights=values[kept], minlength=len(self.new))
        count = np.bincount(self.request[kept], minlength=len(self.new))
        return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _both(rollout: Rollout) -> list[str]:
    return [rollout.number, rollout.against or ""]


def _split(table: pa.Table, at: datetime) -> tuple[pa.Table, pa.Table]:
    """Rows before a moment, and the others."""
    before = stored.times(table) < stored.moment(at)
    return table.filter(pa.array(before)), table.filter(pa.array(~before))


def _requests(table: pa.Table, number: str) -> int:
    """Requests that a version answered."""
    own = table.filter(pc.equal(table["version"].cast(pa.string()), number))
    return len(own["request_id"].unique())


def _risen(before: float, now: float | None) -> int:
    """By how much a counter rose that may have begun anew; a process that does not know it says nothing of it."""
    if now is None:
        return 0
    return int(now - before if now >= before else now)
