"""Which engine serves is decided by the comparison alone, and whatever goes wrong, the original serves and says why."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from importlib import metadata

import numpy as np
import pytest
from numpy.typing import NDArray

from farero.core.label import LabelSpec
from farero.core.matrix import to_matrix
from farero.core.prediction import Outputs
from farero.core.schema import Columns, Field, Schema
from farero.errors import PredictFailed
from farero.serving import answers, checked
from farero.serving.answers import EngineKind, Quick
from farero.serving.checked import Checked, choose, moved_because
from farero.serving.compile import NotCompiled
from farero.serving.sample import Sample

Floats = NDArray[np.float64]
SCHEMA = Schema(fields=(Field(name="x", kind="number", missing=True),))
ROWS = np.array([[1.0], [np.nan], [3.0], [np.nan]])
COLUMNS: Columns = {"x": ROWS[:, 0]}


def _label(kind: str) -> LabelSpec:
    return LabelSpec(name="y", kind=kind, arrives_within=timedelta(days=1), classes=("p", "q", "r") if kind == "classes" else ())  # type: ignore[arg-type]


def share(rows: Floats) -> Floats:
    return np.asarray(np.where(np.isnan(rows[:, 0]), 0.4, 0.2 + 0.1 * np.tanh(rows[:, 0])))


class Fake:
    kind: EngineKind = "original"
    quick: Quick | None = None
    detail = "fake kernel"
    reads: tuple[object, ...] = ()

    def forget(self) -> None:
        self.reads = ()

    def __init__(self, formula: Callable[[Floats], Floats], label: LabelSpec) -> None:
        self.formula = formula
        self.label = label
        self.asked: list[int] = []

    def predict(self, columns: Columns, count: int) -> Outputs:
        self.asked.append(count)
        found = self.formula(to_matrix(SCHEMA, columns, count))
        if self.label.kind == "number":
            return Outputs(value=found)
        if self.label.kind == "binary":
            return answers.outputs(self.label, np.stack([1 - found, found], axis=1))
        return answers.outputs(self.label, np.stack([found / 2, 1 - found, found / 2], axis=1))


def leaving(rows: Floats) -> Floats:
    return np.asarray(np.where(np.isnan(rows[:, 0]), np.nan, share(rows)))


def _with(monkeypatch: pytest.MonkeyPatch, made: object) -> None:
    def compile_model(model: object, label: LabelSpec, schema: Schema) -> object:
        if isinstance(made, Exception):
            raise made
        return made

    monkeypatch.setattr(checked, "compile_model", compile_model)


@pytest.mark.row("S11")
@pytest.mark.parametrize("kind", ["number", "binary", "classes"])
def test_rows_that_the_compiled_engine_leaves_are_answered_by_the_original(kind: str) -> None:
    label = _label(kind)
    original = Fake(share, label)
    engine = Checked(Fake(leaving, label), lambda: original, label, "both")
    found, expected = engine.predict(COLUMNS, 4), original.predict(COLUMNS, 4)
    for name in ("value", "probability", "probabilities"):
        given, wanted = getattr(found, name), getattr(expected, name)
        assert (given is None) == (wanted is None)
        assert given is None or given.tolist() == wanted.tolist()
    assert original.asked == [2, 4]


def test_the_original_is_asked_for_all_or_for_nothing_where_that_is_how_it_is() -> None:
    label = _label("binary")
    original = Fake(share, label)
    engine = Checked(Fake(leaving, label), lambda: original, label, "both")
    engine.predict({"x": np.array([1.0, 2.0])}, 2)
    assert original.asked == []
    found = engine.predict({"x": np.array([np.nan])}, 1)
    assert found.probability is not None and found.probability.tolist() == [0.4]


@pytest.mark.row("S11")
def test_a_compiled_engine_that_equals_the_original_serves_and_says_on_how_many_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    label = _label("binary")
    compiled = Fake(leaving, label)
    compiled.reads = ("as large as the model",)
    _with(monkeypatch, compiled)
    choice = choose(Fake(share, label), object(), label, SCHEMA, None)
    assert (choice.engine.kind, choice.refused) == ("compiled", "")
    assert choice.parity is not None and choice.parity.passed
    assert choice.engine.detail == f"fake kernel; equals the original on {choice.parity.rows} rows (worst difference 0)"
    assert compiled.reads == ()


@pytest.mark.row("S11")
def test_a_compiled_engine_that_differs_does_not_serve_and_the_original_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    label = _label("binary")
    original = Fake(share, label)
    _with(monkeypatch, Fake(lambda rows: share(rows) + 3e-4, label))
    choice = choose(original, object(), label, SCHEMA, None)
    assert choice.engine is original
    assert choice.parity is not None and not choice.parity.passed
    assert "it differs by 0.0003 in row" in choice.refused
    assert original.detail == f"the compiled engine was refused: {choice.refused}"


def test_a_model_that_is_not_compiled_is_served_as_it_is_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    label = _label("binary")
    original = Fake(share, label)
    _with(monkeypatch, NotCompiled("PCA is not among the steps that are compiled"))
    choice = choose(original, object(), label, SCHEMA, None)
    assert (choice.engine, choice.parity, choice.refused) == (original, None, "")
    assert original.detail == "PCA is not among the steps that are compiled"


def _fails(rows: Floats) -> Floats:
    raise ZeroDivisionError("a bug")


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (RuntimeError("no such instruction"), "it could not be made: RuntimeError: no such instruction"),
        (Fake(_fails, _label("binary")), "it raised ZeroDivisionError: a bug"),
    ],
    ids=["when it is made", "when it answers"],
)
def test_a_fault_in_a_kernel_never_keeps_a_version_from_serving(monkeypatch: pytest.MonkeyPatch, made: object, says: str) -> None:
    label = _label("binary")
    original = Fake(share, label)
    _with(monkeypatch, made)
    choice = choose(original, object(), label, SCHEMA, None)
    assert choice.engine is original
    assert choice.refused == says and says in original.detail


@pytest.mark.row("M11")
def test_an_original_that_answers_otherwise_than_when_it_was_trained_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    label = _label("binary")
    kept = Sample(rows=ROWS, answers=share(ROWS).reshape(-1, 1))
    for made in (NotCompiled("no"), Fake(lambda rows: share(rows) + 0.01, label)):
        _with(monkeypatch, made)
        assert choose(Fake(share, label), object(), label, SCHEMA, kept).moved == 0.0
        assert choose(Fake(lambda rows: share(rows) + 0.01, label), object(), label, SCHEMA, kept).moved == pytest.approx(0.01)


def test_a_row_that_the_original_refuses_is_refused() -> None:
    label = _label("number")

    def refusing(rows: Floats) -> Floats:
        raise PredictFailed("Input contains NaN.")

    with pytest.raises(PredictFailed, match="Input contains NaN"):
        Checked(Fake(leaving, label), lambda: Fake(refusing, label), label, "").predict(COLUMNS, 4)


def test_the_reason_names_the_libraries_that_changed_with_both_versions() -> None:
    numpy = metadata.version("numpy")
    told = moved_because(0.0314, {"numpy": "0.9", "pandas": metadata.version("pandas"), "gone-library": "2"})
    assert told == (
        f"the model answers differently from when it was trained, with numpy {numpy} instead of 0.9, "
        "gone-library (not installed) instead of 2: worst difference 0.031"
    )
    assert moved_because(1e-7, {"numpy": "0.9"}) == ""
    assert "with the same libraries: it does not answer the rows" in moved_because(float("inf"), {"numpy": numpy})


def test_an_original_that_is_let_go_is_loaded_once_and_only_when_a_row_asks_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    label = _label("binary")
    _with(monkeypatch, Fake(leaving, label))
    loads = []

    def again() -> Fake:
        loads.append(1)
        return Fake(share, label)

    engine = choose(Fake(share, label), object(), label, SCHEMA, None, again).engine
    assert engine.kind == "compiled"
    engine.predict({"x": np.array([1.0, 2.0])}, 2)
    assert loads == []
    engine.predict(COLUMNS, 4)
    found = engine.predict(COLUMNS, 4)
    assert found.probability is not None and found.probability.tolist() == share(ROWS).tolist()
    assert loads == [1]
