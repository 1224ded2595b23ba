"""The two models that every contender serves, the rows that are sent, and scikit-learn's own answers to them.

    python fitted.py FOLDER

Needs numpy, pandas, scikit-learn and joblib only, so that it also runs where a peer insists on another scikit-learn.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

SEED = 7
TRAINED_ON = 20_000
SENT = 6_400
"""Rows kept apart for requests: 64 different bodies of up to 100 rows."""
BODIES = 64
LEVELS = {"c0": ["red", "green", "blue", "black", "white"], "c1": [f"shop {i}" for i in range(8)]}


def forest() -> tuple[pd.DataFrame, np.ndarray, Any]:
    """10 numbers, 100 trees of the default depth."""
    x, y = make_classification(TRAINED_ON + SENT, 10, n_informative=6, n_redundant=2, random_state=SEED)
    frame = pd.DataFrame(x, columns=[f"n{i}" for i in range(10)])
    return frame, y, RandomForestClassifier(100, random_state=SEED)


def logistic() -> tuple[pd.DataFrame, np.ndarray, Any]:
    """8 numbers that are scaled, 2 choices in one-hot columns, a logistic regression."""
    x, y = make_classification(TRAINED_ON + SENT, 8, n_informative=6, random_state=SEED)
    random = np.random.default_rng(SEED)
    frame = pd.DataFrame(x * 10.0 + 3.0, columns=[f"n{i}" for i in range(8)])
    for position, (name, levels) in enumerate(LEVELS.items()):
        codes = random.integers(0, len(levels), len(y))
        frame[name] = pd.Series(np.array(levels, dtype=object)[codes], dtype=object)
        y = np.where(random.random(len(y)) < 0.05 * codes / len(levels), position, y)  # the choices tell something too
    steps = ColumnTransformer(
        [
            ("scale", StandardScaler(), [f"n{i}" for i in range(8)]),
            ("one_hot", OneHotEncoder(handle_unknown="ignore"), list(LEVELS)),
        ]
    )
    return frame, y, Pipeline([("columns", steps), ("logistic", LogisticRegression(max_iter=1000))])


MODELS = {"forest": forest, "logistic": logistic}


def make(folder: Path, name: str) -> None:
    """Fit one model; write model.joblib, data.csv, and rows.json with the rows to send and what scikit-learn answers to each."""
    folder.mkdir(parents=True, exist_ok=True)
    frame, y, model = MODELS[name]()
    model.fit(frame[:TRAINED_ON], y[:TRAINED_ON])
    joblib.dump(model, folder / "model.joblib")
    data = frame[:TRAINED_ON].assign(y=y[:TRAINED_ON])
    data.insert(0, "ts", pd.date_range("2026-01-01", periods=TRAINED_ON, freq="min").strftime("%Y-%m-%dT%H:%M:%SZ"))
    data.to_csv(folder / "data.csv", index=False)
    sent = frame[TRAINED_ON:]
    rows = {
        "columns": list(sent.columns),
        "rows": sent.to_numpy(dtype=object).tolist(),
        "answers": model.predict_proba(sent)[:, 1].tolist(),
    }
    # Written last and moved into place: where it is, the rest is whole.
    part = folder / "rows.json.part"
    part.write_text(json.dumps(rows))
    part.rename(folder / "rows.json")


if __name__ == "__main__":
    for wanted in MODELS:
        make(Path(sys.argv[1]) / wanted, wanted)
