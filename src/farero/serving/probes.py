"""Rows that try a model out: what its features allow, the ends of what they allow, gaps, and the places where its trees decide."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from farero.core.field import NEW_CODE, Field
from farero.core.matrix import missing_in_matrix
from farero.core.schema import Schema

Matrix = NDArray[np.float64]

MOST_AT_THRESHOLDS: Final = 20_000
"""Rows for thresholds at most: a forest of 100 trees answers them in a quarter of a second."""
MOST_CELLS: Final = 8_000_000
"""Numbers at most in those rows: 64 MiB."""
_FLOAT32_MOST: Final = float(np.finfo(np.float32).max)
_SPECIALS: Final = (
    0.0, -0.0, 1.0, -1.0, 0.5, 1e-6, 5e-324, -5e-324, 1e-30, 1e6, -1e6, 2.0**24 + 1, 2.0**53,
    _FLOAT32_MOST, 3.5e38, -3.5e38, 1.7e308, -1.7e308,
)  # fmt: skip
"""Numbers at which arithmetic changes: signed zero, what is no normal float, what a float32 cannot tell apart or hold."""
_YEARS: Final = ("1900-01-01", "1969-12-31T23:59:59.999999", "1970-01-01", "2000-02-29", "2024-12-31T23:59:59", "2100-01-01", "2255-01-01")
_SHARE_OF_GAPS: Final = 0.1


def drawn(schema: Schema, rows: int, random: np.random.Generator, like: Matrix | None = None) -> Matrix:
    """Rows of every kind that the features allow, gaps and new levels among them, (rows, features) float64.

    Args:
        like: rows that the model knows. Numbers without a declared range are drawn from theirs, and half as much beyond.
    """
    matrix = np.empty((rows, len(schema.features)), dtype=np.float64)
    for position, field in enumerate(schema.features):
        known = None if like is None else like[:, position]
        values = _values(field, rows, random, known)
        odd = random.random(rows)
        for place, value in enumerate(_odd(field)):
            values[(odd >= place * _SHARE_OF_GAPS) & (odd < (place + 1) * _SHARE_OF_GAPS)] = value
        matrix[:, position] = values
    return matrix


def gaps(schema: Schema, base: Matrix, random: np.random.Generator) -> Matrix:
    """Rows of `base` in which one feature after the other, all of them, and many random ones are missing or of a new level."""
    odd = [(position, value) for position, field in enumerate(schema.features) for value in _odd(field)]
    if not odd:
        return base[:0].copy()
    rows = []
    for turn, (position, value) in enumerate(odd):
        row = base[turn % len(base)].copy()
        row[position] = value
        rows.append(row)
    for turn in range(200):
        row = base[turn % len(base)].copy()
        for position, value in odd:
            if turn == 0 or random.random() < 0.5:
                row[position] = value
        rows.append(row)
    return np.array(rows)


def ends(schema: Schema, base: Matrix, most: int = 4000) -> Iterator[Matrix]:
    """Rows of `base`, each with one feature at an end of what it allows; those that some models refuse come by themselves."""
    blocks: dict[bool, list[Matrix]] = {False: [], True: []}
    for position, field in enumerate(schema.features):
        for value in _ends(field):
            row = base[(position + len(blocks[False])) % len(base)].copy()
            row[position] = value
            blocks[field.kind == "number" and abs(value) > _FLOAT32_MOST].append(row)
    for rows in blocks.values():
        if rows:
            step = -(-len(rows) // most)
            yield np.array(rows[::step])


def at_thresholds(schema: Schema, base: Matrix, thresholds: Mapping[int, Matrix], random: np.random.Generator) -> Matrix:
    """Rows with values at every threshold, and at its float64 and float32 neighbours on both sides.

    Each feature's cases are dealt out over the rows in the order of the rows' own values, so that a value moves to a case near it and
    the row goes on reaching the nodes that decide there; and all features are moved at once, so that few rows hold all cases.

    Returns:
        (most cases of one feature, features) float64, in random order. Where that would be more than `MOST_AT_THRESHOLDS`, so many, which
        hold cases that are evenly spread over all.
    """
    fields = schema.features
    cases = {position: around(fields[position], values) for position, values in thresholds.items()}
    most = min(MOST_AT_THRESHOLDS, MOST_CELLS // max(len(fields), 1))
    count = min(max((values.size for values in cases.values()), default=0), most)
    rows = base[random.permutation(count) % len(base)].copy() if count else base[:0].copy()
    for position, values in cases.items():
        if not values.size or not count:
            continue
        order = np.lexsort((random.random(count), rows[:, position]))
        rows[order, position] = values[np.arange(count) * values.size // count]
    return rows


def around(field: Field, thresholds: Matrix) -> Matrix:
    """A field's thresholds with their neighbours, ascending, each once, and only those that the field allows."""
    if field.kind not in ("number", "date"):
        return np.empty(0)  # its few codes stand in the drawn rows, all of them
    exact = np.unique(thresholds[np.isfinite(thresholds)])
    with np.errstate(over="ignore"):
        short = exact.astype(np.float32)
    below, above = np.float32(-np.inf), np.float32(np.inf)
    found = np.concatenate(
        [
            exact, np.nextafter(exact, -np.inf), np.nextafter(exact, np.inf),
            short.astype(np.float64), np.nextafter(short, below).astype(np.float64), np.nextafter(short, above).astype(np.float64),
        ]
    )  # fmt: skip
    if field.kind == "date":  # whole microseconds
        found = np.concatenate([np.floor(found), np.ceil(found), np.floor(found) - 1, np.ceil(found) + 1])
    found = np.unique(found[np.isfinite(found)])
    return found[allowed(field, found)]


def _values(field: Field, rows: int, random: np.random.Generator, known: Matrix | None) -> Matrix:
    if field.kind == "choice":
        return random.integers(0, len(field.levels), rows).astype(np.float64)
    if field.kind == "flag":
        return random.integers(0, 2, rows).astype(np.float64)
    low, high = _range(field, known)
    values = random.uniform(low, high, rows)
    if field.kind == "date":
        return np.floor(values)
    whole = random.random(rows) < 0.25  # counts and codes are often whole, and then equal to a threshold
    return np.where(whole & allowed(field, np.round(values)), np.round(values), values)


def _range(field: Field, known: Matrix | None) -> tuple[float, float]:
    seen = known[np.isfinite(known)] if known is not None else np.empty(0)
    if field.kind == "date":
        low, high = (seen.min(), seen.max()) if seen.size else (_micro("2015-01-01"), _micro("2030-01-01"))
        return float(low) - 3e13, float(high) + 3e13  # a year more on both sides
    low = field.min if field.min is not None else None
    high = field.max if field.max is not None else None
    if seen.size:
        wide = max((float(seen.max()) - float(seen.min())) / 2, 1.0)
        low = max(float(seen.min()) - wide, low) if low is not None else float(seen.min()) - wide
        high = min(float(seen.max()) + wide, high) if high is not None else float(seen.max()) + wide
    low = low if low is not None else min(0.0, (high if high is not None else 0.0) - 100.0)
    high = high if high is not None else max(100.0, low + 100.0)
    return (low, high) if low <= high and np.isfinite(high - low) else (max(low, -1e300), min(high, 1e300))


def _odd(field: Field) -> tuple[float, ...]:
    """What stands for no value, and for a level that was never declared, where they are allowed."""
    new = (float(NEW_CODE),) if field.new_levels else ()
    return (missing_in_matrix(field), *new) if field.missing else new


def _ends(field: Field) -> list[float]:
    if field.kind == "choice":
        return [float(code) for code in range(min(len(field.levels), 200))]
    if field.kind == "flag":
        return [0.0, 1.0]
    if field.kind == "date":
        return [_micro(year) for year in _YEARS]
    limits = [limit for limit in (field.min, field.max) if limit is not None]
    inside = [float(np.nextafter(limit, 0.0 if limit else 1.0)) for limit in limits]
    values = np.array([*limits, *inside, *_SPECIALS])
    return [float(value) for value in values[allowed(field, values)]]


def allowed(field: Field, values: Matrix) -> NDArray[np.bool_]:
    allowed = np.isfinite(values)
    if field.min is not None:
        allowed &= values >= field.min
    if field.max is not None:
        allowed &= values <= field.max
    if field.kind == "date":
        allowed &= np.abs(values) < 2.0**53
    return allowed


def _micro(time: str) -> float:
    return float(np.datetime64(time, "us").astype(np.int64))
