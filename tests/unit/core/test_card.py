from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from tests.benches import T0
from tests.standin import version

from farero.core.approval import Approval
from farero.core.card import Card, Rows, card_document
from farero.core.document import markdown
from farero.core.fairness import by_group
from farero.core.label import LabelSpec
from farero.core.measured import Measured
from farero.core.prediction import Outputs
from farero.core.schema import Field
from farero.core.segments import Cut

DAY = timedelta(days=1)
LABEL = LabelSpec(name="late", kind="binary", arrives_within=2 * DAY)
GROUPS = by_group(
    LABEL, (np.arange(400) % 2).astype(float), Outputs(value=(np.arange(400) < 200).astype(float)),
    Cut(feature="sex", names=("f", "m"), codes=(np.arange(400) >= 200).astype(np.intp)),
)  # fmt: skip
CARD = Card(
    version=replace(version("points", "1.1.0", "production", T0), origin="loop/x"), made_at=T0 + DAY, label=LABEL, metric="accuracy",
    features=(Field(name="x", kind="number", min=0), Field(name="sex", kind="choice", levels=("f", "m"))), personal=("mail",), window=DAY,
    drift_rule="sensitive", drift_a_year=1.0, heldout=Rows(count=400, start=T0, end=T0 + DAY),
    metrics=(Measured(name="accuracy", value=0.5, low=0.45, high=0.55, rows=400),), fairness=(GROUPS,), fairness_rows=Rows(count=400),
    approvals=(Approval(model="points", number="1.1.0", by="ana", role="owner", approved=True, at=T0, because="looked at it"),),
)  # fmt: skip


@pytest.mark.row("R12")
def test_a_gap_beyond_the_declared_limit_stands_at_the_top() -> None:
    assert "lie further apart" not in markdown(card_document(CARD)), "no limit is declared"
    text = markdown(card_document(replace(CARD, max_gap=0.2)))
    assert "> **Groups of sex lie further apart than 0.2 in selection rate: f above m by 1 (" in text
    assert text.index("> **Groups") < text.index("## What it is")


@pytest.mark.row("R12")
def test_a_card_tells_who_approved_and_what_cannot_be_seen() -> None:
    text = markdown(card_document(CARD))
    assert "| ana | owner | approved | looked at it |" in text
    assert "On 400 rows of 2024-01-01 00:00 UTC to 2024-01-02 00:00 UTC that it had not learnt from." in text
    for part in (
        "Labels arrive within 2d",
        "Numbers of any size are accepted for x",
        "mail: never stored in clear",
        "has not been watched",
    ):
        assert any(part in limit for limit in CARD.limits), part


def test_without_groups_and_without_held_out_rows_the_limits_say_so() -> None:
    bare = replace(CARD, fairness=(), heldout=Rows(), metrics=(), live=Rows(count=1, start=T0, end=T0))
    assert any("No groups are declared" in limit for limit in bare.limits)
    assert any("No rows were held out" in limit for limit in bare.limits)
    assert "no figure of it is independent" in markdown(card_document(bare))
    assert str(bare.heldout) == "no rows"


@pytest.mark.row("R12", "R5")
def test_a_card_tells_the_way_that_it_was_trained() -> None:
    assert "trained_by" not in CARD.version.tags
    blend = replace(CARD.version, tags={"trained_by": "3/4 all history + 1/4 90d"})
    text = markdown(card_document(replace(CARD, version=blend)))
    assert "3/4 all history + 1/4 90d" in text[text.index("## What it learnt from") :]
