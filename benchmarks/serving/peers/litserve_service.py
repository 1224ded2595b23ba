"""The models as a LitServe API. `BATCH_MS` other than 0 turns its batching on."""

import os
import sys
from pathlib import Path
from typing import Any

import joblib
import litserve
import numpy as np
import pandas as pd

FOLDER = Path(os.environ["MODEL_FOLDER"])
BATCH_MS = int(os.environ.get("BATCH_MS", "0"))


class Model(litserve.LitAPI):
    """One model."""

    def setup(self, device: str) -> None:  # noqa: ARG002
        """Load it."""
        self.model = joblib.load(FOLDER / "model.joblib")

    def decode_request(self, request: dict[str, Any]) -> pd.DataFrame:
        """The rows of a body."""
        return pd.DataFrame(request["rows"], columns=self.model.feature_names_in_)

    def batch(self, inputs: list[pd.DataFrame]) -> list[pd.DataFrame]:
        """Requests that are answered together; they may have different numbers of rows."""
        return inputs

    def predict(self, x: Any) -> Any:
        """The model's probabilities."""
        if not isinstance(x, list):
            return self.model.predict_proba(x)[:, 1]
        answers = self.model.predict_proba(pd.concat(x))[:, 1]
        return np.split(answers, np.cumsum([len(frame) for frame in x])[:-1])

    def unbatch(self, output: list[np.ndarray]) -> list[np.ndarray]:
        """The answer of each request."""
        return output

    def encode_response(self, output: np.ndarray) -> dict[str, list[float]]:
        """The body of an answer."""
        return {"probabilities": output.tolist()}


if __name__ == "__main__":
    api = Model(max_batch_size=64, batch_timeout=BATCH_MS / 1000) if BATCH_MS else Model()
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=1)
    server.run(
        host="127.0.0.1", port=int(sys.argv[1]), num_api_servers=1, log_level="warning", generate_client_file=False, access_log=False
    )
