"""Smoke tests: rows of every kind over the real way, and every way to fail said."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from tests.benches import Installation
from tests.unit.flow.rollout.world import NEW, World

from farero.core.label import LabelSpec
from farero.core.schema import Field, Schema
from farero.flow.rollout import smoke
from farero.flow.rollout.smoke import ROWS, json_rows
from farero.project.trial import sample


def answering(change: Callable[[dict[str, object]], dict[str, object]], status: int = 200) -> Callable[[bytes], tuple[int, bytes]]:
    def answer(body: bytes) -> tuple[int, bytes]:
        rows = json.loads(body)["rows"]
        right: dict[str, object] = {"version": NEW, "predictions": [{"prediction": 2.0} for _ in rows]}
        return status, json.dumps(change(right)).encode()

    return answer


def nobody(body: bytes) -> tuple[int, bytes]:
    raise ConnectionRefusedError("connection refused")


@pytest.mark.row("R7")
@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (answering(lambda right: {"detail": "it failed"}, status=500), "500: it failed"),
        (answering(lambda right: {**right, "version": "1.0.0"}), "1.0.0 answered in place of 1.1.0"),
        (answering(lambda right: {**right, "predictions": []}), "0 answers to 1 rows"),
        (answering(lambda right: {**right, "predictions": [{"prediction": float("nan")}]}), "1 of 1 answers are no numbers"),
        (lambda body: (200, b"<html>"), "is no JSON"),
        (nobody, "the service does not answer: connection refused"),
    ],
)
def test_every_way_to_fail_is_said(here: Installation, answer: Callable[[bytes], tuple[int, bytes]], why: str) -> None:
    world = World(here)
    world.answer = answer
    version = next(one for one in here.versions() if one.number == NEW)
    found = world.steps.smoke.run(version, world.door)
    assert not found.passed
    assert why in found.because


@pytest.mark.row("R7")
def test_a_process_that_does_not_know_the_address_yet_is_asked_again(here: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smoke, "_PAUSE_S", 0.0)
    world, answers = World(here), [(404, b'{"detail": "no endpoint"}')] * 3
    right = answering(lambda told: told)
    world.answer = lambda body: answers.pop() if answers else right(body)
    version = next(one for one in here.versions() if one.number == NEW)
    assert world.steps.smoke.run(version, world.door).passed


def test_made_up_rows_are_what_a_client_would_send() -> None:
    schema = Schema(
        fields=(
            Field(name="x", kind="number", min=0, max=9, missing=True), Field(name="shape", kind="choice", levels=("a", "b")),
            Field(name="paper", kind="flag", missing=True), Field(name="since", kind="date", missing=True),
        ),
        key="customer",
    )  # fmt: skip
    columns, _ = sample(schema, LabelSpec(name="y", kind="number", arrives_within=timedelta(days=1)), seed=0, rows=ROWS)
    rows = json_rows(schema, columns, ROWS)
    assert len(rows) == ROWS
    assert {row["shape"] for row in rows} == {"a", "b"}
    assert {row["paper"] for row in rows} == {True, False, None}
    assert any(row["x"] is None for row in rows)
    assert all(row["since"] is None or row["since"].endswith("Z") for row in rows)
    assert json.loads(json.dumps(rows)) == rows
