from __future__ import annotations

from dataclasses import replace

import pytest
from tests.standin import lived, rolling

from farero.console import traffic
from farero.console.i18n import Words
from farero.core.endpoint import Endpoint

EN = Words("en")


@pytest.mark.row("S4")
def test_a_split_is_told_in_shares_and_drawn_to_scale() -> None:
    found = traffic.split(rolling(lived(20)).endpoints("bikes")[0], "1.3.0", EN)
    assert [(part.version, part.called, part.share) for part in found.parts] == [("1.3.0", "production", "75%"), ("1.4.0", "canary", "25%")]
    assert (found.sticky, found.own) == (True, True)
    assert 'x="0.0" width="450.0"' in found.bar
    assert 'x="450.0" width="150.0"' in found.bar


def test_an_endpoint_without_routes_is_production_alone() -> None:
    found = traffic.split(Endpoint(name="bikes", model="bikes"), None, EN)
    assert [(part.version, part.share) for part in found.parts] == [("–", "100%")]


@pytest.mark.row("R7")
def test_a_rollout_shows_where_it_stands_and_what_lies_behind_it() -> None:
    found = traffic.rollout(rolling(lived(20)).rollouts("bikes")[0], EN)
    assert [(one.name, one.css) for one in found.stations] == [
        ("staging", "done"), ("smoke test", "done"), ("approval", "done"), ("canary 5%", "done"), ("canary 25%", "now"),
        ("canary 50%", "ahead"), ("production", "ahead"),
    ]  # fmt: skip
    assert [one.name for one in found.stations if one.here] == ["canary 25%"]
    assert found.history[0].stage == "canary 5 %"


def test_the_newest_comparison_shows_how_far_the_evidence_has_come() -> None:
    errors, latency = traffic.rollout(rolling(lived(20)).rollouts("bikes")[0], EN).measures
    assert (errors.name, errors.rows, errors.stops) == ("Errors", "1,250 / 3,750", False)
    assert 'width="58.5"' in latency.meter


def test_a_rollout_that_was_rolled_back_is_broken_where_it_stood() -> None:
    rollout = replace(rolling(lived(20)).rollouts("bikes")[0], status="rolled-back")
    found = traffic.rollout(rollout, EN)
    assert (found.css, [one.css for one in found.stations if one.here]) == ("high", ["broken"])
