"""The route that tells how well answers were once labels came."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import FastAPI, Query

from farero.core.appraisal import Appraisal
from farero.rest.bodies import Since, Until

if TYPE_CHECKING:
    from farero.app import App

By = Annotated[list[str] | None, Query(description="Divide the rows by this feature; may be given several times.")]


def add_performance(api: FastAPI, app: App, *, responses: dict[int | str, dict[str, Any]]) -> None:
    """Add the route.

    Args:
        responses: what it may answer beside 200.
    """

    @api.get("/v1/models/{model}/performance", tags=["monitoring"], summary="Metrics with intervals, once labels came", responses=responses)
    def performance(model: str, since: Since = None, until: Until = None, by: By = None, version: str | None = None) -> Appraisal:
        return app.performance(model, start=since, end=until, by=by, version=version)
