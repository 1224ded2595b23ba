"""What training a winner once more, on the rows that judged it, is worth: bikes by the week, beside serving it as judged, never, always."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

from math import ceil
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingRegressor

DATA = Path(__file__).parents[1] / "examples" / "bikes" / "hours.parquet"
FIRST = pd.Timestamp("2011-07-01")
HELD_OUT = 0.3


def serve(frame: pd.DataFrame, *, weeks: int | None, judged: bool, refit: bool) -> tuple[float, int]:
    """The served MAE of all weeks after the first training, and how many models were fitted. `weeks` None = never again."""
    x, y, at = frame.drop(columns=["ts", "cnt"]).astype(float), frame["cnt"].to_numpy(), frame["ts"]

    def fit(last: int) -> HistGradientBoostingRegressor:
        return HistGradientBoostingRegressor(max_iter=60, learning_rate=0.15, early_stopping=False, random_state=0).fit(x[:last], y[:last])

    seen = int((at < FIRST).sum())
    model, fits, begin, served = fit(seen), 1, seen, np.zeros(len(y))
    ends = pd.date_range(FIRST, at.max() + pd.Timedelta(days=7), freq="W-MON")
    for number, end in enumerate(ends, 1):
        last = int((at < end).sum())
        if last > begin:
            served[begin:last] = model.predict(x[begin:last])
        begin = last
        if weeks is None or number % weeks or last - seen < 50:
            continue
        cut = last - ceil((last - seen) * HELD_OUT) if judged else last
        candidate, fits = fit(cut), fits + 1
        if (
            judged
            and np.abs(candidate.predict(x[cut:last]) - y[cut:last]).mean() >= np.abs(model.predict(x[cut:last]) - y[cut:last]).mean()
        ):
            continue
        model, seen = candidate, cut
        if refit:
            model, fits, seen = fit(last), fits + 1, last
    after = (at >= FIRST).to_numpy()
    return float(np.abs(served - y)[after].mean()), fits


if __name__ == "__main__":
    bikes = pd.read_parquet(DATA).sort_values("ts").reset_index(drop=True)
    for name, weeks, judged, refit in (
        ("never again", None, False, False),
        ("every 2 weeks, the winner as it was judged", 2, True, False),
        ("every 2 weeks, the winner fitted once more", 2, True, True),
        ("every week, nothing judged", 1, False, False),
    ):
        mae, fits = serve(bikes, weeks=weeks, judged=judged, refit=refit)
        print(f"{name:46} served MAE {mae:6.2f}   {fits:3} models fitted")
