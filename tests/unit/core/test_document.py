from __future__ import annotations

import pytest

from farero.core.document import Document, Drawn, Facts, Heading, Items, Notice, Plain, Table, figure, markdown, span

DOCUMENT = Document(
    title="points 1.0.0",
    under="Made today.",
    blocks=(
        Heading(text="Part"), Plain(text="One\nsentence."), Plain(text="a  b\n  c", verbatim=True), Notice(text="Mind this"),
        Items(items=("first", "second")), Facts(facts=(("rows", "3"),)),
        Table(heads=("name", "value", ""), rows=(("a|b", "1", Drawn(svg="<svg/>")),), right=(1,)),
    ),
)  # fmt: skip


@pytest.mark.row("R12")
def test_every_block_has_its_form_in_markdown() -> None:
    text = markdown(DOCUMENT)
    for part in ("# points 1.0.0\n\nMade today.", "## Part", "One sentence.", "    a  b\n      c", "> **Mind this**", "- first\n- second",
                 "- **rows**: 3", "| name | value |\n| :-- | --: |\n| a\\|b | 1 |"):  # fmt: skip
        assert part in text


def test_a_text_of_somebody_else_is_no_markup() -> None:
    text = markdown(Document(title="t", under="u", blocks=(Plain(text="<script>[x](http://evil) `run`"),)))
    assert "<script>" not in text
    assert "\\[x](http" in text


def test_figures_are_short() -> None:
    assert (figure(1 / 3), figure(3), figure("x"), figure(False)) == ("0.3333", "3", "x", "no")
    assert (span((1.0, 2.0)), span((None, 2.0))) == ("1 to 2", "–")
