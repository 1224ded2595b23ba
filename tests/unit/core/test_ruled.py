"""Rules on many windows at once say what they say of each by itself."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from tests.unit.core.rows_of import SCHEMA, columns
from tests.unit.core.test_stacked import windows

from farero.core import drift, profile
from farero.core.profile import Profile, build_reference
from farero.core.reference import Reference
from farero.core.ruled import Table, alarms, drifted, table
from farero.core.stacked import figures, stack
from farero.core.verdict import RULES


def made(rows: int, days: int | None) -> tuple[Reference, list[Profile], Table]:
    index = None if days is None else np.repeat(np.arange(days), rows // days)
    reference = build_reference(SCHEMA, columns(rows, 1, missing=0.03), None, index)
    profiles = [profile.build(reference, one) for one in windows()]
    return reference, profiles, table(reference, stack(reference, profiles, range(len(profiles))))


@pytest.fixture(scope="module")
def known() -> tuple[Reference, list[Profile], Table]:
    return made(6000, 30)


@pytest.mark.row("M2")
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(("rows", "days"), [(6000, 30), (6000, None), (12, 2)], ids=["days", "no days", "twelve rows"])
def test_rules_say_the_same_of_all_windows_at_once(rule: str, rows: int, days: int | None) -> None:
    reference, profiles, seen = made(rows, days)
    flags = drifted(rule, seen)
    alarmed = alarms(rule, flags)
    for place, window in enumerate(profiles):
        verdict, judged = drift.verdict(rule, reference, drift.compare(reference, window), window.rows)
        assert flags[place].tolist() == [column.drift for column in judged], (place, verdict.because)
        assert alarmed[place] == verdict.alarm


def test_a_lower_limit_finds_no_less(known: tuple[Reference, list[Profile], Table]) -> None:
    seen = known[2]
    assert drifted("psi", seen, 0.1).sum() > drifted("psi", seen).sum()
    assert drifted("textbook", seen, 0.001).sum() < drifted("textbook", seen).sum()
    flags = drifted("share", seen)
    assert alarms("share", flags, 0.9).sum() < alarms("share", flags, 0.1).sum()


def test_a_column_can_be_put_in_anothers_place(known: tuple[Reference, list[Profile], Table]) -> None:
    reference, profiles, seen = known
    first = stack(reference, profiles[:1] * len(profiles), range(len(profiles)))
    same = seen.with_column(0, figures(reference.columns[0], first.columns[0], reference.rows))
    assert_array_equal(same.distance[:, 0], np.full(len(profiles), seen.distance[0, 0]))
    assert_array_equal(same.distance[:, 1:], seen.distance[:, 1:])
    assert_array_equal(seen.pick(np.array([2, 0])).p, seen.p[[2, 0]])


def test_a_rule_that_there_is_not_is_named(known: tuple[Reference, list[Profile], Table]) -> None:
    with pytest.raises(ValueError, match="there is no drift rule 'hope'"):
        drifted("hope", known[2])
