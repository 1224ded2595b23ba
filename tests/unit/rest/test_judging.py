"""The routes on a stand-in for the application: what they ask for, and what they answer."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast

import pytest
from tests.asgi import InProcess
from tests.standin import Standin, bikes
from tests.unit.store.values import T0

from farero.app import App
from farero.app.judging import Judged
from farero.core.contest import Difference
from farero.core.gate import Verdict
from farero.core.guards import Check
from farero.core.regression import Regression, regression
from farero.core.run import Run, RunNotes, RunStep
from farero.errors import NotFound
from farero.rest.api import make_api

CHECK = Check(name="pace", passed=False, because="too slow", figures={"candidate_1_ms": 60.0})
VERDICT = Verdict(
    accepted=False, metric={"current": 55.1, "candidate": 48.2}, because=("too slow",), rows=412, against="1.0.0", checks=(CHECK,),
    differences=(Difference(metric="mae", current=55.1, candidate=48.2, gain=6.9, low=5.0, high=8.0, better=0.99, rows=412),),
)  # fmt: skip


class Looked(Standin):
    """Answers with one verdict, one regression and one run."""

    def __init__(self) -> None:
        super().__init__(bikes())

    def verdict(self, model: str, number: str) -> Judged | None:
        self.project(model)
        return Judged(at=T0, verdict=VERDICT) if number == "1.1.0" else None

    def check_version(self, model: str, number: str, *, against: str | None = None) -> Regression:
        self.project(model)
        return regression(model, number, against or number, (CHECK,))

    def run(self, id: str) -> tuple[Run, RunNotes]:
        if id != "bikes-loop/2024-01-01/refit":
            raise NotFound(f"There is no run {id!r}.")
        steps = (RunStep(name="train", started=T0, finished=T0 + timedelta(seconds=2)),)
        return Run(id=id, model="bikes", kind="refit", started=T0, because="drift"), RunNotes(steps=steps, output="epoch 1\n", left_out=3)


@pytest.fixture
def asked() -> InProcess:
    return InProcess(make_api(cast(App, Looked())))


def get(asked: InProcess, path: str, status: int = 200) -> Any:
    answer = asked.get(path)
    assert answer.status_code == status, answer.text
    return answer.json()


@pytest.mark.row("R6")
def test_a_verdict_is_sent_with_everything_that_was_asked(asked: InProcess) -> None:
    sent = get(asked, "/v1/models/bikes/versions/1.1.0/verdict")
    assert sent["verdict"]["checks"] == [
        {"name": "pace", "passed": False, "because": "too slow", "figures": {"candidate_1_ms": 60.0}},
    ]  # fmt: skip
    assert (sent["verdict"]["differences"][0]["better"], sent["verdict"]["against"]) == (0.99, "1.0.0")
    assert get(asked, "/v1/models/bikes/versions/1.0.0/verdict") is None
    assert get(asked, "/v1/models/boats/versions/1.0.0/verdict", 404)["code"] == "model-not-found"


@pytest.mark.row("R10")
def test_a_version_is_checked_beside_the_one_that_is_named(asked: InProcess) -> None:
    sent = get(asked, "/v1/models/bikes/versions/1.1.0/check?against=1.0.0")
    assert (sent["version"], sent["against"], sent["passed"], sent["checks"][0]["name"]) == ("1.1.0", "1.0.0", False, "pace")


@pytest.mark.row("R5")
def test_a_run_whose_name_has_slashes_is_sent_with_its_steps_and_output(asked: InProcess) -> None:
    sent = get(asked, "/v1/runs/bikes-loop/2024-01-01/refit")
    assert (sent["kind"], sent["output"], sent["output_left_out"], sent["steps"][0]["name"]) == ("refit", "epoch 1\n", 3, "train")
    assert get(asked, "/v1/runs/bikes", 404)["code"] == "not-found"
