"""Reads tables from files: CSV, Parquet, JSON lines. What cannot be read is said, with its line."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pa_parquet
from numpy.typing import NDArray

from farero.core.schema import Fault
from farero.errors import BadInput

_LISTED = 20


def read_table(path: Path, columns: Sequence[str] | None = None, *, typed: bool = False) -> dict[str, NDArray[Any]]:
    """The columns of a file by name; the ending of its name says what it is (.csv, .parquet, .jsonl; anything else is read as CSV).

    Numbers come as float64 or integers (NaN where missing), moments as datetime64 in UTC, all else as objects with None where missing.
    The cells of a CSV stay text, to be read as the schema declares them, unless `typed`.

    Args:
        columns: only these, where they are there.

    Raises:
        BadInput: there is no such file, it is empty or broken, or two columns have the same name.
    """
    if not path.is_file():
        raise BadInput(f"There is no file {path}." if not path.exists() else f"{path} is no file.", hint="Check the path.")
    ending = path.suffix.lower()
    try:
        if ending in (".parquet", ".pq"):
            table = pa_parquet.read_table(path, columns=_present(path, columns))
        elif ending in (".jsonl", ".ndjson", ".json"):
            with path.open("rb") as file:
                return _only(read_lines(file, name=path.name), columns)
        else:
            table = read_csv(path, columns, typed=typed)
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error}.") from error
    except pa.ArrowInvalid as error:
        raise BadInput(f"{path.name} is no Parquet file, or is damaged: {first_line(error)}.") from error
    return {name: _array(table[name]) for name in table.column_names}


def read_lines(file: BinaryIO, *, name: str) -> dict[str, NDArray[Any]]:
    """The fields of JSON lines by name, None where a line has none; the values as JSON has them.

    Raises:
        BadInput: a line is no JSON object, or is not UTF-8; names every such line. Or there is no line at all.
    """
    rows: list[Mapping[str, object]] = []
    faults: list[Fault] = []
    for number, line in enumerate(file, 1):
        if not line.strip():
            continue
        try:
            found = json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"))
        except UnicodeDecodeError:
            faults.append(Fault(path=f"{name}:{number}", code="not-utf8", message="is not UTF-8 text"))
        except (ValueError, RecursionError) as error:
            faults.append(Fault(path=f"{name}:{number}", code="not-json", message=f"is no JSON: {error}"))
        else:
            if isinstance(found, dict):
                rows.append(found)
            else:
                faults.append(Fault(path=f"{name}:{number}", code="not-an-object", message="must be an object of field names and values"))
    if faults:
        raise BadInput(
            f"{name} has {len(faults)} lines that are no JSON objects.", faults=faults[:_LISTED], hint="Write one object a line."
        )
    if not rows:
        raise BadInput(f"{name} is empty.", hint="Give it at least one row.")
    names = dict.fromkeys(key for row in rows for key in row)
    return {key: _objects([row.get(key) for row in rows]) for key in names}


def parse_times(values: Sequence[object] | NDArray[Any], *, name: str) -> NDArray[np.datetime64]:
    """Moments as datetime64[us] in UTC, NaT where missing. Text without a zone is UTC; whole numbers from 1600 to 2200 are years.

    Raises:
        BadInput: a value is no moment; names the first ones.
    """
    array = values if isinstance(values, np.ndarray) else _objects(values)
    if array.dtype.kind == "M":
        return array.astype("datetime64[us]")
    times = np.empty(len(array), dtype="datetime64[us]")
    faults: list[Fault] = []
    for at, value in enumerate(array.tolist()):
        moment = _moment(value)
        if isinstance(moment, str):
            faults.append(Fault(path=f"{name}[{at}]", code="bad-date", message=moment))
            moment = None
        times[at] = "NaT" if moment is None else moment
    if faults:
        message = f"{len(faults)} of {len(array)} values of {name} are no times."
        raise BadInput(message, faults=faults[:_LISTED], hint="Write times like 2024-05-01T13:00:00Z.")
    return times


def _moment(value: object) -> datetime | str | None:
    """The moment without its zone, or what is wrong."""
    if isinstance(value, str):
        text = value.strip()
        if text in ("", "NA", "NaN", "null"):
            return None
        try:
            value = datetime.fromisoformat(text)
        except ValueError:
            return f"{text[:40]!r} is no time"
    if value is None or (isinstance(value, float) and value != value):
        return None
    if isinstance(value, datetime):
        try:
            return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
        except OverflowError:
            return f"{value} is outside the years 1 to 9999"
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day)  # noqa: DTZ001  # UTC by our own convention, as all text without a zone
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 1600 <= value <= 2200 and value == int(value):
        return datetime(int(value), 1, 1)  # noqa: DTZ001
    return f"{value!r} is no time"


def _present(path: Path, columns: Sequence[str] | None) -> list[str] | None:
    names = pa_parquet.read_schema(path).names
    refuse_doubles(path.name, names)
    return None if columns is None else [name for name in names if name in set(columns)]


def read_csv(path: Path, columns: Sequence[str] | None = None, *, typed: bool = True) -> pa.Table:
    """The rows of a CSV; its cells as text, unless `typed`.

    Raises:
        BadInput: it is empty or broken, is not UTF-8, or two columns have the same name.
    """
    names = csv_header(path)
    kept = names if columns is None else [name for name in names if name in set(columns)]
    convert = pa_csv.ConvertOptions(
        include_columns=kept,
        column_types=None if typed else dict.fromkeys(names, pa.string()),
        strings_can_be_null=True,
        null_values=None if typed else [""],
    )
    read = pa_csv.ReadOptions(block_size=8 << 20)
    try:
        table = pa_csv.read_csv(
            path, read_options=read, parse_options=pa_csv.ParseOptions(newlines_in_values=True), convert_options=convert
        )
    except pa.ArrowInvalid as error:
        raise broken_csv(path, error) from error
    if table.num_rows == 0:
        raise BadInput(f"{path.name} has a header and no rows.", hint="Give it at least one row.")
    return table


def csv_header(path: Path) -> list[str]:
    """The column names of a CSV."""
    with path.open("rb") as file:
        start = file.read(1 << 16)
    if not start.strip():
        raise BadInput(f"{path.name} is empty.", hint="Give it a header and at least one row.")
    try:
        with path.open(encoding="utf-8-sig", newline="") as text:
            names = next(csv.reader(text), [])
    except UnicodeDecodeError:
        names = []
    except csv.Error as error:
        raise BadInput(f"{path.name} is no CSV: {error}.") from error
    if not names:
        raise _not_utf8(path)
    if "\x00" in "".join(names):
        raise BadInput(f"{path.name} is no CSV: it holds binary data.", hint="A Parquet file needs the ending .parquet.")
    refuse_doubles(path.name, names)
    return names


def broken_csv(path: Path, error: Exception) -> BadInput:
    """What to say of a CSV that Arrow cannot read: the lines at fault, and none of their cells, which may be personal."""
    text = first_line(error)
    if "UTF8" in text or "UTF-8" in text:
        return _not_utf8(path)
    # Arrow's own words repeat the row's cells, which may be personal, and do not say its line.
    uneven = _first_uneven(path)
    said = "." if uneven else f": {text}."
    return BadInput(f"{path.name} is a broken CSV{said}", faults=uneven, hint="Give every row as many cells as the header; quote commas.")


def _first_uneven(path: Path) -> list[Fault]:
    """The first rows with more or fewer cells than the header."""
    found: list[Fault] = []
    with path.open(encoding="utf-8-sig", newline="", errors="replace") as text:
        reader = csv.reader(text)
        width = len(next(reader, []))
        for cells in reader:
            if cells and len(cells) != width:
                found.append(
                    Fault(path=f"{path.name}:{reader.line_num}", code="broken-row", message=f"has {len(cells)} cells, the header {width}")
                )
                if len(found) == _LISTED:
                    break
    return found


def _not_utf8(path: Path) -> BadInput:
    with path.open("rb") as file:
        broken = next((number for number, line in enumerate(file, 1) if not _is_utf8(line)), 1)
    return BadInput(f"{path.name}:{broken} is not UTF-8 text.", hint="Save the file as UTF-8: iconv -f latin1 -t utf-8 FILE.")


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def refuse_doubles(name: str, names: Sequence[str]) -> None:
    """Raise a BadInput where two columns have the same name."""
    doubles = sorted(column for column, times in Counter(names).items() if times > 1)
    if doubles:
        raise BadInput(f"{name} has more than one column {', '.join(map(repr, doubles))}.", hint="Give every column a name of its own.")


def _only(table: dict[str, NDArray[Any]], columns: Sequence[str] | None) -> dict[str, NDArray[Any]]:
    return table if columns is None else {name: values for name, values in table.items() if name in set(columns)}


def _array(column: pa.ChunkedArray) -> NDArray[Any]:
    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if pa.types.is_timestamp(kind):
        return np.asarray(column.cast(pa.timestamp("us", kind.tz), safe=False).to_numpy()).astype("datetime64[us]")
    if pa.types.is_date(kind):
        return np.asarray(column.cast(pa.timestamp("us")).to_numpy()).astype("datetime64[us]")
    if pa.types.is_decimal(kind):
        column = column.cast(pa.float64())
    if pa.types.is_integer(kind) and column.null_count:
        column = column.cast(pa.float64(), safe=False)
    if pa.types.is_boolean(kind) and not column.null_count or pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return np.asarray(column.to_numpy())
    return _objects(column.to_pylist() if not pa.types.is_string(kind) else column.to_numpy(zero_copy_only=False))


def _objects(values: Sequence[object] | NDArray[Any]) -> NDArray[Any]:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def first_line(error: Exception) -> str:
    """The first line of an error's text, without its full stop."""
    return str(error).strip().splitlines()[0].rstrip(".")
