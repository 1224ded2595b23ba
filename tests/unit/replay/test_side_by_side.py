from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.benches import T0

from farero.core.policy import NAMED
from farero.core.window import WindowSize
from farero.errors import BadInput, FareroError
from farero.replay.side_by_side import Plan, run_all

PLAN = Plan(
    root=Path("here"), model="points", data=Path("data.csv"), time="ts", label=None, label_time=None, until=T0, size=WindowSize(),
    rule=NAMED["never"],
)  # fmt: skip
HEAD = """
import os, sys
from farero.core.replayed import PolicyResult
from farero.errors import BadInput
from farero.replay.side_by_side import serve

def run(plan, progress):
    progress(0.5, "half way")
    print("a library that talks")
    if plan.rule.name == "textbook":
        raise BadInput("No such column.", hint="Name another.")
    if plan.rule.name == "always":
        sys.stderr.write("killed by the kernel\\n"); sys.stderr.flush(); os._exit(9)
    return PolicyResult(name=plan.rule.name, metric=float(plan.size.span.days), windows=[], decisions=[], incidents=[], notifications=0,
        predictions=0, unlabelled=0, rejections=0, promotions=0, retrainings=0, rollbacks=0, cpu_s=0.0)

serve(run)
"""


def test_results_come_in_the_order_of_the_plans_whoever_is_first() -> None:
    plans = [PLAN, replace(PLAN, rule=NAMED["farero"], size=WindowSize(span=timedelta(days=2)))]
    heard: list[tuple[str, float, str]] = []
    results = run_all(plans, HEAD, at_once=2, progress=lambda *words: heard.append(words))
    assert [(result.name, result.metric) for result in results] == [("never", 1.0), ("farero", 2.0)]
    assert sorted(heard) == [("farero", 0.5, "half way"), ("never", 0.5, "half way")]


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [("textbook", BadInput, r"No such column\. Name another\."), ("always", FareroError, "ended without a result: killed by the kernel")],
)
def test_a_policy_that_fails_ends_the_replay_with_its_own_error(name: str, kind: type[FareroError], message: str) -> None:
    with pytest.raises(kind, match=message):
        run_all([replace(PLAN, rule=NAMED[name])], HEAD, at_once=1, progress=lambda *words: None)
