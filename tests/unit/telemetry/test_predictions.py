from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from farero import telemetry
from farero.telemetry import PredictionLines, predictions


@pytest.fixture
def log(tmp_path: Path) -> Callable[[], list[dict[str, object]]]:
    return lambda: [json.loads(line) for line in (tmp_path / "farero.log").read_text().splitlines()]


@pytest.fixture(autouse=True)
def _no_handler_stays() -> object:
    yield
    for handler in list(telemetry.lines._logger.handlers):
        if isinstance(handler, telemetry.shared_file.SharedFile):
            telemetry.stop_logging(handler)


@pytest.mark.row("L3")
def test_a_line_has_the_members_that_log_gives(tmp_path: Path, log: Callable[[], list[dict[str, object]]]) -> None:
    telemetry.log_to_file(tmp_path / "farero.log")
    with telemetry.answering("r-1"):
        telemetry.log("prediction", model="churn — é", version="1.0.0", rows=3, endpoint="predict", latency_us=143)
    lines = PredictionLines()
    lines.add("churn — é", "1.0.0", 3, "predict", "r-1", 143)
    lines.flush()
    one, other = log()
    assert list(one) == list(other)
    assert str(one.pop("time")) <= str(other.pop("time"))
    assert one == other


@pytest.mark.row("L3")
def test_lines_wait_for_the_flush_and_come_in_order_with_those_of_log(tmp_path: Path, log: Callable[[], list[dict[str, object]]]) -> None:
    telemetry.log_to_file(tmp_path / "farero.log")
    lines = PredictionLines()
    for number in range(3):
        lines.add("churn", f"1.{number}.0", number, "predict", f"r-{number}", number)
    assert log() == []
    telemetry.log("worker.tick")
    lines.flush()
    lines.flush()
    assert [(line["event"], line.get("version"), line.get("rows")) for line in log()] == [
        ("worker.tick", None, None),
        ("prediction", "1.0.0", 0),
        ("prediction", "1.1.0", 1),
        ("prediction", "1.2.0", 2),
    ]


def test_a_request_id_may_hold_what_json_must_escape(tmp_path: Path, log: Callable[[], list[dict[str, object]]]) -> None:
    telemetry.log_to_file(tmp_path / "farero.log")
    odd = '"},{"\\u0022'
    lines = PredictionLines()
    lines.add("churn", "1.0.0", 1, "predict", odd, 1)
    lines.flush()
    assert [line["request_id"] for line in log()] == [odd]


def test_the_time_goes_on(tmp_path: Path, log: Callable[[], list[dict[str, object]]], monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([1700000000.5, 1700000000.5004, 1700000000.5013])
    monkeypatch.setattr(predictions, "time", lambda: next(times))
    telemetry.log_to_file(tmp_path / "farero.log")
    lines = PredictionLines()
    for _ in range(3):
        lines.add("churn", "1.0.0", 1, "predict", "r", 1)
    lines.flush()
    assert [str(line["time"])[-5:] for line in log()] == [".500Z", ".500Z", ".501Z"]


@pytest.mark.parametrize("level", ["warning", "error"])
def test_nothing_is_held_or_written_for_a_file_that_takes_graver_lines_only(
    tmp_path: Path, log: Callable[[], list[dict[str, object]]], level: telemetry.Level
) -> None:
    handler = telemetry.log_to_file(tmp_path / "farero.log", level=level)
    lines = PredictionLines()
    lines.add("churn", "1.0.0", 1, "predict", "r", 1)
    assert lines._lines == []
    lines.flush()
    telemetry.stop_logging(handler)
    assert log() == []


def test_without_a_file_nothing_is_held() -> None:
    lines = PredictionLines()
    lines.add("churn", "1.0.0", 1, "predict", "r", 1)
    assert lines._lines == []


def test_many_lines_are_written_before_anybody_asks(tmp_path: Path, log: Callable[[], list[dict[str, object]]]) -> None:
    telemetry.log_to_file(tmp_path / "farero.log")
    lines = PredictionLines()
    for number in range(predictions._HELD + 1):
        lines.add("churn", "1.0.0", 1, "predict", str(number), 1)
    assert len(log()) == predictions._HELD
    lines.flush()
    assert [line["request_id"] for line in log()] == [str(number) for number in range(predictions._HELD + 1)]


@pytest.mark.row("L3")
def test_a_flush_fills_as_many_files_as_it_takes(tmp_path: Path) -> None:
    telemetry.log_to_file(tmp_path / "farero.log", max_bytes=2000, kept=50)
    lines = PredictionLines()
    for number in range(100):
        lines.add("churn", "1.0.0", number, "predict", "r", 1)
    lines.flush()
    files = sorted(tmp_path.iterdir(), key=lambda file: int(file.suffix[1:]) if file.suffix != ".log" else 0, reverse=True)
    assert len(files) > 5
    assert all(file.stat().st_size <= 2000 for file in files)
    assert [json.loads(line)["rows"] for file in files for line in file.read_text().splitlines()] == list(range(100))


def test_a_disk_that_takes_nothing_does_not_stop_the_requests(
    tmp_path: Path, log: Callable[[], list[dict[str, object]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    telemetry.log_to_file(tmp_path / "farero.log")
    lines = PredictionLines()
    lines.add("churn", "1.0.0", 1, "predict", "lost", 1)
    with monkeypatch.context() as patch:
        patch.setattr("farero.telemetry.shared_file.os.write", full)
        lines.flush()
    lines.add("churn", "1.0.0", 1, "predict", "kept", 1)
    lines.flush()
    assert [line["request_id"] for line in log()] == ["kept"]


def test_other_threads_log_meanwhile(tmp_path: Path, log: Callable[[], list[dict[str, object]]]) -> None:
    telemetry.log_to_file(tmp_path / "farero.log")

    def tick() -> None:
        for _ in range(200):
            telemetry.log("worker.tick")

    thread = threading.Thread(target=tick)
    thread.start()
    lines = PredictionLines()
    for number in range(200):
        lines.add("churn", "1.0.0", number, "predict", "r", 1)
        lines.flush()
    thread.join()
    assert sorted(str(line["event"]) for line in log()) == ["prediction"] * 200 + ["worker.tick"] * 200
