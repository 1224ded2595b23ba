from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from tests.benches import Installation, day
from tests.worlds import METRICS, begin, live, make

from farero.core.estimated import EstimateReport
from farero.errors import BadInput, VersionNotFound
from farero.flow.estimate import WINDOWS, EstimateWindows

KINDS = ["binary", "classes", "number"]


def step(here: Installation, kind: str) -> EstimateWindows:
    return EstimateWindows(
        model="points", label=here.bench.label, metric=METRICS[kind], window_size=timedelta(days=1), store=here.bench.store,
        log=here.loop.profile.log, pool=here.loop.profile.pool,
    )  # fmt: skip


def report(here: Installation, kind: str, version: str | None = None) -> EstimateReport:
    return step(here, kind).report(None, None, version, now=here.bench.clock.now())


@pytest.mark.row("M6")
@pytest.mark.parametrize("kind", KINDS)
def test_a_window_whose_inputs_changed_is_estimated_as_its_labels_show_it(kind: str, tmp_path: Path) -> None:
    here = begin(make(tmp_path / "p", kind), tmp_path / "i", kind, rows=4000)
    live(here, kind, 0, rows=1500)
    live(here, kind, 1, rows=1500, high=0.9)
    live(here, kind, 2, labelled=False)
    found = report(here, kind)
    assert [(one.start, one.rows, one.labelled) for one in found.windows] == [(day(at).start, n, m) for at, n, m in
                                                                             [(0, 1500, 1500), (1, 1500, 1500), (2, 200, 0)]]  # fmt: skip
    for one in found.windows[:2]:
        estimated, realized = one.estimated[METRICS[kind]], one.realized[METRICS[kind]]
        assert estimated.low <= realized <= estimated.high
    first, second = (one.estimated[METRICS[kind]].value for one in found.windows[:2])
    assert abs(second - first) > 0.05, "the change is large enough to be seen"
    assert found.windows[1].effective_rows < 0.6 * found.windows[0].effective_rows
    assert found.windows[2].realized == {} and found.windows[2].estimated[METRICS[kind]].value > 0
    assert found.versions[0].judged_rows == 800 and METRICS[kind] in found.versions[0].cross_fitted


@pytest.mark.row("M6")
def test_beside_every_estimate_stands_how_earlier_ones_turned_out_and_the_caveat(tmp_path: Path) -> None:
    here = begin(make(tmp_path / "p", "binary"), tmp_path / "i", "binary", rows=4000)
    for number in range(3):
        live(here, "binary", number, rows=400)
    live(here, "binary", 3, rows=400, turned=1.0)
    live(here, "binary", 4, rows=400, labelled=False)
    found = report(here, "binary")
    assert "concept drift" in found.caveat and found.metric == "accuracy" and found.higher_is_better
    assert [None if one.backtest is None else one.backtest.windows for one in found.windows] == [None, 1, 2, 3, 4]
    calm, after = found.windows[3].backtest, found.backtest
    assert calm is not None and after is not None
    assert calm.rms < 0.06 < after.rms, "the estimate did not see the changed relation, and the backtest says so afterwards"
    assert after.bias < 0 and after.inside < 1


@pytest.mark.row("M6")
def test_a_version_that_nothing_judged_is_refused_with_what_to_do(tmp_path: Path) -> None:
    here = begin(make(tmp_path / "p", "binary"), tmp_path / "i", "binary", rows=60)
    live(here, "binary", 0)
    with pytest.raises(BadInput, match="12 labelled rows say too little") as failure:
        report(here, "binary")
    assert failure.value.hint is not None and "farero train DATA" in failure.value.hint
    with pytest.raises(VersionNotFound):
        report(here, "binary", "9.9.9")


@pytest.mark.row("M6")
def test_an_empty_span_is_told_and_three_rows_are_estimated_with_a_wide_interval(tmp_path: Path) -> None:
    here = begin(make(tmp_path / "p", "binary"), tmp_path / "i", "binary")
    assert report(here, "binary").notes == ("There is no prediction in this span.",)
    live(here, "binary", 0, rows=3)
    (one,) = report(here, "binary").windows
    accuracy = one.estimated["accuracy"]
    assert one.rows == 3 and accuracy.high - accuracy.low > 0.5
    assert step(here, "binary").report(day(5).start, day(6).start, None, now=day(9).start).windows == ()


@pytest.mark.row("M6")
def test_a_feature_that_vanished_leaves_a_window_that_is_unlike_the_judged_rows(tmp_path: Path) -> None:
    here = begin(make(tmp_path / "p", "binary"), tmp_path / "i", "binary")
    live(here, "binary", 0)
    live(here, "binary", 1, vanished=True)
    whole, blind = report(here, "binary").windows
    assert blind.effective_rows < 0.2 * whole.effective_rows
    assert np.isfinite(blind.estimated["accuracy"].value)


def test_without_a_start_the_newest_windows_are_estimated_and_spans_are_cut_at_both_ends(tmp_path: Path) -> None:
    here = begin(make(tmp_path / "p", "number"), tmp_path / "i", "number")
    for number in range(WINDOWS + 3):
        live(here, "number", number, rows=4, labelled=False)
    found = report(here, "number")
    assert len(found.windows) == WINDOWS and found.windows[-1].start == day(WINDOWS + 2).start
    some = step(here, "number").report(day(1).start, day(30).start, "1.0.0", now=day(99).start)
    assert [one.start for one in some.windows] == [day(at).start for at in range(1, 30)]
    assert {one.rows for one in some.windows} == {4}
