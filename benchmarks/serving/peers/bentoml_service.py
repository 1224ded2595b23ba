"""The models as a BentoML service: `bentoml serve bentoml_service:Model`. `BATCH_MS` other than 0 turns its adaptive batching on."""

import os
from pathlib import Path

import bentoml
import joblib
import pandas as pd
from rows import ROWS

FOLDER = Path(os.environ["MODEL_FOLDER"])
BATCH_MS = int(os.environ.get("BATCH_MS", "0"))
Row = ROWS[FOLDER.name]
COLUMNS = list(Row.model_fields)


@bentoml.service(workers=1, logging={"access": {"enabled": False}}, traffic={"timeout": 60})
class Model:
    """One model."""

    def __init__(self) -> None:
        self.model = joblib.load(FOLDER / "model.joblib")

    @bentoml.api(batchable=BATCH_MS > 0, max_batch_size=1000, max_latency_ms=BATCH_MS or 60_000)
    def predict(self, rows: list[Row]) -> list[float]:  # type: ignore[valid-type]
        """The model's probabilities."""
        frame = pd.DataFrame([row.model_dump() for row in rows], columns=COLUMNS)
        return self.model.predict_proba(frame)[:, 1].tolist()
