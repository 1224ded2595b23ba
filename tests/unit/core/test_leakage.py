from __future__ import annotations

import numpy as np
import pytest

from farero.core.field import Field
from farero.core.leakage import leaks
from farero.core.schema import Schema

SCHEMA = Schema(
    fields=(
        Field(name="x", kind="number", missing=True),
        Field(name="shape", kind="choice", levels=("a", "b", "c")),
        Field(name="paid", kind="flag"),
        Field(name="day", kind="date"),
    )
)
RANDOM = np.random.default_rng(1)
N = 600


def columns(**changed: object) -> dict[str, np.ndarray]:
    plain = {
        "x": RANDOM.normal(size=N), "shape": RANDOM.integers(0, 3, N).astype(np.int32), "paid": RANDOM.integers(0, 2, N).astype(np.int8),
        "day": np.datetime64("2024-01-01", "us") + RANDOM.integers(0, 10**9, N) * np.timedelta64(1, "us"),
    }  # fmt: skip
    return plain | {name: np.asarray(value) for name, value in changed.items()}


@pytest.mark.row("R5")
def test_features_that_say_nothing_or_much_but_not_all_are_no_leaks() -> None:
    labels = RANDOM.integers(0, 2, N).astype(float)
    assert leaks(SCHEMA, "binary", columns(), labels) == []
    assert leaks(SCHEMA, "binary", columns(x=labels * 3 + RANDOM.normal(size=N)), labels) == []


@pytest.mark.row("R5")
def test_the_label_under_another_name_equals_it_also_the_other_way_round() -> None:
    labels = RANDOM.integers(0, 2, N).astype(float)
    assert [(leak.feature, leak.degree) for leak in leaks(SCHEMA, "binary", columns(paid=labels.astype(np.int8)), labels)] == [
        ("paid", "equals")
    ]
    (leak,) = leaks(SCHEMA, "binary", columns(paid=(1 - labels).astype(np.int8)), labels)
    assert (leak.degree, leak.because) == ("equals", "paid equals the label in all 600 rows")
    amounts = RANDOM.normal(size=N)
    assert [leak.degree for leak in leaks(SCHEMA, "number", columns(x=amounts), amounts)] == ["equals"]


@pytest.mark.row("R5")
@pytest.mark.parametrize("shape", [lambda y: y * 2 + 1, lambda y: np.exp(-y)], ids=["line", "falling curve"])
def test_a_number_that_any_curve_turns_into_the_label_determines_it(shape: object) -> None:
    labels = RANDOM.normal(size=N)
    (leak,) = leaks(SCHEMA, "number", columns(x=shape(labels)), labels)  # type: ignore[operator]
    assert (leak.feature, leak.degree) == ("x", "determines")
    assert leak.share > 0.999


@pytest.mark.row("R5")
def test_a_score_or_a_level_or_a_gap_that_tells_the_class_determines_it() -> None:
    labels = (np.arange(N) % 3 == 0).astype(float)
    assert [leak.feature for leak in leaks(SCHEMA, "binary", columns(x=labels + RANDOM.uniform(0, 0.4, N)), labels)] == ["x"]
    assert [leak.feature for leak in leaks(SCHEMA, "binary", columns(shape=(labels * 2).astype(np.int32)), labels)] == ["shape"]
    gaps = np.where(labels == 1, np.nan, RANDOM.normal(size=N))
    assert [leak.feature for leak in leaks(SCHEMA, "binary", columns(x=gaps), labels)] == ["x"]
    three = (np.arange(N) % 3).astype(float)
    assert [leak.feature for leak in leaks(SCHEMA, "classes", columns(shape=three.astype(np.int32)), three)] == ["shape"]
    assert leaks(SCHEMA, "classes", columns(paid=(three == 1).astype(np.int8)), three) == []


def test_too_few_rows_or_only_one_label_prove_nothing() -> None:
    few = {name: values[:49] for name, values in columns().items()}
    assert leaks(SCHEMA, "binary", few | {"paid": np.arange(49) % 2}, (np.arange(49) % 2).astype(float)) == ()
    assert leaks(SCHEMA, "number", columns(), np.zeros(N)) == ()
    rare = (np.arange(N) < 9).astype(float)
    assert leaks(SCHEMA, "binary", columns(paid=rare.astype(np.int8)), rare) == ()
