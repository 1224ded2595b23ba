from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from tests.standin import lived, rolling

from farero.console import acts
from farero.console.i18n import Words
from farero.core.version import Move

AT = datetime(2012, 1, 1, tzinfo=UTC)


def served(*numbers: str) -> list[Move]:
    return [
        Move(model="bikes", number=number, source="staging", target="production", at=AT, by="farero", because="it won")
        for number in numbers
    ]


@pytest.mark.row("R3")
def test_a_rollback_names_the_version_that_comes_back_and_the_one_that_goes() -> None:
    app = lived(20)
    act = acts.rollback("bikes", app.versions("bikes"), app.moves("bikes"), Words("en"))
    present = next(version.number for version in app.versions("bikes") if version.state == "production")
    assert act is not None
    back = json.loads(act.body)["to"]
    assert back != present
    assert (act.url, act.title, act.grave) == ("/v1/models/bikes/rollback", f"Put {back} back?", True)
    assert act.text.startswith(f"bikes {present} leaves production")
    assert json.loads(act.body) == {"to": back, "by": "console"}


def test_there_is_no_button_where_nothing_served_before() -> None:
    app = lived(20)
    present = next(version for version in app.versions("bikes") if version.state == "production")
    assert acts.rollback("bikes", [present], served(present.number), Words("en")) is None
    assert acts.rollback("bikes", [], [], Words("en")) is None


def test_a_deleted_version_is_passed_over() -> None:
    versions = lived(20).versions("bikes")
    present = next(version.number for version in versions if version.state == "production")
    older = next(version.number for version in versions if version.number != present)
    act = acts.rollback("bikes", versions, served(older, "0.9.0", present), Words("es"))
    assert act is not None
    assert (json.loads(act.body)["to"], act.yes) == (older, f"Revertir a {older}")


def test_a_model_s_name_is_quoted_in_the_address() -> None:
    versions = lived(20).versions("bikes")
    present = next(version.number for version in versions if version.state == "production")
    older = next(version.number for version in versions if version.number != present)
    act = acts.rollback("a/b", versions, served(older, present), Words("en"))
    assert act is not None
    assert act.url == "/v1/models/a%2Fb/rollback"


def test_an_open_rollout_can_be_stopped_and_one_that_is_over_cannot() -> None:
    rollout = rolling(lived(20)).rollouts("bikes")[0]
    (act,) = acts.of_rollout(rollout, Words("en"))
    assert (act.url, act.title) == ("/v1/models/bikes/rollouts/stop", "Stop the rollout of 1.4.0?")
    assert acts.of_rollout(replace(rollout, status="promoted"), Words("en")) == ()
