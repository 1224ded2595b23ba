from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor, RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tests.unit.serving.compile.made import BINARY, CLASSES, FULL, NUMBER, labels, matrix, seen

from farero.core.label import LabelSpec
from farero.serving import parity
from farero.serving.blend import Blend
from farero.serving.compile import CompiledBlend, NotCompiled, compile_model
from farero.serving.engine import Original

ROWS = matrix(400, 1, FULL)


def blend(label: LabelSpec, *models: object) -> Blend:
    fitted = [
        model.fit(seen(part, FULL), labels(part, label))  # type: ignore[attr-defined]
        for model, part in zip(models, (ROWS[:200], ROWS[150:], ROWS[300:]), strict=False)
    ]  # fmt: skip
    shares = {1: [1.0], 2: [0.75, 0.25], 3: [0.5, 0.25, 0.25]}[len(models)]
    return Blend(fitted, shares, label)


@pytest.mark.row("S11", "R5")
@pytest.mark.parametrize(
    ("label", "models"),
    [
        (NUMBER, (HistGradientBoostingRegressor(max_iter=5), LinearRegression())),
        (BINARY, (RandomForestClassifier(5, random_state=0), make_pipeline(StandardScaler(), LogisticRegression()))),
        (CLASSES, (HistGradientBoostingClassifier(max_iter=5), LogisticRegression(), RandomForestClassifier(3, random_state=0))),
    ],
    ids=["number", "binary", "classes"],
)
def test_a_blend_of_models_is_compiled_and_equals_the_original(label: LabelSpec, models: tuple[object, ...]) -> None:
    model = blend(label, *models)
    engine = compile_model(model, label, FULL)
    assert isinstance(engine, CompiledBlend) and engine.detail.startswith(f"the mean of {len(models)}: ")
    found = parity.check(Original(model, label, FULL), engine, FULL, label, None)
    assert found.passed and found.rows > 2000 and found.worst < 1e-12
    assert len(engine.reads) == len(models)
    engine.forget()
    assert engine.reads == ()


@pytest.mark.row("S11", "R5")
def test_the_short_way_leaves_a_row_to_the_original_where_one_model_does() -> None:
    holes = ROWS[:5].copy()
    holes[2, 0] = np.nan
    model = blend(NUMBER, HistGradientBoostingRegressor(max_iter=5), LinearRegression())
    engine = compile_model(model, NUMBER, FULL)
    assert engine.quick is not None
    engine.quick.rows[:5] = holes
    engine.quick.run(5)
    assert np.isnan(engine.quick.answers[:5, 0]).tolist() == [False, False, True, False, False]
    assert np.array_equal(engine.quick.answers[:5], engine.answers(holes), equal_nan=True)


@pytest.mark.row("S11", "R5")
def test_a_blend_with_a_model_that_is_not_compiled_is_not_compiled() -> None:
    with pytest.raises(NotCompiled, match="KNeighbors"):
        compile_model(blend(BINARY, LogisticRegression(), KNeighborsClassifier()), BINARY, FULL)
