"""Charts are SVG that says what it shows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farero.core.chart import Mark, Series, line_chart, nice_ticks, number_text, time_ticks

T0 = datetime(2024, 1, 1, tzinfo=UTC)


def chart(values: list[float | None], **more: object) -> str:
    times = [T0 + timedelta(days=number) for number in range(len(values))]
    return line_chart([Series(name="a<b", css="s0", times=times, values=values)], title="t & u", y_label="mae", **more)  # type: ignore[arg-type]


@pytest.mark.row("M10")
def test_a_chart_is_well_formed_and_escapes_names() -> None:
    root = ElementTree.fromstring(chart([1.0, 2.0, None, 4.0], marks=[Mark(at=T0, css="alarm", title="<drift>")]))
    assert root.find("title").text == "t & u"  # type: ignore[union-attr]
    titles = [element.text for element in root.iter("title")]
    assert "a<b 2024-01-02: 2" in titles and "<drift>" in titles


@pytest.mark.row("M10")
def test_a_gap_breaks_the_line() -> None:
    assert chart([1.0, 2.0, None, 3.0, 4.0]).count("<polyline") == 2


@pytest.mark.row("M10")
def test_nothing_to_draw_says_so() -> None:
    assert "nothing to draw" in chart([None, float("nan")])


@given(st.floats(-1e9, 1e9), st.floats(1e-6, 1e9))
def test_ticks_hold_the_range(low: float, width: float) -> None:
    ticks = nice_ticks(low, low + width)
    assert ticks[0] <= low + 1e-6 * (width + abs(low)) and ticks[-1] >= low + width - 1e-6 * (width + abs(low))
    assert 2 <= len(ticks) <= 12


@pytest.mark.parametrize("days", [1 / 24, 1, 3, 40, 400, 4000])
def test_time_ticks_are_few_and_inside(days: float) -> None:
    end = T0 + timedelta(days=days)
    ticks = time_ticks(T0, end)
    assert 1 <= len(ticks) <= 14 and all(T0 <= at <= end for at, _ in ticks)


def test_numbers_read_well() -> None:
    assert [number_text(value) for value in (12345.6, 0.123456, -3.0)] == ["12,346", "0.1235", "-3"]
