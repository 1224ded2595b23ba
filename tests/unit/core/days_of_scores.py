"""Windows for tests of the detector: profiles of a small table, and the layout, days and baseline that they make."""

from __future__ import annotations

import numpy as np
from tests.unit.core.rows_of import SCHEMA, columns

from farero.core import baseline, days, profile, scores
from farero.core.baseline import Baseline, PresetName
from farero.core.days import Days
from farero.core.reference import Reference
from farero.core.schema import Columns
from farero.core.scores import Layout, WindowScores

ROWS = 400


def joined(parts: list[Columns]) -> Columns:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def reference_of(windows: int = 60, rows: int = ROWS, seed: int = 0) -> tuple[Reference, Layout, Days]:
    """A reference of so many quiet windows, numbered from 0, with its layout and days."""
    table = joined([columns(rows, 1000 * seed + day, missing=0.02) for day in range(windows)])
    index = np.repeat(np.arange(windows), rows)
    reference = profile.build_reference(SCHEMA, table, None, index)
    return reference, scores.layout(reference), days.days_of(reference, table, None, index)


def fitted(windows: int = 60, rows: int = ROWS, preset: PresetName = "sensitive") -> tuple[Reference, Baseline, Days]:
    reference, plan, held = reference_of(windows, rows)
    return reference, baseline.fit(plan, held, preset=preset, size_s=86_400, limit=365.0), held


def window(reference: Reference, table: Columns, number: int) -> WindowScores:
    return scores.read(scores.layout(reference), profile.build(reference, table), number)
