"""The heat map has a row for each feature, a column for each window, and says what each cell is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tests.unit.console.test_charts import SVG, parsed

from farero.console.heat import STEPS, Cell, Heat, heat_map, legend, step_class
from farero.console.i18n import Words

START = datetime(2013, 1, 1, tzinfo=UTC)


def heat(features: int, windows: int) -> Heat:
    cell = Cell(distance=0.3, drift=True, tip="x & y")
    names = [f"a_feature_with_a_long_name_{i}" for i in range(features)]
    starts = [START + timedelta(days=i) for i in range(windows)]
    return Heat(id="d", title="Drift", summary="s", features=names, starts=starts, rows=[[cell] * windows] * features)


def test_the_newest_columns_are_drawn_and_the_flagged_cells_dotted() -> None:
    root = parsed(heat_map(heat(3, 50), Words("es"), columns=40))
    assert sum(1 for _ in root.iter(f"{SVG}rect")) == 120
    assert sum(1 for _ in root.iter(f"{SVG}circle")) == 120
    assert root.findtext(f"{SVG}desc") == "s"


def test_no_window_and_one_window_are_drawn_all_the_same() -> None:
    parsed(heat_map(heat(2, 0), Words("en")))
    parsed(heat_map(heat(2, 1), Words("en"), width=390, label_width=92))


def test_colours_grow_with_the_distance_and_the_legend_names_each() -> None:
    classes = [step_class(value) for value in (0.0, *STEPS, 1.0)]
    assert classes == sorted(classes)
    assert [name for name, _ in legend(Words("en"))] == [f"h{i}" for i in range(len(STEPS) + 1)]
    assert legend(Words("es"))[0][1] == "0–0,05"
