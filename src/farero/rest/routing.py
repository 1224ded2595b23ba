"""The routes of endpoints: which versions answer behind them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import FastAPI, Header, Response
from pydantic import Field

from farero.core.endpoint import Endpoint, EndpointChange, Route
from farero.core.schema import Fault
from farero.core.window import duration_text, parse_duration
from farero.errors import BadInput
from farero.rest.bodies import MoveIn, Name, Strict

if TYPE_CHECKING:
    from farero.app import App

IfMatch = Annotated[str | None, Header(description="The revision that you saw; the change is refused where it is another by now.")]


class RouteIn(Strict):
    """A part of the requests: `version` is a number, or "production"; `share` is in percent."""

    version: Name
    share: float
    name: Name = ""


class EndpointIn(MoveIn):
    """An endpoint as it shall be."""

    routes: list[RouteIn] = Field(default_factory=list, max_length=100)
    shadow: list[Name] = Field(default_factory=list, max_length=100)
    sticky: bool = False
    idle: str | None = None


class NewEndpointIn(EndpointIn):
    """A new endpoint; `model` where there are several."""

    name: Name
    model: str | None = None


class PartOfEndpointIn(MoveIn):
    """What shall change of an endpoint. What is left out stays."""

    routes: list[RouteIn] | None = None
    shadow: list[Name] | None = None
    sticky: bool | None = None
    idle: str | None = None


class RouteOut(Strict):
    """A part of the requests."""

    version: str
    share: float
    name: str


class EndpointOut(Strict):
    """An endpoint as it is."""

    name: str
    model: str
    routes: list[RouteOut]
    shadow: list[str]
    sticky: bool
    idle: str | None
    revision: int
    changed_at: datetime | None
    own: bool


class EndpointChangeOut(Strict):
    """A change; `endpoint` is null where it was deleted."""

    revision: int
    at: datetime
    by: str
    because: str
    endpoint: EndpointOut | None


def add_endpoints(api: FastAPI, app: App, *, responses: dict[int | str, dict[str, Any]]) -> None:
    """Add the routes.

    Args:
        responses: what they may answer beside 200.
    """
    tags: list[Any] = ["endpoints"]

    @api.get("/v1/endpoints", tags=tags, summary="Every endpoint, by name", responses=responses)
    def every(model: str | None = None) -> list[EndpointOut]:
        return [endpoint_out(endpoint) for endpoint in app.endpoints(model)]

    @api.post("/v1/endpoints", tags=tags, summary="A new endpoint", responses=responses, status_code=201)
    def create(given: NewEndpointIn, answer: Response) -> EndpointOut:
        blank = Endpoint(name=given.name, model=app.only_model(given.model))
        return _sent(app.create_endpoint(_whole(blank, given), by=given.by, because=given.because), answer)

    @api.get("/v1/endpoints/{name}", tags=tags, summary="One endpoint", responses=responses)
    def one(name: str, answer: Response) -> EndpointOut:
        return _sent(app.endpoint(name), answer)

    @api.put("/v1/endpoints/{name}", tags=tags, summary="Say anew what an endpoint is", responses=responses)
    def put(name: str, given: EndpointIn, answer: Response, if_match: IfMatch = None) -> EndpointOut:
        changed = app.change_endpoint(
            name, lambda known: _whole(known, given), by=given.by, because=given.because, revision=_revision(if_match)
        )
        return _sent(changed, answer)

    @api.patch("/v1/endpoints/{name}", tags=tags, summary="Change a part of an endpoint", responses=responses)
    def change(name: str, given: PartOfEndpointIn, answer: Response, if_match: IfMatch = None) -> EndpointOut:
        changed = app.change_endpoint(
            name, lambda known: _part(known, given), by=given.by, because=given.because, revision=_revision(if_match)
        )
        return _sent(changed, answer)

    @api.delete("/v1/endpoints/{name}", tags=tags, summary="Take an endpoint away", responses=responses)
    def delete(name: str, by: str = "api", because: str = "", if_match: IfMatch = None) -> EndpointOut:
        return endpoint_out(app.delete_endpoint(name, by=by, because=because, revision=_revision(if_match)))

    @api.get("/v1/endpoints/{name}/changes", tags=tags, summary="Who changed it, when and why, newest first", responses=responses)
    def changes(name: str) -> list[EndpointChangeOut]:
        return [_change_out(change) for change in app.endpoint_changes(name)]


def endpoint_out(endpoint: Endpoint) -> EndpointOut:
    """An endpoint as it is sent."""
    return EndpointOut(
        name=endpoint.name,
        model=endpoint.model,
        routes=[RouteOut(version=route.version, share=route.share, name=route.called) for route in endpoint.routes],
        shadow=list(endpoint.shadow),
        sticky=endpoint.sticky,
        idle=None if endpoint.idle is None else duration_text(endpoint.idle),
        revision=endpoint.revision,
        changed_at=endpoint.changed_at,
        own=endpoint.is_own,
    )


def _change_out(change: EndpointChange) -> EndpointChangeOut:
    endpoint = None if change.endpoint is None else endpoint_out(change.endpoint)
    return EndpointChangeOut(revision=change.revision, at=change.at, by=change.by, because=change.because, endpoint=endpoint)


def _sent(endpoint: Endpoint, answer: Response) -> EndpointOut:
    answer.headers["ETag"] = f'"{endpoint.revision}"'
    return endpoint_out(endpoint)


def _whole(known: Endpoint, given: EndpointIn) -> Endpoint:
    return replace(known, routes=_routes(given.routes), shadow=tuple(given.shadow), sticky=given.sticky, idle=_idle(given.idle))


def _part(known: Endpoint, given: PartOfEndpointIn) -> Endpoint:
    return replace(
        known,
        routes=known.routes if given.routes is None else _routes(given.routes),
        shadow=known.shadow if given.shadow is None else tuple(given.shadow),
        sticky=known.sticky if given.sticky is None else given.sticky,
        idle=_idle(given.idle) if "idle" in given.model_fields_set else known.idle,
    )


def _routes(given: list[RouteIn]) -> tuple[Route, ...]:
    return tuple(Route(version=route.version, share=route.share, name=route.name) for route in given)


def _idle(text: str | None) -> timedelta | None:
    if text is None:
        return None
    try:
        return parse_duration(text)
    except ValueError as wrong:
        raise _refuse("idle", "wrong-type", f"{text!r} is no length of time: {wrong}") from None


def _revision(if_match: str | None) -> int | None:
    if if_match is None or if_match.strip() == "*":
        return None
    digits = if_match.strip().removeprefix("W/").strip('"')
    if not digits.isdecimal():
        raise _refuse("If-Match", "wrong-type", f'{if_match!r} is no revision; write it like "3"')
    return int(digits)


def _refuse(path: str, code: str, message: str) -> BadInput:
    return BadInput(message, faults=[Fault(path=path, code=code, message=message)])
