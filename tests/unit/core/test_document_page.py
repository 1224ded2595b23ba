from __future__ import annotations

import re

import pytest
from tests.unit.core.test_document import DOCUMENT

from farero.core.document import Document, Plain
from farero.core.document_page import page


@pytest.mark.row("R8", "R12")
def test_a_page_needs_nothing_else_and_prints() -> None:
    made = page(DOCUMENT)
    assert re.findall(r"(?:src|href)=|@import|url\(", made) == []
    assert "@media print" in made
    for part in (
        "<h1>points 1.0.0</h1>", "<h2>Part</h2>", "<pre>a  b\n  c</pre>", '<p class="notice"><b>Mind this</b></p>', "<li>first</li>",
        "<dt>rows</dt><dd>3</dd>", '<td class="right">1</td><td><svg/></td>',
    ):  # fmt: skip
        assert part in made


def test_texts_are_escaped() -> None:
    assert "<script>" not in page(Document(title="<script>", under="<script>", blocks=(Plain(text="<script>"),)))
