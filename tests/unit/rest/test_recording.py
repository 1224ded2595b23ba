from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.asgi import InProcess
from tests.benches import make_project, write_csv

from farero.adapters.inline_child import InlineChild
from farero.app import App
from farero.rest.api import make_api
from farero.wiring import open_app


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    root = make_project(tmp_path_factory.mktemp("records") / "points")
    write_csv(root / "data.csv", days=5)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("farero.wiring.ChildProcess", lambda *options, **named: InlineChild())
        made = open_app(root)
        made.promote(
            "points", made.train("points", root / "data.csv", time="ts", until=None, because="first").number, by="ana", because="x"
        )
        yield made
        made.close()


@pytest.fixture
def http(app: App) -> InProcess:
    return InProcess(make_api(app))


@pytest.mark.row("R12")
def test_documents_are_given_as_data(http: InProcess) -> None:
    card = http.get("/v1/models/points/versions/1.0.0/card").json()
    assert (card["version"]["number"], card["metric"], card["heldout"]["count"]) == ("1.0.0", "mae", 12)
    assert card["metrics"][0]["rows"] == 12
    assert http.get("/v1/models/points/versions/1.0.0/deployment").json()["served"] == ["1.0.0"]
    groups = http.get("/v1/models/points/versions/1.0.0/fairness?by=shape").json()
    assert [group["name"] for group in groups[0]["groups"]] == ["a", "b"]
    beside = http.get("/v1/models/points/compare?a=1.0.0&b=1.0.0").json()
    assert (beside["compared"]["same_data"], beside["known"]["changed"]) == (True, 0.0)


@pytest.mark.row("R8")
def test_a_run_is_reported(http: InProcess, app: App) -> None:
    (run,) = app.runs("points")
    found = http.get(f"/v1/models/points/runs/report?run={run.id}").json()
    assert (found["number"], found["status"], found["moves"][-1]["target"]) == ("1.0.0", "succeeded", "production")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/models/points/versions/9.9.9/card", 404), ("/v1/models/moon/versions/1.0.0/card", 404),
        ("/v1/models/points/compare?a=1.0.0", 422), ("/v1/models/points/runs/report?run=nothing", 404),
        ("/v1/models/points/versions/1.0.0/fairness", 422), ("/v1/models/points/versions/1.0.0/fairness?by=colour", 422),
        ("/v1/models/points/versions/1.0.0/card?x=1", 422),
    ],
)  # fmt: skip
def test_what_is_not_there_or_not_known_is_a_problem(http: InProcess, path: str, status: int) -> None:
    assert http.get(path).status_code == status
