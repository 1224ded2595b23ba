"""The page: everything that the report holds, escaped, and nothing from elsewhere."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import numpy as np
import pytest

from farero.core.appraisal import (
    Appraisal,
    AtAge,
    Condition,
    VersionFigures,
    WeakSegment,
    WeakSegments,
    WindowFigures,
)
from farero.core.finding import Finding
from farero.core.measured import Measured
from farero.core.performance_page import page
from farero.core.reliability import calibrate
from farero.core.segments import BySegment, Segment

T0 = datetime(2024, 1, 1, tzinfo=UTC)
AUC = Measured(name="roc_auc", value=0.8123, low=0.79, high=0.83, rows=900, method="delong", by_day=True)
NONE = Measured(name="roc_auc", value=None, rows=4, because="only one class among the labels")


def window(number: int, *, mature: bool) -> WindowFigures:
    return WindowFigures(
        start=T0 + number * timedelta(days=1),
        end=T0 + (number + 1) * timedelta(days=1),
        rows=100,
        labelled=60,
        share=0.6,
        age_s=86400.0,
        mature=mature,
        usual=0.9,
        least=0.7,
        late=not mature,
        metric=AUC,
        same_age=None if mature else AUC,
    )


def full() -> Appraisal:
    draw = np.random.default_rng(0)
    probability = draw.random(300)
    return Appraisal(
        model="churn",
        start=T0,
        end=T0 + timedelta(days=2),
        at=T0 + timedelta(days=3),
        version=None,
        rows=1000,
        labelled=900,
        metric="roc_auc",
        higher_is_better=True,
        level=0.95,
        arrives_within_s=86400.0,
        metrics=(AUC,),
        baseline=(AUC,),
        baseline_version="1.1.0",
        calibration=calibrate(draw.random(300) < probability, probability, of="positive class"),
        versions=(VersionFigures(version="1.0.0", rows=500, metric=AUC), VersionFigures(version="1.1.0", rows=400, metric=AUC)),
        by=(
            BySegment(
                feature="plan", segments=(Segment(name="<script>", rows=4, metrics=(NONE,)), Segment(name="b", rows=9, metrics=(AUC,)))
            ),
        ),
        weak=WeakSegments(
            searched=120,
            loss="log_loss",
            false_alarm_rate=0.01,
            segments=(
                WeakSegment(
                    where=(Condition(feature="plan", segment="a"), Condition(feature="age", segment="below 30")),
                    rows=50,
                    share=0.1,
                    loss=0.9,
                    rest_loss=0.5,
                    p_value=1e-6,
                    metric=AUC,
                    rest=AUC,
                ),
            ),
        ),
        windows=(window(0, mature=True), window(1, mature=False)),
        ages=(AtAge(age_s=43200.0, share=0.5, metric=AUC),),
        findings=(
            Finding(kind="LABELS_LATE", subject="labels", severity="high", value=0.0, limit=0.5, because="no labels since <Monday>"),
        ),
        caveats=("Labels may still come.",),
    )


class _Balanced(HTMLParser):
    """Every tag that is opened is closed, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "circle", "path", "line"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("meta", "circle", "path", "line"):
            assert self.open.pop() == tag


@pytest.mark.row("M10")
def test_the_page_holds_every_part_of_the_report_and_loads_nothing() -> None:
    html = page(full())
    checked = _Balanced()
    checked.feed(html)
    assert checked.open == []
    assert not re.search(r"(src|href)=|@import|url\(", html)
    for text in (
        "churn: how good the answers were",
        "0.8123",
        "0.79 to 0.83",
        "1.1.0 before it served",
        "widened: days are drawn, not rows",
        "Expected calibration error",
        "By plan",
        "&lt;script&gt;",
        "only one class among the labels",
        "plan: a and age: below 30",
        "&lt; 0.0001",
        "120 segments",
        "open",
        "12 hours",
        "1.1.0",
        "no labels since &lt;Monday&gt;",
        "Labels may still come.",
    ):
        assert text in html, text
    assert html.count('class="chart"') == html.count('class="square"') == 1


def test_a_report_without_labels_is_a_page_too() -> None:
    empty = replace(
        full(),
        version="1.0.0",
        rows=0,
        labelled=0,
        metrics=(NONE,),
        baseline=(),
        calibration=None,
        versions=(),
        by=(),
        windows=(),
        ages=(),
        findings=(),
        weak=WeakSegments(searched=0, loss="log_loss", false_alarm_rate=0.01, segments=(), because="0 labelled rows are too few"),
    )
    html = page(empty)
    assert "churn 1.0.0" in html
    assert "Not searched for: 0 labelled rows are too few." in html
    assert "Window by window" not in html


def test_a_search_that_found_nothing_says_among_how_many() -> None:
    weak = WeakSegments(searched=1234, loss="log_loss", false_alarm_rate=0.01, segments=())
    assert "None among 1,234 segments" in page(replace(full(), weak=weak))
