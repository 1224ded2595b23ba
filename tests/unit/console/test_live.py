"""An open page is changed only when there is something new to see."""

from __future__ import annotations

import re
from typing import cast

import pytest
from tests.asgi import InProcess
from tests.standin import Standin, lived

from farero.app import App
from farero.console.pages import make_console
from farero.rest.api import make_api


def site(app: Standin) -> InProcess:
    return InProcess(make_api(cast(App, app), console=make_console(cast(App, app))))


def asked(page: str) -> str:
    found = re.search(r'hx-get="([^"]+)"', page)
    assert found
    return found[1].replace("&amp;", "&")


@pytest.mark.row("P1")
@pytest.mark.parametrize("path", ["/console/", "/console/models/bikes"])
def test_a_fragment_is_empty_until_something_changes(path: str) -> None:
    app = lived(20)
    http = site(app)
    where = asked(http.get(path).text)
    assert http.get(where).status_code == 204
    app.trouble = []
    fresh = http.get(where)
    assert fresh.status_code == 200
    assert asked(fresh.text) != where
    assert http.get(asked(fresh.text)).status_code == 204


def test_a_fragment_keeps_the_language_of_its_page() -> None:
    http = site(lived(20))
    where = asked(http.get("/console/", headers={"Accept-Language": "es"}).text)
    assert "lang=es" in where
    assert http.get(where).status_code == 204
