"""Every kind of tracker that the contract is run on: our fake, and MLflow on SQLite, behind its own server, and on PostgreSQL."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from farero.adapters.mlflow_tracker import MlflowTracker

SERVER = """
from werkzeug.serving import make_server
from mlflow.server import app

server = make_server("127.0.0.1", 0, app, threaded=True)
print(server.port, flush=True)
server.serve_forever()
"""


def mlflow(uri: str, folder: Path) -> MlflowTracker:
    return MlflowTracker(uri, experiment="farero", artifacts=(folder / "files").as_uri(), lock=folder / "mlflow.lock")


@contextmanager
def served(database: str, folder: Path) -> Iterator[str]:
    """The address of MLflow's own server over a database, ended afterwards."""
    environment = {
        "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "_MLFLOW_SERVER_FILE_STORE": database, "_MLFLOW_SERVER_ARTIFACT_ROOT": "mlflow-artifacts:/",
        "_MLFLOW_SERVER_ARTIFACT_DESTINATION": str(folder / "served"), "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
    }  # fmt: skip
    with (folder / "server.log").open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-c", SERVER], stdout=subprocess.PIPE, stderr=errors, text=True, cwd=folder, env={**os.environ, **environment}
        )  # fmt: skip
    assert process.stdout is not None
    try:
        port = process.stdout.readline().strip()
        assert port.isdigit(), (folder / "server.log").read_text()
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
