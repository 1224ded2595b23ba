"""The bytes of a hot answer are those that the careful way would send."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import cast

import msgspec
import pytest

from farero.app import App
from farero.core.label import LabelSpec
from farero.core.prediction import Answer, Served, Thresholds, risk_level
from farero.errors import LogUnavailable
from farero.rest.hot import Hot, refusal
from farero.rest.infer import served_json
from farero.serving.lane import Scored

NUMBER = LabelSpec(name="y", kind="number", arrives_within=timedelta(days=1))
BINARY = LabelSpec(name="y", kind="binary", arrives_within=timedelta(days=1), positive="yes", negative="no")
CLASSES = LabelSpec(name="y", kind="classes", arrives_within=timedelta(days=1), classes=("gold", 'a "b"', "größe"))
THRESHOLDS = Thresholds(medium_from=0.2, high_from=0.6)
ID = 'mine "\\'


class Scoring:
    """A lane that gives what it was told to."""

    def __init__(self, scored: Scored | None) -> None:
        self.scored = scored
        self.asked: list[tuple[bytes, str]] = []
        self.shadowing = False

    def score(self, body: bytes, request_id: str) -> Scored | None:
        self.asked.append((body, request_id))
        return self.scored


def hot(label: LabelSpec, scored: Scored | None) -> tuple[Hot, Scoring]:
    lane = Scoring(scored)
    project = SimpleNamespace(label_spec=label, thresholds=THRESHOLDS)
    app = SimpleNamespace(lane=lambda model, max_rows, endpoint: lane, project=lambda model: project)
    return Hot(cast(App, app), "lines", max_rows=10), lane


def careful(answers: list[Answer], *, bare: bool) -> bytes:
    served = Served(request_id=ID, model="lines", version="1.2.3", predictions=tuple(answers))
    return msgspec.json.encode(served_json(served, bare=bare))


@pytest.mark.row("S1")
@pytest.mark.parametrize("bare", [True, False])
def test_numbers_are_spelt_as_the_careful_way_spells_them(bare: bool) -> None:
    values = [1.5] if bare else [1.5, -0.0, 1e300, 2.0, 0.1 + 0.2]
    shot = hot(NUMBER, Scored("1.2.3", values, None, None, b"frame", bare))[0].answer(b"{}", ID)
    assert shot is not None
    assert shot.body == careful([Answer(prediction=value) for value in values], bare=bare)
    assert (shot.frame, shot.version, shot.rows) == (b"frame", "1.2.3", len(values))


@pytest.mark.row("S1")
@pytest.mark.parametrize("bare", [True, False])
def test_yes_or_no_comes_with_its_probability_and_risk(bare: bool) -> None:
    shares = [0.6] if bare else [0.6, 0.1, 0.2, 0.5, 0.0, 1.0]
    values = [1.0 if share >= 0.5 else 0.0 for share in shares]
    shot = hot(BINARY, Scored("1.2.3", values, shares, None, b"", bare))[0].answer(b"{}", ID)
    assert shot is not None
    answers = [
        Answer(prediction=int(value), probability=share, risk_level=risk_level(share, THRESHOLDS))
        for value, share in zip(values, shares, strict=True)
    ]
    assert shot.body == careful(answers, bare=bare)


@pytest.mark.row("S1")
@pytest.mark.parametrize("bare", [True, False])
def test_classes_come_by_name_with_the_probability_of_each(bare: bool) -> None:
    spread = [[0.1, 0.7, 0.2]] if bare else [[0.1, 0.7, 0.2], [0.5, 0.25, 0.25], [0.0, 0.0, 1.0]]
    indexes = [each.index(max(each)) for each in spread]
    scored = Scored("1.2.3", [float(index) for index in indexes], [max(each) for each in spread], spread, b"", bare)
    shot = hot(CLASSES, scored)[0].answer(b"{}", ID)
    assert shot is not None
    answers = [
        Answer(prediction=CLASSES.classes[index], probability=max(each), probabilities=dict(zip(CLASSES.classes, each, strict=True)))
        for index, each in zip(indexes, spread, strict=True)
    ]
    assert shot.body == careful(answers, bare=bare)


def test_what_the_lane_leaves_is_left() -> None:
    asked, lane = hot(NUMBER, None)
    assert asked.answer(b'{"x": 1}', ID) is None
    assert lane.asked == [(b'{"x": 1}', ID)]


@pytest.mark.row("L4")
def test_a_refusal_says_why_under_its_id_and_when_to_try_again() -> None:
    status, headers, body = refusal(LogUnavailable("The disk is full.", hint="Free some."), "r1")
    found = dict(headers)
    told = msgspec.json.decode(body)
    assert (status, told["code"], told["request_id"], told["detail"]) == (503, "log-unavailable", "r1", "The disk is full. Free some.")
    assert found[b"content-type"] == b"application/problem+json"
    assert found[b"content-length"] == b"%d" % len(body)
    assert (found[b"x-request-id"], found[b"retry-after"]) == (b"r1", b"2")
