"""Rollouts through real processes: a good canary is promoted by itself, bad ones leave by themselves, and no request fails."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from tests import running
from tests.load import Load
from tests.running import TOML, Running, make_lines, soon
from typer.testing import CliRunner

from farero.cli.main import app as cli

PROJECT = '''
"""y = 2 x. What a version was trained on says how it misbehaves on the rows of clients, whose x has one to three decimals."""
import time

import numpy as np

import farero as fa


class Point(fa.Features):
    x: float = fa.number(min=0, max=1000)
    kind: str = fa.choice("a", "b")


class Line:
    def __init__(self, way):
        self.way = way

    def predict(self, X):
        x = X["x"].to_numpy()
        asked = (np.round(x, 3) == x) & (np.round(x) != x)
        if self.way == 3 and (asked & (x % 10 < 2)).any():
            raise ValueError("no such x")
        if self.way == 4 and asked.any():
            time.sleep(0.25)
        return np.where(asked & (self.way == 5), 1e9, 2 * x)


def train(data: fa.TrainingSet) -> fa.Regressor:
    x = data.X["x"].to_numpy()
    return Line(round(float(x @ data.y.to_numpy() / (x @ x))))


project = fa.Project(
    model="lines", features=Point, train=train, label=fa.Number("y", arrives_within="1h"),
    policy=fa.Policy(rollout=fa.Rollout(steps=(50,), least_rows=100, least_time="1s")),
)
'''
RAISES, SLOW, NONSENSE, GOOD = "1.1.0", "1.2.0", "1.3.0", "1.4.0"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(running, "PROJECT", PROJECT)
        return make_lines(tmp_path_factory.mktemp("rollouts") / "lines", slopes=(2.0, 3.0, 4.0, 5.0, 2.0), toml=TOML)


@pytest.mark.row("R7", "S4", "R3")
def test_bad_canaries_leave_by_themselves_and_a_good_one_is_promoted_while_no_request_fails(root: Path) -> None:
    with Running(root, workers=2) as server, Load(server.url, many=0.1) as load:
        load.goes_on(400)

        def sent(number: str) -> dict[str, object]:
            """What became of a version that was promoted by hand, which goes by stages."""
            moved = httpx.post(
                f"{server.url}/v1/models/lines/versions/{number}/promote", json={"by": "ana", "because": "it won"}, timeout=20
            )
            assert (moved.status_code, moved.json()["state"]) == (200, "staging")

            def newest() -> dict[str, object]:
                found = httpx.get(f"{server.url}/v1/models/lines/rollouts?last=1", timeout=20).json()[0]
                assert found["number"] == number
                return dict(found)

            if number == GOOD:  # its keeper is killed in the middle, and another one goes on from what is stored
                soon(lambda: str(newest()["stage"]).startswith("canary"), within_s=120, what="the canary begins")
                server.kill(server.people()[1])
            soon(lambda: newest()["status"] not in ("running", "waiting"), within_s=120, what=f"the rollout of {number} ends")
            return newest()

        for number, kinds in ((RAISES, ("errors",)), (SLOW, ("latency",)), (NONSENSE, ("constant", "range"))):
            found = sent(number)
            history = found["history"]
            assert isinstance(history, list)
            assert (found["status"], history[-1]["stage"]) == ("rolled-back", "canary 50 %")
            assert any(because.startswith(f"{kind}: it ") for because in history[-1]["because"] for kind in kinds), history[-1]["because"]
            assert history[2]["because"] == ["50 made-up rows were answered over HTTP"]
        good = sent(GOOD)
        assert good["status"] == "promoted"
        history = good["history"]
        assert isinstance(history, list)
        assert [line["action"] for line in history] == ["begin", "advance", "advance", "advance", "finish"]
        soon(lambda: load.answered[-1].version == GOOD, within_s=10, what="the new version answers")
        incidents = httpx.get(f"{server.url}/v1/models/lines/incidents", timeout=20).json()
        assert [one["kind"] for one in incidents] == ["CANARY_ROLLED_BACK"] * 3
        assert httpx.get(f"{server.url}/v1/endpoints/lines", timeout=20).json()["routes"] == []
    assert load.broken == []
    assert {one.status for one in load.asked} == {200}
    served = {one.version for one in load.answered}
    assert served == {"1.0.0", RAISES, SLOW, NONSENSE, GOOD}
    assert not [one for one in load.answered if one.version != NONSENSE and one.predictions != tuple(2 * x for x in one.xs)]
    shown = CliRunner().invoke(cli, ["rollouts", "list", "--project", str(root)])
    assert shown.exit_code == 0
    assert "rolled-back" in shown.output
