"""What keeps an open page fresh: fragments that are sent only when they differ from what the page shows already."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from html import escape
from typing import Protocol
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from farero.console.i18n import Words

PERIOD_S = 5


class Chosen(Protocol):
    """What is needed of a visitor's preferences."""

    @property
    def words(self) -> Words:
        """The language."""
        ...


def address(what: str, body: str, words: Words) -> str:
    """Where the page asks for news; it says what it shows now."""
    return f"/console/live/{quote(what)}?lang={words.lang}&seen={digest(body)}"


def digest(body: str) -> str:
    """A short name for a text.

    >>> digest("calm")
    '2b4b2eadf7b2'
    """
    return hashlib.sha256(body.encode()).hexdigest()[:12]


def fragment(draw: Callable[[Request, Words], str], taste: Callable[[Request], Chosen]) -> Callable[[Request], Response]:
    """A route that answers 204, which changes nothing on the page, until there is something new to see."""

    def route(request: Request) -> Response:
        words = taste(request).words
        body = draw(request, words)
        headers = {"Cache-Control": "no-store"}
        if digest(body) == request.query_params.get("seen"):
            return Response(status_code=204, headers=headers)
        what = request.url.path.split("/live/", 1)[1]
        where = escape(address(what, body, words))
        html = f'<div id="live" hx-get="{where}" hx-trigger="every {PERIOD_S}s, refresh" hx-swap="outerHTML">{body}</div>'
        return HTMLResponse(html, headers=headers)

    return route
