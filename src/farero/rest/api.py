"""The routes of the REST face."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Depends, FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from farero.core.health import Check, Health, worst_status
from farero.core.label import LabelRow
from farero.core.objective import Standing
from farero.core.schema import Fault
from farero.errors import BadInput, FareroError, counted
from farero.rest import bodies as b
from farero.rest import sent
from farero.rest.document import add_docs, describe
from farero.rest.errors import FaultJson, answer_error, problem
from farero.rest.explaining import add_explanations
from farero.rest.guard import Guard
from farero.rest.infer import Infer
from farero.rest.jobbing import add_jobs
from farero.rest.judging import add_judging
from farero.rest.metrics import add_metrics
from farero.rest.performing import add_performance
from farero.rest.recording import add_records
from farero.rest.rolling import add_rollouts
from farero.rest.routing import add_endpoints
from farero.telemetry import Sample

if TYPE_CHECKING:
    from farero.app import App

Last = Annotated[int, Query(ge=1, le=10_000, description="The newest so many.")]
PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": b.ProblemOut, "description": words, "content": {"application/problem+json": {}}}
    for status, words in ((404, "No such thing"), (409, "In conflict with the present state"), (422, "Bad input; lists every fault"))
}

ABSENT: dict[int | str, dict[str, Any]] = {404: PROBLEMS[404]}
UNREADY: dict[int | str, dict[str, Any]] = {503: {"model": b.ProblemOut, "description": "A model has no production version loaded"}}
WAITING: dict[int | str, dict[str, Any]] = {202: {"model": b.ReceiptOut, "description": "Some labels wait for their prediction"}}


def make_api(
    app: App,
    *,
    console: ASGIApp | None = None,
    checks: Callable[[], Sequence[Check]] = lambda: (),
    metrics: Callable[[], Sequence[Sample]] = lambda: (),
    max_body_bytes: int = 5 << 20,
    max_rows: int = 10_000,
    timeout_s: float = 30.0,
    max_waiting: int = 64,
) -> ASGIApp:
    """The whole web site: predictions first, then REST, then the console under /console.

    Args:
        checks: further checks for `/health`, such as the worker's.
        metrics: the figures of all processes for `/metrics`, read at every scrape.
    """

    def count(route: str, status: int, seconds: float) -> None:
        app.meters.counter("farero_requests_total", route=route, code=str(status)).add()
        app.meters.histogram("farero_request_seconds", route=route).observe(seconds)

    def health() -> Health:
        found = app.health()
        more = tuple(checks())
        return replace(found, checks=(*found.checks, *more), status=worst_status([found.status, *(check.status for check in more)]))

    api = FastAPI(
        title="Farero",
        version=health().version,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        dependencies=[Depends(_only_known)],
    )
    _add_errors(api)
    _add_service(api, app, health)
    add_metrics(api, metrics)
    _add_labels(api, app)
    _add_versions(api, app)
    _add_records(api, app)
    add_performance(api, app, responses=ABSENT | {422: PROBLEMS[422]})
    add_explanations(api, app, responses=ABSENT | {422: PROBLEMS[422]})
    add_judging(api, app, responses=ABSENT)
    add_records(api, app, responses=ABSENT | {422: PROBLEMS[422]})
    _add_incidents(api, app)
    add_jobs(api, app, responses=PROBLEMS)
    add_endpoints(api, app, responses=PROBLEMS)
    add_rollouts(api, app, responses=PROBLEMS)
    _add_objective(api, app)
    add_docs(api)
    describe(api, app)
    if console is not None:
        api.mount("/console", console)
    return Infer(
        app,
        Guard(api, max_body_bytes=max_body_bytes, count=count),
        max_body_bytes=max_body_bytes,
        max_rows=max_rows,
        timeout_s=timeout_s,
        max_waiting=max_waiting,
    )


def _add_service(api: FastAPI, app: App, health: Callable[[], Health]) -> None:
    links = {"docs": "/docs", "openapi": "/openapi.json", "health": "/health", "console": "/console", "predict": "/predict"}

    @api.get("/", response_model=b.ServiceOut, tags=["service"], summary="What answers here")
    def root(request: Request) -> Response:
        if "text/html" in request.headers.get("accept", ""):
            return RedirectResponse("/console", status_code=302)
        return JSONResponse(
            b.ServiceOut(service="farero", version=api.version, models=list(app.models), links=links).model_dump(),
            headers={"Vary": "Accept"},
        )

    @api.get("/health", response_model=b.HealthOut, responses={503: {"model": b.HealthOut}}, tags=["service"], summary="How it is doing")
    def read_health() -> Response:
        found = sent.health_out(health())
        status = 503 if found.status == "unhealthy" else 200
        return JSONResponse(found.model_dump(), status_code=status, headers={"Cache-Control": "no-store"})

    @api.get("/health/live", tags=["service"], summary="Whether the process runs")
    def live() -> b.ProbeOut:
        return b.ProbeOut(status="alive")

    @api.get("/health/ready", response_model=b.ProbeOut, responses=UNREADY, tags=["service"], summary="Whether it can predict")
    def ready(request: Request) -> Response:
        missing = [model.model for model in health().models if model.status == "unhealthy"]
        if missing:
            detail = f"No production version is loaded for {', '.join(missing)}."
            return problem(503, "not-ready", detail, request.state.request_id, retry_after_s=2)
        return JSONResponse({"status": "ready"})


def _add_labels(api: FastAPI, app: App) -> None:
    @api.post("/v1/labels", response_model=b.ReceiptOut, responses=WAITING | PROBLEMS, tags=["labels"], summary="Tell the truth, late")
    def add_labels(given: b.LabelsIn, request: Request) -> Response:
        model = app.only_model(given.model)
        now = datetime.now(UTC)
        rows = [
            LabelRow(raw=one.label, known_at=one.known_at or now, request_id=one.request_id, row=one.row, key=one.key, time=one.time)
            for one in given.labels
        ]
        receipt = app.label(model, rows)
        request_id: str = request.state.request_id
        if len(receipt.invalid) == len(rows):
            split = [text.partition(": ") for text in receipt.invalid]
            faults = [FaultJson(path=path, code="invalid-label", message=words) for path, _, words in split]
            return problem(422, "invalid-labels", "No label could be read; nothing was stored.", request_id, faults=faults)
        return JSONResponse(sent.receipt_out(model, receipt, request_id).model_dump(), status_code=202 if receipt.unknown else 200)


def _add_versions(api: FastAPI, app: App) -> None:
    @api.get("/v1/models", tags=["models"], summary="Every model")
    def models() -> list[b.ModelOut]:
        return [_model_out(app, model.model, model.status, model.version) for model in app.health().models]

    @api.get("/v1/models/{model}", tags=["models"], summary="One model", responses=ABSENT)
    def model(model: str) -> b.ModelOut:
        app.project(model)
        found = next(one for one in app.health().models if one.model == model)
        return _model_out(app, model, found.status, found.version)

    @api.get("/v1/models/{model}/versions", tags=["versions"], summary="Every version, newest first", responses=ABSENT)
    def versions(model: str) -> list[b.VersionOut]:
        return [sent.version_out(version) for version in app.versions(model)]

    @api.get("/v1/models/{model}/versions/{number}", tags=["versions"], summary="One version and its history", responses=ABSENT)
    def version(model: str, number: str) -> b.VersionDetailOut:
        found = sent.version_out(app.version(model, number))
        serving = next((one for one in app.health().models if one.model == model and one.loaded and one.version == number), None)
        return b.VersionDetailOut(
            **found.model_dump(),
            moves=[sent.move_out(move) for move in app.moves(model, number)],
            engine=serving.engine if serving else None,
            engine_detail=serving.engine_detail if serving else None,
        )

    @api.post("/v1/models/{model}/versions/{number}/promote", tags=["versions"], summary="Promote a version", responses=PROBLEMS)
    def promote(model: str, number: str, given: b.PromoteIn | None = None) -> b.VersionOut:
        asked = given or b.PromoteIn()
        moved = app.promote(
            model, number, to=asked.to, by=asked.by, because=asked.because, force=asked.force, at_once=asked.at_once
        )  # fmt: skip
        return sent.version_out(moved)

    @api.post("/v1/models/{model}/rollback", tags=["versions"], summary="Put an earlier version back", responses=PROBLEMS)
    def rollback(model: str, given: b.RollbackIn | None = None) -> b.VersionOut:
        asked = given or b.RollbackIn()
        return sent.version_out(app.rollback(model, to=asked.to, by=asked.by, because=asked.because))


def _add_records(api: FastAPI, app: App) -> None:
    @api.get("/v1/models/{model}/observations", tags=["monitoring"], summary="Windows, oldest first", responses=ABSENT)
    def observations(model: str, last: Last = 100) -> list[b.ObservationOut]:
        return [sent.observation_out(seen) for seen in app.observations(model, last=last)]

    @api.get("/v1/models/{model}/drift", tags=["monitoring"], summary="Drift by window and column, oldest first", responses=ABSENT)
    def drift(model: str, last: Last = 100) -> list[b.DriftOut]:
        return [sent.drift_out(seen) for seen in app.observations(model, last=last)]

    @api.get("/v1/models/{model}/decisions", tags=["loop"], summary="Decisions with their reasons, newest first", responses=ABSENT)
    def decisions(model: str, last: Last = 100) -> list[b.DecisionOut]:
        return [sent.decision_out(stored) for stored in app.decisions(model, last=last)]

    @api.get("/v1/models/{model}/runs", tags=["loop"], summary="Trainings, newest first", responses=ABSENT)
    def runs(model: str, last: Last = 50) -> list[b.RunOut]:
        app.project(model)
        return [sent.run_out(run) for run in app.runs(model, last=last)]


def _add_incidents(api: FastAPI, app: App) -> None:
    @api.get("/v1/models/{model}/incidents", tags=["incidents"], summary="A model's incidents, newest first", responses=ABSENT)
    def of_model(model: str, last: Last = 100) -> list[b.IncidentOut]:
        app.project(model)
        return [sent.incident_out(incident) for incident in app.incidents(model, last=last)]

    @api.get("/v1/incidents", tags=["incidents"], summary="All incidents, newest first")
    def incidents(last: Last = 100) -> list[b.IncidentOut]:
        return [sent.incident_out(incident) for incident in app.incidents(last=last)]

    @api.get("/v1/incidents/{id}", tags=["incidents"], summary="One incident", responses=ABSENT)
    def incident(id: str) -> b.IncidentOut:
        return sent.incident_out(app.incident(id))

    @api.post("/v1/incidents/{id}/ack", tags=["incidents"], summary="Say that somebody looks after it", responses=PROBLEMS)
    def acknowledge(id: str, given: b.NoteIn | None = None) -> b.IncidentOut:
        asked = given or b.NoteIn()
        return sent.incident_out(app.acknowledge(id, by=asked.by, note=asked.note))

    @api.post("/v1/incidents/{id}/accept", tags=["incidents"], summary="Say that this drift is the new normal", responses=PROBLEMS)
    def accept(id: str, given: b.NoteIn | None = None) -> b.IncidentOut:
        asked = given or b.NoteIn()
        return sent.incident_out(app.accept(id, by=asked.by, note=asked.note))

    @api.post("/v1/incidents/{id}/resolve", tags=["incidents"], summary="Close it by hand", responses=PROBLEMS)
    def resolve(id: str, given: b.NoteIn | None = None) -> b.IncidentOut:
        asked = given or b.NoteIn()
        return sent.incident_out(app.resolve(id, by=asked.by, note=asked.note))


def _add_objective(api: FastAPI, app: App) -> None:
    @api.get("/v1/models/{model}/slo", tags=["loop"], summary="How what is promised of its requests stands", responses=ABSENT)
    def slo(model: str) -> Standing:
        return app.objective(model)


def _model_out(app: App, model: str, status: str, production: str | None) -> b.ModelOut:
    project = app.project(model)
    return b.ModelOut(
        model=model, status=status, production=production, label=project.label_spec.name, kind=project.label_spec.kind,
        metric=project.metric, window_s=project.window.seconds, window_rows=project.window.rows,
    )  # fmt: skip


def _only_known(request: Request) -> None:
    """A misspelt parameter such as `?limit=5` must not be ignored silently, as a misspelt member of a body is not."""
    route = request.scope.get("route")
    if not isinstance(route, APIRoute) or not request.url.path.startswith("/v1/"):
        return
    known = [field.alias for field in route.dependant.query_params]
    extra = sorted(set(request.query_params) - set(known))
    if extra:
        told = f"there is {', '.join(known)}" if known else "this address takes none"
        faults = [Fault(path=name, code="unknown-parameter", message=f"is no parameter here; {told}") for name in extra]
        raise BadInput(f"{counted(len(faults), 'parameter')} not known here; {told}.", faults=faults)


def _add_errors(api: FastAPI) -> None:
    @api.exception_handler(FareroError)
    def ours(request: Request, error: Exception) -> Response:
        return answer_error(error, request.state.request_id)

    @api.exception_handler(RequestValidationError)
    def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        faults = [FaultJson(path=_path(one["loc"]), code=one["type"].replace("_", "-"), message=one["msg"]) for one in error.errors()]
        return problem(422, "bad-input", f"{counted(len(faults), 'fault')} in the request.", request.state.request_id, faults=faults)

    @api.exception_handler(HTTPException)
    def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        code = {404: "no-such-route", 405: "method-not-allowed"}.get(error.status_code, "http-error")
        answer = problem(error.status_code, code, f"{request.method} {request.url.path}: {error.detail}.", request.state.request_id)
        answer.headers.update(error.headers or {})
        return answer

    @api.exception_handler(Exception)
    def bug(request: Request, error: Exception) -> Response:
        return answer_error(error, request.state.request_id)


def _path(location: Sequence[str | int]) -> str:
    """("body", "labels", 3, "label") as `labels[3].label`."""
    path = ""
    for part in location[1:] if location and location[0] == "body" else location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else str(part)
    return path
