from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.benches import Installation, day
from tests.worlds import METRICS, begin, live, make

from farero.core.explained import DropReport
from farero.errors import BadInput, VersionNotFound
from farero.flow.explain import ENOUGH_ROWS, ExplainDrop

KINDS = ["binary", "classes", "number"]


def explained(here: Installation, kind: str, since: int | None = 0, to: int | None = None, **asked: Any) -> DropReport:
    step = ExplainDrop(
        model="points", schema=here.loop.profile.schema, label=here.bench.label, metric=METRICS[kind], window_size=timedelta(days=1),
        seed=1, store=here.bench.store, log=here.loop.profile.log, pool=here.loop.profile.pool,
    )  # fmt: skip
    return step.report(
        None if since is None else day(since).start, None if to is None else day(to).start, now=here.bench.clock.now(),
        **{"against": None, "by": (), "version": None} | asked,
    )  # fmt: skip


@pytest.mark.row("M7")
@pytest.mark.parametrize("kind", KINDS)
def test_other_inputs_and_another_relation_are_told_apart(kind: str, tmp_path: Path) -> None:
    here = begin(make(tmp_path / "p", kind), tmp_path / "i", kind, rows=6000)
    live(here, kind, 0, rows=2000, high=0.9)
    live(here, kind, 1, rows=2000, turned=0.8)
    inputs = explained(here, kind, 0, 1).explanation
    assert abs(inputs.total.value) > 0.05
    assert inputs.inputs.value == pytest.approx(inputs.total.value, abs=0.35 * abs(inputs.total.value))
    assert inputs.features[0].feature == "x"
    relation = explained(here, kind, 1, 2).explanation
    assert relation.relation.value == pytest.approx(relation.total.value, abs=0.2 * relation.total.value)
    assert relation.by_segment[0].feature == "shape" and relation.total.low > 0
    worst = max(relation.by_segment[0].segments, key=lambda segment: segment.within.value)
    assert worst.name == "shape = b" and worst.clear


@pytest.mark.row("M7")
def test_a_span_can_be_set_against_an_earlier_one_and_looked_at_by_feature(tmp_path: Path) -> None:
    here = begin(make(tmp_path / "p", "binary"), tmp_path / "i", "binary")
    live(here, "binary", 0, rows=600)
    live(here, "binary", 1, rows=600, turned=1.0)
    found = explained(here, "binary", 1, 2, against=(day(0).start, day(1).start), by=["shape"])
    assert found.explanation.rows == (600, 600) and found.reference is not None
    assert (found.metric, found.version) == ("accuracy", "1.0.0")
    assert found.metrics[0] is not None and found.metrics[1] is not None and found.metrics[0] > found.metrics[1]
    assert found.explanation.total.value == pytest.approx(found.metrics[0] - found.metrics[1])
    assert [one.feature for one in found.explanation.by_segment] == ["shape"]


@pytest.mark.row("M7")
def test_without_a_span_the_newest_windows_with_enough_labels_are_explained(tmp_path: Path) -> None:
    here = begin(make(tmp_path / "p", "binary"), tmp_path / "i", "binary")
    for number in range(5):
        live(here, "binary", number, rows=300)
    found = explained(here, "binary", None)
    assert found.explanation.rows[1] == 4 * 300 >= ENOUGH_ROWS
    assert found.current.start == day(1).start


@pytest.mark.row("M7")
def test_what_is_missing_is_said_with_what_to_do(tmp_path: Path) -> None:
    here = begin(make(tmp_path / "p", "binary"), tmp_path / "i", "binary", rows=60)
    with pytest.raises(BadInput, match="No labelled prediction"):
        explained(here, "binary")
    live(here, "binary", 0, rows=3)
    with pytest.raises(BadInput, match="12 labelled reference rows say too little"):
        explained(here, "binary")
    with pytest.raises(BadInput, match="has no feature 'shap'") as failure:
        explained(here, "binary", by=["shap"])
    assert failure.value.hint == "Did you mean 'shape'?"
    with pytest.raises(BadInput, match="No labelled prediction"):
        explained(here, "binary", 5)
    with pytest.raises(VersionNotFound):
        explained(here, "binary", version="7.0.0")


@pytest.mark.row("M7")
def test_a_feature_that_vanished_is_named(tmp_path: Path) -> None:
    here = begin(make(tmp_path / "p", "binary"), tmp_path / "i", "binary")
    live(here, "binary", 0, rows=300, vanished=True)
    found = explained(here, "binary").explanation
    assert any("x is missing in 100% of the current rows" in note for note in found.notes)
