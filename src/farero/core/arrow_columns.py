"""Arrow record batches as checked columns: numbers without a copy, choices as codes, and the texts that nobody declared."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from farero.core.profiled import MERGED_NEW_VALUES, most_frequent
from farero.core.schema import MISSING_CODE, NEW_CODE, Columns, Field, Schema
from farero.errors import BadInput

Names: TypeAlias = Mapping[str, Mapping[str, int]]
_Column: TypeAlias = NDArray[Any]


class Reader:
    """Reads batches of one table.

    Args:
        schema: of the rows. A feature that a batch does not have is all missing.
        prefix: what stands before a feature's name in the table.

    >>> schema = Schema(fields=(Field(name="x", kind="number"), Field(name="c", kind="choice", levels=("a", "b"), new_levels=True)))
    >>> columns, names = Reader(schema).read(pa.record_batch({"x": [1.5, None], "c": ["b", "z"]}))
    >>> columns["x"].tolist(), columns["c"].tolist(), names
    ([1.5, nan], [1, -2], {'c': {'z': 1}})
    """

    def __init__(self, schema: Schema, prefix: str = "") -> None:
        self._schema = schema
        self._prefix = prefix
        self._levels = {field.name: pa.array(field.levels, pa.string()) for field in schema.features if field.kind == "choice"}

    def read(self, batch: pa.RecordBatch) -> tuple[Columns, Names]:
        """The features of n rows, numbers in whatever numeric type they are stored, and how often each new level occurs.

        Raises:
            BadInput: a column cannot be what its feature is.
        """
        columns: dict[str, _Column] = {}
        names: dict[str, Mapping[str, int]] = {}
        held = set(batch.schema.names)
        for field in self._schema.features:
            name = self._prefix + field.name
            if name not in held:
                columns[field.name] = absent(field, batch.num_rows)
                continue
            try:
                columns[field.name] = self._column(field, batch.column(name))
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
                raise BadInput(
                    f"{name} is {batch.schema.field(name).type} in the table and {field.kind} in the project: {error}.",
                    hint="Write the column with the type that the project declares.",
                ) from error
            if field.kind == "choice" and field.new_levels:
                new = columns[field.name] == NEW_CODE
                if new.any():
                    names[field.name] = _counted(batch.column(name), new)
        return columns, names

    def _column(self, field: Field, array: pa.Array) -> _Column:
        if field.kind == "choice":
            return _codes(array, self._levels[field.name])
        if pa.types.is_dictionary(array.type):
            array = array.dictionary_decode()
        return _READERS[field.kind](array)


def absent(field: Field, rows: int) -> _Column:
    """A column without a value."""
    if field.kind == "number":
        return np.full(rows, np.nan)
    if field.kind == "date":
        return np.full(rows, np.datetime64("NaT"), dtype="datetime64[us]")
    return np.full(rows, MISSING_CODE, dtype=np.int8 if field.kind == "flag" else np.int32)


def _numbers(array: pa.Array) -> _Column:
    if array.null_count or not (pa.types.is_integer(array.type) or pa.types.is_floating(array.type)):
        array = array.cast(pa.float64())
    return np.asarray(array.to_numpy(zero_copy_only=False))


def _flags(array: pa.Array) -> _Column:
    return np.asarray(array.cast(pa.bool_()).cast(pa.int8()).fill_null(MISSING_CODE).to_numpy(zero_copy_only=False), dtype=np.int8)


def _dates(array: pa.Array) -> _Column:
    zone = array.type.tz if pa.types.is_timestamp(array.type) else None
    micros = array.cast(pa.timestamp("us", tz=zone), safe=False)
    return np.asarray(micros.to_numpy(zero_copy_only=False), dtype="datetime64[us]")


def _codes(array: pa.Array, levels: pa.Array) -> _Column:
    if not pa.types.is_dictionary(array.type):
        text = array.cast(pa.string())
        codes = pc.fill_null(pc.index_in(text, value_set=levels), NEW_CODE)
        codes = pc.if_else(pc.is_null(text), pa.scalar(MISSING_CODE, pa.int32()), codes) if text.null_count else codes
        return np.asarray(codes.to_numpy(zero_copy_only=False), dtype=np.int32)
    words = array.dictionary.cast(pa.string())
    known = pc.fill_null(pc.index_in(words, value_set=levels), NEW_CODE)
    known = pc.if_else(pc.is_null(words), pa.scalar(MISSING_CODE, pa.int32()), known)
    table = np.append(np.asarray(known.to_numpy(zero_copy_only=False), dtype=np.int32), np.int32(MISSING_CODE))
    # A place that is null looks one past the words, at what stands for missing.
    places = array.indices.fill_null(len(words)) if array.null_count else array.indices
    found: NDArray[np.int32] = table[places.to_numpy(zero_copy_only=False)]
    return found


def _counted(array: pa.Array, chosen: NDArray[np.bool_]) -> Mapping[str, int]:
    """The most frequent texts of these rows."""
    counts = pc.value_counts(array.filter(pa.array(chosen)).cast(pa.string()))
    largest = counts.take(pc.array_sort_indices(counts.field("counts"), order="descending")[:MERGED_NEW_VALUES])
    return most_frequent(
        dict(zip(largest.field("values").to_pylist(), largest.field("counts").to_pylist(), strict=True)), MERGED_NEW_VALUES
    )


_READERS: Final[Mapping[str, Callable[[pa.Array], _Column]]] = {"number": _numbers, "flag": _flags, "date": _dates}
