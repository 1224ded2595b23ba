"""What a demonstration makes of an example's data: rows as a client sends them, and the same history with wrong labels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pa_parquet

from farero.project.table import read_table


def plain_rows(path: Path, features: Sequence[str], label: str, *, last: int) -> tuple[list[dict[str, Any]], list[Any]]:
    """The last rows of a file that have a label, as JSON would hold them, and their labels; missing values are None."""
    table = read_table(path, [*features, label], typed=True)
    count = len(table[label])
    columns = {name: [_plain(value) for value in values[-last:].tolist()] for name, values in table.items()}
    rows = [{name: columns[name][place] for name in features} for place in range(min(last, count))]
    kept = [place for place, value in enumerate(columns[label]) if value is not None]
    return [rows[place] for place in kept], [columns[label][place] for place in kept]


def with_wrong_labels(path: Path, label: str, target: Path) -> Path:
    """A copy of a file whose labels were joined the wrong way round: two classes are swapped, anything else stands in reverse order."""
    table = read_table(path, typed=True)
    labels = table[label]
    found = [value for value in dict.fromkeys(labels.tolist()) if _plain(value) is not None]
    swapped = {found[0]: found[1], found[1]: found[0]} if len(found) == 2 else {}
    wrong = np.asarray([swapped.get(value, value) for value in labels.tolist()], dtype=labels.dtype) if swapped else labels[::-1].copy()
    pa_parquet.write_table(pa.table({**table, label: wrong}), str(target))
    return target


def _plain(value: Any) -> Any:
    return None if value is None or isinstance(value, float) and math.isnan(value) else value
