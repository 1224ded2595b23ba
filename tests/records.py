"""Records of predictions for tests: small, and different by their number."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from farero.core.prediction import Record
from farero.ports import LogShape

START = datetime(2024, 5, 1, 12, tzinfo=UTC)
SHAPE = LogShape(inputs={"tenure": "number", "contract": "text", "senior": "flag", "since": "date"})
SHAPES = {"churn": SHAPE, "risk": SHAPE}


def record(number: int, *, model: str = "churn", rows: int = 1, at: datetime | None = None, **changes: object) -> Record:
    """Record `number` of a model: request id `r-<number>`, one minute after the one before it."""
    values: dict[str, object] = {
        "model": model,
        "version": "1.0.0",
        "request_id": f"r-{number:06d}",
        "endpoint": "predict",
        "time": at or START + timedelta(minutes=number),
        "inputs": {
            "tenure": [float(number + row) for row in range(rows)],
            "contract": ["monthly"] * rows,
            "senior": [number % 2 == 0] * rows,
            "since": ["2024-01-31T08:00:00.000001Z"] * rows,
        },
        "prediction": [1.0] * rows,
        "probability": [0.75] * rows,
        "keys": [f"k-{number}"] * rows,
        "latency_us": 1200,
    }
    return Record(**(values | changes))  # type: ignore[arg-type]
