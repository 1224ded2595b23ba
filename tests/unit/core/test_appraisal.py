"""The report's own small questions."""

from __future__ import annotations

from farero.core.appraisal import named
from farero.core.measured import Measured


def test_a_figure_is_found_by_name_or_not_at_all() -> None:
    figures = [Measured(name="mae", value=1.0, rows=2), Measured(name="r2", value=None, rows=2)]
    assert named(figures, "r2") is figures[1]
    assert named(figures, "f1") is None
