"""Reads a folder that MLflow saved a model in: as the library's own file where it holds one, else through MLflow itself.

A flavour that Farero knows is read without MLflow, by the same list of names as a bare file, and keeps its `predict_proba`. Any other is
loaded by a module of its own, which runs code: somebody has to vouch for that module by name.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from farero.errors import BadInput, PredictFailed
from farero.project.adapted import needed

# name in MLmodel, key of its file there, usual name of the file
_FLAVOURS: Final = (
    ("sklearn", "pickled_model", "model.pkl"),
    ("lightgbm", "data", "model.lgb"),
    ("xgboost", "data", "model.xgb"),
    ("catboost", "data", "model.cb"),
    ("onnx", "data", "model.onnx"),
)
_PICKLED: Final = frozenset({".pkl", ".pickle", ".joblib", ".dill", ".pt", ".pth", ".npy", ".npz"})


def plain(path: Path) -> tuple[str, Path] | None:
    """The flavour that Farero reads itself, with its file; None where MLflow has to.

    Raises:
        BadInput: the MLmodel file cannot be read.
    """
    flavours = _flavours(path)
    ours = flavours.get("farero")
    if isinstance(ours, dict):  # a version that Farero wrote, here or elsewhere
        file = (path / str(ours.get("data"))).resolve()
        kind = "sklearn" if ours.get("kind") == "pickle" else str(ours.get("kind"))
        if file.is_file() and file.is_relative_to(path.resolve()) and kind in {name for name, *_ in _FLAVOURS}:
            return kind, file
    for name, key, usual in _FLAVOURS:
        if isinstance(flavours.get(name), dict):
            file = (path / str(flavours[name].get(key) or usual)).resolve()
            if file.is_file() and file.suffix != ".skops" and file.is_relative_to(path.resolve()):
                return name, file
    return None


def pickles_in(path: Path) -> list[Path]:
    """The files that are unpickled when the model is loaded."""
    found = plain(path)
    if found is not None:
        return [found[1]] if found[0] == "sklearn" or found[1].suffix in _PICKLED else []
    return [file for file in sorted(path.rglob("*")) if file.is_file() and file.suffix.lower() in _PICKLED]


def loader(path: Path) -> str | None:
    """The module whose code loads the folder; None where Farero reads it itself.

    Raises:
        BadInput: the folder has no form that can be loaded at all.
    """
    if plain(path) is not None:
        return None
    module = _flavours(path).get("python_function", {}).get("loader_module")
    if not isinstance(module, str):
        raise BadInput(f"{path / 'MLmodel'} has no python_function flavour.", hint="Save the model with a flavour that has one.")
    return module


def load(path: Path, trusted: Collection[str]) -> Any:
    """The model through MLflow.

    Raises:
        PredictFailed: nobody vouched for the module that loads it, or MLflow is not installed.
    """
    module = loader(path)
    if module not in trusted:
        raise PredictFailed(
            f"This MLflow folder is loaded by {module}, which runs code of its own.", hint=f"Trust it with: --trust {module}."
        )
    for name in ("MLFLOW_DISABLE_TELEMETRY", "DO_NOT_TRACK"):  # before the import, which reads them
        os.environ[name] = "true"
    return needed("mlflow.pyfunc").load_model(str(path))


def _flavours(path: Path) -> Mapping[str, Any]:
    try:
        found = msgspec.yaml.decode((path / "MLmodel").read_bytes())
    except (OSError, msgspec.MsgspecError, ImportError) as error:
        raise BadInput(f"{path / 'MLmodel'} cannot be read: {error}.", hint="Save the model again with MLflow.") from error
    flavours = found.get("flavors") if isinstance(found, dict) else None
    if not isinstance(flavours, dict):
        raise BadInput(f"{path / 'MLmodel'} names no flavour.", hint="Save the model again with MLflow.")
    return flavours
