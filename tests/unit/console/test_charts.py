"""Charts are well-formed, tell what they show to a screen reader, and place what they are given."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

import pytest

from farero.console.charts import NARROW, WIDE, Band, Frame, Plot, Point, line, sparkline
from farero.console.i18n import Words

START = datetime(2012, 1, 2, tzinfo=UTC)
WEEK = timedelta(weeks=1)
EN = Words("en")
SVG = "{http://www.w3.org/2000/svg}"


def plot(
    values: list[float | None], *, versions: list[str] | None = None, bands: list[Band] | None = None, limit: float | None = None
) -> Plot:
    points = [
        Point(
            start=START + WEEK * i,
            end=START + WEEK * (i + 1),
            value=value,
            version=(versions or ["1.0.0"] * len(values))[i],
            tip=f"<tip {i}>",
        )
        for i, value in enumerate(values)
    ]
    return Plot(
        id="m",
        title="A & B",
        summary="what is seen",
        axis="MAE [bikes]",
        points=points,
        bands=bands or [],
        limit=limit,
        limit_words="limit",
    )


def parsed(drawing: str) -> ElementTree.Element:
    return ElementTree.fromstring(drawing.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1))


@pytest.mark.parametrize("frame", [WIDE, NARROW])
def test_a_chart_is_named_described_and_labelled_on_both_axes(frame: Frame) -> None:
    root = parsed(line(plot([1.0, 2.0, 3.0]), frame, EN))
    assert root.findtext(f"{SVG}title") == "A & B"
    assert root.findtext(f"{SVG}desc") == "what is seen"
    texts = [text.text for text in root.iter(f"{SVG}text")]
    assert "MAE [bikes]" in texts
    assert "Time [UTC]" in texts


def test_every_window_has_a_hover_and_an_unknown_value_breaks_the_line() -> None:
    root = parsed(line(plot([1.0, 2.0, None, 4.0, 5.0]), WIDE, EN))
    tips = [title.text for title in root.iter(f"{SVG}title")]
    assert [tip for tip in tips if tip and tip.startswith("<tip")] == [f"<tip {i}>" for i in range(5)]
    curve = next(path for path in root.iter(f"{SVG}path") if path.get("class") == "curve")
    assert (curve.get("d") or "").count("M") == 2


def test_a_change_of_version_is_marked_where_it_happens() -> None:
    drawing = line(plot([1.0] * 20, versions=["1.0.0"] * 10 + ["1.1.0"] * 10), WIDE, EN)
    assert drawing.count('class="change"') == 1
    assert "v1.1.0" in drawing


def test_incidents_are_shaded_open_ones_to_the_end_and_those_before_left_out() -> None:
    bands = [
        Band(start=START + WEEK, end=START + 2 * WEEK, severity="high", tip="a"),
        Band(start=START + 3 * WEEK, end=None, severity="medium", tip="b"),
        Band(start=START - 9 * WEEK, end=START - 8 * WEEK, severity="high", tip="before"),
    ]
    root = parsed(line(plot([1.0] * 5, bands=bands), WIDE, EN))
    washes = [rect for rect in root.iter(f"{SVG}rect") if rect.get("class") == "wash"]
    assert len(washes) == 2
    assert float(washes[1].get("x") or 0) + float(washes[1].get("width") or 0) == pytest.approx(WIDE.width - WIDE.right, abs=0.2)


def test_a_limit_widens_the_axis_so_that_it_is_seen() -> None:
    root = parsed(line(plot([1.0, 2.0], limit=100.0), WIDE, EN))
    limit = next(mark for mark in root.iter(f"{SVG}line") if mark.get("class") == "limit")
    assert WIDE.top <= float(limit.get("y1") or 0) <= WIDE.floor


@pytest.mark.parametrize("values", [[5.0], [5.0, 5.0], [None, 1.0], [None], [1e9, -1e9]])
def test_odd_series_are_drawn_all_the_same(values: list[float | None]) -> None:
    root = parsed(line(plot(values), NARROW, EN))
    assert "nan" not in ElementTree.tostring(root, encoding="unicode").lower()


def test_a_sparkline_needs_two_values() -> None:
    assert sparkline([None, 3.0], "x") == ""
    assert "NaN" not in sparkline([3.0, 3.0, None], "trend & more")
    assert parsed(sparkline([1.0, 2.0], "trend & more")).get("aria-label") == "trend & more"
