"""The routes of rollouts, approvals and freezes, and of what a split came to."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import FastAPI, Query

from farero.core.approval import Approval
from farero.core.freeze import Freeze
from farero.core.rollout import Rollout
from farero.core.split_test import Readout
from farero.rest.bodies import MoveIn, Name, Strict

if TYPE_CHECKING:
    from farero.app import App


class ApprovalIn(MoveIn):
    """What a person says of a version. Names are taken as given: people are not signed in yet."""

    role: Name = ""
    approved: bool = True


class ApprovalOut(Strict):
    """What a person said of a version."""

    number: str
    by: str
    role: str
    approved: bool
    at: datetime
    because: str


class ComparedOut(Strict):
    """One kind of comparison; `evidence` and `limit` are logarithms [nat]."""

    kind: str
    canary: float | None
    production: float | None
    canary_requests: int
    production_requests: int
    evidence: float
    limit: float
    worse: bool
    because: str


class PassageOut(Strict):
    """One line of a rollout's history."""

    at: datetime
    stage: str
    action: str
    by: str
    because: list[str]
    compared: list[ComparedOut]


class RolloutOut(Strict):
    """A version on its way; `share` is in percent."""

    id: int
    model: str
    number: str
    against: str | None
    status: str
    stage: str
    share: float
    by: str
    because: str
    started: datetime
    finished: datetime | None
    waits_for: str
    history: list[PassageOut]


class FreezeOut(Strict):
    """A model whose production nothing moves into by itself."""

    model: str
    at: datetime
    by: str
    because: str


class ArmOut(Strict):
    """One version behind an endpoint; `share` is in percent, `loss` in the metric's unit."""

    version: str
    name: str
    share: float
    requests: int
    labelled: int
    loss: float | None
    interval: tuple[float, float] | None


class PairOut(Strict):
    """Two versions held against each other."""

    new: str
    old: str
    difference: float | None
    interval: tuple[float, float]
    chance_better: float | None
    smallest: float
    rows_needed: int | None
    winner: str | None
    because: str


class ReadoutOut(Strict):
    """What a split came to."""

    endpoint: str
    model: str
    metric: str
    winner: str | None
    versions: list[ArmOut]
    pairs: list[PairOut]


def add_rollouts(api: FastAPI, app: App, *, responses: dict[int | str, dict[str, Any]]) -> None:
    """Add the routes.

    Args:
        responses: what they may answer beside 200.
    """
    tags: list[Any] = ["rollouts"]

    @api.get("/v1/models/{model}/rollouts", tags=tags, summary="Rollouts, newest first", responses=responses)
    def every(model: str, last: Annotated[int, Query(ge=1, le=10_000)] = 50) -> list[RolloutOut]:
        return [rollout_out(found) for found in app.rollouts(model, last=last)]

    @api.get("/v1/models/{model}/rollouts/{id}", tags=tags, summary="One rollout with its history", responses=responses)
    def one(model: str, id: int) -> RolloutOut:
        return rollout_out(app.rollout(model, id))

    @api.post("/v1/models/{model}/rollouts/stop", tags=tags, summary="End the open rollout", responses=responses)
    def stop(model: str, given: MoveIn) -> RolloutOut:
        return rollout_out(app.stop_rollout(model, by=given.by, because=given.because))

    @api.get("/v1/models/{model}/versions/{number}/approvals", tags=tags, summary="What was said of a version", responses=responses)
    def said(model: str, number: str) -> list[ApprovalOut]:
        return [_approval_out(one) for one in app.approvals(model, number)]

    @api.post("/v1/models/{model}/versions/{number}/approvals", tags=tags, summary="Approve or refuse a version", responses=responses)
    def say(model: str, number: str, given: ApprovalIn) -> ApprovalOut:
        return _approval_out(app.approve(model, number, by=given.by, role=given.role, approved=given.approved, because=given.because))

    @api.get("/v1/models/{model}/freeze", tags=tags, summary="Whether it is frozen", responses=responses)
    def frozen(model: str) -> FreezeOut | None:
        return _freeze_out(app.frozen(model))

    @api.put("/v1/models/{model}/freeze", tags=tags, summary="Let nothing move into production by itself", responses=responses)
    def freeze(model: str, given: MoveIn | None = None) -> FreezeOut | None:
        asked = given or MoveIn()
        return _freeze_out(app.freeze(model, by=asked.by, because=asked.because))

    @api.delete("/v1/models/{model}/freeze", tags=tags, summary="Let versions move again", responses=responses)
    def unfreeze(model: str, by: str = "api") -> FreezeOut | None:
        return _freeze_out(app.unfreeze(model, by=by))

    @api.get("/v1/endpoints/{name}/readout", tags=tags, summary="Which version behind it is better", responses=responses)
    def readout(name: str, smallest: Annotated[float | None, Query(gt=0)] = None) -> ReadoutOut:
        return readout_out(app.readout(name, smallest=smallest))


def rollout_out(found: Rollout) -> RolloutOut:
    """A rollout as it is sent."""
    return RolloutOut(
        id=found.id, model=found.model, number=found.number, against=found.against, status=found.status, stage=str(found.stage),
        share=found.stage.share, by=found.by, because=found.because, started=found.started, finished=found.finished,
        waits_for=found.waits_for,
        history=[
            PassageOut(
                at=line.at, stage=line.stage, action=line.action, by=line.by, because=list(line.because),
                compared=[
                    ComparedOut(
                        kind=one.kind, canary=one.new, production=one.old, canary_requests=one.rows[0], production_requests=one.rows[1],
                        evidence=one.log_evidence, limit=one.limit, worse=one.worse, because=one.because,
                    )
                    for one in line.compared
                ],
            )
            for line in found.history
        ],
    )  # fmt: skip


def readout_out(read: Readout) -> ReadoutOut:
    """A read-out as it is sent."""
    return ReadoutOut(
        endpoint=read.endpoint, model=read.model, metric=read.metric, winner=read.winner,
        versions=[
            ArmOut(
                version=arm.version, name=arm.name, share=arm.share, requests=arm.rows, labelled=arm.labelled, loss=arm.loss,
                interval=None if arm.interval is None else (arm.interval.low, arm.interval.high),
            )
            for arm in read.arms
        ],
        pairs=[
            PairOut(
                new=pair.new, old=pair.old, difference=pair.difference, interval=(pair.interval.low, pair.interval.high),
                chance_better=pair.chance_better, smallest=pair.smallest, rows_needed=pair.rows_needed, winner=pair.winner,
                because=pair.because,
            )
            for pair in read.pairs
        ],
    )  # fmt: skip


def _approval_out(said: Approval) -> ApprovalOut:
    return ApprovalOut(number=said.number, by=said.by, role=said.role, approved=said.approved, at=said.at, because=said.because)


def _freeze_out(found: Freeze | None) -> FreezeOut | None:
    return None if found is None else FreezeOut(model=found.model, at=found.at, by=found.by, because=found.because)
