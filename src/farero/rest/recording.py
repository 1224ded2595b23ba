"""The routes that give documents about versions and runs, as data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import FastAPI, Query

from farero.core.card import Card
from farero.core.deployment import Deployment
from farero.core.fairness import GroupsOf
from farero.core.run_report import RunReport
from farero.core.side_by_side import SideBySide
from farero.errors import NotFound

if TYPE_CHECKING:
    from farero.app import App

By = Annotated[list[str] | None, Query(description="The feature; may be given several times. Default: those that the project names.")]


def add_records(api: FastAPI, app: App, *, responses: dict[int | str, dict[str, Any]]) -> None:
    """Add the routes.

    Args:
        responses: what they may answer beside 200.
    """

    @api.get("/v1/models/{model}/versions/{number}/card", tags=["versions"], summary="Its model card", responses=responses)
    def card(model: str, number: str) -> Card:
        return app.card(model, number)

    @api.get("/v1/models/{model}/versions/{number}/deployment", tags=["versions"], summary="How it serves", responses=responses)
    def deployment(model: str, number: str) -> Deployment:
        return app.deployment(model, number)

    @api.get(
        "/v1/models/{model}/versions/{number}/fairness", tags=["versions"], summary="How alike groups are treated", responses=responses
    )
    def fairness(model: str, number: str, by: By = None) -> list[GroupsOf]:
        return list(app.fairness(model, number, by)[0])

    @api.get("/v1/models/{model}/compare", tags=["versions"], summary="Two versions side by side", responses=responses)
    def compare(model: str, a: str, b: str) -> SideBySide:
        return app.side_by_side(model, a, b)

    @api.get("/v1/models/{model}/runs/report", tags=["loop"], summary="The report of a training", responses=responses)
    def report(model: str, run: str) -> RunReport:
        app.project(model)
        found = app.run_report(run)
        if found.model != model:
            raise NotFound(f"{model} has no run {run!r}; it is one of {found.model}.", hint="See them with: farero runs.", id=run)
        return found
