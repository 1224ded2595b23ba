"""predict: checked rows in, recorded answers out. Nothing leaves before it is recorded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from time import perf_counter_ns

from farero.core.endpoint import OWN
from farero.core.label import LabelSpec, decode_prediction
from farero.core.matrix import to_matrix
from farero.core.prediction import Answer, Outputs, Record, Served, Thresholds, risk_level
from farero.core.rollout import log_of
from farero.core.schema import Fault, Rows, Schema
from farero.errors import FareroError, LogUnavailable, TookTooLong
from farero.serving.cache import MOST_ROWS, AnswerCache
from farero.serving.lane import Lane
from farero.serving.meters import Meters
from farero.serving.pool import Loaded, Pool
from farero.serving.privacy import Protector
from farero.serving.router import Router, Table
from farero.serving.shadow import Copy, RawCopy, Shadow
from farero.serving.spool import Spool
from farero.store import refusals
from farero.store.database import Store
from farero.telemetry import log


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """The recorded outputs of one request, before they are spelt out row by row."""

    request_id: str
    model: str
    version: str
    outputs: Outputs
    latency_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Predict:
    """Answers rows of one model: behind each endpoint with the versions that its routes name, else with the one in production."""

    model: str
    schema: Schema
    label: LabelSpec
    thresholds: Thresholds
    pool: Pool
    spool: Spool
    protector: Protector
    store: Store
    router: Router
    shadow: Shadow
    meters: Meters | None = None
    cache: AnswerCache[Outputs] | None = None
    answer_unlogged: bool = False
    """Whether an answer that cannot be recorded is given all the same."""

    def answer(
        self,
        rows: Rows,
        *,
        request_id: str,
        endpoint: str,
        at: datetime,
        times: list[datetime] | None = None,
        in_time: Callable[[], bool] = lambda: True,
    ) -> Answered:
        """Score the rows, record them, and only then return.

        Args:
            times: when each row happened, for a file of past rows; None = all at `at`.
            in_time: asked before the record is written; where it says no, nobody waits for the answer any more.

        Raises:
            NotReady: no version is in production.
            PredictFailed: the model raised or answered nonsense.
            LogUnavailable: the answer could not be recorded, so it is not given.
            TookTooLong: it was not answered in time; nothing is recorded.
        """
        begun = perf_counter_ns()
        table = self.router.find(self.model if endpoint == OWN else endpoint)
        loaded, outputs = self._scored(table, rows, request_id)
        if not in_time():
            raise TookTooLong(
                f"{self.model} did not answer within the time limit; nothing was recorded.",
                hint="Send fewer rows at a time, or raise timeout_s under [server] in farero.toml.",
            )
        latency_us = (perf_counter_ns() - begun) // 1000
        inputs, keys = self.protector.protect(rows), self.protector.keys(rows)
        self._record(
            Record(
                model=log_of(self.model, endpoint),
                version=loaded.version.number,
                request_id=request_id,
                endpoint=endpoint,
                time=at,
                inputs=inputs,
                prediction=plain(self.label, outputs),
                probability=None if outputs.probability is None else outputs.probability.tolist(),
                keys=keys,
                latency_us=latency_us,
                times=times,
            )
        )
        if table is not None and table.shadows:
            self.shadow.take(table, Copy(rows.columns, rows.count, inputs, keys, request_id, endpoint, at))
        return Answered(request_id=request_id, model=self.model, version=loaded.version.number, outputs=outputs, latency_us=latency_us)

    def lane(self, now: Callable[[], datetime], max_rows: int, endpoint: str | None = None) -> Lane:
        """The short way for few rows; what it does not answer comes here. None = the model's own endpoint."""
        return Lane(
            self.model, schema=self.schema, label=self.label, pool=self.pool, router=self.router, protector=self.protector,
            cache=self.cache, now=now, max_rows=max_rows, endpoint=endpoint,
        )  # fmt: skip

    def copied(self, body: bytes, request_id: str, endpoint: str, at: datetime) -> None:
        """Let the endpoint's shadow versions score a request that a lane has answered."""
        table = self.router.find(self.model if endpoint == OWN else endpoint)
        if table is not None and table.shadows:
            self.shadow.take(table, RawCopy(body, request_id, endpoint, at))

    def _scored(self, table: Table | None, rows: Rows, request_id: str) -> tuple[Loaded, Outputs]:
        """The answers, and the version that gave them. Where another version fails, the one in production answers."""
        way = None
        if table is not None:
            table.use.count += 1
            way = table.pick(request_id, rows.keys[0] if rows.keys else None)
        if way is not None and table is not None:
            try:
                loaded = self.router.load(table, way)
                return loaded, self._outputs(loaded, rows)
            except FareroError as failure:
                self._failed(way.number, failure)
                production = self._production()
                if production is None or production.version.number == way.number:
                    raise
        loaded = self.pool.production(self.model)
        try:
            return loaded, self._outputs(loaded, rows)
        except FareroError as failure:
            self._failed(loaded.version.number, failure)
            raise

    def _production(self) -> Loaded | None:
        try:
            return self.pool.production(self.model)
        except FareroError:
            return None

    def _failed(self, number: str, failure: FareroError) -> None:
        log("prediction.failed", level="warning", model=self.model, version=number, error=failure)
        if self.meters is not None:
            self.meters.counter("farero_prediction_failures_total", model=self.model, version=number).add()

    def _outputs(self, loaded: Loaded, rows: Rows) -> Outputs:
        if self.cache is None or rows.count > MOST_ROWS:
            return loaded.engine.predict(rows.columns, rows.count)
        key = to_matrix(self.schema, rows.columns, rows.count).tobytes()
        known = self.cache.get(loaded.version.digest, key)
        if known is None:
            known = loaded.engine.predict(rows.columns, rows.count)
            self.cache.put(loaded.version.digest, key, known)
        return known

    def _record(self, record: Record) -> None:
        try:
            self.spool.write(record)
        except LogUnavailable as failure:
            if not self.answer_unlogged:
                raise
            tolerated(failure)

    def refuse(self, faults: Sequence[Fault], day: date) -> None:
        """Count refused rows by field and reason. The rows are not stored, but a client that changed must show up somewhere."""
        declared = {field.name for field in self.schema.fields}
        counts = Counter(
            (field if (field := fault.path.split("].", 1)[-1]) in declared else "(undeclared)", fault.code) for fault in faults
        )
        with self.store.write() as conn:
            for (field, code), count in counts.items():
                refusals.add(conn, self.model, day, field, code, count)

    def spell(self, answered: Answered) -> Served:
        """The answer row by row, as faces show it."""
        outputs = answered.outputs
        predictions = decode_prediction(self.label, outputs.value)
        if outputs.probability is None:
            answers = [Answer(prediction=value) for value in predictions]
        else:
            binary = self.label.kind == "binary"
            spread = outputs.probabilities.tolist() if outputs.probabilities is not None else None
            answers = [
                Answer(
                    prediction=value,
                    probability=probability,
                    risk_level=risk_level(probability, self.thresholds) if binary else None,
                    probabilities=dict(zip(self.label.classes, spread[index], strict=True)) if spread else None,
                )
                for index, (value, probability) in enumerate(zip(predictions, outputs.probability.tolist(), strict=True))
            ]
        return Served(
            request_id=answered.request_id, model=answered.model, version=answered.version, predictions=tuple(answers)
        )  # fmt: skip


def tolerated(failure: LogUnavailable | None) -> None:
    """Where the owner would rather answer than refuse, a prediction that could not be recorded is told to the log and let go."""
    if failure is not None:
        log("prediction.unlogged", level="error", error=failure)


def plain(label: LabelSpec, outputs: Outputs) -> list[float] | list[str]:
    """The predictions as they are kept: floats, or class names."""
    if label.kind == "classes":
        return [label.classes[int(code)] for code in outputs.value]
    values: list[float] = outputs.value.tolist()
    return values
