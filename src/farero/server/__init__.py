"""Runs the service: a supervisor that replaces what dies, a keeper that runs the loop, and processes that answer requests."""

from farero.server import arrow as arrow  # first: what follows imports Arrow
from farero.server.binding import bind
from farero.server.site import make_site
from farero.server.supervisor import serve

__all__ = ["bind", "make_site", "serve"]
