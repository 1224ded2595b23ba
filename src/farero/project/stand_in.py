"""The project that stands in where none is written: declared from a table's columns, with gradient boosting as its model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from farero.project import declare, features, learning
from farero.project.threads import limited


def build(plan: Mapping[str, Any]) -> declare.Project:
    """A project from a plan of plain values: model, label, classes, key and fields (name -> kind and levels); see `infer`."""
    row = type("Row", (features.Features,), {name: _line(line) for name, line in plan["fields"].items()})
    name, within = plan["label"], plan["arrives_within"]
    if plan["kind"] == "number":
        number = learning.Number(name, arrives_within=within)
        return declare.Project(model=plan["model"], features=row, train=train_regressor, label=number)
    label: learning.Binary | learning.Classes
    if plan["kind"] == "binary":
        label = learning.Binary(name, arrives_within=within, positive=plan["positive"])
    else:
        label = learning.Classes(name, *plan["classes"], arrives_within=within)
    return declare.Project(model=plan["model"], features=row, train=train_classifier, label=label)


def train_classifier(data: learning.TrainingSet) -> learning.Classifier:
    """Gradient boosting that takes missing values and categories as they are."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    boosting = HistGradientBoostingClassifier(max_iter=60, learning_rate=0.1, categorical_features="from_dtype", random_state=data.seed)
    with limited(data.X.size):  # again: the library is loaded by now
        model: learning.Classifier = boosting.fit(data.X.drop(columns=_dates(data)), data.y)
    return _WithoutDates(model, _dates(data)) if _dates(data) else model


def train_regressor(data: learning.TrainingSet) -> learning.Regressor:
    """Gradient boosting that takes missing values and categories as they are."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    boosting = HistGradientBoostingRegressor(max_iter=60, learning_rate=0.1, categorical_features="from_dtype", random_state=data.seed)
    with limited(data.X.size):
        model: learning.Regressor = boosting.fit(data.X.drop(columns=_dates(data)), data.y)
    return _WithoutDates(model, _dates(data)) if _dates(data) else model


class _WithoutDates:
    """Trees cannot split dates: a model of the other columns."""

    def __init__(self, model: Any, dates: list[str]) -> None:
        self._model = model
        self._dates = dates
        if hasattr(model, "classes_"):
            self.classes_ = model.classes_

    def predict(self, rows: Any, /) -> Any:
        return self._model.predict(rows.drop(columns=self._dates))

    def predict_proba(self, rows: Any, /) -> Any:
        return self._model.predict_proba(rows.drop(columns=self._dates))


def _dates(data: learning.TrainingSet) -> list[str]:
    return [str(name) for name, dtype in data.X.dtypes.items() if str(dtype).startswith("datetime")]


def _line(line: Mapping[str, Any]) -> object:
    """One column's declaration. Everything may be missing and every level may be new: nobody has said otherwise."""
    if line["kind"] == "number":
        return features.number(missing="allowed", public=True)
    if line["kind"] == "choice":
        return features.choice(*line["levels"], missing="allowed", new="allow", public=True)
    if line["kind"] == "flag":
        return features.flag(missing="allowed")
    return features.date(missing="allowed", public=True) if line["kind"] == "date" else features.personal("drop")
