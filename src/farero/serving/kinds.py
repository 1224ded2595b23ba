"""The kinds of model file that can be brought in, and how each becomes an object with `predict` and `predict_proba`.

A version's folder holds `model.pkl`, made by a training in a child of ours, or the models of a blend, or a file that somebody brought, with
`source.json` beside it.
What was brought is loaded by the list of allowed names only, each time.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import msgspec

from farero.core.label import LabelSpec
from farero.core.schema import Schema
from farero.errors import BadInput, Corrupt, PredictFailed
from farero.project.adapted import OnnxModel, PyfuncModel, fitting, needed
from farero.serving import mlflow_folder
from farero.serving.blend import Blend, read_parts
from farero.serving.layout import MODEL
from farero.serving.pickle_machine import Malformed, Refused
from farero.serving.unpickle import unpickle

SOURCE: Final = "source.json"
Kind: TypeAlias = Literal["pickle", "onnx", "xgboost", "lightgbm", "catboost", "mlflow"]
_BY_SUFFIX: Final[Mapping[str, Kind]] = {
    ".pkl": "pickle", ".pickle": "pickle", ".joblib": "pickle", ".onnx": "onnx", ".ubj": "xgboost", ".json": "xgboost", ".txt": "lightgbm",
    ".cbm": "catboost",
}  # fmt: skip
_PICKLES: Final = frozenset({".pkl", ".pickle", ".joblib"})


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """What `source.json` says: what was brought in, under which name it lies here, and the names that somebody vouched for."""

    kind: Kind
    file: str
    trusted: tuple[str, ...] = ()


def kind_of(path: Path) -> Kind:
    """What kind of model a path holds, by its ending, or, for a folder, by its MLmodel file.

    Raises:
        BadInput: it is not there, or no kind that is known.
    """
    if path.is_dir():
        if (path / "MLmodel").is_file():
            return "mlflow"
        raise BadInput(f"{path} is a folder without an MLmodel file.", hint="Name a model file, or a folder that MLflow saved a model in.")
    if not path.is_file():
        raise BadInput(f"There is no file {path}.", hint="Give the path of a model file.")
    if path.suffix.lower() not in _BY_SUFFIX:
        known = ", ".join(_BY_SUFFIX)
        raise BadInput(f"{path.name}: {path.suffix or 'a name without an ending'} is no kind of model file.", hint=f"Known are {known}.")
    return _BY_SUFFIX[path.suffix.lower()]


def stored_name(path: Path, kind: Kind) -> str:
    """Under which name it lies in a version's folder: never the one that a trained model has."""
    return "mlflow" if kind == "mlflow" else f"brought{path.suffix.lower()}"


def write_source(folder: Path, source: Source) -> None:
    """Put `source.json` into a version's folder."""
    (folder / SOURCE).write_bytes(msgspec.json.format(msgspec.json.encode(source), indent=1))


def read_source(folder: Path) -> Source | None:
    """What was brought in; None where the folder holds a model that was trained here.

    Raises:
        Corrupt: `source.json` is no such thing.
    """
    path = folder / SOURCE
    if not path.exists():
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=Source)
    except msgspec.MsgspecError as error:
        raise Corrupt(f"{path} does not say what model lies there: {error}.", hint="Register the file again.") from error


def load_model(folder: Path, label: LabelSpec, schema: Schema) -> Any:
    """The model in a version's folder. Verify the folder first.

    Raises:
        Corrupt: there is no model in the folder.
        PredictFailed: it cannot be loaded here, or does what a model file may not.
    """
    source = read_source(folder)
    if source is None:
        parts = read_parts(folder)
        if not parts:
            return _unpickled(folder, MODEL)
        return Blend([_unpickled(folder, part.file) for part in parts], [part.share for part in parts], label)
    try:
        return fitting(_brought(_there(folder, source.file), source, label), label, tuple(field.name for field in schema.features))
    except (Corrupt, PredictFailed):
        raise
    except (Refused, Malformed) as error:
        raise PredictFailed(f"The model in {folder} is refused: {error}.", hint="Bring in a file that you know the maker of.") from error
    except Exception as error:  # loading runs code of libraries
        raise _not_loaded(folder, error) from error


def _unpickled(folder: Path, name: str) -> Any:
    """A model that was trained here."""
    path = _there(folder, name)
    try:
        return pickle.loads(path.read_bytes())
    except PredictFailed:
        raise
    except Exception as error:  # unpickling runs code of the project and its libraries
        raise _not_loaded(folder, error) from error


def _there(folder: Path, name: str) -> Path:
    if not (folder / name).exists():
        raise Corrupt(f"There is no {name} in {folder}.", hint="Restore the folder from a backup, or roll back to another version.")
    return folder / name


def _not_loaded(folder: Path, error: Exception) -> PredictFailed:
    return PredictFailed(
        f"The model in {folder} cannot be loaded: {type(error).__name__}: {error}.",
        hint="Install the library versions it was made with (farero versions show V), or train again.",
    )


def pickles_in(path: Path, kind: Kind) -> list[Path]:
    """The files of a model that are unpickled when it is loaded, and so have to be scanned."""
    return [path] if kind == "pickle" else mlflow_folder.pickles_in(path) if kind == "mlflow" else []


def _brought(path: Path, source: Source, label: LabelSpec) -> Any:
    match source.kind:
        case "pickle":
            return unpickle(path.read_bytes(), source.trusted)
        case "onnx":
            model = OnnxModel(path.read_bytes(), label)
            needed("onnxruntime")
            return model
        case "mlflow":
            return _of_mlflow(path, source, label)
        case kind:
            return _of_library(path, kind)


def _of_mlflow(path: Path, source: Source, label: LabelSpec) -> Any:
    found = mlflow_folder.plain(path)
    if found is None:
        return PyfuncModel(mlflow_folder.load(path, source.trusted), label)
    flavour, file = found
    if flavour == "sklearn" or file.suffix in _PICKLES:
        return unpickle(file.read_bytes(), source.trusted)
    return OnnxModel(file.read_bytes(), label) if flavour == "onnx" else _of_library(file, flavour)


def _of_library(path: Path, kind: str) -> Any:
    """A file in a library's own format, which holds trees and no code."""
    library = needed(kind)
    if kind == "lightgbm":
        return library.Booster(model_str=path.read_text(encoding="utf-8"))
    if kind == "xgboost":
        booster = library.Booster()
        booster.load_model(str(path))
        return booster
    model = library.CatBoost()
    model.load_model(str(path))
    return model
