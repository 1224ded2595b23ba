"""The console in Chromium: by keyboard, in both languages and lights, on a phone, and without a word on the browser's console."""

from __future__ import annotations

import asyncio
import shutil
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, expect, sync_playwright
from tests.standin import Standin, lived

from farero.app import App
from farero.console.pages import make_console
from farero.rest.api import make_api

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
FLAGS += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
PAGES = ["/console/", "/console/models/bikes", "/console/models/flights", "/console/models/churn", "/console/models/nope"]

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine (apt-get install chromium)"),
    pytest.mark.row("P1"),
]


class Site:
    """The stand-in behind a real socket."""

    def __init__(self, app: Standin) -> None:
        self.app = app
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        site = make_api(cast(App, app), console=make_console(cast(App, app)))
        self._server = uvicorn.Server(uvicorn.Config(site, log_config=None, lifespan="off", ws="none"))
        self._thread = threading.Thread(target=lambda: asyncio.run(self._server.serve(sockets=[self._socket])))
        self._thread.start()

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join()


@pytest.fixture
def site() -> Iterator[Site]:
    running = Site(lived(60))
    yield running
    running.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def said() -> list[str]:
    """What the browser's console said."""
    return []


def open_page(browser: Browser, said: list[str], *, width: int = 1280, light: str = "light", lang: str = "en") -> Page:
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=cast("object", light), locale=lang)  # type: ignore[arg-type]
    page = context.new_page()
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    return page


@pytest.mark.parametrize("path", PAGES[:4])
@pytest.mark.parametrize("light", ["light", "dark"])
def test_a_page_opens_without_a_word_on_the_console(browser: Browser, site: Site, said: list[str], path: str, light: str) -> None:
    page = open_page(browser, said, light=light)
    answer = page.goto(site.url + path, wait_until="networkidle")
    assert answer is not None
    assert answer.status == 200
    assert said == []


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("width", [360, 390, 768, 1280])
def test_no_page_scrolls_sideways(browser: Browser, site: Site, said: list[str], path: str, width: int) -> None:
    page = open_page(browser, said, width=width, lang="es")
    page.goto(site.url + path)
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0


def test_by_keyboard_alone_from_the_fleet_to_an_incident(browser: Browser, site: Site, said: list[str]) -> None:
    page = open_page(browser, said)
    page.goto(f"{site.url}/console/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "model-bikes":
            break
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    page.keyboard.press("Enter")
    page.wait_for_url("**/console/models/bikes")
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.tagName") == "SUMMARY":
            break
    page.keyboard.press("Enter")
    assert page.locator("details[open] .timeline").first.is_visible()


def test_languages_and_lights_are_switched_and_remembered(browser: Browser, site: Site, said: list[str]) -> None:
    page = open_page(browser, said, light="light")
    page.goto(f"{site.url}/console/")
    before = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.get_by_role("link", name="Español").click()
    assert page.get_by_role("columnheader", name="Última decisión").is_visible()
    page.get_by_role("link", name="Oscuro").click()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != before
    page.goto(f"{site.url}/console/models/bikes")
    assert page.locator("html").get_attribute("lang") == "es"
    assert page.locator("html").get_attribute("data-theme") == "dark"


def test_a_screen_reader_finds_landmarks_one_heading_and_described_charts(browser: Browser, site: Site, said: list[str]) -> None:
    page = open_page(browser, said)
    page.goto(f"{site.url}/console/models/bikes")
    for landmark in ("banner", "main", "contentinfo"):
        assert page.get_by_role(landmark).count() == 1  # type: ignore[arg-type]
    assert page.get_by_role("heading", level=1).all_inner_texts() == ["bikes"]
    chart = page.get_by_role("img", name="Served MAE [bikes] over time")
    assert chart.count() == 1
    assert "windows from" in page.locator("svg.chart desc").first.text_content()  # type: ignore[operator]


def test_a_hover_tells_the_window_the_value_and_the_version(browser: Browser, site: Site, said: list[str]) -> None:
    page = open_page(browser, said)
    page.goto(f"{site.url}/console/models/bikes")
    page.locator(".only-wide svg.chart .catch").nth(5).hover()
    tip = page.locator(".tip")
    assert tip.is_visible()
    assert "MAE" in tip.inner_text()
    assert "v1.0.0" in tip.inner_text()


def test_an_open_page_shows_news_and_keeps_what_its_reader_opened(browser: Browser, site: Site, said: list[str]) -> None:
    page = open_page(browser, said)
    page.goto(f"{site.url}/console/models/bikes")
    page.locator("#inc-3 summary").click()
    site.app.seen["bikes"] = site.app.seen["bikes"][:40]
    with page.expect_response(lambda answer: "/console/live/" in answer.url and answer.status == 200):
        pass
    page.wait_for_function("document.querySelectorAll('section[aria-labelledby=realized] tbody tr').length === 40")
    assert page.locator("#inc-3").get_attribute("open") is not None
    assert said == []


def test_the_api_documentation_works_offline(browser: Browser, site: Site, said: list[str]) -> None:
    page = open_page(browser, said)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{site.url}/docs")
    page.get_by_text("Predict cnt with bikes").wait_for()
    assert all(url.startswith((site.url, "data:")) for url in asked)


@pytest.mark.parametrize("light", ["light", "dark"])
@pytest.mark.parametrize("path", PAGES[:2])
def test_text_stands_out_from_its_ground(browser: Browser, site: Site, said: list[str], path: str, light: str) -> None:
    page = open_page(browser, said, light=light)
    page.goto(site.url + path)
    faint = page.evaluate((Path(__file__).parent / "contrast.js").read_text())
    assert faint == []


@pytest.mark.row("R3")
def test_a_rollback_is_asked_for_a_reason_and_then_done(browser: Browser, site: Site, said: list[str]) -> None:
    page = open_page(browser, said)
    page.goto(f"{site.url}/console/models/bikes")
    before = next(version.number for version in site.app.versions("bikes") if version.state == "production")
    page.click("#act-rollback")
    assert page.locator("#ask").is_visible()
    page.click("#ask-yes")  # without a reason the browser holds it back
    assert page.locator("#ask").is_visible()
    page.fill("#ask-because", "it answers too high on Mondays")
    page.click("#ask-yes")
    expect(page.locator("#ask")).to_be_hidden()
    expect(page.locator(".headline .version-tag")).not_to_have_text(f"v{before}")
    newest = site.app.moves("bikes")[-1]
    assert (newest.by, newest.because, newest.target) == ("console", "it answers too high on Mondays", "production")
    assert said == []


def test_a_refused_act_says_why_and_leaves_the_question_open(browser: Browser, site: Site, said: list[str]) -> None:
    page = open_page(browser, said)
    page.goto(f"{site.url}/console/models/bikes")
    site.app.stored["bikes"] = [version for version in site.app.stored["bikes"] if version.state == "production"]
    page.click("#act-rollback")
    page.fill("#ask-because", "to see")
    page.click("#ask-yes")
    expect(page.locator("#ask-problem")).to_contain_text("has no version")
    assert page.locator("#ask").is_visible()
    page.keyboard.press("Escape")
    assert not page.locator("#ask").is_visible()
    assert page.evaluate("document.activeElement.id") == "act-rollback"
