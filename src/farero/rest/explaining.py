"""The routes that tell performance before labels come, and why it fell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import FastAPI, Query

from farero.core.estimated import EstimateReport
from farero.core.explained import DropReport
from farero.errors import BadInput
from farero.rest.bodies import Moment, Since, Until

if TYPE_CHECKING:
    from farero.app import App

AgainstSince = Annotated[Moment | None, Query(alias="against_from", description="Beside the span from this time on; with `against_to`.")]
AgainstUntil = Annotated[Moment | None, Query(alias="against_to", description="Beside the span before this time; with `against_from`.")]
By = Annotated[list[str] | None, Query(description="Look for segments in this feature; may be given several times.")]


def add_explanations(api: FastAPI, app: App, *, responses: dict[int | str, dict[str, Any]]) -> None:
    """Add the routes.

    Args:
        responses: what they may answer beside 200.
    """

    @api.get("/v1/models/{model}/estimate", tags=["monitoring"], summary="Performance before labels come", responses=responses)
    def estimate(model: str, since: Since = None, until: Until = None, version: str | None = None) -> EstimateReport:
        return app.estimate(model, start=since, end=until, version=version)

    @api.get("/v1/models/{model}/explain-drop", tags=["monitoring"], summary="Why performance fell", responses=responses)
    def explain_drop(
        model: str, since: Since = None, until: Until = None, against_since: AgainstSince = None, against_until: AgainstUntil = None,
        by: By = None, version: str | None = None,
    ) -> DropReport:  # fmt: skip
        if (against_since is None) != (against_until is None):
            raise BadInput("`against_from` and `against_to` go together.", hint="Give both, or neither.")
        against = None if against_since is None or against_until is None else (against_since, against_until)
        return app.explain_drop(model, start=since, end=until, against=against, by=by or (), version=version)
