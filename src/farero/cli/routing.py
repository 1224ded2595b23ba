"""Endpoints: `endpoints` and what stands below it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from farero.cli import output, session
from farero.core.window import duration_text, parse_duration
from farero.errors import BadInput

if TYPE_CHECKING:
    from datetime import timedelta

    from farero.core.endpoint import Endpoint, Route

RouteOption = Annotated[
    list[str] | None,
    typer.Option("--route", help="VERSION=PERCENT or NAME:VERSION=PERCENT; VERSION may be production. All together make 100."),
]
ShadowOption = Annotated[list[str] | None, typer.Option("--shadow", help="A version that scores copies; nobody sees its answers.")]
IdleOption = Annotated[str | None, typer.Option("--idle", help="Leave memory after this long without requests, such as 15m; never = stay.")]
RevisionOption = Annotated[int | None, typer.Option("--revision", help="The revision that you saw; refused where it is another by now.")]

endpoints_app = typer.Typer(help="Which versions answer behind which address.", invoke_without_command=True, no_args_is_help=False)


@endpoints_app.callback()
def _endpoints(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        list_endpoints()


@endpoints_app.command("list")
def list_endpoints(
    project: session.ProjectOption = session.HERE, model: output.ModelOption = None, as_json: output.JsonOption = False
) -> None:
    """List every endpoint."""
    with session.opened(project, as_json=as_json) as app:
        found = app.endpoints(model)
        if as_json:
            output.emit([_plain(endpoint) for endpoint in found])
            return
        output.table(
            "Endpoints",
            ["endpoint", "model", "routes", "shadow", "sticky", "idle", "revision", "changed"],
            [[e.name, e.model, *_told(e), e.revision or None, e.changed_at] for e in found],
            right=["revision"],
        )


@endpoints_app.command("show")
def show(name: str, project: session.ProjectOption = session.HERE, as_json: output.JsonOption = False) -> None:
    """Show one endpoint."""
    with session.opened(project, as_json=as_json) as app:
        _print(app.endpoint(name), as_json=as_json)


@endpoints_app.command("create")
def create(
    name: str,
    route: RouteOption = None,
    sticky: Annotated[bool, typer.Option("--sticky/--not-sticky", help="The same entity key goes to the same version.")] = False,
    shadow: ShadowOption = None,
    idle: IdleOption = None,
    because: session.Because = "",
    project: session.ProjectOption = session.HERE,
    model: output.ModelOption = None,
    as_json: output.JsonOption = False,
) -> None:
    """Make an address of its own for one model; without routes its version in production answers."""
    with session.opened(project, as_json=as_json) as app:
        from farero.core.endpoint import Endpoint

        wanted = Endpoint(
            name=name, model=app.only_model(model), routes=_routes(route or []), shadow=tuple(shadow or ()), sticky=sticky, idle=_idle(idle)
        )
        _print(app.create_endpoint(wanted, by=session.whoami(), because=because), as_json=as_json)


@endpoints_app.command("update")
def update(
    name: str,
    route: RouteOption = None,
    sticky: Annotated[bool | None, typer.Option("--sticky/--not-sticky", help="The same entity key goes to the same version.")] = None,
    shadow: ShadowOption = None,
    no_shadow: Annotated[bool, typer.Option("--no-shadow", help="No version scores copies any more.")] = False,
    idle: IdleOption = None,
    revision: RevisionOption = None,
    because: session.Because = "",
    project: session.ProjectOption = session.HERE,
    as_json: output.JsonOption = False,
) -> None:
    """Change an endpoint; what is not named stays."""
    with session.opened(project, as_json=as_json) as app:
        routes, rests = _routes(route or []), _idle(idle)

        def change(known: Endpoint) -> Endpoint:
            return replace(
                known,
                routes=routes if route else known.routes,
                shadow=() if no_shadow else tuple(shadow) if shadow else known.shadow,
                sticky=known.sticky if sticky is None else sticky,
                idle=known.idle if idle is None else rests,
            )

        _print(app.change_endpoint(name, change, by=session.whoami(), because=because, revision=revision), as_json=as_json)


@endpoints_app.command("split")
def split(
    name: str,
    route: RouteOption = None,
    revision: RevisionOption = None,
    because: session.Because = "",
    project: session.ProjectOption = session.HERE,
    as_json: output.JsonOption = False,
) -> None:
    """Divide the requests anew; without a route production answers all of them."""
    with session.opened(project, as_json=as_json) as app:
        routes = _routes(route or [])
        changed = app.change_endpoint(
            name, lambda known: replace(known, routes=routes), by=session.whoami(), because=because, revision=revision
        )
        _print(changed, as_json=as_json)


@endpoints_app.command("delete")
def delete(
    name: str,
    revision: RevisionOption = None,
    because: session.Because = "",
    project: session.ProjectOption = session.HERE,
    as_json: output.JsonOption = False,
) -> None:
    """Take an endpoint away; its history stays."""
    with session.opened(project, as_json=as_json) as app:
        gone = app.delete_endpoint(name, by=session.whoami(), because=because, revision=revision)
        if as_json:
            output.emit(_plain(gone))
            return
        output.stdout().print(f"The endpoint {name} is gone.", markup=False)


@endpoints_app.command("changes")
def changes(name: str, project: session.ProjectOption = session.HERE, as_json: output.JsonOption = False) -> None:
    """Show who changed an endpoint, when and why; newest first."""
    with session.opened(project, as_json=as_json) as app:
        found = app.endpoint_changes(name)
        if as_json:
            told = [{"revision": c.revision, "at": c.at, "by": c.by, "because": c.because} for c in found]
            output.emit([one | {"endpoint": c.endpoint and _plain(c.endpoint)} for one, c in zip(told, found, strict=True)])
            return
        output.table(
            f"Changes of {name}",
            ["revision", "at", "by", "because", "routes", "shadow"],
            [[c.revision, c.at, c.by, c.because, *(_told(c.endpoint)[:2] if c.endpoint else ["deleted", None])] for c in found],
            right=["revision"],
        )


def _print(endpoint: Endpoint, *, as_json: bool) -> None:
    if as_json:
        output.emit(_plain(endpoint))
        return
    routes, shadow, sticky, idle = _told(endpoint)
    rows: list[list[object]] = [
        ["model", endpoint.model],
        ["routes", routes],
        ["shadow", shadow],
        ["sticky", sticky],
        ["leaves memory after", idle],
        ["revision", endpoint.revision],
        ["changed", endpoint.changed_at],
    ]
    output.table(f"Endpoint {endpoint.name}", ["", ""], rows)


def _told(endpoint: Endpoint) -> list[object]:
    """Routes, shadow versions, stickiness and idle time in words."""
    parts = [
        f"{route.share:g} % {f'{route.name} ({route.version})' if route.name else route.version}" for route in endpoint.routes
    ]  # fmt: skip
    idle = None if endpoint.idle is None else duration_text(endpoint.idle)
    return [", ".join(parts) or "production", ", ".join(endpoint.shadow) or None, endpoint.sticky, idle]


def _plain(endpoint: Endpoint) -> dict[str, object]:
    """As `GET /v1/endpoints/{name}` sends it."""
    return {
        "name": endpoint.name,
        "model": endpoint.model,
        "routes": [{"version": route.version, "share": route.share, "name": route.called} for route in endpoint.routes],
        "shadow": list(endpoint.shadow),
        "sticky": endpoint.sticky,
        "idle": None if endpoint.idle is None else duration_text(endpoint.idle),
        "revision": endpoint.revision,
        "changed_at": endpoint.changed_at,
        "own": endpoint.is_own,
    }


def _routes(given: list[str]) -> tuple[Route, ...]:
    """Routes as they are typed.

    >>> [(route.version, route.share, route.name) for route in _routes(["production=90", "canary:1.1.0=10"])]
    [('production', 90.0, ''), ('1.1.0', 10.0, 'canary')]
    """
    from farero.core.endpoint import Route

    routes = []
    for text in given:
        where, _, share = text.rpartition("=")
        name, _, version = where.rpartition(":")
        try:
            routes.append(Route(version=version, share=float(share.removesuffix("%")), name=name))
        except ValueError:
            raise BadInput(f"{text!r} is no route.", hint="Write it like 1.1.0=10 or canary:1.1.0=10.") from None
    return tuple(routes)


def _idle(text: str | None) -> timedelta | None:
    if text is None or text == "never":
        return None
    try:
        return parse_duration(text)
    except ValueError as wrong:
        raise BadInput(f"{text!r} is no length of time: {wrong}.", hint="Write it like 15m or 2h.") from None
