"""Generates the lists of names that a model file may hold: fits every model of the known libraries, pickles it, reads off the names.

    python tools/allow_list.py            # writes src/farero/serving/allowed/<library>-<version>.json for what is installed

Run it after a new version of a library appeared, look at the difference, and commit it. Nothing is put on a list by hand but what stands
below, with its reason; and a name that could run code of the file's choosing stays off, whatever a fitted model holds.
"""

from __future__ import annotations

import collections
import datetime
import decimal
import io
import json
import pickle
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cloudpickle
import joblib
import numpy as np
import pandas as pd

from farero.serving import allow_list
from farero.serving.allow_list import Use
from farero.serving.scan import Scan, scan_pickle

# What would run code of the file's choosing, or import what the file names, although some fitted model holds it.
NEVER = {
    ("builtins", "getattr"): "walks from any object to any other",
    ("builtins", "type"): "makes classes",
    ("builtins", "eval"): "runs text",
    ("builtins", "exec"): "runs text",
    ("builtins", "__import__"): "imports what it is told",
    ("builtins", "compile"): "makes code",
    ("builtins", "open"): "opens files",
    ("functools", "reduce"): "calls what it is given",
    ("operator", "attrgetter"): "walks attributes",
    ("operator", "methodcaller"): "calls a method by its name",
    ("numpy._core", "_ufunc_reconstruct"): "imports what it is told",
    ("numpy._core", "_DType_reconstruct"): "looks a class up by its name",
}
NEVER_BELOW = {
    "cloudpickle": "makes functions of code that the file brings",
    "scipy.stats": "its distributions run text that their state holds",
    "joblib.memory": "reads other files",
    "joblib.externals": "makes functions of code that the file brings",
}
SEED = 7


def fitted_sklearn() -> Iterator[tuple[str, Any]]:
    """Every estimator of scikit-learn, fitted on the first of several small data sets that it takes."""
    from sklearn.utils import all_estimators
    from sklearn.utils._test_common.instance_generator import _construct_instances

    random = np.random.default_rng(SEED)
    rows, y = random.uniform(1, 2, (60, 4)), random.integers(0, 2, 60)
    texts = ["one two three", "two three four", "four five"]
    square = rows @ rows.T
    tries: list[tuple[Any, ...]] = [(rows, y), (rows, np.eye(2)[y]), (rows[:, :1], y), (rows[:, 0], y), (texts, None)]
    tries += [([{"a": 1.0, "b": "x"}, {"a": 2.0, "b": "y"}], None), (random.uniform(0, 1, (60, 2)),) * 2, (square, None), (y,)]
    tries += [([["a", "b"], ["b"]],), (rows, y + 0.5), (random.uniform(0, 1, (9, 3)), None)]
    for name, kind in all_estimators():
        if name == "FrozenEstimator":
            from sklearn.linear_model import LogisticRegression

            yield name, kind(LogisticRegression().fit(rows, y))
            continue
        fitted = [made for estimator in _construct_instances(kind) if (made := _fit(estimator, tries)) is not None]
        if not fitted:
            raise RuntimeError(f"{name} could not be fitted")
        yield from ((name, made) for made in fitted)


def _fit(estimator: Any, tries: list[tuple[Any, ...]]) -> Any:
    for data in tries:
        try:
            return estimator.fit(*data)
        except Exception:  # noqa: BLE001  # the next data set may fit
            continue
    return None


def fitted_together() -> Iterator[tuple[str, Any]]:
    """Pipelines, column transformers, searches, kernels, losses and data types, in the ways people put them together."""
    from sklearn import (
        calibration,
        compose,
        ensemble,
        gaussian_process,
        impute,
        isotonic,
        linear_model,
        model_selection,
        neighbors,
        neural_network,
        pipeline,
        preprocessing,
        svm,
        tree,
    )  # fmt: skip
    from sklearn.gaussian_process import kernels

    frame = people()
    y = (frame["age"].fillna(40) + 10 * (frame["city"] == "b") > 50).to_numpy().astype(int)
    names = np.array(["no", "yes"], dtype=object)[y]
    value = frame["age"].fillna(40).to_numpy() * 2 + 3
    numbers, words = ["age", "income"], ["city", "plan"]
    for encoder in (
        preprocessing.OneHotEncoder(handle_unknown="ignore"), preprocessing.OneHotEncoder(sparse_output=False, drop="if_binary"),
        preprocessing.OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), preprocessing.TargetEncoder(),
    ):  # fmt: skip
        scaled = pipeline.make_pipeline(impute.SimpleImputer(strategy="median", add_indicator=True), preprocessing.StandardScaler())
        encoded = pipeline.make_pipeline(impute.SimpleImputer(strategy="most_frequent"), encoder)
        columns = compose.ColumnTransformer([("n", scaled, numbers), ("w", encoded, words)], remainder="drop")
        yield "pipeline", pipeline.make_pipeline(columns, linear_model.LogisticRegression()).fit(frame, y)
        yield "pipeline", pipeline.make_pipeline(columns, ensemble.RandomForestClassifier(5)).fit(frame, names)
    rare = preprocessing.OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=2)
    texts = compose.make_column_selector(dtype_include=["object", "category", "string"])
    others = ("passthrough", compose.make_column_selector(dtype_include="number"))
    chosen = compose.make_column_transformer((rare, texts), others, remainder="passthrough")
    yield "selector", pipeline.make_pipeline(chosen, ensemble.HistGradientBoostingClassifier(max_iter=4)).fit(frame, y)
    for output in ("pandas", "default"):
        scaled = preprocessing.StandardScaler().set_output(transform=output)
        yield "output", pipeline.make_pipeline(scaled, linear_model.Ridge()).fit(frame[["income"]], value)
    plain = frame[["income"]].to_numpy()
    for loss in ("squared_error", "absolute_error", "poisson", "quantile", "gamma"):
        options = {"quantile": 0.7} if loss == "quantile" else {}
        yield "loss", ensemble.HistGradientBoostingRegressor(loss=loss, max_iter=3, **options).fit(frame[numbers], value)
    yield (
        "categories",
        ensemble.HistGradientBoostingClassifier(max_iter=3, categorical_features="from_dtype").fit(frame[[*numbers, "city"]], y),
    )
    yield "names", ensemble.HistGradientBoostingClassifier(max_iter=3).fit(frame[numbers], np.where(value > 90, "c", names))
    for loss in ("squared_error", "absolute_error", "huber", "quantile"):
        yield "loss", ensemble.GradientBoostingRegressor(loss=loss, n_estimators=3).fit(plain, value)
    for loss in ("log_loss", "exponential"):
        yield "loss", ensemble.GradientBoostingClassifier(loss=loss, n_estimators=3).fit(plain, y)
    yield "loss", ensemble.GradientBoostingClassifier(n_estimators=3).fit(plain, np.arange(len(y)) % 3)
    for loss in ("hinge", "log_loss", "modified_huber", "squared_hinge", "perceptron"):
        yield "loss", linear_model.SGDClassifier(loss=loss).fit(plain, y)
    for loss in ("squared_error", "huber", "epsilon_insensitive", "squared_epsilon_insensitive"):
        yield "loss", linear_model.SGDRegressor(loss=loss).fit(preprocessing.scale(plain), value)
    for solver in ("lbfgs", "sgd", "adam"):
        yield (
            "solver",
            neural_network.MLPClassifier(hidden_layer_sizes=(3,), solver=solver, max_iter=5, early_stopping=solver != "lbfgs").fit(
                preprocessing.scale(plain), y
            ),
        )
        yield (
            "solver",
            neural_network.MLPRegressor(hidden_layer_sizes=(3,), solver=solver, max_iter=5).fit(preprocessing.scale(plain), value),
        )
    for kernel in (
        kernels.RBF() + kernels.WhiteKernel(), kernels.ConstantKernel() * kernels.Matern(), kernels.RationalQuadratic() ** 2,
        kernels.ExpSineSquared(), kernels.DotProduct(), kernels.PairwiseKernel(),
    ):  # fmt: skip
        yield "kernel", gaussian_process.GaussianProcessRegressor(kernel, optimizer=None).fit(plain[:20], value[:20])
    for kernel in ("linear", "poly", "rbf", "sigmoid"):
        yield "kernel", svm.SVC(kernel=kernel).fit(preprocessing.scale(plain), names)
        yield "kernel", svm.SVR(kernel=kernel).fit(preprocessing.scale(plain), value)
    for metric in ("minkowski", "euclidean", "manhattan", "chebyshev", "haversine", "canberra", "hamming"):
        for how in ("ball_tree", "kd_tree", "brute"):
            try:
                yield "metric", neighbors.KNeighborsClassifier(2, algorithm=how, metric=metric).fit(np.c_[plain, plain] % 1, y)
            except ValueError:
                continue  # this metric does not go with that tree
    for criterion in ("gini", "entropy", "log_loss"):
        yield "criterion", tree.DecisionTreeClassifier(criterion=criterion).fit(plain, names)
    for method in ("sigmoid", "isotonic"):
        yield "calibrated", calibration.CalibratedClassifierCV(linear_model.LogisticRegression(), method=method, cv=2).fit(plain, y)
    search = model_selection.GridSearchCV(
        linear_model.LogisticRegression(), {"C": [0.1, 1.0]}, cv=model_selection.StratifiedKFold(2), scoring="roc_auc"
    )
    yield "search", search.fit(plain, y)
    for cv in (model_selection.KFold(2), model_selection.ShuffleSplit(2), model_selection.TimeSeriesSplit(2)):
        yield (
            "search",
            model_selection.RandomizedSearchCV(
                linear_model.Ridge(), {"alpha": [0.1, 1.0]}, n_iter=2, cv=cv, scoring="neg_mean_absolute_error"
            ).fit(plain, value),
        )
    yield "target", compose.TransformedTargetRegressor(linear_model.Ridge(), func=np.log1p, inverse_func=np.expm1).fit(plain, value)
    yield "function", pipeline.make_pipeline(preprocessing.FunctionTransformer(np.log1p, np.expm1), linear_model.Ridge()).fit(plain, value)
    yield "isotonic", isotonic.IsotonicRegression().fit(plain[:, 0], value)
    for state in (3, np.random.RandomState(3)):
        yield "random", ensemble.RandomForestRegressor(3, random_state=state).fit(plain, value)
    yield "union", pipeline.make_union(preprocessing.StandardScaler(), preprocessing.MinMaxScaler()).fit(plain)
    yield (
        "voting",
        ensemble.VotingClassifier([("a", linear_model.LogisticRegression()), ("b", tree.DecisionTreeClassifier())], voting="soft").fit(
            plain, y
        ),
    )
    yield "stacking", ensemble.StackingRegressor([("a", linear_model.Ridge())], cv=2).fit(plain, value)


def values() -> Iterator[tuple[str, Any]]:
    """What a model may carry beside estimators: arrays, sparse matrices, frames, plain values, functions of numbers."""
    from scipy import sparse
    from sklearn import feature_selection, metrics, preprocessing

    for kind in (sparse.csr_matrix, sparse.csc_matrix, sparse.coo_matrix, sparse.csr_array, sparse.csc_array, sparse.coo_array):
        yield "sparse", kind(np.eye(3))
    frame = people().assign(at=pd.date_range("2024-01-01", periods=60, tz="UTC"), day=pd.date_range("2024-01-01", periods=60), flag=True)
    yield (
        "frame",
        [frame, frame.head(0), frame.index, frame.columns, frame["city"], frame["plan"], frame["income"], frame["at"], frame["city"].dtype],
    )
    yield (
        "frame",
        [pd.Index([1.5, 2.5]), pd.Index(["a"], dtype=object), pd.CategoricalIndex(["a"]), pd.Timestamp("2024-01-01"), pd.Timedelta("1h")],
    )
    yield (
        "arrays",
        [np.array(["a", None], dtype=object), np.array(["a"]), np.datetime64("2024-01-01"), np.ma.masked_array([1.0], [True]), np.zeros(3)],
    )
    yield (
        "arrays",
        [np.zeros((2, 3), order="F"), np.zeros(2, dtype=[("a", "<f8"), ("b", "<i4")]), np.zeros(0), np.zeros((2, 0)), np.asarray("a")],
    )
    yield (
        "scalars",
        [
            kind(1)
            for kind in (*np.sctypeDict.values(), complex)
            if not issubclass(kind, (np.void, np.object_, np.datetime64, np.timedelta64))
        ],
    )
    yield "types", [*np.sctypeDict.values(), bool, int, float, str, object, bytes, list, dict, set, tuple]
    yield "plain", [{1, 2}, frozenset({1}), complex(1), slice(1), range(3), bytearray(b"a"), b"\xff", collections.OrderedDict(a=1)]
    yield "plain", [collections.defaultdict(int, a=1), collections.defaultdict(list), collections.Counter("ab"), decimal.Decimal("1.5")]
    yield "plain", [datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC), datetime.date(2024, 1, 1), datetime.timedelta(1), datetime.time(1)]
    for name in ("MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64"):
        yield "random", np.random.Generator(getattr(np.random, name)(1))
    for function in (value for value in vars(np).values() if isinstance(value, np.ufunc)):
        yield "function", preprocessing.FunctionTransformer(function)
    for name in "f_classif f_regression chi2 mutual_info_classif mutual_info_regression r_regression".split():
        yield "function", feature_selection.SelectKBest(getattr(feature_selection, name))
    for name in metrics.get_scorer_names():
        yield "scorer", metrics.get_scorer(name)


def people() -> pd.DataFrame:
    """Rows with numbers, missing ones among them, words and categories."""
    random = np.random.default_rng(SEED)
    age = random.uniform(20, 70, 60)
    age[::9] = np.nan
    return pd.DataFrame(
        {
            "age": age,
            "income": random.uniform(1, 9, 60),
            "city": pd.Categorical(random.choice(["a", "b", "c"], 60)),
            "plan": pd.Series(random.choice(["basic", "full"], 60), dtype=object),
        }
    )


def fitted_boosters() -> Iterator[tuple[str, Any]]:
    """LightGBM, XGBoost and CatBoost: classifier, regressor and the bare booster, with and without categories."""
    frame = people()
    plain, mixed = frame[["age", "income"]], frame[["age", "income", "city"]]
    y = (frame["income"] > 5).to_numpy().astype(int)
    names, three = np.where(y, "yes", "no"), np.arange(len(y)) % 3
    value = frame["income"].to_numpy() * 2
    import catboost
    import lightgbm
    import xgboost

    few: dict[str, Any] = {"n_estimators": 3, "verbose": -1, "min_child_samples": 5}
    for rows in (plain, mixed):
        for target in (y, names, three):
            yield "lightgbm", lightgbm.LGBMClassifier(**few).fit(rows, target)
        yield "lightgbm", lightgbm.LGBMRegressor(**few).fit(rows, value)
        yield "lightgbm", lightgbm.train({"objective": "binary", "verbose": -1}, lightgbm.Dataset(rows, y), 3)
        for target in (y, three):
            yield "xgboost", xgboost.XGBClassifier(n_estimators=3, enable_categorical=True).fit(rows, target)
        yield "xgboost", xgboost.XGBRegressor(n_estimators=3, enable_categorical=True).fit(rows, value)
        yield "xgboost", xgboost.XGBRFRegressor(n_estimators=3, enable_categorical=True).fit(rows, value)
        yield "xgboost", xgboost.train({"objective": "binary:logistic"}, xgboost.DMatrix(rows, y, enable_categorical=True), 3)
    yield "lightgbm", lightgbm.LGBMRanker(**few).fit(plain, three, group=[30, 30])
    yield "xgboost", xgboost.XGBRanker(n_estimators=3).fit(plain, three, qid=np.repeat([0, 1], 30))
    yield "xgboost", xgboost.XGBRFClassifier(n_estimators=3).fit(plain, y)
    quiet: dict[str, Any] = {"iterations": 3, "verbose": 0, "allow_writing_files": False}
    words = mixed.assign(city=mixed["city"].astype(str))
    for target in (y, names, three):
        yield "catboost", catboost.CatBoostClassifier(**quiet, cat_features=["city"]).fit(words, target)
    yield "catboost", catboost.CatBoostRegressor(**quiet).fit(plain, value)
    yield "catboost", catboost.CatBoost({**quiet, "loss_function": "Logloss"}).fit(plain, y)


def packed(model: object) -> Iterator[bytes]:
    """The files that people make of a model."""
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        yield pickle.dumps(model, protocol)
    yield cloudpickle.dumps(model)
    for compress in (0, 3):
        file = io.BytesIO()
        joblib.dump(model, file, compress=compress)
        yield file.getvalue()


def main() -> None:
    """Write the lists."""
    warnings.simplefilter("ignore")
    names: dict[tuple[str, str], Use] = {}
    left_out: dict[str, set[str]] = {}
    for fitted in (fitted_sklearn(), fitted_together(), fitted_boosters(), values()):
        for kind, model in fitted:
            for content in packed(model):
                found = scan_pickle(content)
                if found.faults or found.deeds:
                    raise RuntimeError(f"{kind}: {type(model).__name__}: {found.faults + found.deeds}")
                _take(found, kind, names, left_out)
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else allow_list.FOLDER
    libraries: dict[str, dict[Use, dict[str, list[str]]]] = {}
    for (module, name), use in sorted(names.items()):
        uses = libraries.setdefault(allow_list.library_of(module), {one: {} for one in reversed(Use)})
        uses[use].setdefault(module, []).append(name)
    for library, uses in libraries.items():
        version = allow_list.version_here(library)
        content = {"library": library, "version": version, **{use.name.lower(): found for use, found in uses.items()}}
        (folder / f"{library}-{version}.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        counts = ", ".join(f"{sum(map(len, found.values()))} {use.name.lower()}" for use, found in uses.items())
        sys.stdout.write(f"{library} {version}: {counts}\n")
    for why, where in sorted(left_out.items()):
        sys.stdout.write(f"left out: {why}: {', '.join(sorted(where))}\n")


def _take(found: Scan, kind: str, names: dict[tuple[str, str], Use], left_out: dict[str, set[str]]) -> None:
    for (module, name), use in found.names.items():
        if (module, name) in NEVER or "." in name or any(module == top or module.startswith(f"{top}.") for top in NEVER_BELOW):
            left_out.setdefault(f"{module}.{name}", set()).add(kind)
        else:
            names[module, name] = max(names.get((module, name), Use.REFERRED), use)


if __name__ == "__main__":
    main()
