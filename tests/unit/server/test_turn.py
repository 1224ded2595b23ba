"""What one turn of the event loop records together, and what is counted of it."""

from __future__ import annotations

import json
import re
import threading
from pathlib import Path

import pytest
from tests.wires import Reader, Rig, on_a_loop, post, turns, unrecorded

from farero.telemetry import log_to_file, stop_logging


def test_requests_of_one_turn_are_recorded_with_one_write_and_leave_together() -> None:
    async def scenario() -> None:
        rig = Rig()
        rig.log.waits = True
        connections = [rig.connect() for _ in range(5)]
        for number, (wire, _) in enumerate(connections):
            wire.data_received(post(number, more=f"X-Request-Id: r{number}\r\n"))
        await turns()
        assert [transport.sent for _, transport in connections] == [b""] * 5
        assert len(rig.log.waiting) == 1
        rig.log.release()
        assert rig.log.frames == [b"r0;r1;r2;r3;r4;"]
        answers = [Reader(transport.sent).answers for _, transport in connections]
        assert [[answer.json["prediction"] for answer in each] for each in answers] == [[0.0], [2.0], [4.0], [6.0], [8.0]]

    on_a_loop(scenario)


def test_a_turn_without_requests_writes_nothing() -> None:
    async def scenario() -> None:
        rig = Rig()
        await rig.ask(post("?"))
        await turns()
        assert rig.log.frames == []

    on_a_loop(scenario)


def test_answers_are_counted_by_model_and_version() -> None:
    async def scenario() -> None:
        rig = Rig(models=("lines", "points"))
        for _ in range(3):
            await rig.ask(post(1, path="/v1/models/lines/predict"))
        await rig.ask(post(1, path="/v1/models/points/predict"))
        assert rig.counted("farero_requests_total") == {("/predict", "200"): 4.0}
        assert rig.counted("farero_predictions_total") == {("lines", "1.0.0"): 3.0, ("points", "1.0.0"): 1.0}
        assert rig.counted("farero_prediction_rows_total") == {("lines", "1.0.0"): 3.0, ("points", "1.0.0"): 1.0}
        assert rig.counted("farero_fast_requests_total") == {("lines",): 3.0, ("points",): 1.0}
        [seconds] = [sample for sample in rig.meters.samples() if sample.name == "farero_request_seconds"]
        assert sum(seconds.counts) == 4
        assert 0 < seconds.value < 10

    on_a_loop(scenario)


def test_each_refusal_of_a_turn_carries_its_own_id_and_is_counted() -> None:
    async def scenario() -> None:
        rig = Rig()
        rig.log.failing = unrecorded()
        connections = [rig.connect() for _ in range(3)]
        for number, (wire, _) in enumerate(connections):
            wire.data_received(post(number, more=f"X-Request-Id: r{number}\r\n"))
        await turns()
        found = [Reader(transport.sent).answers[0] for _, transport in connections]
        assert [(answer.status, answer.json["request_id"]) for answer in found] == [(503, "r0"), (503, "r1"), (503, "r2")]
        assert rig.counted("farero_errors_total") == {("log-unavailable",): 3.0}
        assert rig.counted("farero_predictions_total") == {}
        assert rig.counted("farero_failed_requests_total") == {("lines",): 3.0}

    on_a_loop(scenario)


def test_a_new_date_is_taken_over() -> None:
    async def scenario() -> None:
        rig = Rig()
        await rig.ask(post(1))
        rig.state.default_headers = [(b"date", b"tomorrow")]
        [answer] = await rig.ask(post(1))
        assert answer.headers["date"] == "tomorrow"

    on_a_loop(scenario)


def test_where_a_thread_says_that_it_is_safe_the_answer_still_leaves_on_the_event_loop() -> None:
    async def scenario() -> None:
        rig = Rig(record="fsync")
        rig.log.waits = True
        wire, transport = rig.connect()
        wire.data_received(post(4))
        await turns()
        disk = threading.Thread(target=rig.log.release)
        disk.start()
        disk.join()
        assert transport.sent == b"", "a thread must not write to a connection"
        await turns()
        assert [answer.json["prediction"] for answer in Reader(transport.sent).answers] == [8.0]

    on_a_loop(scenario)


def test_the_log_file_gets_a_line_for_every_answer(tmp_path: Path) -> None:
    handler = log_to_file(tmp_path / "farero.log")

    async def scenario() -> None:
        rig = Rig()
        await rig.ask(post(1, more='X-Request-Id: a"b\r\n'), post(2, more="X-Request-Id: c\r\n"))
        assert not (tmp_path / "farero.log").exists() or (tmp_path / "farero.log").read_text() == ""
        rig.turn.write_lines()

    try:
        on_a_loop(scenario)
    finally:
        stop_logging(handler)
    lines = [json.loads(line) for line in (tmp_path / "farero.log").read_text().splitlines()]
    assert [(line["event"], line["request_id"], line["rows"], line["version"]) for line in lines] == [
        ("prediction", 'a"b', 1, "1.0.0"),
        ("prediction", "c", 1, "1.0.0"),
    ]


@pytest.mark.row("S4")
def test_copies_for_shadow_versions_are_given_away_after_the_answer_and_only_where_they_are_wanted() -> None:
    async def scenario() -> None:
        rig = Rig()
        rig.endpoints["ab"] = "lines"
        await rig.ask(post(1))
        assert rig.copies == []
        rig.shadowing = True
        rig.log.waits = True
        wire, transport = rig.connect()
        wire.data_received(post(2, path="/v1/endpoints/ab/predict", more="X-Request-Id: r\r\n"))
        await turns()
        assert (transport.sent, rig.copies) == (b"", [])
        rig.log.release()
        [(model, body, request_id, endpoint)] = rig.copies
        assert (model, json.loads(body), request_id, endpoint) == ("lines", {"x": 2}, "r", "ab")

    on_a_loop(scenario)


@pytest.mark.row("S4")
def test_what_the_hot_lane_leaves_keeps_the_id_that_its_version_was_picked_by() -> None:
    async def scenario() -> None:
        rig = Rig()
        (first,) = await rig.ask(post("?"))
        (second,) = await rig.ask(post("?"))
        assert [len(one.json["named"]) for one in (first, second)] == [1, 1]
        assert first.json["named"] != second.json["named"]
        assert re.fullmatch("[0-9a-f]{32}", first.json["named"][0])
        (own,) = await rig.ask(post("?", more="X-Request-Id: mine\r\n"))
        assert own.json["named"] == ["mine"]
        left, later = await rig.ask(post("?") + post("?"))
        assert (len(left.json["named"]), later.json["named"]) == (1, []), "the name is the first one's alone"

    on_a_loop(scenario)


@pytest.mark.row("S4")
def test_an_endpoint_that_comes_later_is_found_by_the_same_request() -> None:
    async def scenario() -> None:
        rig = Rig()
        (before,) = await rig.ask(post(2, path="/v1/endpoints/ab/predict"))
        assert before.json["path"] == "/v1/endpoints/ab/predict", "left to the careful way, which answers 404"
        rig.endpoints["ab"] = "lines"
        (after,) = await rig.ask(post(2, path="/v1/endpoints/ab/predict"))
        assert (after.json["prediction"], after.json["model"]) == (4.0, "lines")

    on_a_loop(scenario)
