"""What reading and checking a request costs: the generated decoder beside the careful way, bare msgspec, and pydantic."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from timeit import repeat
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from pydantic import BaseModel, ConfigDict, TypeAdapter
from pydantic import Field as Limits

from farero.core.matrix import to_matrix
from farero.core.schema import Field, Schema, check_rows
from farero.rest.infer import read_rows
from farero.rest.request import decode
from farero.serving.decoder import RowDecoder
from farero.serving.privacy import Protector

NUMBERS = ("tenure", "monthly_charges", "total_charges", "support_calls", "age", "usage_gb", "sessions", "score")
CHOICES: dict[str, tuple[str, ...]] = {"contract": ("monthly", "yearly"), "payment": ("card", "transfer", "cash")}
SCHEMA = Schema(
    fields=tuple(Field(name=name, kind="number", min=0, max=10_000) for name in NUMBERS)
    + tuple(Field(name=name, kind="choice", levels=levels) for name, levels in CHOICES.items())
)
CAPACITY = 1024
REPEATS = 7


class Row(BaseModel):
    """The same row as FastAPI would check it."""

    model_config = ConfigDict(extra="forbid", strict=True)

    tenure: Annotated[float, Limits(ge=0, le=10_000)]
    monthly_charges: Annotated[float, Limits(ge=0, le=10_000)]
    total_charges: Annotated[float, Limits(ge=0, le=10_000)]
    support_calls: Annotated[float, Limits(ge=0, le=10_000)]
    age: Annotated[float, Limits(ge=0, le=10_000)]
    usage_gb: Annotated[float, Limits(ge=0, le=10_000)]
    sessions: Annotated[float, Limits(ge=0, le=10_000)]
    score: Annotated[float, Limits(ge=0, le=10_000)]
    contract: Literal["monthly", "yearly"]
    payment: Literal["card", "transfer", "cash"]


def careful(protector: Protector) -> Callable[[bytes], object]:
    """From a body to the same three things: a matrix, values to record, and keys."""

    def read(body: bytes) -> object:
        rows, _ = read_rows(decode(body), CAPACITY)
        checked = check_rows(SCHEMA, rows).rows
        return to_matrix(SCHEMA, checked.columns, checked.count), protector.protect(checked), protector.keys(checked)

    return read


def microseconds(read: Callable[[bytes], object], body: bytes) -> float:
    """The fastest of a few rounds, for one call [us]."""
    number = max(20, 400_000 // len(body))
    return min(repeat(lambda: read(body), number=number, repeat=REPEATS)) / number * 1e6


def main() -> None:
    """Print a line for each number of rows."""
    chance = random.Random(1)
    rows: list[dict[str, Any]] = [
        {name: round(chance.uniform(0, 9999), 2) for name in NUMBERS} | {name: chance.choice(levels) for name, levels in CHOICES.items()}
        for _ in range(CAPACITY)
    ]
    decoder = RowDecoder(SCHEMA, max_rows=CAPACITY, rows=np.empty((CAPACITY, len(SCHEMA.features))))
    one, several = TypeAdapter(Row), TypeAdapter(list[Row])
    print(f"{len(NUMBERS)} numbers and {len(CHOICES)} choices a row; us a request, and how many times the decoder's time\n")
    print(f"{'rows':>6}{'bytes':>9}{'decoder':>10}{'careful way':>19}{'bare msgspec':>19}{'pydantic':>19}")
    for count in (1, 10, 100, 1000):
        plain = json.dumps(rows[0] if count == 1 else rows[:count]).encode()  # pydantic's list has no wrapper
        body = plain if count == 1 else b'{"rows":' + plain + b"}"
        ours = microseconds(decoder.decode, body)
        line = f"{count:>6}{len(body):>9}{ours:>10.2f}"
        for read, given in (
            (careful(Protector(bytes(32), SCHEMA)), body),
            (msgspec.json.decode, body),
            ((one if count == 1 else several).validate_json, plain),
        ):
            theirs = microseconds(read, given)
            line += f"{theirs:>12.2f}{theirs / ours:>6.1f}x"
        print(line)


if __name__ == "__main__":
    main()
