from __future__ import annotations

import pytest

from farero.core.guards import Check
from farero.core.regression import beside_baseline, regression


@pytest.mark.row("R10")
def test_a_figure_may_be_five_per_cent_worse_and_no_more() -> None:
    checks = beside_baseline("binary", {"accuracy": 0.8, "roc_auc": 0.9, "f1": 0.5}, {"accuracy": 0.761, "roc_auc": 0.854, "f1": 0.9})
    assert [(check.name, check.passed) for check in checks] == [("accuracy", True), ("roc_auc", False), ("f1", True)]
    assert checks[1].because == "roc_auc is 0.854, the baseline is 0.9: more than 5 % worse"
    assert checks[1].figures == {"value": 0.854, "baseline": 0.9}


@pytest.mark.row("R10")
def test_errors_may_not_grow() -> None:
    checks = beside_baseline("number", {"mae": 10.0, "rmse": 12.0}, {"mae": 10.4, "rmse": 13.0})
    assert [check.passed for check in checks] == [True, False]


@pytest.mark.row("R10")
def test_what_was_not_measured_is_told_and_fails_nobody() -> None:
    checks = beside_baseline("classes", {"accuracy": 0.8}, {"accuracy": 0.8})
    assert [check.passed for check in checks] == [True, None, None]
    assert regression("m", "1.1.0", "1.0.0", checks).passed
    assert not regression("m", "1.1.0", "1.0.0", (*checks, Check(name="files", passed=False, because="changed"))).passed
