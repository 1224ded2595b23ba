from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from tests.benches import NEVER, ROWS, WON, Installation, day, install
from tests.unit.store.values import version

from farero.core.observation import Observation
from farero.core.version import Version
from farero.flow.monitor import _best
from farero.project.load import Loaded
from farero.store import observations, versions


@pytest.fixture
def calm(points: Loaded, tmp_path: Path) -> Installation:
    """An installation that never trains, so that only monitoring acts."""
    installed = install(points, tmp_path, NEVER)
    installed.start()
    return installed


def seen(here: Installation) -> list[Observation]:
    with here.bench.store.read() as conn:
        return observations.latest(conn, "points")


@pytest.mark.row("M2")
def test_a_window_like_the_reference_has_no_finding_and_a_metric_of_its_labelled_rows(calm: Installation) -> None:
    observation = calm.day(0).observation
    assert observation is not None
    assert (observation.window, observation.version, observation.rows, observation.labelled) == (day(0), "1.0.0", ROWS, ROWS)
    assert observation.findings == ()
    assert observation.metrics["mae"] < 0.1


@pytest.mark.row("M4")
def test_late_labels_change_the_window_that_they_belong_to_and_no_other(calm: Installation) -> None:
    for number in range(3):
        calm.predict(number)
        calm.label(number, rows=range(10))
        calm.end(number)
    before = seen(calm)
    assert [window.labelled for window in before] == [10, 10, 10]
    calm.predict(3)
    calm.label(1, 5.0, rows=range(10, ROWS), known_at=day(3).start)
    calm.end(3)
    after = seen(calm)
    assert [window.labelled for window in after] == [10, ROWS, 10, 0]
    assert after[0] == before[0] and after[2] == before[2]
    assert after[1].metrics["mae"] > 5 > before[1].metrics["mae"]
    assert (after[1].findings, after[1].drift) == (before[1].findings, before[1].drift)


@pytest.mark.row("M4")
def test_a_label_that_is_known_after_the_windows_end_does_not_count_in_it_yet(calm: Installation) -> None:
    calm.predict(0)
    calm.label(0, known_at=day(0).end + timedelta(minutes=1))
    (turn,) = calm.end(0)
    assert turn.observation is not None and turn.observation.labelled == 0
    assert turn.observation.metrics == {}
    calm.predict(1)
    calm.end(1)
    assert [window.labelled for window in seen(calm)] == [ROWS, 0]


@pytest.mark.row("M2")
def test_inputs_that_moved_far_away_are_drift_by_name(calm: Installation) -> None:
    observation = calm.day(0, shift=200.0).observation
    assert observation is not None and observation.drift is not None
    assert observation.drift.alarm and "x" in observation.drift.features
    assert "DATA_DRIFT" in {finding.kind for finding in observation.findings}


@pytest.mark.row("M2")
def test_missing_values_beyond_the_limit_are_a_finding_of_quality(calm: Installation) -> None:
    calm.predict(0, missing=ROWS // 2)
    (turn,) = calm.end(0)
    assert turn.observation is not None
    assert ("DATA_QUALITY", "x") in {(finding.kind, finding.subject) for finding in turn.observation.findings}


@pytest.mark.row("M4")
def test_performance_that_falls_under_its_baseline_and_the_projects_limit_is_found_twice_with_both_figures(calm: Installation) -> None:
    observation = calm.day(0, 40.0).observation
    assert observation is not None
    found = [finding for finding in observation.findings if finding.kind == "PERFORMANCE_DEGRADATION"]
    assert [finding.limit for finding in found][-1] == 50.0
    assert len(found) == 2
    assert all(finding.value > 50 and finding.severity == "high" for finding in found)
    assert "its baseline was" in found[0].because and "the project's limit is 50" in found[1].because


@pytest.mark.row("M4")
def test_without_labels_performance_is_unknown_and_nothing_is_claimed(calm: Installation) -> None:
    calm.predict(0)
    (turn,) = calm.end(0)
    assert turn.observation is not None and turn.observation.metrics == {}
    assert [finding for finding in turn.observation.findings if finding.kind == "PERFORMANCE_DEGRADATION"] == []
    assert turn.decision.because == ("the policy never retrains",)


@pytest.mark.row("M4", "R4")
@pytest.mark.parametrize(("rows", "standard"), [(30.0, 4.0), (3000.0, 3.0)])
def test_the_surest_baseline_is_the_standard_and_not_one_that_a_few_lucky_rows_made(
    here: Installation, rows: float, standard: float
) -> None:
    here.day(0, WON)
    assert here.production() == "1.1.1"
    with here.bench.store.write() as conn:
        versions.set_metrics(conn, "points", "1.0.0", {"mae": 4.0, "loss_mean": 4.0, "loss_std": 3.0, "measured_rows": 2000.0})
        versions.set_metrics(conn, "points", "1.1.1", {"mae": 3.0, "loss_mean": 3.0, "loss_std": 3.0, "measured_rows": rows})
    assert here.day(1, WON).decision.inputs["baseline"] == standard


@pytest.mark.row("M4", "R4")
@pytest.mark.parametrize(("rows", "fell"), [(4.0, False), (2000.0, True)])
def test_a_fall_counts_only_beyond_the_baseline_s_own_error(calm: Installation, rows: float, fell: bool) -> None:
    with calm.bench.store.write() as conn:
        versions.set_metrics(conn, "points", "1.0.0", {"mae": 2.0, "loss_mean": 2.0, "loss_std": 2.0, "measured_rows": rows})
    decision = calm.day(0, [2.0 + 1.3 * (-1) ** (row % 2) for row in range(ROWS)]).decision
    performance = decision.inputs["performance"]
    assert isinstance(performance, float) and 3.0 < performance < 4.5
    assert decision.inputs["performance_fell"] is fell


@pytest.mark.row("M4", "R4")
def test_where_the_loss_says_nothing_of_the_metric_the_best_of_those_that_enough_rows_judged_is_the_standard() -> None:
    def judged(number: str, auc: float, loss: float, rows: float) -> Version:
        figures = {"roc_auc": auc, "loss_mean": loss, "loss_std": 0.3, "measured_rows": rows}
        return version(number, metrics=figures)

    easy, hard, lucky = judged("1.0.0", 0.73, 0.24, 2000), judged("1.1.0", 0.83, 0.31, 1200), judged("1.2.0", 0.95, 0.2, 100)
    assert _best([easy, hard, lucky], "roc_auc") is hard
    assert _best([easy, hard, lucky], "log_loss") is easy
    assert _best([], "roc_auc") is None
