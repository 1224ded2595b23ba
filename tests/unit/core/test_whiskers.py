"""Intervals as pictures."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

import numpy as np

from farero.core.measured import Measured
from farero.core.reliability import calibrate
from farero.core.whiskers import Point, cell, over_time, reliability, scale

T0 = datetime(2024, 1, 1, tzinfo=UTC)
MAE = Measured(name="mae", value=2.0, low=1.0, high=4.0, rows=9)
NONE = Measured(name="mae", value=None, rows=0)
BARE = Measured(name="mae", value=3.0, rows=1)


def test_a_cell_shows_value_interval_and_the_line_to_compare_with() -> None:
    drawn = ElementTree.fromstring(cell(MAE, 0.0, 4.0, 2.0))
    paths = [path.get("d") for path in drawn.iter("path")]
    assert paths == ["M80.0 0V16", "M41.5 8H157.0"]
    assert [circle.get("cx") for circle in drawn.iter("circle")] == ["80.0"]
    assert len(list(ElementTree.fromstring(cell(BARE, 0.0, 4.0, None)).iter("path"))) == 0


def test_nothing_to_draw_is_an_empty_cell() -> None:
    assert cell(NONE, 0.0, 1.0, None) == cell(MAE, 1.0, 1.0, None) == ""


def test_a_scale_holds_all_values_and_is_not_stretched_by_one_wild_interval() -> None:
    assert scale([MAE, BARE]) == (1.0, 4.0)
    assert scale([NONE]) == (0.0, 0.0)
    wild = Measured(name="mae", value=3.0, low=-1e6, high=1e6, rows=2)
    assert scale([MAE, wild]) == (0.0, 5.0)


def test_figures_over_time_are_dots_with_their_intervals() -> None:
    points = [
        Point(at=T0 + number * timedelta(days=1), figure=figure, css="open" if number else "full", title=f"day {number} <b>")
        for number, figure in enumerate([MAE, BARE, NONE])
    ]
    drawn = ElementTree.fromstring(over_time(points, title="mae by window", y_label="mae"))
    assert [group.get("class") for group in drawn.iter("g")] == ["full", "open"]
    assert [len(list(group.iter("path"))) for group in drawn.iter("g")] == [1, 0]
    assert "nothing to draw yet" in over_time([points[2]], title="mae", y_label="mae")


def test_one_point_alone_can_be_drawn() -> None:
    assert (
        len(list(ElementTree.fromstring(over_time([Point(at=T0, figure=BARE, css="full", title="")], title="t", y_label="y")).iter("g")))
        == 1
    )


def test_a_calibration_plot_has_a_dot_for_each_bin() -> None:
    draw = np.random.default_rng(0)
    probability = draw.random(200)
    made = calibrate(draw.random(200) < probability, probability, of="positive class")
    drawn = ElementTree.fromstring(reliability(made))
    assert len(list(drawn.iter("circle"))) == len(made.bins) == 10
