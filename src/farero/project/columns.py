"""Opens a file of rows so that its columns can be read one at a time: Parquet as it lies, a large CSV through a scratch copy."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pa_parquet
from numpy.typing import NDArray

from farero.core.ordered_column import OrderedColumn, put_in_order
from farero.core.raw_column import Coded, RawCells, RawKind
from farero.core.source import MemorySource, Source
from farero.errors import BadInput
from farero.project.table import broken_csv, csv_header, first_line, read_csv, read_lines, refuse_doubles

MEMORY_BYTES = 1 << 30
"""What one comparison may take where nobody says."""

_BYTES_A_ROW = 32
_BATCH = 1 << 20
_BLOCK = 16 << 20
_WRONG_TYPE = re.compile(r"In CSV column #(\d+): .*conversion error to (\w+)", re.DOTALL)


@contextmanager
def open_source(path: Path, *, memory_bytes: int = MEMORY_BYTES) -> Iterator[Source]:
    """The columns of a file, by the ending of its name: .parquet, .jsonl, anything else is CSV. JSON lines are read whole.

    Args:
        path: of the file.
        memory_bytes: what sorting one column may take; a CSV of more than a quarter of it goes through a scratch copy on disk.

    Raises:
        BadInput: there is no such file, it is empty or broken, or two columns have the same name.
    """
    if not path.is_file():
        raise BadInput(f"There is no file {path}." if not path.exists() else f"{path} is no file.", hint="Check the path.")
    ending = path.suffix.lower()
    if ending in (".parquet", ".pq"):
        yield ParquetSource(path, memory_bytes=memory_bytes)
    elif ending in (".jsonl", ".ndjson", ".json"):
        with path.open("rb") as file:
            table = read_lines(file, name=path.name)
        yield MemorySource(table)
    elif path.stat().st_size <= memory_bytes // 4:
        yield ArrowSource(read_csv(path), memory_bytes=memory_bytes)
    else:
        with tempfile.TemporaryDirectory(prefix="farero-csv-") as folder, _spooled(path, Path(folder) / "rows.arrow") as table:
            yield ArrowSource(table, memory_bytes=memory_bytes)


class ParquetSource:
    """A Parquet file; a column is read when it is asked for.

    Raises:
        BadInput: it is no Parquet file, or has no rows.
    """

    def __init__(self, path: Path, *, memory_bytes: int = MEMORY_BYTES) -> None:
        self._name, self._memory = path.name, memory_bytes
        with _readable(path.name):
            metadata = pa_parquet.read_metadata(path)
            schema = metadata.schema.to_arrow_schema()
            self.names: Sequence[str] = schema.names
            refuse_doubles(path.name, self.names)
            # Text comes as it lies in the file, as places in a dictionary, so that each word is looked at once.
            text = [field.name for field in schema if pa.types.is_string(field.type) or pa.types.is_large_string(field.type)]
            self._file = pa_parquet.ParquetFile(path, metadata=metadata, read_dictionary=text, pre_buffer=False)
        self._zones = {field.name: _zone(field.type) for field in schema}
        self.rows: int = metadata.num_rows
        self.is_long = self.rows * _BYTES_A_ROW > memory_bytes
        if not self.rows:
            raise BadInput(f"{path.name} has no rows.", hint="Give it at least one row.")

    def column(self, name: str, like: RawKind | None = None) -> OrderedColumn:
        """See `Source`."""
        with _readable(self._name):
            table = self._file.read(columns=[name], use_threads=False)
        return put_in_order(cells_of(table.column(0)), like, zone=self._zones[name])

    def batches(self, name: str) -> Iterable[RawCells]:
        """See `Source`."""
        size = max(min(_BATCH, self._memory // _BYTES_A_ROW), 1)
        with _readable(self._name):
            for batch in self._file.iter_batches(batch_size=size, columns=[name], use_threads=False):
                yield cells_of(pa.chunked_array([batch.column(0)]))


class ArrowSource:
    """A table of Arrow, in memory or mapped from disk."""

    def __init__(self, table: pa.Table, *, memory_bytes: int = MEMORY_BYTES) -> None:
        self._table, self._memory = table, memory_bytes
        self.names: Sequence[str] = table.column_names
        self.rows: int = table.num_rows
        self.is_long = self.rows * _BYTES_A_ROW > memory_bytes

    def column(self, name: str, like: RawKind | None = None) -> OrderedColumn:
        """See `Source`."""
        column = self._table[name]
        return put_in_order(cells_of(column), like, zone=_zone(column.type))

    def batches(self, name: str) -> Iterable[RawCells]:
        """See `Source`."""
        column = self._table[name]
        size = max(min(_BATCH, self._memory // _BYTES_A_ROW), 1)
        for at in range(0, self.rows, size):
            yield cells_of(column.slice(at, size))


def cells_of(column: pa.ChunkedArray) -> RawCells:
    """A column of Arrow as the core takes it: numbers, flags and moments as arrays (NaN or NaT where missing), text by codes.

    >>> cells_of(pa.chunked_array([[1.5, None]])).tolist(), cells_of(pa.chunked_array([["a", None]])).codes.tolist()
    ([1.5, nan], [0, -1])
    """
    kind = column.type
    if isinstance(kind, pa.BaseExtensionType):
        column = pa.chunked_array([chunk.storage for chunk in column.chunks], type=kind.storage_type)
        kind = column.type
    if pa.types.is_dictionary(kind):
        if _is_text(kind.value_type):
            return _coded(column)
        column, kind = column.cast(kind.value_type), kind.value_type
    if _is_text(kind):
        return _coded(column.cast(pa.string()).dictionary_encode() if pa.types.is_string_view(kind) else column.dictionary_encode())
    if pa.types.is_null(kind):
        return np.full(len(column), np.nan)
    if pa.types.is_time(kind):
        column = column.cast(pa.int32() if pa.types.is_time32(kind) else pa.int64())
    elif pa.types.is_decimal(kind):
        column = column.cast(pa.float64(), safe=False)
    dtype = _dtype(column.type)
    if dtype is None:
        return np.zeros(len(column), dtype="V1")  # lists, structures, bytes: the core says that they cannot be compared
    parts = [_part(chunk, dtype) for chunk in column.chunks]
    values = np.concatenate([part for part, _ in parts]) if len(parts) > 1 else parts[0][0] if parts else np.zeros(0, dtype)
    if not column.null_count:
        return _moments(values)
    absent = np.concatenate([np.zeros(len(part), dtype=np.bool_) if valid is None else ~valid for part, valid in parts])
    if values.dtype.kind == "b":
        return Coded(codes=np.where(absent, -1, values).astype(np.int32), values=(False, True))
    if values.dtype.kind in "Mm":
        return _moments(np.where(absent, np.array("NaT", values.dtype), values))
    return np.where(absent, np.nan, values)


def _dtype(kind: pa.DataType) -> np.dtype[Any] | None:
    """How numpy reads the cells of a type as they lie in memory; None = it cannot."""
    if pa.types.is_boolean(kind):
        return np.dtype(np.bool_)
    if pa.types.is_floating(kind) or pa.types.is_integer(kind):
        letter = "f" if pa.types.is_floating(kind) else "i" if pa.types.is_signed_integer(kind) else "u"
        return np.dtype(f"{letter}{kind.bit_width // 8}")
    if pa.types.is_timestamp(kind) or pa.types.is_duration(kind):
        return np.dtype(f"{'M' if pa.types.is_timestamp(kind) else 'm'}8[{kind.unit}]")
    if pa.types.is_date(kind):
        return np.dtype("M8[ms]") if pa.types.is_date64(kind) else np.dtype(np.int32)
    return None


def _part(chunk: pa.Array, dtype: np.dtype[Any]) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
    """The cells of a piece, whatever stands where there is none, and which of them hold a value (None = all).

    By its buffers: Arrow's own way to numpy loads pandas, which takes longer than a report on a small file.
    """
    if not len(chunk):
        return np.zeros(0, dtype), None
    start, end = chunk.offset, chunk.offset + len(chunk)
    validity, data = chunk.buffers()[:2]
    values = _bits(data, start, end) if dtype.kind == "b" else np.frombuffer(data, dtype, count=end)[start:]
    if pa.types.is_date32(chunk.type):
        values = values.astype("M8[D]")
    return values, _bits(validity, start, end) if chunk.null_count else None


def _bits(buffer: Any, start: int, end: int) -> NDArray[np.bool_]:
    return np.unpackbits(np.frombuffer(buffer, np.uint8), count=end, bitorder="little")[start:].view(np.bool_)


def _moments(values: NDArray[Any]) -> NDArray[Any]:
    return values.astype(f"{values.dtype.kind}8[us]") if values.dtype.kind in "Mm" else values


def _coded(column: pa.ChunkedArray) -> Coded:
    if not len(column):
        return Coded(codes=np.zeros(0, dtype=np.int32), values=())
    chunks = column.unify_dictionaries().chunks
    dtype = _dtype(chunks[0].type.index_type)
    assert dtype is not None, "places in a dictionary are whole numbers"
    parts = [_part(chunk.indices, dtype) for chunk in chunks]
    codes = [part if valid is None else np.where(valid, part, -1) for part, valid in parts]
    return Coded(codes=np.concatenate(codes).astype(np.int32, copy=False), values=chunks[0].dictionary.to_pylist())


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _zone(kind: pa.DataType) -> str | None:
    return kind.tz if pa.types.is_timestamp(kind) else None


@contextmanager
def _readable(name: str) -> Iterator[None]:
    try:
        yield
    except (OSError, pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise BadInput(
            f"{name} is no Parquet file, or is damaged: {first_line(error)}.", hint="Write it again; end a CSV in .csv."
        ) from error


@contextmanager
def _spooled(path: Path, target: Path) -> Iterator[pa.Table]:
    """The rows of a CSV in a scratch file, mapped. Columns have the type of their first rows, and become text where later ones differ."""
    names = csv_header(path)
    types: dict[str, Any] = {}
    while not _spool(path, names, target, types):
        pass
    with pa.memory_map(str(target)) as mapped:
        table = pa.ipc.open_file(mapped).read_all()
        if not table.num_rows:
            raise BadInput(f"{path.name} has a header and no rows.", hint="Give it at least one row.")
        yield table


def _spool(path: Path, names: Sequence[str], target: Path, types: dict[str, Any]) -> bool:
    """Copy the rows; False = a column's type had to be widened in `types`, so that it has to be done again."""
    options: Callable[..., Any] = pa_csv.open_csv
    try:
        with (
            options(
                path, read_options=pa_csv.ReadOptions(block_size=_BLOCK), parse_options=pa_csv.ParseOptions(newlines_in_values=True),
                convert_options=pa_csv.ConvertOptions(column_types=types, strings_can_be_null=True),
            ) as reader,
            pa.OSFile(str(target), "wb") as sink,
            pa.ipc.new_file(sink, reader.schema) as writer,
        ):  # fmt: skip
            for batch in reader:
                writer.write_batch(batch)
    except pa.ArrowInvalid as error:
        found = _WRONG_TYPE.search(str(error))
        name = names[int(found[1])] if found and int(found[1]) < len(names) else None
        if found is None or name is None or types.get(name) == pa.string():
            raise broken_csv(path, error) from error
        types[name] = pa.float64() if found[2] == "int64" and name not in types else pa.string()
        return False
    return True
