"""Gives a model of any library `predict` and `predict_proba` for the frame that Farero asks with: bare boosters, CatBoost, ONNX, pyfunc.

A model that has both already and takes the frame as it is stays as it is. Libraries are imported when a model needs them.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from farero.core.label import LabelSpec
from farero.errors import PredictFailed

EXTRAS: Mapping[str, str] = {"onnxruntime": "onnx", "mlflow": "mlflow"}
"""Library -> the extra of Farero that brings it."""


def adapted(model: Any, label: LabelSpec) -> Any:
    """The model itself, or something around it that answers the frame."""
    kinds = {(kind.__module__.partition(".")[0], kind.__name__) for kind in type(model).__mro__}
    if ("lightgbm", "Booster") in kinds:
        return LightgbmBooster(model, label)
    if ("xgboost", "Booster") in kinds:
        return XgboostBooster(model, label)
    if ("catboost", "CatBoost") in kinds:
        return CatboostModel(model, label)
    if ("onnx", "ModelProto") in kinds:
        return OnnxModel(model.SerializeToString(), label)
    if ("onnxruntime", "InferenceSession") in kinds:
        return OnnxModel(_session_bytes(model), label)
    if ("mlflow", "PyFuncModel") in kinds:
        return PyfuncModel(model, label)
    return model


def bare(model: Any) -> Any:
    """What is inside, for those who read a model's trees or weights instead of asking it."""
    return model.model if isinstance(model, (_Around, _Shares)) and hasattr(model, "model") else model


def needed(library: str) -> Any:
    """The library, imported.

    Raises:
        PredictFailed: it is not installed; says what to type.
    """
    try:
        return importlib.import_module(library)
    except ImportError as error:
        top = library.partition(".")[0]
        what = f"'farero[{EXTRAS[top]}]'" if top in EXTRAS else top
        raise PredictFailed(f"This model needs {top}, which is not installed.", hint=f"Install it with: pip install {what}") from error


def fitting(model: Any, label: LabelSpec, declared: tuple[str, ...]) -> Any:
    """A model that was fitted elsewhere: asked by the names of its own columns, or, where it knows none, by position."""
    found = adapted(model, label)
    if found is not model:
        return found
    names = getattr(model, "feature_names_in_", None)
    if names is not None:
        own = tuple(map(str, names))
        return model if own == declared else ByName(model, own)
    return ByPosition(model) if getattr(model, "n_features_in_", None) is not None else model


class _Shares:
    """What all of them share: the answers of a library, in the shape that a classifier gives."""

    model: Any

    def __init__(self, label: LabelSpec) -> None:
        self._label = label

    def _answers(self, frame: pd.DataFrame) -> NDArray[Any]:
        raise NotImplementedError

    def predict(self, frame: pd.DataFrame) -> NDArray[Any]:
        """A number a row; for classes, the position of the likeliest."""
        if self._label.kind == "number":
            return self._answers(frame)
        return np.asarray(self.predict_proba(frame).argmax(axis=1))

    def predict_proba(self, frame: pd.DataFrame) -> NDArray[Any]:
        """A probability for each class (n, k)."""
        return both(self._answers(frame))


def both(shares: NDArray[Any]) -> NDArray[Any]:
    """Probabilities of all classes, where only that of the positive one is given.

    >>> both(np.array([0.25])).tolist()
    [[0.75, 0.25]]
    """
    if shares.ndim == 2 and shares.shape[1] == 1:
        shares = shares[:, 0]
    return np.column_stack([1 - shares, shares]) if shares.ndim == 1 else shares


class LightgbmBooster(_Shares):
    """A bare `lightgbm.Booster`, asked as it was trained: by column name where it knows names."""

    def __init__(self, model: Any, label: LabelSpec) -> None:
        super().__init__(label)
        self.model = model

    def _answers(self, frame: pd.DataFrame) -> NDArray[Any]:
        return np.asarray(self.model.predict(_chosen(frame, self.model.feature_name())))


class XgboostBooster(_Shares):
    """A bare `xgboost.Booster`."""

    def __init__(self, model: Any, label: LabelSpec) -> None:
        super().__init__(label)
        self.model = model

    def _answers(self, frame: pd.DataFrame) -> NDArray[Any]:
        library = needed("xgboost")
        names = self.model.feature_names
        rows = numbers(frame) if names is None else _chosen(frame, names)
        return np.asarray(self.model.predict(library.DMatrix(rows, enable_categorical=True)))


class CatboostModel(_Shares):
    """CatBoost of any class. It takes categories as texts or whole numbers only, and no missing ones: those are the text "nan"."""

    def __init__(self, model: Any, label: LabelSpec) -> None:
        super().__init__(label)
        self.model = model

    @property
    def classes_(self) -> Any:
        """The classes in the order of the probabilities; not there for a regressor."""
        found = self.model.classes_
        if len(found) == 0:
            raise AttributeError("classes_")
        return found

    def _answers(self, frame: pd.DataFrame) -> NDArray[Any]:
        rows = self._rows(frame)
        if self._label.kind == "number":
            return np.asarray(self.model.predict(rows))
        return np.asarray(self.model.predict(rows, prediction_type="Probability"))

    def _rows(self, frame: pd.DataFrame) -> pd.DataFrame:
        rows = _chosen(frame, self.model.feature_names_)
        words = [rows.columns[index] for index in self.model.get_cat_feature_indices()]
        return rows.assign(**{name: [_word(value) for value in rows[name].tolist()] for name in words})


def _word(value: object) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


class _Around:
    """Passes everything on to the model, the rows in the form that it was fitted on."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def __getattr__(self, name: str) -> Any:
        if name == "model" or name.startswith("__"):
            raise AttributeError(name)
        found = getattr(self.model, name)
        return (lambda frame: found(self._rows(frame))) if name in ("predict", "predict_proba") else found

    def _rows(self, frame: pd.DataFrame) -> Any:
        raise NotImplementedError


class ByName(_Around):
    """A model that was fitted on named columns in another order than the declared one, or on some of them."""

    def __init__(self, model: Any, names: tuple[str, ...]) -> None:
        super().__init__(model)
        self.names = names

    def _rows(self, frame: pd.DataFrame) -> Any:
        return _chosen(frame, self.names)


class ByPosition(_Around):
    """A model that was fitted on an array: it gets one, with the columns in the declared order."""

    def _rows(self, frame: pd.DataFrame) -> Any:
        return numbers(frame)


class PyfuncModel(_Shares):
    """A model of MLflow's own form. Its `predict` gives numbers, or one probability a class, or, for a binary label, the positive one's."""

    def __init__(self, model: Any, label: LabelSpec) -> None:
        super().__init__(label)
        self.model = model

    def _answers(self, frame: pd.DataFrame) -> NDArray[Any]:
        return np.asarray(self.model.predict(frame), dtype=np.float64)


class OnnxModel(_Shares):
    """An ONNX graph with its content, so that it can be stored; the session begins with the first question.

    One input takes all columns as numbers, or texts; several take one column each, by name. A category is its text, "" where it is missing,
    or, where the input takes numbers, its position among the declared levels. Times are seconds since 1970.
    """

    def __init__(self, content: bytes, label: LabelSpec) -> None:
        super().__init__(label)
        self.content = content
        self._session: Any = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_session": None}

    @property
    def classes_(self) -> Any:
        """The classes, where the graph names them beside their probabilities; else they are in the declared order."""
        if self._label.kind == "number" or getattr(self, "_names", None) is None:
            raise AttributeError("classes_")
        return self._names

    def _answers(self, frame: pd.DataFrame) -> NDArray[Any]:
        session = self._begun()
        outputs = session.run(None, self._inputs(session.get_inputs(), frame))
        if self._label.kind == "number":
            return np.asarray(next(out for out in outputs if _is_numbers(out)), dtype=np.float64).reshape(-1)
        for out in outputs:
            if isinstance(out, list) and out and isinstance(out[0], dict):  # skl2onnx's zipmap: a dictionary a row
                self._names = list(out[0])
                return np.asarray([[row[name] for name in self._names] for row in out], dtype=np.float64)
        shares = next((out for out in outputs if _is_numbers(out) and np.asarray(out).dtype.kind == "f"), None)
        if shares is None:
            raise ValueError("the graph gives no probabilities")
        found = both(np.asarray(shares, dtype=np.float64))
        self._check_order(found, outputs)
        return found

    def _check_order(self, shares: NDArray[Any], outputs: Sequence[Any]) -> None:
        """Where the graph names the likeliest class as well, it must be the one that stands there in the declared order."""
        named = next((np.asarray(out).reshape(-1) for out in outputs if np.asarray(out).dtype.kind in "OUS"), None)
        declared = np.asarray(self._label.classes, dtype=object)
        if named is None or shares.shape[1] != len(declared):
            return
        ordered = np.sort(shares, axis=1)
        clear = ordered[:, -1] - ordered[:, -2] > 1e-6
        if (declared[shares.argmax(axis=1)] != named)[clear].any():
            raise ValueError(
                "the graph has its classes in another order than the label; export it with zipmap, or declare them in its order"
            )

    def _begun(self) -> Any:
        if self._session is None:
            library = needed("onnxruntime")
            options = library.SessionOptions()
            options.intra_op_num_threads = 1  # a row is not worth a second thread
            self._session = library.InferenceSession(self.content, options, providers=["CPUExecutionProvider"])
        return self._session

    def _inputs(self, inputs: Sequence[Any], frame: pd.DataFrame) -> dict[str, NDArray[Any]]:
        if len(inputs) == 1 and inputs[0].name not in frame.columns:
            return {inputs[0].name: np.column_stack([_tensor(frame[name], inputs[0].type) for name in frame.columns])}
        absent = [one.name for one in inputs if one.name not in frame.columns]
        if absent:
            raise ValueError(f"the graph wants {', '.join(absent)}; the project declares {', '.join(frame.columns)}")
        flat = {one.name: len(one.shape) < 2 for one in inputs}
        columns = {one.name: _tensor(frame[one.name], one.type) for one in inputs}
        return {name: values if flat[name] else values.reshape(-1, 1) for name, values in columns.items()}


_TENSORS: Mapping[str, Any] = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(bool)": np.bool_,
}


def _tensor(column: pd.Series[Any], kind: str) -> NDArray[Any]:
    if kind == "tensor(string)":
        texts = column.astype(object).where(column.notna(), "")
        return np.asarray([str(text) for text in texts], dtype=object)
    if kind not in _TENSORS:
        raise ValueError(f"the graph wants a {kind}; Farero gives numbers and texts")
    values = numbers(column.to_frame())[:, 0]
    return np.asarray(np.where(np.isnan(values), -1, values) if np.issubdtype(_TENSORS[kind], np.integer) else values, dtype=_TENSORS[kind])


def numbers(frame: pd.DataFrame) -> NDArray[np.float64]:
    """The columns as numbers (n, d): categories by position among the declared levels, times in seconds since 1970, missing = NaN."""
    return np.column_stack([_column(frame[name]) for name in frame.columns])


def _column(column: pd.Series[Any]) -> NDArray[np.float64]:
    if isinstance(column.dtype, pd.CategoricalDtype):
        codes = column.cat.codes.to_numpy().astype(np.float64)
        return np.where(codes < 0, np.nan, codes)
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        return np.asarray((column - pd.Timestamp(0, tz="UTC")).dt.total_seconds(), dtype=np.float64)
    return column.to_numpy(dtype=np.float64)


def _chosen(frame: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """The model's own columns in its own order, where it knows their names; else all, by position."""
    if set(names) <= set(frame.columns):
        return frame[list(names)]
    absent = [name for name in names if name not in frame.columns]
    if len(absent) == len(names) == len(frame.columns):
        return frame  # made-up names such as Column_0: it was fitted on an array
    raise ValueError(f"the model wants {', '.join(map(str, absent))}; the project declares {', '.join(frame.columns)}")


def _is_numbers(out: object) -> bool:
    return isinstance(out, np.ndarray) and out.dtype.kind in "fiu"


def _session_bytes(session: Any) -> bytes:
    content = session._model_bytes
    if content is None:
        raise PredictFailed(
            "This ONNX session was made from a file.", hint="Make it from the file's bytes: InferenceSession(path.read_bytes())."
        )
    return bytes(content)
