from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.benches import make_project, write_csv

from farero.adapters.inline_child import InlineChild
from farero.app import App
from farero.core.endpoint import Endpoint, Route
from farero.errors import BadInput, Conflict, Corrupt, EndpointNotFound, FareroError, IllegalMove, StaleDecision
from farero.flow.predict import Predict
from farero.wiring import open_app

ROW = {"x": 2.0, "shape": "a", "customer": "C-1"}
OUTPUTS = Predict._outputs
SPLIT = (Route(version="production", share=50), Route(version="1.1.0", share=50))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """1.0.0 of slope 2 in production, 1.1.0 of slope 5 as a candidate."""
    root = make_project(tmp_path_factory.mktemp("routing") / "points")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("farero.wiring.ChildProcess", lambda *given, **named: InlineChild())
        app = open_app(root)
        for slope in (2.0, 5.0):
            data = write_csv(root / "data.csv", days=3, slope=lambda day, slope=slope: slope)  # type: ignore[misc]
            version = app.train("points", data, time="ts", until=None, because=f"slope {slope}")
            if slope == 2.0:
                app.promote("points", version.number, by="test", because="the first")
        app.close()
    return root


@pytest.fixture
def app(root: Path) -> Iterator[App]:
    opened = open_app(root)
    opened.refresh()
    yield opened
    for one in opened.endpoints():
        if not one.is_own:
            opened.delete_endpoint(one.name, by="test", because="over")
        elif one.revision:
            opened.change_endpoint(one.name, lambda known: Endpoint(name=known.name, model=known.model), by="test", because="over")
    opened.close()


def create(app: App, name: str = "ab", **named: object) -> Endpoint:
    return app.create_endpoint(replace(Endpoint(name=name, model="points"), **named), by="ana", because="a contest")  # type: ignore[arg-type]


@pytest.mark.row("S4")
def test_an_endpoint_is_created_read_changed_and_deleted_and_its_history_stays(app: App) -> None:
    made = create(app, routes=SPLIT)
    assert (made.revision, made.routes, app.endpoint("ab")) == (1, SPLIT, made)
    assert [one.name for one in app.endpoints()] == [one.name for one in app.endpoints("points")] == ["ab", "points"]
    changed = app.change_endpoint("ab", lambda known: replace(known, sticky=True), by="ben", because="by customer", revision=1)
    assert (changed.sticky, changed.revision, changed.routes) == (True, 2, SPLIT)
    assert app.delete_endpoint("ab", by="ana", because="decided", revision=2) == changed
    told = [(change.revision, change.by, change.because) for change in app.endpoint_changes("ab")][:3]
    assert told == [(3, "ana", "decided"), (2, "ben", "by customer"), (1, "ana", "a contest")]
    with pytest.raises(EndpointNotFound):
        app.endpoint("ab")


@pytest.mark.row("S4")
def test_every_fault_of_an_endpoint_is_told_and_nothing_changes(app: App) -> None:
    with pytest.raises(BadInput, match="2 faults; nothing was changed") as told:
        create(app, routes=(Route(version="1.0.0", share=90), Route(version="9.0.0", share=20)))
    assert [str(fault) for fault in told.value.faults] == [
        "routes[1].version: points has no version 9.0.0",
        "routes: the shares add up to 110, not to 100",
    ]
    assert [one.name for one in app.endpoints()] == ["points"]


@pytest.mark.row("S4")
def test_a_version_that_cannot_be_loaded_is_refused_and_nothing_changes(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    def damaged(version: object) -> None:
        raise Corrupt("A file of 1.1.0 is changed.")

    create(app)
    monkeypatch.setattr(type(app._loops["points"].promote), "smoke", lambda self, version: damaged(version))
    with pytest.raises(Corrupt):
        app.change_endpoint("ab", lambda known: replace(known, routes=SPLIT), by="ana", because="")
    assert app.endpoint("ab").routes == ()


@pytest.mark.row("S4")
def test_what_was_made_on_an_old_view_is_refused_and_without_a_view_it_is_made_anew(app: App) -> None:
    create(app)
    with pytest.raises(StaleDecision, match="revision"):
        app.change_endpoint("ab", lambda known: known, by="ana", because="", revision=77)
    with pytest.raises(StaleDecision):
        app.delete_endpoint("ab", by="ana", because="", revision=77)
    meddled: list[Endpoint] = []

    def change(known: Endpoint) -> Endpoint:
        if not meddled:  # somebody else is faster, once
            meddled.append(app.change_endpoint("ab", lambda other: replace(other, sticky=True), by="ben", because=""))
        return replace(known, routes=SPLIT)

    done = app.change_endpoint("ab", change, by="ana", because="")
    assert (done.sticky, done.routes, done.revision - meddled[0].revision) == (True, SPLIT, 1)


def test_a_models_own_endpoint_is_neither_created_nor_deleted(app: App) -> None:
    with pytest.raises(Conflict, match="there already"):
        create(app, "points")
    with pytest.raises(IllegalMove, match="cannot be deleted"):
        app.delete_endpoint("points", by="ana", because="")
    create(app)
    with pytest.raises(StaleDecision, match="already"):
        create(app)
    with pytest.raises(EndpointNotFound, match="Did you mean points"):
        app.endpoint("point")


@pytest.mark.row("S4")
def test_a_version_behind_an_endpoint_is_not_deleted(app: App) -> None:
    create(app, shadow=("1.1.0",))
    with pytest.raises(Conflict, match=r"1\.1\.0 stands behind 1 endpoint: ab"):
        app.delete("points", "1.1.0", by="ana", because="room")


@pytest.mark.row("S4")
def test_requests_go_as_the_endpoint_says_and_are_recorded_so(app: App) -> None:
    create(app, routes=SPLIT)
    answers = {number: app.predict("points", [ROW], request_id=f"r{number}", endpoint="ab") for number in range(40)}
    assert {served.version for served in answers.values()} == {"1.0.0", "1.1.0"}
    for served in answers.values():
        assert float(served.predictions[0].prediction) == pytest.approx({"1.0.0": 4.0, "1.1.0": 10.0}[served.version], abs=1e-6)
    assert {app.predict("points", [ROW], request_id=f"r{number}").version for number in range(20)} == {"1.0.0"}
    assert (app.model_behind("ab"), app.model_behind("points"), app.model_behind("none")) == ("points", "points", None)


@pytest.mark.row("S4")
def test_a_change_of_another_process_is_followed_at_the_next_look(app: App, root: Path) -> None:
    other = open_app(root)
    try:
        assert other.model_behind("ab") is None
        create(app)
        other.refresh()
        assert other.model_behind("ab") == "points"
        create(app, "newer")
        assert other.look_for_endpoint("newer") == "points"
        assert other.model_behind("newer") == "points"
        with pytest.raises(EndpointNotFound):
            other.look_for_endpoint("newest")
    finally:
        other.close()


@pytest.mark.row("S5")
def test_a_resting_model_is_woken(app: App) -> None:
    assert not app.is_resting("points")
    assert not app.is_resting("unknown")
    app._pool.rest("points")
    assert app.is_resting("points")
    app.wake("points")
    assert not app.is_resting("points")


@pytest.mark.row("S4")
def test_a_version_that_fails_on_a_request_costs_no_answer(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    create(app, routes=(Route(version="1.1.0", share=100),))
    assert app.predict("points", [ROW], request_id="r", endpoint="ab").version == "1.1.0"
    table = app._router.find("ab")
    assert table is not None and table.ways[0].loaded is not None
    monkeypatch.setattr(type(app._loops["points"].predict), "_outputs", failing({"1.1.0"}))
    served = app.predict("points", [ROW], request_id="r", endpoint="ab")
    assert (served.version, float(served.predictions[0].prediction)) == ("1.0.0", pytest.approx(4.0, abs=1e-6))
    assert failures(app) == {("points", "1.1.0"): 1.0}
    monkeypatch.setattr(type(app._loops["points"].predict), "_outputs", failing({"1.1.0", "1.0.0"}))
    with pytest.raises(FareroError, match=r"1\.0\.0 broke"):
        app.predict("points", [ROW], request_id="r", endpoint="ab")
    assert failures(app) == {("points", "1.1.0"): 2.0, ("points", "1.0.0"): 1.0}


def failing(numbers: set[str]) -> object:
    """In place of `Predict._outputs`: these versions raise."""

    def outputs(self: Predict, loaded: object, rows: object) -> object:
        number = loaded.version.number  # type: ignore[attr-defined]
        if number in numbers:
            raise FareroError(f"{number} broke.")
        return OUTPUTS(self, loaded, rows)  # type: ignore[arg-type]

    return outputs


def failures(app: App) -> dict[tuple[str, ...], float]:
    return {s.labels: s.value for s in app.meters.samples() if s.name == "farero_prediction_failures_total"}
