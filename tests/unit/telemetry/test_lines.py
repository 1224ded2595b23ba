from __future__ import annotations

import io
import json
import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from farero import telemetry


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    handler = telemetry.log_to_stream(stream)
    yield stream
    telemetry.stop_logging(handler)


def _read(lines: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in lines.getvalue().splitlines()]


@pytest.mark.row("L3")
def test_an_event_is_one_json_object_a_line(lines: io.StringIO) -> None:
    telemetry.log("model_loaded", model="churn", version="1.0.0")
    telemetry.log("drift_alert", level="warning", model="churn", severity="high", because='a "quoted"\nreason — é')
    loaded, alert = _read(lines)
    assert (loaded["event"], loaded["level"], loaded["model"], loaded["version"]) == ("model_loaded", "info", "churn", "1.0.0")
    assert (alert["level"], alert["severity"], alert["because"]) == ("warning", "high", 'a "quoted"\nreason — é')
    assert str(loaded["time"]).endswith("Z")


@pytest.mark.row("L3")
def test_every_line_of_a_request_carries_its_id_and_no_other(lines: io.StringIO) -> None:
    with telemetry.answering("r-1"):
        telemetry.log("prediction", model="churn")
        thread = threading.Thread(target=telemetry.log, args=("worker.tick",))
        thread.start()
        thread.join()
    telemetry.log("worker.tick")
    assert [line.get("request_id") for line in _read(lines)] == ["r-1", None, None]


@pytest.mark.row("L3")
def test_levels_below_the_chosen_one_are_left_out() -> None:
    stream = io.StringIO()
    handler = telemetry.log_to_stream(stream, level="warning")
    telemetry.log("prediction", model="churn")
    telemetry.log("error", level="error", model="churn")
    telemetry.stop_logging(handler)
    assert [line["event"] for line in _read(stream)] == ["error"]


@pytest.mark.row("L3")
def test_a_full_file_is_rotated_and_only_the_newest_stay(tmp_path: Path) -> None:
    handler = telemetry.log_to_file(tmp_path / "logs" / "farero.log", max_bytes=2000, kept=2)
    for number in range(100):
        telemetry.log("worker.tick", number=number)
    telemetry.stop_logging(handler)
    files = sorted((tmp_path / "logs").iterdir())
    assert [file.name for file in files] == ["farero.log", "farero.log.1", "farero.log.2"]
    assert all(file.stat().st_size <= 2000 for file in files)
    assert json.loads(files[0].read_text().splitlines()[-1])["number"] == 99


def test_an_event_without_a_name_on_the_list_is_a_mistake(lines: io.StringIO) -> None:
    with pytest.raises(KeyError):
        telemetry.log("predicton")


def test_an_exception_is_logged_with_its_traceback(lines: io.StringIO) -> None:
    try:
        raise ValueError("broken")
    except ValueError:
        logging.getLogger("farero").exception("error")
    (line,) = _read(lines)
    assert line["event"] == "error"
    assert str(line["traceback"]).endswith("ValueError: broken")


def test_a_value_that_json_does_not_know_is_written_as_text(lines: io.StringIO) -> None:
    telemetry.log("error", path=Path("a/b"))
    assert _read(lines)[0]["path"] == "a/b"


def test_without_a_handler_nothing_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    telemetry.log("error", level="error")
    assert capsys.readouterr() == ("", "")
