"""A version as MLflow keeps models: `mlflow.pyfunc.load_model` loads it with this module, and it answers as Farero does."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from farero.core.label import decode_prediction
from farero.core.schema import check_columns
from farero.errors import SchemaMismatch, counted
from farero.serving import engine
from farero.serving.blend import BLEND, model_files
from farero.serving.kinds import SOURCE, read_source
from farero.serving.layout import SCHEMA, read_contract

if TYPE_CHECKING:
    import pandas as pd

    from farero.core.prediction import Outputs
    from farero.serving.answers import Engine
    from farero.serving.layout import Contract

FOLDER: Final = "version"
"""Where the version's own files lie beside MLmodel."""

_PARAMETERS: Final = [{"name": "answer", "type": "string", "default": "prediction", "shape": None}]


def write_model(files: Path, target: Path, *, model: str, number: str, digest: str, environment: Mapping[str, str]) -> None:
    """Put a version into a folder that MLflow can load: what it answers with, and no row that it learnt from or was judged by.

    Args:
        files: the version's folder.
        environment: library -> version that it was trained with.
    """
    source = read_source(files)
    own = model_files(files) if source is None else (source.file,)
    (target / FOLDER).mkdir(parents=True)
    for name in (*own, BLEND, SCHEMA, SOURCE):
        path = files / name
        if path.is_dir():
            shutil.copytree(path, target / FOLDER / name)
        elif path.exists():
            shutil.copyfile(path, target / FOLDER / name)
    needed = [f"{name}=={version}" for name, version in environment.items() if name != "python"]
    python = environment.get("python", "3.11")
    (target / "requirements.txt").write_text("".join(f"{line}\n" for line in needed), encoding="utf-8")
    (target / "python_env.yaml").write_text(json.dumps({"python": python, "dependencies": ["-r requirements.txt"]}), encoding="utf-8")
    described = {
        "flavors": {
            "python_function": {
                "loader_module": __name__, "python_version": python, "data": FOLDER, "env": {"virtualenv": "python_env.yaml"},
            },
            "farero": {
                "model": model, "version": number, "digest": digest, "kind": "pickle" if source is None else source.kind,
                "data": f"{FOLDER}/{own[0]}" if len(own) == 1 else FOLDER,
            },
        },
        "signature": {"inputs": None, "outputs": None, "params": json.dumps(_PARAMETERS)},
        "model_uuid": digest[:32],
    }  # fmt: skip
    # JSON is YAML, too, and no library is needed to write it.
    (target / "MLmodel").write_text(json.dumps(described, indent=1) + "\n", encoding="utf-8")


def _load_pyfunc(path: str) -> Answering:
    """What MLflow calls: the version in a folder."""
    folder = Path(path)
    contract = read_contract(folder)
    return Answering(engine.load(folder, contract.label, contract.schema, gate=False), contract)


class Answering:
    """A version that is asked as MLflow asks models."""

    def __init__(self, loaded: Engine, contract: Contract) -> None:
        self._engine = loaded
        self._contract = contract

    def predict(self, model_input: pd.DataFrame, params: Mapping[str, Any] | None = None) -> NDArray[Any] | pd.DataFrame:
        """The answers to the rows of a frame, in its order.

        Args:
            model_input: the declared features as columns, others are ignored; NaN and None are missing.
            params: `{"answer": "all"}` gives a frame with `prediction` and, for classes, `probability` and one column for each class.

        Returns:
            (n,) predictions: numbers, 0 or 1, or class names.

        Raises:
            SchemaMismatch: a row does not fit the features; names every fault.
        """
        label = self._contract.label
        # What is carried along, a key or a personal field, need not be there to ask.
        schema = replace(self._contract.schema, fields=self._contract.schema.features, key=None)
        names = {field.name for field in schema.fields}
        checked = check_columns(schema, {str(name): _cells(model_input[name]) for name in model_input.columns if str(name) in names})
        if checked.faults:
            where = f"{counted(len(checked.faults), 'fault')} in {counted(len(model_input), 'row')}"
            raise SchemaMismatch(f"{where}; nothing was predicted.", faults=checked.faults)
        outputs = self._engine.predict(checked.rows.columns, checked.rows.count)
        predictions = np.asarray(decode_prediction(label, outputs.value))
        return self._frame(predictions, outputs) if (params or {}).get("answer") == "all" else predictions

    def _frame(self, predictions: NDArray[Any], outputs: Outputs) -> pd.DataFrame:
        import pandas as pd

        columns: dict[str, NDArray[Any]] = {"prediction": predictions}
        if outputs.probability is not None:
            columns["probability"] = outputs.probability
        if outputs.probabilities is not None:
            columns |= {f"probability_{name}": outputs.probabilities[:, at] for at, name in enumerate(self._contract.label.classes)}
        return pd.DataFrame(columns)


def _cells(column: pd.Series) -> NDArray[Any]:
    """A column as a file would bring it: numbers as they are, anything else as objects with None where nothing is."""
    if column.dtype.kind in "iufbM":
        return np.asarray(column.to_numpy())
    return np.asarray(column.astype(object).where(column.notna(), None), dtype=object)
