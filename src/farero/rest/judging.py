"""The routes that look closely: verdicts, checks against a stored baseline, and what a training run did and printed."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from pydantic import BaseModel

from farero.core.gate import Verdict
from farero.core.regression import Regression
from farero.core.run import RunStep
from farero.rest import sent
from farero.rest.bodies import RunOut

if TYPE_CHECKING:
    from farero.app import App


class JudgedOut(BaseModel):
    """A verdict with everything that was asked of the version, and when it was reached."""

    at: datetime
    verdict: Verdict


class RunDetailOut(RunOut):
    """A training run with its steps and the end of what it printed, without secrets."""

    steps: list[RunStep]
    output: str
    output_left_out: int


def add_judging(api: FastAPI, app: App, *, responses: dict[int | str, dict[str, Any]]) -> None:
    """Add the routes.

    Args:
        responses: what they may answer beside 200.
    """

    @api.get("/v1/models/{model}/versions/{number}/verdict", tags=["versions"], summary="The last verdict on it", responses=responses)
    def verdict(model: str, number: str) -> JudgedOut | None:
        found = app.verdict(model, number)
        return None if found is None else JudgedOut(at=found.at, verdict=found.verdict)

    @api.get("/v1/models/{model}/versions/{number}/check", tags=["versions"], summary="It beside a baseline", responses=responses)
    def check(model: str, number: str, against: str | None = None) -> Regression:
        return app.check_version(model, number, against=against)

    @api.get("/v1/runs/{id:path}", tags=["loop"], summary="A training with its steps and output", responses=responses)
    def run(id: str) -> RunDetailOut:
        found, notes = app.run(id)
        return RunDetailOut(
            **sent.run_out(found).model_dump(), steps=list(notes.steps), output=notes.output, output_left_out=notes.left_out
        )
