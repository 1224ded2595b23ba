"""REST and console as one ASGI application."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from starlette.types import ASGIApp

from farero.console.pages import make_console
from farero.core.health import Check
from farero.rest.api import make_api

if TYPE_CHECKING:
    from farero.app import App


def make_site(app: App, *, checks: Callable[[], Sequence[Check]] = lambda: ()) -> ASGIApp:
    """Both web faces of an installation.

    Args:
        checks: further checks for `/health`, such as the keeper's.
    """
    limits = app.settings.server
    return make_api(
        app, console=make_console(app, checks=checks), checks=checks, metrics=app.metrics, max_body_bytes=limits.max_body_bytes,
        max_rows=limits.max_rows, timeout_s=limits.timeout_s, max_waiting=limits.max_waiting,
    )  # fmt: skip
