from __future__ import annotations

from datetime import UTC, datetime

import pytest

from farero.core.explained import SURROGATES, DropReport, Explanation, Part, Span
from farero.core.performance import METRICS

NONE = Part(value=0.0, low=-1.0, high=1.0)
SPAN = Span(start=datetime(2024, 1, 1, tzinfo=UTC), end=datetime(2024, 2, 1, tzinfo=UTC))
EMPTY = Explanation(
    rows=(100, 100), loss=(1.0, 1.0), total=NONE, known_inputs=NONE, new_inputs=NONE, inputs=NONE, relation=NONE, features=(), unshared=0.0,
    overlap=1.0, effective_rows=(100.0, 100.0), by_segment=(),
)  # fmt: skip


def report(reference: Span | None = None, explanation: Explanation = EMPTY) -> DropReport:
    return DropReport(
        model="bikes", version="1.2.0", metric="mae", metrics=(20.0, 30.0), loss_name=SURROGATES["mae"], current=SPAN, reference=reference,
        explanation=explanation,
    )  # fmt: skip


@pytest.mark.row("M7")
def test_every_metric_has_a_mean_loss_that_stands_for_it() -> None:
    assert set(SURROGATES) == set(METRICS)


def test_a_report_says_what_it_compares_with() -> None:
    assert report().beside == "the rows that judged 1.2.0"
    assert report(SPAN).beside == "2024-01-01 00:00 to 2024-02-01 00:00 UTC"
