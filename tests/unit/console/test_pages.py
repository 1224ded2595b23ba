"""The pages in process: languages, themes, empty states, faults, and nothing that the policy forbids."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import cast

import pytest
from tests.asgi import InProcess
from tests.standin import Standin, bikes, fresh, lived

from farero.app import App
from farero.console.pages import make_console
from farero.errors import StoreUnavailable
from farero.rest.api import make_api

PAGES = ["/console/", "/console/models/bikes", "/console/models/churn", "/console/models/flights"]


def site(app: Standin) -> InProcess:
    return InProcess(make_api(cast(App, app), console=make_console(cast(App, app))))


@pytest.mark.row("P1")
@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("lang", ["en", "es"])
def test_a_page_is_whole_in_both_languages(path: str, lang: str) -> None:
    page = site(lived(20)).get(path, headers={"Accept-Language": lang})
    assert page.status_code == 200
    assert f'<html lang="{lang}"' in page.text
    assert ("Saltar al contenido" in page.text) == (lang == "es")


@pytest.mark.parametrize("path", PAGES)
def test_a_page_has_no_inline_script_or_style_and_names_no_other_server(path: str) -> None:
    text = site(lived(20)).get(path).text
    assert not re.search(r"\sstyle=|\son\w+=|<style|<script(?! src)", text)
    assert re.findall(r"https?://", text) == []


@pytest.mark.row("P1")
def test_language_and_theme_are_remembered() -> None:
    http = site(lived(20))
    http.get("/console/?lang=es")
    http.get("/console/?theme=dark")
    page = http.get("/console/", headers={"Accept-Language": "en"}).text
    assert '<html lang="es" data-theme="dark">' in page


def test_an_unknown_language_or_theme_is_not_remembered() -> None:
    http = site(lived(20))
    answer = http.get("/console/?lang=xx&theme=neon")
    assert 'data-theme="auto"' in answer.text
    assert "set-cookie" not in answer.headers


def test_an_unknown_model_is_a_page_with_404_and_a_way_back() -> None:
    answer = site(lived(20)).get("/console/models/nope")
    assert answer.status_code == 404
    assert 'href="/console/"' in answer.text
    assert "nope" in answer.text


def test_a_store_that_does_not_answer_is_a_page_that_says_so() -> None:
    app = lived(20)

    def fail(*_: object, **__: object) -> list[object]:
        raise StoreUnavailable("The state database does not answer.")

    app.observations = fail  # type: ignore[method-assign,assignment]
    answer = site(app).get("/console/models/bikes")
    assert answer.status_code == 503
    assert "does not answer" in answer.text


def test_a_model_without_a_version_says_what_to_do_next() -> None:
    text = site(Standin(fresh())).get("/console/models/churn").text
    assert "farero train DATA" in text
    assert "farero promote" in text


def test_a_model_without_windows_shows_a_first_request_that_fits_its_features() -> None:
    app = Standin(bikes())
    app.stored["bikes"] = lived(20).stored["bikes"]
    text = site(app).get("/console/models/bikes").text
    assert "/predict" in text
    assert "weathersit" in text


@pytest.mark.parametrize(("lang", "shown"), [("en", "engine: original"), ("es", "motor: original")])
def test_which_engine_answers_is_shown_with_the_reason_at_hand(lang: str, shown: str) -> None:
    text = site(lived(20)).get("/console/models/bikes", headers={"Accept-Language": lang}).text
    assert f'<span title="PCA is not among the steps that are compiled.">{shown}</span>' in text


def test_what_others_wrote_is_escaped() -> None:
    app = lived(20)
    app.trouble = [replace(app.trouble[0], because="<script>alert(1)</script>", subjects=("<b>",))]
    text = site(app).get("/console/models/bikes").text
    assert "<script>alert" not in text
    assert "&lt;script&gt;" in text


def test_static_files_are_served_with_their_licence() -> None:
    http = site(lived(20))
    for name in ("htmx.min.js", "htmx.LICENSE.txt", "console.css", "console.js", "farero.svg"):
        assert http.get(f"/console/static/{name}").status_code == 200
