"""Every kind of model, trained on real rows: through `train` and as a file, served through the pool, with its library's own answers."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from farero.adapters.folder_models import FolderModels
from farero.adapters.inline_child import InlineChild
from farero.app import App
from farero.core.prediction import Outputs
from farero.core.version import Version
from farero.project.frame import frame, series
from farero.project.table import read_table
from farero.replay.history import for_training
from farero.serving.kinds import load_model
from farero.serving.pool import Pool
from farero.serving.stored import Labelled
from farero.wiring import open_app

os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
os.environ["DO_NOT_TRACK"] = "true"

EXAMPLES = Path(__file__).parents[2] / "examples"
ROWS = 600
EXACT = 1e-12
FLOAT32 = 2e-7
"""XGBoost computes in float32, so that a compiled engine may differ from it by the last bit of that."""

HEAD = """
import farero as fa
import numpy as np


class Customer(fa.Features):
    tenure: float = fa.number(unit="month", min=0)
    MonthlyCharges: float = fa.number(unit="US$", min=0)
    TotalCharges: float = fa.number(unit="US$", min=0, missing="allowed")
    PaymentMethod: str = fa.choice("Bank transfer (automatic)", "Credit card (automatic)", "Electronic check", "Mailed check")
    InternetService: str = fa.choice("DSL", "Fiber optic", "No")
    {contract}


def train(data):
{train}


project = fa.Project(model="customers", features=Customer, train=train, label={label}, policy=fa.Policy(gate=fa.Gate("{metric}")))
"""
CONTRACT = 'Contract: str = fa.choice("Month-to-month", "One year", "Two year")'
LABELS = {
    "binary": ('fa.Binary("Churn", positive="Yes", negative="No", arrives_within="30d")', "roc_auc", CONTRACT),
    "classes": ('fa.Classes("Contract", "Month-to-month", "One year", "Two year", arrives_within="30d")', "accuracy", ""),
    "number": ('fa.Number("Months", arrives_within="30d")', "mae", CONTRACT),
}
NUMBERS = ["tenure", "MonthlyCharges", "TotalCharges"]


@dataclass
class Place:
    """A project with its rows."""

    app: App
    rows: Labelled
    data: Path
    label: str

    @property
    def X(self) -> pd.DataFrame:
        return frame(self.app.project("customers").schema, self.rows.columns)

    @property
    def y(self) -> Any:
        return series(self.app.project("customers").label_spec, self.rows.labels)

    @property
    def codes(self) -> NDArray[Any]:
        """The label as numbers, as a bare booster takes it."""
        return self.rows.labels

    def train(self) -> Version:
        return self.app.train("customers", self.data, time=None, until=None, because="")

    def register(self, path: Path, **options: Any) -> Version:
        return self.app.register("customers", path, by="ana", because="made elsewhere", **options)

    def served(self, version: Version) -> NDArray[np.float64]:
        """What the version answers to all rows, loaded by a pool of its own."""
        pool = Pool(FolderModels(self.app.root / ".farero" / "models"))
        outputs: Outputs = pool.swap("customers", version).engine.predict(self.rows.columns, self.rows.count)
        answers = outputs.value if self.label == "number" else outputs.probability if self.label == "binary" else outputs.probabilities
        assert answers is not None
        return answers

    def stored(self, version: Version) -> Any:
        """The model object in the version's folder."""
        project = self.app.project("customers")
        return load_model(self.app.root / ".farero" / "models" / version.digest, project.label_spec, project.schema)


Open = Callable[..., Place]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    monkeypatch.setattr("farero.wiring.ChildProcess", lambda *options, **named: InlineChild())
    opened: list[App] = []

    def make(label: str, train: str = "    raise NotImplementedError") -> Place:
        root = tmp_path / f"{label}{len(opened)}"
        root.mkdir()
        spelt, metric, contract = LABELS[label]
        (root / "project.py").write_text(HEAD.format(train=train, label=spelt, metric=metric, contract=contract))
        (root / "farero.toml").write_text('project = "project.py:project"\n')
        table = pd.DataFrame(dict(read_table(EXAMPLES / "churn" / "customers.csv"))).head(ROWS)
        data = root / "rows.parquet"
        # A quantity out of the same rows: how long a customer has stayed, with what it costs taken in.
        table.assign(Months=table["tenure"].astype(float) * 1.5 + table["MonthlyCharges"].astype(float) / 10).to_parquet(data)
        app = open_app(root)
        opened.append(app)
        project = app.project("customers")
        rows = for_training(data, project.schema, project.label_spec, time=None, now=app._clock.now())
        assert rows.count == ROWS
        return Place(app, rows, data, label)

    yield make
    for app in opened:
        app.close()


# ── Through train ─────────────────────────────────────────────────────────
SKLEARN = """
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler
    words = list(data.X.select_dtypes("category").columns)
    numbers = list(data.X.select_dtypes("number").columns)
    filled = make_pipeline(SimpleImputer(), StandardScaler())
    columns = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), words), (filled, numbers))
    return make_pipeline(columns, LogisticRegression(max_iter=500)).fit(data.X, data.y)
"""
LGBM = """
    import lightgbm
    return lightgbm.LGBMClassifier(n_estimators=15, verbose=-1, n_jobs=1).fit(data.X, data.y)
"""
LGBM_NUMBER = """
    import lightgbm
    return lightgbm.LGBMRegressor(n_estimators=15, verbose=-1, n_jobs=1).fit(data.X, data.y)
"""
LGBM_BOOSTER = """
    import lightgbm
    return lightgbm.train({"objective": "binary", "verbose": -1, "num_threads": 1}, lightgbm.Dataset(data.X, data.y), 15)
"""
LGBM_BOOSTER_CLASSES = """
    import lightgbm
    y = data.y.map({"Month-to-month": 0, "One year": 1, "Two year": 2})
    return lightgbm.train({"objective": "multiclass", "num_class": 3, "verbose": -1, "num_threads": 1}, lightgbm.Dataset(data.X, y), 15)
"""
XGB = """
    import xgboost
    return xgboost.XGBClassifier(n_estimators=15, enable_categorical=True, n_jobs=1).fit(data.X, data.y)
"""
XGB_NUMBER = """
    import xgboost
    return xgboost.XGBRegressor(n_estimators=15, enable_categorical=True, n_jobs=1).fit(data.X, data.y)
"""
XGB_BOOSTER = """
    import xgboost
    return xgboost.train({"objective": "binary:logistic", "nthread": 1}, xgboost.DMatrix(data.X, data.y, enable_categorical=True), 15)
"""
CATBOOST = """
    import catboost
    words = list(data.X.select_dtypes("category").columns)
    rows = data.X.astype(dict.fromkeys(words, str))
    model = catboost.CatBoostClassifier(iterations=15, verbose=0, allow_writing_files=False, thread_count=1, cat_features=words)
    return model.fit(rows, data.y)
"""
CATBOOST_NUMBER = """
    import catboost
    words = list(data.X.select_dtypes("category").columns)
    model = catboost.CatBoostRegressor(iterations=15, verbose=0, allow_writing_files=False, thread_count=1, cat_features=words)
    return model.fit(data.X.astype(dict.fromkeys(words, str)), data.y)
"""
ONNX = """
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType, StringTensorType
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler
    words = list(data.X.select_dtypes("category").columns)
    numbers = ["tenure", "MonthlyCharges"]
    columns = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), words), (StandardScaler(), numbers))
    model = make_pipeline(columns, LogisticRegression(max_iter=500)).fit(data.X.astype(dict.fromkeys(words, object)), data.y)
    inputs = [(name, StringTensorType([None, 1]) if name in words else FloatTensorType([None, 1])) for name in [*words, *numbers]]
    return convert_sklearn(model, initial_types=inputs, options={id(model): {"zipmap": ZIPMAP}})
"""


def _words(table: pd.DataFrame) -> pd.DataFrame:
    return table.astype(dict.fromkeys(table.select_dtypes("category").columns, str))


def _positive(shares: Any) -> NDArray[np.float64]:
    return np.asarray(shares, dtype=np.float64)[:, 1]


def _dmatrix(table: pd.DataFrame) -> Any:
    import xgboost

    return xgboost.DMatrix(table, enable_categorical=True)


def _onnx(content: bytes, table: pd.DataFrame, names: list[str]) -> list[Any]:
    import onnxruntime

    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    feed = {name: table[[name]].astype(object if table[name].dtype == "category" else np.float32).to_numpy() for name in names}
    return list(session.run(None, feed))


@pytest.mark.row("S10")
@pytest.mark.parametrize(
    ("label", "train", "own"),
    [
        ("binary", SKLEARN, lambda m, t: _positive(m.predict_proba(t))),
        ("classes", SKLEARN, lambda m, t: m.predict_proba(t)),
        ("binary", LGBM, lambda m, t: _positive(m.predict_proba(t))),
        ("classes", LGBM, lambda m, t: m.predict_proba(t)),
        ("number", LGBM_NUMBER, lambda m, t: m.predict(t)),
        ("binary", LGBM_BOOSTER, lambda m, t: m.model.predict(t)),
        ("classes", LGBM_BOOSTER_CLASSES, lambda m, t: m.model.predict(t)),
        ("binary", XGB, lambda m, t: _positive(m.predict_proba(t))),
        ("number", XGB_NUMBER, lambda m, t: m.predict(t)),
        ("binary", XGB_BOOSTER, lambda m, t: m.model.predict(_dmatrix(t))),
        ("binary", CATBOOST, lambda m, t: _positive(m.model.predict_proba(_words(t)))),
        ("classes", CATBOOST, lambda m, t: m.model.predict_proba(_words(t))),
        ("number", CATBOOST_NUMBER, lambda m, t: m.model.predict(_words(t))),
    ],
    ids=lambda value: (
        value.split("import ")[1].split()[0] if isinstance(value, str) and "import" in value else value if isinstance(value, str) else ""
    ),
)
def test_what_train_returns_serves_with_its_librarys_own_answers(
    place: Open, label: str, train: str, own: Callable[[Any, Any], Any]
) -> None:
    here = place(label, train)
    version = here.train()
    close = FLOAT32 if "xgboost" in train else EXACT
    np.testing.assert_allclose(here.served(version), own(here.stored(version), here.X), rtol=close, atol=close)


@pytest.mark.row("S10")
@pytest.mark.parametrize("zipmap", [True, False])
@pytest.mark.parametrize("label", ["binary", "classes"])
def test_an_onnx_graph_with_an_input_a_column_that_train_returns_serves(place: Open, label: str, zipmap: bool) -> None:
    here = place(label, ONNX.replace("ZIPMAP", str(zipmap)))
    version = here.train()
    model = here.stored(version)
    words = list(here.X.select_dtypes("category").columns)
    shares = _onnx(model.content, here.X, [*words, "tenure", "MonthlyCharges"])[1]
    expected = np.asarray([list(row.values()) for row in shares] if zipmap else shares, dtype=np.float64)
    np.testing.assert_allclose(here.served(version), expected[:, 1] if label == "binary" else expected, rtol=0, atol=EXACT)


# ── As a file ─────────────────────────────────────────────────────────────
@pytest.mark.row("S10", "U7")
@pytest.mark.parametrize("suffix", [".pkl", ".pickle", ".joblib"])
def test_a_pickled_pipeline_is_brought_in(place: Open, tmp_path: Path, suffix: str) -> None:
    import joblib

    here = place("binary")
    model = _pipeline().fit(here.X, here.y)
    joblib.dump(model, tmp_path / f"model{suffix}")
    version = here.register(tmp_path / f"model{suffix}")
    assert (version.state, version.tags["kind"], version.tags["class"]) == ("candidate", "pickle", "Pipeline")
    np.testing.assert_allclose(here.served(version), model.predict_proba(here.X)[:, 1], rtol=0, atol=EXACT)


@pytest.mark.row("S10")
@pytest.mark.parametrize("kind", ["lightgbm", "xgboost", "catboost"])
def test_a_pickle_of_a_booster_is_brought_in(place: Open, tmp_path: Path, kind: str) -> None:
    import cloudpickle

    here = place("binary")
    rows = _words(here.X) if kind == "catboost" else here.X
    model = _classifier(kind).fit(rows, here.codes.astype(int))
    (tmp_path / "model.pkl").write_bytes(cloudpickle.dumps(model))
    version = here.register(tmp_path / "model.pkl")
    close = FLOAT32 if kind == "xgboost" else EXACT
    np.testing.assert_allclose(here.served(version), model.predict_proba(rows)[:, 1], rtol=close, atol=close)


@pytest.mark.row("S10")
@pytest.mark.parametrize("label", ["binary", "classes", "number"])
@pytest.mark.parametrize(("kind", "suffix"), [("lightgbm", ".txt"), ("xgboost", ".ubj"), ("xgboost", ".json"), ("catboost", ".cbm")])
def test_a_file_in_a_boosters_own_format_is_brought_in(place: Open, tmp_path: Path, kind: str, suffix: str, label: str) -> None:
    here = place(label)
    rows = _words(here.X) if kind == "catboost" else here.X
    model = (_regressor if label == "number" else _classifier)(kind).fit(rows, here.codes if label == "number" else here.codes.astype(int))
    file = tmp_path / f"model{suffix}"
    {
        "lightgbm": lambda: model.booster_.save_model(file),
        "xgboost": lambda: model.save_model(file),
        "catboost": lambda: model.save_model(str(file)),
    }[kind]()
    version = here.register(file)
    assert version.tags["kind"] == kind
    own = model.predict(rows) if label == "number" else model.predict_proba(rows)
    close = FLOAT32 if kind == "xgboost" else EXACT
    np.testing.assert_allclose(here.served(version), own[:, 1] if label == "binary" else own, rtol=close, atol=close)


@pytest.mark.row("S10")
@pytest.mark.parametrize("label", ["binary", "number"])
def test_an_onnx_file_with_one_input_for_all_columns_is_brought_in(place: Open, tmp_path: Path, label: str) -> None:
    import onnxruntime
    from skl2onnx import to_onnx
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from farero.project.adapted import numbers

    here = place(label)
    matrix = numbers(here.X).astype(np.float32)
    last = Ridge() if label == "number" else LogisticRegression()
    model = make_pipeline(SimpleImputer(), StandardScaler(), last).fit(matrix, here.codes)
    (tmp_path / "model.onnx").write_bytes(to_onnx(model, matrix[:1]).SerializeToString())
    version = here.register(tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession((tmp_path / "model.onnx").read_bytes(), providers=["CPUExecutionProvider"])
    outputs = session.run(None, {session.get_inputs()[0].name: matrix})
    own = outputs[0].reshape(-1) if label == "number" else [row[1] for row in outputs[1]]
    np.testing.assert_allclose(here.served(version), np.asarray(own, dtype=np.float64), rtol=0, atol=EXACT)
    theirs = model.predict(matrix) if label == "number" else model.predict_proba(matrix)[:, 1]
    np.testing.assert_allclose(here.served(version), theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.row("S10")
@pytest.mark.parametrize("kind", ["sklearn", "lightgbm", "xgboost", "catboost"])
def test_an_mlflow_folder_of_a_known_flavour_is_read_without_mlflow(place: Open, tmp_path: Path, kind: str) -> None:
    import importlib

    here = place("binary")
    rows = _words(here.X) if kind == "catboost" else here.X
    model = (_pipeline() if kind == "sklearn" else _classifier(kind)).fit(rows, here.codes.astype(int))
    options = {"serialization_format": "cloudpickle"} if kind in ("sklearn", "lightgbm") else {}  # else as skops
    _mlflow_save(importlib.import_module(f"mlflow.{kind}"), model, tmp_path / "saved", **options)
    version = here.register(tmp_path / "saved")
    assert version.tags["kind"] == "mlflow"
    close = FLOAT32 if kind == "xgboost" else EXACT
    np.testing.assert_allclose(here.served(version), model.predict_proba(rows)[:, 1], rtol=close, atol=close)


@pytest.mark.row("S10", "U7")
def test_any_other_mlflow_folder_is_loaded_by_mlflow_once_its_names_are_trusted(
    place: Open, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import mlflow.pyfunc

    from farero.errors import BadInput

    here = place("number")
    _mlflow_save(mlflow.pyfunc, None, tmp_path / "saved", python_model=_halved())
    capsys.readouterr()
    with pytest.raises(BadInput) as caught:
        here.register(tmp_path / "saved")
    assert "mlflow.pyfunc.model" in caught.value.faults
    version = here.register(tmp_path / "saved", trusted=tuple(str(fault) for fault in caught.value.faults))
    assert (version.tags["trusted_by"], version.because) == ("ana", "made elsewhere")
    np.testing.assert_allclose(here.served(version), here.X["tenure"] / 2, rtol=0, atol=EXACT)


def _mlflow_save(flavour: Any, model: Any, path: Path, **options: Any) -> None:
    given = () if model is None else (model,)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        flavour.save_model(*given, path=str(path), pip_requirements=[], **options)


def _halved() -> Any:
    import mlflow.pyfunc

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")

        class Halved(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
            def predict(self, context, model_input, params=None):  # type: ignore[no-untyped-def]
                return model_input["tenure"] / 2

    return Halved()


def _pipeline() -> Any:
    from sklearn.compose import make_column_selector, make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    columns = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), make_column_selector(dtype_include="category")),
        (make_pipeline(SimpleImputer(), StandardScaler()), make_column_selector(dtype_include="number")),
    )
    return make_pipeline(columns, LogisticRegression(max_iter=500))


def _classifier(kind: str) -> Any:
    if kind == "lightgbm":
        import lightgbm

        return lightgbm.LGBMClassifier(n_estimators=15, verbose=-1, n_jobs=1)
    if kind == "xgboost":
        import xgboost

        return xgboost.XGBClassifier(n_estimators=15, enable_categorical=True, n_jobs=1)
    return _catboost("CatBoostClassifier")


def _regressor(kind: str) -> Any:
    if kind == "lightgbm":
        import lightgbm

        return lightgbm.LGBMRegressor(n_estimators=15, verbose=-1, n_jobs=1)
    if kind == "xgboost":
        import xgboost

        return xgboost.XGBRegressor(n_estimators=15, enable_categorical=True, n_jobs=1)
    return _catboost("CatBoostRegressor")


class _Catboost:
    """CatBoost needs to be told which columns are words; those are the ones that hold text."""

    def __init__(self, name: str) -> None:
        self._name = name

    def fit(self, rows: pd.DataFrame, y: Any) -> Any:
        import catboost

        words = [name for name in rows.columns if name not in NUMBERS]
        kind = getattr(catboost, self._name)
        return kind(iterations=15, verbose=0, allow_writing_files=False, thread_count=1, cat_features=words).fit(rows, y)


def _catboost(name: str) -> Any:
    return _Catboost(name)
