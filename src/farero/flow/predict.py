"""predict: checked rows in, recorded answers out. Nothing leaves before it is recorded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from time import perf_counter_ns

from farero.core.label import LabelSpec, decode_prediction
from farero.core.prediction import Answer, Outputs, Record, Served, Thresholds, risk_level
from farero.core.schema import Fault, Rows, Schema
from farero.serving.pool import Pool
from farero.serving.privacy import Protector
from farero.serving.spool import Spool
from farero.store import refusals
from farero.store.database import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """The recorded outputs of one request, before they are spelt out row by row."""

    request_id: str
    model: str
    version: str
    outputs: Outputs


@dataclass(frozen=True, slots=True, kw_only=True)
class Predict:
    """Answers rows of one model with the version in production."""

    model: str
    schema: Schema
    label: LabelSpec
    thresholds: Thresholds
    pool: Pool
    spool: Spool
    protector: Protector
    store: Store

    def answer(self, rows: Rows, *, request_id: str, endpoint: str, at: datetime, times: list[datetime] | None = None) -> Answered:
        """Score the rows, record them, and only then return.

        Args:
            times: when each row happened, for a file of past rows; None = all at `at`.

        Raises:
            NotReady: no version is in production.
            PredictFailed: the model raised or answered nonsense.
            LogUnavailable: the answer could not be recorded, so it is not given.
        """
        begun = perf_counter_ns()
        loaded = self.pool.production(self.model)
        outputs = loaded.engine.predict(rows.columns, rows.count)
        self.spool.write(
            Record(
                model=self.model,
                version=loaded.version.number,
                request_id=request_id,
                endpoint=endpoint,
                time=at,
                inputs=self.protector.protect(rows),
                prediction=plain(self.label, outputs),
                probability=None if outputs.probability is None else outputs.probability.tolist(),
                keys=self.protector.keys(rows),
                latency_us=(perf_counter_ns() - begun) // 1000,
                times=times,
            )
        )
        return Answered(request_id=request_id, model=self.model, version=loaded.version.number, outputs=outputs)

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
        answers = [Answer(prediction=value) for value in decode_prediction(self.label, outputs.value)]
        if outputs.probability is not None:
            binary = self.label.kind == "binary"
            spread = outputs.probabilities.tolist() if outputs.probabilities is not None else None
            answers = [
                Answer(
                    prediction=answer.prediction,
                    probability=probability,
                    risk_level=risk_level(probability, self.thresholds) if binary else None,
                    probabilities=dict(zip(self.label.classes, spread[index], strict=True)) if spread else None,
                )
                for index, (answer, probability) in enumerate(zip(answers, outputs.probability.tolist(), strict=True))
            ]
        return Served(
            request_id=answered.request_id, model=answered.model, version=answered.version, predictions=tuple(answers)
        )  # fmt: skip


def plain(label: LabelSpec, outputs: Outputs) -> list[float] | list[str]:
    """The predictions as they are kept: floats, or class names."""
    if label.kind == "classes":
        return [label.classes[int(code)] for code in outputs.value]
    values: list[float] = outputs.value.tolist()
    return values
