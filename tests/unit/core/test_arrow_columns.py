"""Record batches become checked columns whatever Arrow type they come in."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest

from farero.core.arrow_columns import Reader
from farero.core.schema import Field, Schema
from farero.errors import BadInput

CHOICE = Field(name="c", kind="choice", levels=("a", "b", "c"), missing=True, new_levels=True)


def read(field: Field, array: pa.Array) -> np.ndarray:
    return Reader(Schema(fields=(field,))).read(pa.record_batch({field.name: array}))[0][field.name]


def test_numbers_are_not_copied() -> None:
    array = pa.array(np.arange(5.0))
    found = read(Field(name="x", kind="number"), array)
    assert found.ctypes.data == array.buffers()[1].address


@pytest.mark.parametrize(
    "array",
    [
        pa.array([1.0, None, 3.0]), pa.array([1, None, 3]), pa.array([1, None, 3], pa.uint8()), pa.array([1.0, None, 3.0], pa.float32()),
        pa.array([1.0, None, 3.0]).dictionary_encode(), pa.array([1.0, np.nan, 3.0]),
    ],
    ids=str,
)  # fmt: skip
def test_numbers_of_every_type_are_numbers_and_null_is_missing(array: pa.Array) -> None:
    np.testing.assert_array_equal(read(Field(name="x", kind="number"), array), [1.0, np.nan, 3.0])


def test_whole_numbers_stay_whole() -> None:
    found = read(Field(name="x", kind="number"), pa.array([1, 2, 3], pa.int32()))
    assert (found.dtype, found.tolist()) == (np.int32, [1, 2, 3])


def test_flags_have_a_code_for_missing() -> None:
    assert read(Field(name="f", kind="flag"), pa.array([True, None, False])).tolist() == [1, -1, 0]


@pytest.mark.parametrize(
    "kind", [pa.timestamp("us", tz="UTC"), pa.timestamp("ns"), pa.timestamp("s"), pa.timestamp("ms", tz="Europe/Madrid")]
)
def test_dates_are_microseconds_in_utc(kind: pa.DataType) -> None:
    array = pa.array([datetime(2024, 3, 1, 12, tzinfo=UTC), None]).cast(pa.timestamp("us")).cast(kind)
    found = read(Field(name="d", kind="date"), array)
    assert found.dtype == np.dtype("datetime64[us]")
    assert (str(found[0]), np.isnat(found[1])) == ("2024-03-01T12:00:00.000000", True)


@pytest.mark.parametrize("encode", [False, True])
def test_choices_become_codes_and_texts_that_nobody_declared_are_counted(encode: bool) -> None:
    array = pa.array(["b", "zz", None, "a", "zz", "c", "y"])
    batch = pa.record_batch({"c": array.dictionary_encode() if encode else array})
    columns, names = Reader(Schema(fields=(CHOICE,))).read(batch)
    assert columns["c"].tolist() == [1, -2, -1, 0, -2, 2, -2]
    assert columns["c"].dtype == np.int32
    assert names == {"c": {"zz": 2, "y": 1}}


def test_a_dictionary_may_be_of_other_words_and_hold_null_itself() -> None:
    array = pa.DictionaryArray.from_arrays(pa.array([0, 1, None, 2]), pa.array(["z", None, "c"]))
    assert read(CHOICE, array).tolist() == [-2, -1, -1, 2]


def test_slices_of_a_batch_are_read_where_they_begin() -> None:
    table = pa.record_batch({"c": pa.array(["a", "b", "c", "q"]).dictionary_encode()}).slice(2)
    columns, names = Reader(Schema(fields=(CHOICE,))).read(table)
    assert (columns["c"].tolist(), names) == ([2, -2], {"c": {"q": 1}})


def test_a_feature_that_the_table_does_not_have_yet_is_missing() -> None:
    schema = Schema(fields=(CHOICE, Field(name="x", kind="number"), Field(name="d", kind="date"), Field(name="f", kind="flag")))
    columns, _ = Reader(schema, "input_").read(pa.record_batch({"other": [1, 2]}))
    assert columns["c"].tolist() == [-1, -1] == columns["f"].tolist()
    assert np.isnan(columns["x"]).all() and np.isnat(columns["d"]).all()


def test_a_hundred_thousand_new_texts_are_counted_and_few_are_named() -> None:
    texts = pa.array([f"t{i}" for i in range(100_000)] + ["often"] * 3)
    columns, names = Reader(Schema(fields=(CHOICE,))).read(pa.record_batch({"c": texts}))
    assert int((columns["c"] == -2).sum()) == 100_003
    assert len(names["c"]) == 200 and names["c"]["often"] == 3


def test_a_column_that_cannot_be_what_its_feature_is_is_refused() -> None:
    with pytest.raises(BadInput, match="x is string in the table and number in the project"):
        read(Field(name="x", kind="number"), pa.array(["a", "b"]))
