"""The gate lets through what answers alike, whatever the model, and finds one wrong number wherever it is put."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import ExtraTreesRegressor, RandomForestRegressor

from farero.core.label import LabelSpec
from farero.core.matrix import to_columns
from farero.core.schema import Field, Schema
from farero.project.frame import frame
from farero.serving import parity, probes
from farero.serving.compile import compile_model
from farero.serving.engine import Original

LABEL = LabelSpec(name="y", kind="number", arrives_within=timedelta(days=1))
FIELDS = st.lists(
    st.one_of(
        st.builds(lambda low, gap: {"kind": "number", "min": low, "max": low + gap}, st.floats(-1e6, 1e6), st.floats(1e-3, 1e6)),
        st.builds(lambda missing: {"kind": "number", "missing": missing}, st.booleans()),
        st.builds(lambda missing: {"kind": "flag", "missing": missing}, st.booleans()),
    ),
    min_size=1,
    max_size=4,
)


def _schema(fields: list[dict[str, Any]]) -> Schema:
    return Schema(fields=tuple(Field(name=f"x{at}", **field) for at, field in enumerate(fields)))


def _forest(schema: Schema, seed: int, kind: type[Any] = RandomForestRegressor) -> Any:
    random = np.random.default_rng(seed)
    rows = probes.drawn(schema, 150, random)
    return kind(3, max_leaf_nodes=12, random_state=seed).fit(frame(schema, to_columns(schema, rows)), random.normal(size=150))


@pytest.mark.row("S11")
@settings(max_examples=25, deadline=None)
@given(fields=FIELDS, seed=st.integers(0, 2**16), kind=st.sampled_from([RandomForestRegressor, ExtraTreesRegressor]))
def test_a_forest_that_was_compiled_rightly_always_passes(fields: list[dict[str, Any]], seed: int, kind: type[Any]) -> None:
    schema = _schema(fields)
    model = _forest(schema, seed, kind)
    found = parity.check(Original(model, LABEL, schema), compile_model(model, LABEL, schema), schema, LABEL, None)
    assert found.passed, found.because
    assert found.worst == 0.0 and found.rows > 1000


@pytest.mark.row("S11")
@settings(max_examples=25, deadline=None)
@given(fields=FIELDS, seed=st.integers(0, 2**16), leaf=st.integers(0, 2**16), by=st.sampled_from([1e-4, -1e-4, 1e3]))
def test_one_wrong_leaf_is_found_wherever_rows_may_come_to_it(fields: list[dict[str, Any]], seed: int, leaf: int, by: float) -> None:
    schema = _schema(fields)
    right, wrong = _forest(schema, seed), _forest(schema, seed)
    tree = wrong.estimators_[leaf % 3].tree_
    leaves = np.flatnonzero(tree.children_left < 0)
    tree.value[leaves[leaf % leaves.size], 0, 0] += by
    found = parity.check(Original(right, LABEL, schema), compile_model(wrong, LABEL, schema), schema, LABEL, None)
    assert not found.passed
    assert found.worst == pytest.approx(abs(by) / 3, rel=0.9)


@settings(max_examples=50, deadline=None)
@given(fields=FIELDS, seed=st.integers(0, 2**16))
def test_every_row_that_is_tried_is_one_that_a_caller_could_send(fields: list[dict[str, Any]], seed: int) -> None:
    schema = _schema(fields)
    random = np.random.default_rng(seed)
    base = probes.drawn(schema, 50, random)
    thresholds = {at: random.normal(size=20) * 10 for at in range(len(fields))}
    blocks = [base, probes.gaps(schema, base, random), *probes.ends(schema, base), probes.at_thresholds(schema, base, thresholds, random)]
    for rows in blocks:
        for at, field in enumerate(schema.features):
            values = rows[:, at]
            values = values[~np.isnan(values) & (values != -1)] if field.missing else values
            assert np.isfinite(values).all()
            if field.kind == "flag":
                assert set(values) <= {0.0, 1.0}
            elif field.min is not None and field.max is not None:
                assert ((values >= field.min) & (values <= field.max)).all()
