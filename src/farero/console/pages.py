"""The pages of the console."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from starlette.applications import Starlette

from farero.core.health import Check

if TYPE_CHECKING:
    from farero.app import App


def make_console(app: App, *, checks: Callable[[], Sequence[Check]]) -> Starlette:
    """The console as an application of its own, to be mounted under /console."""
    return Starlette()
