"""What lies in a version's folder, and the rows and the label that its model was made for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec

from farero.core.label import LabelSpec
from farero.core.schema import Schema
from farero.errors import Corrupt

MODEL = "model.pkl"
RESULT = "result.json"
REFERENCE = "reference.bin"
DAYS = "days.bin"
LABELS = "labels.bin"
JUDGED = "judged.feather"
SAMPLE = "sample.bin"
SCHEMA = "schema.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """A model's rows and its label, as they were when it was trained. A project that changes later does not change them."""

    schema: Schema
    label: LabelSpec


def write_contract(folder: Path, schema: Schema, label: LabelSpec) -> None:
    """Put `schema.json` into a version's folder."""
    (folder / SCHEMA).write_bytes(msgspec.json.format(msgspec.json.encode(Contract(schema=schema, label=label)), indent=1))


def read_contract(folder: Path) -> Contract:
    """Read `schema.json` back.

    Raises:
        Corrupt: it is not there, or no contract.
    """
    try:
        return msgspec.json.decode((folder / SCHEMA).read_bytes(), type=Contract)
    except (OSError, msgspec.MsgspecError) as error:
        raise Corrupt(
            f"{folder / SCHEMA} does not say what rows the model is for: {error}.",
            hint="Restore the folder from a backup, or roll back to another version.",
        ) from error
