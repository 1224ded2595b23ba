"""A project with a real MLflow on SQLite: what Farero writes there MLflow loads and answers alike, and what lies there Farero brings in."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.benches import make_project, write_csv

SKLEARN = """
from sklearn.linear_model import LinearRegression
from sklearn.compose import make_column_transformer
from sklearn.pipeline import make_pipeline
"""
ASK = """
import json, os, sys
os.environ.update({"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"})
import mlflow, pandas as pd

mlflow.set_tracking_uri(sys.argv[1])
model = mlflow.pyfunc.load_model("models:/points@production")
print(json.dumps(model.predict(pd.DataFrame({"x": [4.0, 2.5], "shape": ["a", "b"]})).tolist()))
client = mlflow.MlflowClient()
(run,) = client.search_runs(["1"])
print(json.dumps([run.data.params["model.class"], sorted(file.path for file in client.list_artifacts(run.info.run_id))]))
client.set_registered_model_alias("points", "champion", "1")
client.delete_registered_model_alias("points", "production")
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of a plain scikit-learn model, whose files hold no names but that library's."""
    pytest.importorskip("mlflow", reason="MLflow is not installed")
    root = make_project(tmp_path_factory.mktemp("tracked") / "points", toml='\n[tracking]\nuri = "sqlite:///mlflow.db"\n')
    text = (root / "project.py").read_text().replace("import farero as fa", f"import farero as fa{SKLEARN}")
    begin, end = text.index("def train("), text.index("project = fa.Project")
    train = (
        "def train(data: fa.TrainingSet) -> fa.Regressor:\n"
        '    return make_pipeline(make_column_transformer(("passthrough", ["x"])), LinearRegression()).fit(data.X, data.y)\n\n\n'
    )
    (root / "project.py").write_text((text[:begin] + train + text[end:]).replace(', missing="allowed"', ""))
    write_csv(root / "data.csv", days=5)
    return root


def farero(root: Path, *words: str, code: int = 0) -> Any:
    command = [sys.executable, "-m", "farero", *words, "--json", "--project", str(root)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=root)
    assert done.returncode == code, f"{done.returncode}: {done.stdout}{done.stderr}"
    return json.loads(done.stdout)


@pytest.mark.row("R9", "U7")
def test_what_farero_writes_mlflow_loads_and_what_lies_there_farero_brings_in(root: Path) -> None:
    farero(root, "train", str(root / "data.csv"), "--time", "ts", "--promote")
    (root / "ask.jsonl").write_text('{"x": 4.0, "shape": "a"}\n{"x": 2.5, "shape": "b"}\n')
    answers = [row["prediction"] for row in farero(root, "predict", "ask.jsonl")["predictions"]]

    done = subprocess.run(
        [sys.executable, "-c", ASK, f"sqlite:///{root}/mlflow.db"], capture_output=True, text=True, check=True, cwd=root,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )  # fmt: skip
    told, filed = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]
    assert told == pytest.approx(answers, abs=1e-12)
    assert told == pytest.approx([8.0, 5.0])
    assert filed == ["Pipeline", ["model", "model-card.html", "model-card.md", "profile.json", "report.html", "report.json"]]

    # Somebody took the alias away by hand.
    assert farero(root, "tracking", "status", code=1)[0]["moved"] == ["production"]
    assert farero(root, "tracking", "reconcile")[0]["in_order"] is True

    made = farero(root, "register", "models:/points@champion", "--because", "their champion")
    assert (made["number"], made["state"], made["tags"]["class"]) == ("1.1.0", "candidate", "Pipeline")
