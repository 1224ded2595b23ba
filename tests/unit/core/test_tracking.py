from __future__ import annotations

import pytest
from tests.unit.core.test_run_report import MADE, REPORT

from farero.core.tracking import AliasState, TrackingStatus, Waiting, run_metrics, run_parameters, run_tags, version_tags


@pytest.mark.row("R9")
def test_a_run_is_told_with_what_it_was_set_up_with_and_what_it_came_to() -> None:
    parameters = run_parameters(REPORT)
    assert (parameters["model.depth"], parameters["trained_rows"], parameters["library.scikit-learn"]) == ("3", "4344", "1.7")
    metrics = run_metrics(REPORT)
    assert (metrics["mae"], metrics["mae_low"], metrics["mae_high"], metrics["gain_mae"]) == (1.0, 0.5, 1.5, 1.0)
    assert metrics["rmse"] == 71.8
    tags = run_tags(REPORT)
    assert (tags["farero.verdict"], tags["farero.version"], tags["farero.because"]) == ("accepted", "1.1.0", "drift in x")


def test_a_version_is_told_with_its_state_and_figures() -> None:
    tags = version_tags(MADE, by="ana")
    assert (tags["farero.state"], tags["farero.by"], tags["farero.metric.mae"]) == ("production", "ana", "48.21")


@pytest.mark.row("R9")
def test_an_alias_stands_or_was_moved() -> None:
    def alias(wanted: str | None, there: str | None, *, foreign: bool = False, told: bool = True) -> AliasState:
        return AliasState(alias="production", wanted=wanted, there=there, foreign=foreign, told=told)

    assert (alias("1.0.0", "1.0.0").stands, alias("1.0.0", "1.0.0").moved) == (True, False)
    assert (alias("1.0.0", "1.1.0").stands, alias("1.0.0", "1.1.0").moved) == (False, True)
    assert not alias("1.0.0", "1.1.0", told=False).moved, "nobody has told it yet"
    assert alias(None, None, foreign=True).stands, "nothing of ours belongs there"
    assert not alias("1.0.0", None, foreign=True).stands


def test_a_tracker_is_in_order_when_it_has_everything_and_answers() -> None:
    good = TrackingStatus(model="points", where="there", told=3, waiting=(), aliases=())
    assert good.in_order
    assert not TrackingStatus(model="points", where="", told=3, waiting=(Waiting(kind="run", key="1"),), aliases=()).in_order
    assert not TrackingStatus(model="points", where="", told=3, waiting=(), aliases=(), error="down").in_order
