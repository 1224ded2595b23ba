from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

from tests.unit.core.test_replayed import policy, result

from farero.replay import report

VOID = {"meta", "br", "hr", "img", "input", "link", "circle", "line", "path", "polyline", "rect"}


class Nesting(HTMLParser):
    """Notes tags that are closed in another order than they were opened."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID and (not self.open or self.open.pop() != tag):
            self.wrong.append(tag)


def test_the_page_is_well_formed_and_needs_nothing_else() -> None:
    page = report.page(result(policy(3.0, 5.0, None), policy(4.0, 4.0, name="never")))
    nesting = Nesting()
    nesting.feed(page)
    assert (nesting.wrong, nesting.open) == ([], [])
    assert re.findall(r'(?:src|href)="|url\(|<script|@import', page) == []


def test_every_policy_has_its_row_and_the_best_one_is_marked() -> None:
    better = replace(policy(2.0, name="farero"), metric=2.0)
    page = report.page(result(better, policy(4.0, name="never")))
    assert re.findall(r'<tr><td class="">(farero|never)</td>', page) == ["farero", "never"]
    assert page.count('class="best"') == 1
    assert re.search(r'<span class="best">2', page)


def test_what_the_data_says_is_shown_as_text() -> None:
    page = report.page(replace(result(policy(3.0, name="<b>mine</b>")), model="<script>x</script>", notes=("a & b",)))
    assert "<script>" not in page and "<b>mine" not in page
    assert "&lt;b&gt;mine&lt;/b&gt;" in page and "a &amp; b" in page


def test_a_replay_without_any_label_has_a_report_too() -> None:
    page = report.page(result(replace(policy(None, None), metric=None)))
    assert "–" in page and 'class="best"' not in page


def test_long_reasons_are_cut() -> None:
    one = policy(3.0)
    long = replace(one.decisions[0], decision=replace(one.decisions[0].decision, because=("x" * 1000,)))
    assert "x" * 397 + "…" in report.page(result(replace(one, decisions=[long])))
