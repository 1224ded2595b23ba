from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.benches import T0
from tests.standin import version

from farero.core.deployment import Deployment, deployment_document
from farero.core.document import markdown
from farero.core.endpoint import Endpoint, Route
from farero.core.gate import GateRule
from farero.core.policy import PolicyRule
from farero.core.rollout import RolloutRule
from farero.core.schema import Field
from farero.core.version import Move

FOUND = Deployment(
    version=version("points", "1.1.0", "production", T0), made_at=T0, farero_version="0.1.0", engine="compiled", engine_detail="a forest",
    fields=(Field(name="x", kind="number", min=0, unit="m"),), key="customer",
    endpoints=(Endpoint(name="points", model="points", routes=(Route(version="1.1.0", share=90.0), Route(version="1.0.0", share=10.0))),),
    moves=(Move(model="points", number="1.1.0", source="staging", target="production", at=T0, by="ana", because="better"),),
    served=("1.0.0", "1.1.0"), approvals=(), rollouts=(), verdict=None, policy=PolicyRule(name="farero", cooldown=timedelta(days=7)),
    gate=GateRule(metric="mae", gain=0.5), rollout_rule=RolloutRule(steps=(5.0, 25.0)), watching=("Drift.",), channels={"chat": "high"},
    settings={"recorded": "write"},
)  # fmt: skip


@pytest.mark.row("R12")
def test_it_says_what_serves_how_it_came_and_how_to_take_it_back() -> None:
    text = markdown(deployment_document(FOUND))
    for part in (
        "# Deployment: points 1.1.0", "- **engine**: compiled: a forest", "- **recorded**: write", "| points | 1.1.0 90 %, 1.0.0 10 % |",
        "| ana | better |", "| x | number | m | must be there | 0 to … |", "The entity's key is customer.", "- Drift.",
        "at most once in 1w", "A candidate must gain 0.5 on mae", "by a canary of 5 %, 25 %", "chat: messages of severity high and above",
        "To put 1.0.0 back: farero rollback",
    ):  # fmt: skip
        assert part in text, part


def test_what_does_not_serve_and_a_first_version_have_no_way_back() -> None:
    first = markdown(deployment_document(replace(FOUND, served=("1.1.0",), rollout_rule=None, channels={})))
    assert "There is no earlier version to go back to." in first
    assert "It goes to production at once." in first
    assert "nobody: farero.toml names no channel" in first
    candidate = markdown(deployment_document(replace(FOUND, version=version("points", "1.2.0", "candidate", T0))))
    assert "It is not in production. To put it there: farero promote 1.2.0" in candidate
