"""Rows for tests: a small schema of every kind, and columns drawn for it."""

from __future__ import annotations

import numpy as np

from farero.core.prediction import Outputs
from farero.core.schema import Columns, Field, Schema

SCHEMA = Schema(
    fields=(
        Field(name="amount", kind="number", missing=True),
        Field(name="plan", kind="choice", levels=("free", "basic", "pro"), missing=True, new_levels=True),
        Field(name="active", kind="flag"),
        Field(name="since", kind="date"),
        Field(name="email", kind="personal", privacy="drop"),
    )
)


def columns(n: int, seed: int = 0, *, shift: float = 0.0, missing: float = 0.0, shares: tuple[float, ...] = (0.5, 0.3, 0.2)) -> Columns:
    """n rows; `shift` moves the amount by so many deviations, `missing` empties a share of it."""
    random = np.random.default_rng(seed)
    amount = random.normal(100 + 15 * shift, 15, n)
    amount[random.random(n) < missing] = np.nan
    return {
        "amount": amount,
        "plan": random.choice(3, n, p=shares).astype(np.int32),
        "active": (random.random(n) < 0.3).astype(np.int8),
        "since": np.datetime64("2024-01-01", "us") + random.integers(0, 30 * 86_400_000_000, n).astype("m8[us]"),
    }


def outputs(n: int, seed: int = 0) -> Outputs:
    """n binary answers."""
    probability = np.random.default_rng(seed).random(n)
    return Outputs(value=(probability >= 0.5).astype(np.float64), probability=probability)
