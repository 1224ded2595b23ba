from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from farero.core.estimated import AUC_CAVEAT, CAVEAT, Estimate, WindowEstimate, backtested, caveat

T0 = datetime(2024, 1, 1, tzinfo=UTC)


def window(day: int, value: float, realized: float | None, *, labelled: int = 100, rows: int = 100) -> WindowEstimate:
    start = T0 + timedelta(days=day)
    return WindowEstimate(
        start=start, end=start + timedelta(days=1), version="1.0.0", rows=rows, effective_rows=50.0, labelled=labelled,
        estimated={"mae": Estimate(value=value, low=value - 1, high=value + 1)}, realized={} if realized is None else {"mae": realized},
    )  # fmt: skip


@pytest.mark.row("M6")
def test_every_window_carries_how_those_before_it_turned_out_and_no_later_one() -> None:
    seen, whole = backtested([window(0, 10, 10.5), window(1, 10, 13), window(2, 10, None)], "mae", {"1.0.0": 9.0})
    assert seen[0].backtest is None
    first, second = seen[1].backtest, seen[2].backtest
    assert first is not None and (first.windows, first.bias, first.rms, first.rms_unchanged, first.inside) == (1, 0.5, 0.5, 1.5, 1.0)
    assert second is not None and (second.windows, second.bias, second.inside) == (2, 1.75, 0.5)
    assert second.rms == pytest.approx(((0.25 + 9) / 2) ** 0.5) and second.rms_unchanged == pytest.approx(((2.25 + 16) / 2) ** 0.5)
    assert whole == second


def test_windows_whose_labels_have_hardly_come_do_not_count() -> None:
    few = window(0, 10, 99, labelled=29, rows=29)
    quick = window(1, 10, 99, labelled=49, rows=100)
    assert backtested([few, quick], "mae", {})[1] is None
    assert backtested([window(0, 10, 12, labelled=50)], "mae", {})[1] is not None


@pytest.mark.row("M6")
def test_the_caveat_names_concept_drift_and_for_auc_that_it_was_worth_nothing() -> None:
    assert "concept drift" in CAVEAT and caveat("accuracy") == CAVEAT
    assert caveat("roc_auc") == f"{CAVEAT} {AUC_CAVEAT}" and "no better than assuming that nothing changed" in AUC_CAVEAT
