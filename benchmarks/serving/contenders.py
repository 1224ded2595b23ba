"""Who is measured: how each is installed and started, how a request to it looks, and where the probability stands in its answer."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from serving import farero_project

PEERS = Path(__file__).parent / "peers"
OWN = {name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ}
"""What of this process's own environment is for Farero only, never for a peer."""
Row: TypeAlias = Sequence[Any]
Body: TypeAlias = Callable[[Sequence[str], Sequence[Row]], object]


@dataclass(frozen=True, kw_only=True)
class Started:
    """What starts a contender for one model."""

    command: Sequence[str]
    cwd: Path
    environment: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Contender:
    """One way of serving a model.

    Attributes:
        venv: its environment under the folder of environments, which is also the name of its requirements; None = this one.
        packages: whose versions are shown.
        start: (python, model's folder, folder to write in, port) -> what to start.
        body: (column names, rows) -> a request.
        answers: a decoded answer -> the probability of each row.
        note: what stands beside it in the table.
    """

    name: str
    venv: str | None
    packages: tuple[str, ...]
    path: Callable[[str], str]
    ready: Callable[[str], str]
    start: Callable[[Path, Path, Path, int], Started]
    body: Body
    answers: Callable[[Any], list[float]]
    note: str = ""
    records: bool = False


def records_of(columns: Sequence[str], rows: Sequence[Row]) -> object:
    """`{"rows": [{name: value}]}`."""
    return {"rows": [dict(zip(columns, row, strict=True)) for row in rows]}


def bare_or_records(columns: Sequence[str], rows: Sequence[Row]) -> object:
    """Farero's: one row stands alone."""
    return dict(zip(columns, rows[0], strict=True)) if len(rows) == 1 else records_of(columns, rows)


def split(columns: Sequence[str], rows: Sequence[Row]) -> object:
    """MLflow's most compact form."""
    return {"dataframe_split": {"columns": list(columns), "data": [list(row) for row in rows]}}


def tensors(columns: Sequence[str], rows: Sequence[Row]) -> object:
    """Open Inference: one tensor where all are numbers, else one input a column, put together to a pandas frame."""
    outputs = [{"name": "predict_proba"}]
    if all(isinstance(value, float) for value in rows[0]):
        flat = [value for row in rows for value in row]
        return {"inputs": [{"name": "x", "shape": [len(rows), len(columns)], "datatype": "FP64", "data": flat}], "outputs": outputs}
    inputs = []
    for name, values in zip(columns, zip(*rows, strict=True), strict=True):
        text = isinstance(values[0], str)
        one = {"name": name, "shape": [len(rows), 1], "datatype": "BYTES" if text else "FP64", "data": list(values)}
        inputs.append(one | ({"parameters": {"content_type": "str"}} if text else {}))
    return {"parameters": {"content_type": "pd"}, "inputs": inputs, "outputs": outputs}


def farero_answers(answer: Any) -> list[float]:
    """One row's fields, or a list of them."""
    return [one["probability"] for one in answer.get("predictions", [answer])]


def tensor_answers(answer: Any) -> list[float]:
    """Two columns, flat."""
    return answer["outputs"][0]["data"][1::2]


def _service(script: str, command: Callable[[Path, int], list[str]], **environment: str) -> Callable[[Path, Path, Path, int], Started]:
    def start(python: Path, model: Path, work: Path, port: int) -> Started:  # noqa: ARG001
        path = os.pathsep.join([str(python.parent), os.environ["PATH"]])
        return Started(command=command(python, port), cwd=PEERS, environment={"MODEL_FOLDER": str(model), "PATH": path, **environment})

    start.__doc__ = f"Start {script}."
    return start


def _fastapi(python: Path, port: int) -> list[str]:
    given = ["--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning", "--workers", "1"]
    return [str(python), "-m", "uvicorn", "fastapi_service:app", "--host", "127.0.0.1", "--port", str(port), *given]


def _bentoml(python: Path, port: int) -> list[str]:
    return [str(python), "-m", "bentoml", "serve", "bentoml_service:Model", "--host", "127.0.0.1", "--port", str(port)]


def _litserve(python: Path, port: int) -> list[str]:
    return [str(python), "litserve_service.py", str(port)]


def _mlflow(python: Path, model: Path, work: Path, port: int) -> Started:
    saved = work / "mlflow"
    path = os.pathsep.join([str(python.parent), os.environ["PATH"]])
    environment = {"PATH": path, "MLFLOW_DISABLE_TELEMETRY": "true"}
    if not saved.exists():
        done = subprocess.run(
            [python, PEERS / "mlflow_save.py", model, saved], env=os.environ | environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(done.stderr[-400:])
    command = [str(python), "-m", "mlflow", "models", "serve", "-m", str(saved), "-h", "127.0.0.1", "-p", str(port)]
    return Started(command=[*command, "--env-manager", "local", "--workers", "1"], cwd=work, environment=environment)


def _mlserver(batch_ms: int) -> Callable[[Path, Path, Path, int], Started]:
    def start(python: Path, model: Path, work: Path, port: int) -> Started:
        folder = work / f"mlserver-{batch_ms}"
        folder.mkdir(parents=True, exist_ok=True)
        settings = {
            "host": "127.0.0.1", "http_port": port, "grpc_port": free_port(), "metrics_port": free_port(), "parallel_workers": 0,
            "debug": False,
        }  # fmt: skip
        (folder / "settings.json").write_text(json.dumps(settings))
        described = {
            "name": model.name,
            "implementation": "mlserver_sklearn.SKLearnModel",
            "parameters": {"uri": str(model / "model.joblib")},
        }
        described |= {"max_batch_size": 64, "max_batch_time": batch_ms / 1000} if batch_ms else {}
        (folder / "model-settings.json").write_text(json.dumps(described))
        return Started(command=[str(python.parent / "mlserver"), "start", "."], cwd=folder, environment={})

    return start


def _farero(python: Path, model: Path, work: Path, port: int) -> Started:  # noqa: ARG001
    root = farero_project.make(work / "project", model)
    command = [str(farero_project.FARERO), "up", "--port", str(port), "--workers", "1", "--project", str(root)]
    return Started(command=command, cwd=root, environment=OWN)


def _script(name: str) -> Callable[[Path, Path, Path, int], Started]:
    def start(python: Path, model: Path, work: Path, port: int) -> Started:  # noqa: ARG001
        root = farero_project.make(work / "project", model)
        return Started(command=[sys.executable, str(Path(__file__).with_name(name)), str(root), str(port)], cwd=root, environment=OWN)

    return start


def _simple(name: str, venv: str, packages: tuple[str, ...], ready: str, start: Any, answers: Any, note: str = "") -> Contender:
    return Contender(
        name=name, venv=venv, packages=packages, path=lambda _: "/predict", ready=lambda _: ready, start=start, body=records_of,
        answers=answers, note=note,
    )  # fmt: skip


BATCH_MS = 5
_probabilities = lambda answer: answer["probabilities"]  # noqa: E731
_list = lambda answer: answer  # noqa: E731
_bento_packages, _lit_packages = ("bentoml", "uvicorn"), ("litserve", "uvicorn")


def _v2(name: str, batch_ms: int) -> Contender:
    return Contender(
        name=name, venv="mlserver", packages=("mlserver", "mlserver-sklearn"), path=lambda model: f"/v2/models/{model}/infer",
        ready=lambda model: f"/v2/models/{model}/ready", start=_mlserver(batch_ms), body=tensors, answers=tensor_answers,
        note=f"adaptive batching, {batch_ms} ms" if batch_ms else "in process (parallel_workers 0)",
    )  # fmt: skip


def _own(name: str, start: Any, note: str, *, records: bool) -> Contender:
    return Contender(
        name=name, venv=None, packages=("farero",), path=lambda _: "/predict", ready=lambda _: "/health/ready", start=start,
        body=bare_or_records, answers=farero_answers, note=note, records=records,
    )  # fmt: skip


CONTENDERS: dict[str, Contender] = {
    one.name: one
    for one in (
        _own("farero", _farero, "validated, recorded", records=True),
        _own("bare", _script("bare.py"), "Farero's compiled engine alone: no checks, no record", records=False),
        _own("unrecorded", _script("unrecorded.py"), "Farero without its record", records=False),
        _own("untold", _script("untold.py"), "Farero without log lines and figures", records=True),
        Contender(
            name="mlflow", venv="mlflow", packages=("mlflow", "uvicorn"), path=lambda _: "/invocations", ready=lambda _: "/ping",
            start=_mlflow, body=split, answers=lambda answer: [pair[1] for pair in answer["predictions"]], note="mlflow models serve",
        ),
        _simple("fastapi", "fastapi", ("fastapi", "pydantic", "uvicorn"), "/health", _service("uvicorn", _fastapi), _probabilities,
            "by hand: pydantic, joblib, endpoint in a thread"),
        _simple("bentoml", "bentoml", _bento_packages, "/readyz", _service("bentoml", _bentoml), _list,
            "pydantic, without batching"),
        _v2("mlserver", 0),
        _simple("litserve", "litserve", _lit_packages, "/health", _service("litserve", _litserve), _probabilities,
            "one API server, one worker, without batching"),
        _simple("bentoml-batching", "bentoml", _bento_packages, "/readyz", _service("bentoml", _bentoml, BATCH_MS="1000"), _list,
            "adaptive batching, at most 1 s (it refuses requests above)"),
        _v2("mlserver-batching", BATCH_MS),
        _simple("litserve-batching", "litserve", _lit_packages, "/health", _service("litserve", _litserve, BATCH_MS=str(BATCH_MS)),
            _probabilities, f"batching, {BATCH_MS} ms"),
    )
}  # fmt: skip


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
