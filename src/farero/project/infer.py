"""A project read off a table, for `farero replay` where there is none: kinds from the values, gradient boosting as the model."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from farero.core.schema import denied_name
from farero.errors import BadInput
from farero.project import stand_in
from farero.project.faults import RESERVED
from farero.project.load import Loaded
from farero.project.settings import Settings
from farero.project.table import parse_times, read_table

MOST_LEVELS = 100
"""A text with more different values than this is a name or a remark, not a choice, and is left out."""
MOST_CLASSES = 20
_SECONDS_A_DAY = 86_400


def infer(data: Path, *, time: str, label: str, root: Path) -> Loaded:
    """A project whose features are the columns of `data` but time and label. Personal-sounding columns are dropped from every record.

    A label arrives within a day, or within the usual distance of two rows where that is longer.

    Raises:
        BadInput: the file cannot be read, a named column is absent, or nothing can be learnt from it.
    """
    table = read_table(data, typed=True)
    absent = [name for name in (time, label) if name not in table]
    if absent:
        raise BadInput(f"{data.name} has no column {', '.join(map(repr, absent))}.", hint=f"Its columns are {', '.join(table)}.")
    taken = sorted(name for name in table if name in RESERVED and name not in (time, label))
    if taken:
        raise BadInput(f"{data.name} has columns with reserved names: {', '.join(taken)}.", hint="Rename them, or write a project file.")
    fields = {name: line for name, values in table.items() if name not in (time, label) and (line := _field(name, values)) is not None}
    if not any(line["kind"] != "personal" for line in fields.values()):
        raise BadInput(f"{data.name} has no column to learn from beside {time} and {label}.")
    plan = {
        "model": re.sub(r"[^a-z0-9_-]+", "-", data.stem.lower()).strip("-_")[:64] or "model",
        "label": label,
        "arrives_within": _arrives(parse_times(table[time], name=time)),
        "fields": fields,
        **_label(label, table[label]),
    }
    project = stand_in.build(plan)
    recipe = {"stand_in": json.dumps(plan)}
    return Loaded(root=root.resolve(), settings=Settings(references=()), projects={project.model: project}, recipes={project.model: recipe})


def _field(name: str, values: NDArray[Any]) -> Mapping[str, Any] | None:
    """What a column is; None where it is nothing to learn from."""
    if values.dtype.kind == "b":
        return {"kind": "flag"}
    if denied_name(name):
        return {"kind": "personal"} if values.dtype.kind == "O" else None
    if values.dtype.kind in "iuf":
        return {"kind": "number"} if np.isfinite(values.astype(np.float64)).any() else None
    if values.dtype.kind == "M":
        return {"kind": "date"}
    found = {value for value in values.tolist() if value is not None}
    if found and found <= {True, False} and all(isinstance(value, bool) for value in found):
        return {"kind": "flag"}
    if not found or not all(isinstance(value, str) for value in found):
        return None
    levels = sorted(text for text in found if text.strip())
    return {"kind": "choice", "levels": levels} if 0 < len(levels) <= MOST_LEVELS else None


def _label(name: str, values: NDArray[Any]) -> Mapping[str, Any]:
    """The label's kind, and what its values mean."""
    present = [value for value in values.tolist() if value is not None and value == value]
    different = set(present)
    if len(different) < 2:
        raise BadInput(f"The label {name} has {len(different)} different value{'s' * (len(different) != 1)}: there is nothing to predict.")
    if different <= {0, 1}:
        return {"kind": "binary", "positive": None}
    if values.dtype.kind in "iuf":
        return {"kind": "number"}
    texts = sorted(map(str, different))
    lower = {text.strip().lower() for text in texts}
    if lower <= {"yes", "no"} or lower <= {"true", "false"}:
        return {"kind": "binary", "positive": None}
    if len(texts) == 2:
        return {"kind": "binary", "positive": min(texts, key=lambda text: (present.count(text), text))}
    if len(texts) <= MOST_CLASSES:
        return {"kind": "classes", "classes": texts}
    raise BadInput(
        f"The label {name} has {len(texts)} different texts: too many for classes.", hint="Write a project file that says which."
    )


def _arrives(times: NDArray[np.datetime64]) -> str:
    known = np.unique(times[~np.isnat(times)]).astype("datetime64[s]").astype(np.int64)
    usual = int(np.median(np.diff(known))) if known.size > 1 else 0
    return "1d" if usual <= _SECONDS_A_DAY else f"{usual}s"
