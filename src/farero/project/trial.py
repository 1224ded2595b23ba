"""Runs a project's `train`: in a child on real data, and in a trial on a made-up sample."""

from __future__ import annotations

import json
import os
import pickle
import resource
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import cloudpickle
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather as feather
from numpy.typing import NDArray

from farero.core.competition import Param
from farero.core.label import LabelSpec
from farero.core.schema import Columns, Field, Schema
from farero.errors import ConfigInvalid, TrainFailed
from farero.project import source
from farero.project.adapted import adapted
from farero.project.frame import frame, series
from farero.project.learning import TrainingSet
from farero.project.rehearsal import TRIAL_ROWS, limit_memory, limit_output
from farero.project.threads import limited

_ASKED = 100
_MODELS_HINT = "Let train return a fitted model."


def write_spec(
    folder: Path, recipe: Mapping[str, str], *, seed: int, until: datetime, params: Mapping[str, Param] = MappingProxyType({})
) -> None:  # fmt: skip
    """Tell `train_job` which project to train, and how. The data goes beside it as data.feather: checked columns, and `label` encoded."""
    spec = {"recipe": dict(recipe), "seed": seed, "until": until.isoformat(), "params": dict(params)}
    (folder / "spec.json").write_text(json.dumps(spec), encoding="utf-8")


def train_job(folder: Path) -> None:
    """Train on what lies in the folder (spec.json, data.feather), and leave model.pkl and result.json there. Runs in a child.

    Raises:
        TrainFailed: train returned something that is no model, or that answers nonsense.
        Exception: whatever the project's own code raises.
    """
    spec = json.loads((folder / "spec.json").read_text(encoding="utf-8"))
    project = source.find(spec["recipe"])
    schema, label = project.schema, project.label_spec
    table = feather.read_table(str(folder / "data.feather"), memory_map=True)
    columns = {field.name: table[field.name].to_numpy() for field in schema.features}
    labels = np.asarray(table["label"].to_numpy(), dtype=np.float64)
    data = TrainingSet(
        X=frame(schema, columns), y=series(label, labels), seed=int(spec["seed"]), until=datetime.fromisoformat(spec["until"]),
        params=spec["params"],
    )  # fmt: skip
    with limited(data.X.size):
        model = adapted(project.train(data), label)
    check_model(model, label, frame(schema, {name: values[:_ASKED] for name, values in columns.items()}))
    (folder / "model.pkl").write_bytes(_pickled(model, spec["recipe"]))
    (folder / "result.json").write_text(
        json.dumps({"model": type(model).__name__, "rows": int(labels.size), "cpu_s": time.process_time()}), encoding="utf-8"
    )


def check_model(model: Any, label: LabelSpec, rows: pd.DataFrame, *, made: str = "") -> None:
    """Ask a trained model about a few rows. `made` begins the sentence that says what is wrong.

    Raises:
        TrainFailed: it has no predict (or predict_proba), raises, or answers with the wrong shape, NaN, or no probabilities.
    """
    method = "predict" if label.kind == "number" else "predict_proba"
    made = made or f"train returned a {type(model).__name__}"
    for needed in dict.fromkeys(("predict", method)):
        if not callable(getattr(model, needed, None)):
            raise TrainFailed(f"{made}, which has no {needed}.", hint=_MODELS_HINT)
    try:
        answers = np.asarray(getattr(model, method)(rows), dtype=np.float64)
    except Exception as error:
        raise TrainFailed(f"{made} whose {method} raised {type(error).__name__}: {error}.", hint=_MODELS_HINT) from error
    if not np.isfinite(answers).all():
        raise TrainFailed(f"{made} whose {method} answers NaN or infinities.", hint="Missing values are NaN in data.X: handle them.")
    if label.kind == "number":
        if answers.shape not in ((len(rows),), (len(rows), 1)):
            raise TrainFailed(f"{made} whose predict gives {answers.shape} values for {len(rows)} rows.", hint="Give one number a row.")
        return
    classes = getattr(model, "classes_", None)
    expected = len(classes) if classes is not None else len(label.classes) or 2
    if answers.shape != (len(rows), expected):
        raise TrainFailed(
            f"{made} whose predict_proba gives an array of {answers.shape} for {len(rows)} rows and {expected} classes.",
            hint="Give a probability for each class.",
        )
    if answers.size and (answers.min() < -1e-6 or answers.max() > 1 + 1e-6 or np.abs(answers.sum(axis=1) - 1).max() > 1e-3):
        raise TrainFailed(f"{made} whose predict_proba gives no probabilities.", hint="They are from 0 to 1 and add up to 1 in each row.")


def trial_process() -> None:
    """What the process of `rehearsal.trial` does: make a sample, `train_job`, and say what went wrong and where."""
    folder, root, memory_mb = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    limit_output()
    recipe = json.loads((folder / "recipe.json").read_text(encoding="utf-8"))
    project = source.find(recipe)
    columns, labels = sample(project.schema, project.label_spec, seed=project.seed)
    table = {field.name: pa.array(columns[field.name]) for field in project.schema.features}
    feather.write_feather(pa.table({**table, "label": labels}), str(folder / "data.feather"), compression="uncompressed")
    write_spec(folder, recipe, seed=project.seed, until=datetime(2024, 1, 1, tzinfo=UTC))
    before = limit_memory(memory_mb)
    me = os.getpid()
    try:
        train_job(folder)
        return
    except BaseException as error:  # also SystemExit: whatever ends the training is what the user must hear of
        if os.getpid() != me:
            raise  # a process that train forked: it has nothing to say
        resource.setrlimit(resource.RLIMIT_AS, before)  # room to tell what happened
        told = _told(error, root, memory_mb)
    (folder / "fault.json").write_text(json.dumps(told), encoding="utf-8")


def _told(error: BaseException, root: Path, memory_mb: int) -> dict[str, str]:
    at = source.place_in(error, root, root)
    where = {"at": "" if at.startswith(".:") else at}
    if isinstance(error, MemoryError) or isinstance(error.__cause__, MemoryError):
        remedy = "take less on small data, or raise memory_mb under [train] in farero.toml (a trial has 2048 at most)"
        return {**where, "message": f"ran out of memory: {TRIAL_ROWS} made-up rows took more than {memory_mb} MiB; {remedy}"}
    if isinstance(error, (TrainFailed, ConfigInvalid)):
        return {"at": "", "message": f"failed on a made-up sample: {error}"}
    shown = f"{type(error).__name__}: {error}"
    return {**where, "message": f"failed on a made-up sample of {TRIAL_ROWS} rows: {shown}; it must cope with any row that fits"}


def sample(schema: Schema, label: LabelSpec, *, seed: int, rows: int = TRIAL_ROWS) -> tuple[dict[str, NDArray[Any]], NDArray[np.float64]]:
    """Made-up rows that fit the schema, missing values among them where allowed, and labels of every kind."""
    random = np.random.default_rng(seed)
    columns: Columns = {field.name: _made_up(field, random, rows) for field in schema.features}
    if label.kind == "number":
        return dict(columns), random.normal(10.0, 3.0, rows)
    labels = np.arange(rows) % (len(label.classes) or 2)
    return dict(columns), random.permutation(labels).astype(np.float64)


def _made_up(field: Field, random: np.random.Generator, rows: int) -> NDArray[Any]:
    gaps = random.random(rows) < 0.05 if field.missing else np.zeros(rows, dtype=np.bool_)
    if field.kind == "number":
        low = field.min if field.min is not None else min(0.0, (field.max or 0.0) - 100.0)
        high = field.max if field.max is not None else max(100.0, low + 100.0)
        return np.where(gaps, np.nan, random.uniform(low, high, rows))
    if field.kind == "date":
        seconds = random.integers(0, 365 * 86400, rows)
        times = np.datetime64("2023-01-01T00:00:00", "us") + seconds * np.timedelta64(1_000_000, "us")
        return np.where(gaps, np.datetime64("NaT", "us"), times)
    codes = random.integers(0, len(field.levels) if field.kind == "choice" else 2, rows)
    return np.where(gaps, -1, codes).astype(np.int32 if field.kind == "choice" else np.int8)


def _pickled(model: object, recipe: Mapping[str, str]) -> bytes:
    """The model with the project's own classes and functions in it, so that it loads wherever it is served."""
    modules = source.own_modules(recipe)
    for module in modules:
        cloudpickle.register_pickle_by_value(module)
    try:
        return bytes(cloudpickle.dumps(model, protocol=pickle.HIGHEST_PROTOCOL))
    except Exception as error:
        raise TrainFailed(
            f"The model, a {type(model).__name__}, cannot be stored: {type(error).__name__}: {error}.",
            hint="Keep open files, locks, threads and connections out of it.",
        ) from error
    finally:
        for module in modules:
            cloudpickle.unregister_pickle_by_value(module)
