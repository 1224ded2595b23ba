"""The pages of the console, and how a request chooses language and light."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from farero.console import live, views
from farero.console.i18n import LANGUAGES, Words, choose
from farero.core.health import Check, Health, worst_status
from farero.errors import FareroError, NotFound

if TYPE_CHECKING:
    from farero.app import App

HERE = Path(__file__).parent
THEMES = ("light", "dark", "auto")
YEAR_S = 365 * 86400


@dataclass(frozen=True, slots=True, kw_only=True)
class Taste:
    """What a visitor prefers. `theme` "auto" follows the system."""

    words: Words
    theme: str


class Console:
    """Draws every page of one installation."""

    def __init__(self, app: App, checks: Callable[[], Sequence[Check]]) -> None:
        self.app = app
        self._checks = checks
        self._templates = Environment(
            loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
        )
        self._templates.filters["svg"] = Markup  # drawings escape what they are given themselves
        self._templates.filters["seconds"] = lambda seconds: timedelta(seconds=seconds)

    def health(self) -> Health:
        """The installation's health, the worker's included."""
        found, more = self.app.health(), tuple(self._checks())
        return replace(found, checks=(*found.checks, *more), status=worst_status([found.status, *(check.status for check in more)]))

    def part(self, name: str, words: Words, **values: object) -> str:
        """A template's text."""
        return self._templates.get_template(name).render(t=words, lang=words.lang, **values)

    def page(self, request: Request, name: str, *, status: int = 200, **values: object) -> Response:
        """A whole page; a choice made in the address is remembered."""
        taste = taste_of(request)
        html = self.part(
            name, taste.words, theme=taste.theme, themes=THEMES, languages=LANGUAGES, version=self.app.health().version, **values
        )  # fmt: skip
        response = HTMLResponse(html, status_code=status, headers={"Vary": "Accept-Language, Cookie", "Cache-Control": "no-store"})
        for key, allowed in (("lang", tuple(LANGUAGES)), ("theme", THEMES)):
            if (chosen := request.query_params.get(key)) in allowed:
                response.set_cookie(f"farero_{key}", str(chosen), max_age=YEAR_S, path="/console", samesite="lax", httponly=True)
        return response

    def fleet_body(self, words: Words) -> str:
        """The part of the fleet page that changes."""
        health = self.health()
        rows = views.fleet(self.app, health, words)
        return self.part("fleet_body.html", words, health=health, rows=rows)

    def model_body(self, model: str, words: Words) -> str:
        """The part of a model's page that changes."""
        return self.part("model_body.html", words, view=views.model(self.app, self.health(), model, words))


def taste_of(request: Request) -> Taste:
    """Language and theme: from the address, else remembered, else what the browser says."""
    lang = choose(request.query_params.get("lang"), request.cookies.get("farero_lang"), request.headers.get("accept-language", ""))
    theme = request.query_params.get("theme") or request.cookies.get("farero_theme") or "auto"
    return Taste(words=Words(lang), theme=theme if theme in THEMES else "auto")


def make_console(app: App, *, checks: Callable[[], Sequence[Check]] = lambda: ()) -> Starlette:
    """The console as an application of its own, to be mounted under /console."""
    console = Console(app, checks)

    def fleet(request: Request) -> Response:
        body = console.fleet_body(taste_of(request).words)
        return console.page(request, "fleet.html", body=Markup(body), live=live.address("fleet", body, taste_of(request).words))

    def model(request: Request) -> Response:
        name = request.path_params["model"]
        app.project(name)
        words = taste_of(request).words
        body = console.model_body(name, words)
        return console.page(request, "model.html", model=name, body=Markup(body), live=live.address(f"models/{name}", body, words))

    async def failed(request: Request, error: Exception) -> Response:
        status = 404 if isinstance(error, NotFound) else error.status_code if isinstance(error, HTTPException) else 503
        return await run_in_threadpool(console.page, request, "problem.html", status=status, code=status, detail=_detail(error))

    return Starlette(
        routes=[
            Route("/", fleet),
            Route("/models/{model}", model),
            Route("/live/fleet", live.fragment(lambda request, words: console.fleet_body(words), taste_of)),
            Route(
                "/live/models/{model}",
                live.fragment(lambda request, words: console.model_body(request.path_params["model"], words), taste_of),
            ),
            Mount("/static", StaticFiles(directory=HERE / "static")),
        ],
        exception_handlers={FareroError: failed, HTTPException: failed},
    )


def _detail(error: Exception) -> str:
    return str(error.detail) if isinstance(error, HTTPException) else str(error)
