"""The service that an engineer writes in an afternoon, and writes well: typed rows, the model loaded once, the endpoint in a thread.

Started as `uvicorn fastapi_service:app --loop uvloop --http httptools --no-access-log`. It records nothing.
"""

import os
from pathlib import Path

import joblib
import pandas as pd
from fastapi import FastAPI
from pydantic import BaseModel
from rows import ROWS

FOLDER = Path(os.environ["MODEL_FOLDER"])
Row = ROWS[FOLDER.name]
COLUMNS = list(Row.model_fields)
model = joblib.load(FOLDER / "model.joblib")
app = FastAPI()


class Rows(BaseModel):
    """The body of a request."""

    rows: list[Row]  # type: ignore[valid-type]


class Answers(BaseModel):
    """The body of an answer: the probability of each row."""

    probabilities: list[float]


@app.get("/health")
def health() -> str:
    """Whether it answers."""
    return "ok"


@app.post("/predict")
def predict(body: Rows) -> Answers:
    """The model's probabilities."""
    frame = pd.DataFrame([row.model_dump() for row in body.rows], columns=COLUMNS)
    return Answers(probabilities=model.predict_proba(frame)[:, 1].tolist())
