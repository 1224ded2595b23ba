"""Windows on top of each other: the same figures, cells and verdicts as one by one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray
from tests.unit.core.days_of_scores import reference_of
from tests.unit.core.rows_of import SCHEMA, columns, outputs

from farero.core import drift, profile, scores
from farero.core.profile import Profile, build_reference
from farero.core.reference import Reference
from farero.core.schema import Columns
from farero.core.stacked import Stack, cells, constants, figures, stack


def windows() -> list[Columns]:
    """Sound ones, and each sort that could be counted wrongly."""
    made = [columns(300, 50 + n, missing=0.02) for n in range(6)]
    made += [columns(300, 70, shift=0.4), columns(300, 71, missing=0.4), columns(300, 72, shares=(0.2, 0.3, 0.5)), columns(12, 73)]

    def other(**changed: NDArray[Any]) -> Columns:
        return {**columns(200, 80), **changed}

    plan = columns(200, 80)["plan"].copy()
    plan[:7] = -2
    made += [
        other(amount=np.full(200, np.nan)), other(amount=np.full(200, np.inf)), other(amount=np.full(200, 100.0)), other(plan=plan),
        other(plan=np.full(200, -1, dtype=np.int32)), other(active=np.ones(200, dtype=np.int8)), columns(0),
    ]  # fmt: skip
    return made


@pytest.fixture(scope="module")
def both() -> tuple[Reference, list[Profile], Stack]:
    table = columns(6000, 1, missing=0.03)
    reference = build_reference(SCHEMA, table, None, np.repeat(np.arange(30), 200))
    profiles = [profile.build(reference, rows) for rows in windows()]
    return reference, profiles, stack(reference, profiles, range(len(profiles)))


@pytest.mark.row("M1")
def test_figures_are_those_of_each_window_by_itself(both: tuple[Reference, list[Profile], Stack]) -> None:
    reference, profiles, together = both
    for place, ref in enumerate(reference.columns):
        seen = figures(ref, together.columns[place], reference.rows)
        each = [drift.compare(reference, one)[place] for one in profiles]

        def column(name: str, each: Any = each) -> NDArray[np.float64]:
            return np.array([np.nan if getattr(one, name) is None else getattr(one, name) for one in each], dtype=np.float64)

        assert_allclose(seen.p, column("p_value" if seen.ordered else "chi2_p"), rtol=1e-9, atol=1e-300)
        assert_allclose(seen.distance, column("ks" if seen.ordered else "jensen_shannon"), rtol=1e-9, atol=1e-12)
        assert_allclose(seen.psi, column("psi"), rtol=1e-9, atol=1e-12)
        assert_allclose(seen.missing, [one.missing[1] for one in each])
        assert seen.before == each[0].missing[0]


def test_cells_and_constants_are_those_of_each_window_by_itself() -> None:
    table = columns(6000, 1, missing=0.03)
    reference = build_reference(SCHEMA, table, outputs(6000), np.repeat(np.arange(30), 200))
    plan = scores.layout(reference)
    profiles = [profile.build(reference, rows, outputs(len(rows["amount"]), n)) for n, rows in enumerate(windows())]
    together = stack(reference, profiles, range(len(profiles)))
    each = [scores.read(plan, one, n) for n, one in enumerate(profiles)]
    assert_array_equal(cells(plan, together), np.array([one.cells for one in each]))
    assert_array_equal(constants(plan, together), np.array([one.constant for one in each]))


def test_windows_can_be_picked_and_a_column_changed() -> None:
    reference, _, days = reference_of(3, 50)
    profiles = [profile.build(reference, columns(50, n)) for n in range(3)]
    together = stack(reference, profiles, days.numbers.tolist())
    picked = together.pick(np.array([2, 0]))
    assert picked.numbers.tolist() == [2, 0]
    assert_array_equal(picked.columns[0].counts[1], profiles[0].columns[0].counts)
    swapped = together.with_column(0, together.columns[1])
    assert swapped.columns[0] is together.columns[1] and swapped.columns[1] is together.columns[1]


def test_windows_on_different_references_are_refused() -> None:
    reference, _, _ = reference_of(3, 50)
    other, _, _ = reference_of(3, 50, seed=1)
    with pytest.raises(ValueError, match="one reference"):
        stack(reference, [profile.build(other, columns(50))], [0])
    with pytest.raises(ValueError, match="at least one"):
        stack(reference, [], [])
