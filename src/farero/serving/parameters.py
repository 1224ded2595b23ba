"""What a model was set up with, as its library names it: what a tracker files beside a run, and what tells two versions apart."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from farero.errors import PredictFailed
from farero.project.adapted import bare
from farero.serving.kinds import load_model
from farero.serving.layout import read_contract

MOST: Final = 200
_LONGEST = 200


def parameters_in(folder: Path) -> dict[str, str]:
    """The parameters of the model in a version's folder; the class alone where it cannot be loaded here. Verify the folder first."""
    contract = read_contract(folder)
    try:
        return parameters_of(load_model(folder, contract.label, contract.schema))
    except PredictFailed:
        return {}


def parameters_of(model: object) -> dict[str, str]:
    """Class and plain settings of a model: numbers, flags and short texts, by name.

    Asked of scikit-learn and its like (`get_params`, of every step of a pipeline), of LightGBM (`params`) and of CatBoost. A model that
    tells nothing has its class only.

    >>> class Line:
    ...     def get_params(self, deep=True):
    ...         return {"slope": 2.0, "inner": object(), "note": None}
    >>> parameters_of(Line())
    {'class': 'Line', 'note': 'None', 'slope': '2.0'}
    """
    inner = bare(model)
    found: dict[str, object] = {}
    ask, told = getattr(inner, "get_params", None), getattr(inner, "params", None)
    if callable(ask):
        try:
            found = _named(ask())
        except Exception:  # noqa: BLE001 (the model's own code; a report must not fail because of it)
            found = {}
    elif isinstance(told, Mapping):
        found = _named(told)
    plain = {name: str(value) for name, value in found.items() if isinstance(value, (bool, int, float, str, type(None)))}
    kept = sorted((name, text) for name, text in plain.items() if len(text) <= _LONGEST)[:MOST]
    return {"class": type(inner).__name__, **dict(kept)}


def _named(settings: Any) -> dict[str, object]:
    return {str(name): value for name, value in dict(settings).items()}
