"""Read-outs of a real log: rows of this split only, each request once, losses on the metric's own scale."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.benches import Installation
from tests.unit.flow.rollout.world import NEW, OLD, World

from farero.core.endpoint import PRODUCTION, Route
from farero.errors import BadInput
from farero.flow.rollout.split_test import SplitTest
from farero.store import endpoints


@pytest.fixture
def world(here: Installation) -> World:
    """The model's own endpoint, split half and half after 200 labelled requests to production."""
    made = World(here)
    made.serve(200, labelled=True)
    routes = (Route(version=PRODUCTION, share=50), Route(version=NEW, share=50, name="b"))
    with here.bench.store.write() as conn:
        endpoints.put(conn, replace(endpoints.own(conn, "points"), routes=routes), at=made.now, by="ana", because="a test")
    return made


def reader(world: World) -> SplitTest:
    loop = world.here.loop
    return SplitTest(model="points", label=loop.predict.label, metric="mae", store=world.here.bench.store, log=loop.record.log)


@pytest.mark.row("R11")
def test_the_worse_side_loses_beyond_doubt(world: World) -> None:
    world.serve(400, labelled=True, wrong=3.0)
    read = reader(world).read(world.own(), world.now, smallest=0.5)
    assert (read.metric, read.winner) == ("mae", OLD)
    assert [(arm.version, arm.name, arm.share) for arm in read.arms] == [(OLD, "", 50), (NEW, "b", 50)]
    assert 390 <= sum(arm.labelled for arm in read.arms) <= 400, "those before the split do not count"
    assert read.arms[0].loss == pytest.approx(0.8, abs=0.15)
    assert read.pairs[0].difference == pytest.approx(2.2, abs=0.4)


@pytest.mark.row("R11")
def test_before_any_label_nothing_is_claimed(world: World) -> None:
    world.serve(50)
    read = reader(world).read(world.own(), world.now, smallest=None)
    assert read.winner is None
    assert sum(arm.rows for arm in read.arms) == 50
    assert read.pairs[0].because == "labels of both are needed to compare them"


def test_where_one_version_answers_there_is_nothing_to_compare(world: World) -> None:
    with pytest.raises(BadInput, match="nothing to compare"):
        reader(world).read(replace(world.own(), routes=()), world.now, smallest=None)
