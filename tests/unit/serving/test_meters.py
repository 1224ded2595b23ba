from __future__ import annotations

import errno
import math
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from farero.serving import meters as module
from farero.serving import usage
from farero.serving.meters import Meters, read_all
from farero.telemetry import METRICS, Sample

CHURN = {"model": "churn", "version": "1.0.0"}


def figures(folder: Path) -> dict[tuple[str, ...], float]:
    """Everything but what processes use."""
    return told(read_all(folder))


def told(samples: list[Sample]) -> dict[tuple[str, ...], float]:
    known = [one for one in samples if not one.name.startswith(("farero_process_", "farero_series_"))]
    return {(one.name.removeprefix("farero_"), *one.labels): one.value for one in known}


def test_a_counter_is_seen_by_others_once_it_is_published(tmp_path: Path) -> None:
    meters = Meters(tmp_path, "worker-1")
    cell = meters.counter("farero_predictions_total", **CHURN)
    cell.add()
    cell.add(2)
    assert figures(tmp_path) == {("predictions_total", "churn", "1.0.0"): 0.0}
    meters.publish()
    assert figures(tmp_path) == {("predictions_total", "churn", "1.0.0"): 3.0}


@pytest.mark.row("M8")
def test_the_counts_of_all_processes_are_added_up(tmp_path: Path) -> None:
    for slot, count, seconds in (("worker-1", 2, 0.2), ("worker-2", 3, 0.02)):
        meters = Meters(tmp_path, slot)
        meters.counter("farero_predictions_total", **CHURN).add(count)
        meters.histogram("farero_request_seconds", route="/predict").observe(seconds)
        meters.close()
    found = {one.name: one for one in read_all(tmp_path)}
    assert found["farero_predictions_total"].value == 5
    latency = found["farero_request_seconds"]
    assert (latency.value, sum(latency.counts)) == (pytest.approx(0.22), 2)


def test_gauges_of_several_processes_become_their_sum_or_the_greatest(tmp_path: Path) -> None:
    for slot, waiting, lag in (("worker-1", 2, 7.0), ("worker-2", 3, 4.0)):
        meters = Meters(tmp_path, slot)
        meters.gauge("farero_requests_waiting").set(waiting)
        meters.gauge("farero_handover_lag_seconds").set(lag)
        meters.publish()
    assert figures(tmp_path) == {("requests_waiting",): 5.0, ("handover_lag_seconds",): 7.0}


def test_a_gauge_is_shown_while_it_has_a_value(tmp_path: Path) -> None:
    meters = Meters(tmp_path, "worker-1")
    cell = meters.gauge("farero_engine_info", **CHURN, engine="compiled")
    seen = []
    for act in (lambda: None, lambda: cell.set(1.0), cell.clear):
        act()
        meters.publish()
        seen.append(figures(tmp_path))
    assert seen == [{}, {("engine_info", "churn", "1.0.0", "compiled"): 1.0}, {}]


@pytest.mark.parametrize(("value", "bucket"), [(0.0, 0), (0.0001, 0), (0.00010001, 1), (0.3, 11), (10.0, 15), (10.1, 16), (math.inf, 16)])
def test_a_value_falls_into_the_first_bucket_that_is_not_below_it(value: float, bucket: int) -> None:
    meters = Meters(None, "worker-1")
    meters.histogram("farero_request_seconds", route="/predict").observe(value)
    found = {one.name: one for one in meters.samples()}["farero_request_seconds"]
    assert [number for number, count in enumerate(found.counts) if count] == [bucket]
    assert len(found.counts) == len(METRICS["farero_request_seconds"].bounds) + 1


def test_many_values_are_added_at_once() -> None:
    meters = Meters(None, "worker-1")
    histogram = meters.histogram("farero_request_seconds", route="/predict")
    histogram.observe(0.0002)
    histogram.add([1, 2, *[0] * 14, 3], 40.0)
    found = {one.name: one for one in meters.samples()}["farero_request_seconds"]
    assert (found.counts[:2], found.counts[-1], found.value) == ((1.0, 3.0), 3.0, pytest.approx(40.0002))


def test_the_same_labels_give_the_same_handle_in_any_order() -> None:
    meters = Meters(None, "worker-1")
    one = meters.counter("farero_requests_total", route="/", code="200")
    assert meters.counter("farero_requests_total", code="200", route="/") is one
    assert meters.counter("farero_requests_total", code="404", route="/") is not one


def test_a_figure_that_is_not_on_the_list_is_a_mistake() -> None:
    meters = Meters(None, "worker-1")
    for wrong in (
        lambda: meters.counter("farero_requests"),
        lambda: meters.counter("farero_requests_total", route="/"),
        lambda: meters.gauge("farero_errors_total", code="x"),
        lambda: meters.counter("farero_requests_waiting"),
        lambda: meters.histogram("farero_errors_total", code="x"),
    ):
        with pytest.raises(KeyError):
            wrong()


def test_a_process_that_replaces_another_goes_on_from_its_counts_and_forgets_its_gauges(tmp_path: Path) -> None:
    first = Meters(tmp_path, "worker-1")
    first.counter("farero_predictions_total", **CHURN).add(5)
    first.histogram("farero_request_seconds", route="/predict").observe(2.0)
    first.gauge("farero_requests_waiting").set(9)
    first.publish()
    first.counter("farero_predictions_total", **CHURN).add(100)  # killed before it published this
    second = Meters(tmp_path, "worker-1")
    second.counter("farero_errors_total", code="busy").add()
    second.counter("farero_predictions_total", **CHURN).add()
    second.histogram("farero_request_seconds", route="/predict").observe(3.0)
    second.publish()
    assert figures(tmp_path) == {
        ("predictions_total", "churn", "1.0.0"): 6.0,
        ("request_seconds", "/predict"): 5.0,
        ("errors_total", "busy"): 1.0,
    }


def test_of_a_process_that_is_gone_the_counts_stay_and_the_gauges_do_not(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from farero.serving.meters import Meters\n"
        "meters = Meters(Path(sys.argv[1]), 'worker-1'); meters.counter('farero_loop_turns_total').add(4)\n"
        "meters.gauge('farero_requests_waiting').set(2); meters.publish(); print(flush=True); sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        alive = figures(tmp_path)
        processes = {one.labels for one in read_all(tmp_path) if one.name == "farero_process_resident_bytes"}
        child.kill()
    assert (alive, processes) == ({("requests_waiting",): 2.0, ("loop_turns_total",): 4.0}, {("worker-1",)})
    assert figures(tmp_path) == {("loop_turns_total",): 4.0}
    assert [one for one in read_all(tmp_path) if one.name.startswith("farero_process_")] == []


def test_what_processes_use_is_left_out_where_nobody_asks(tmp_path: Path) -> None:
    meters = Meters(tmp_path, "worker-1")
    meters.counter("farero_loop_turns_total").add()
    meters.publish()
    assert [one.name for one in read_all(tmp_path, use=False)] == ["farero_loop_turns_total", "farero_series_dropped_total"]


def test_a_process_of_the_same_number_that_started_later_is_another_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    meters = Meters(tmp_path, "worker-1")
    meters.gauge("farero_requests_waiting").set(2)
    meters.publish()
    started = usage.started_ticks(os.getpid())
    assert started is not None
    monkeypatch.setattr(usage, "started_ticks", lambda pid: started + 1)
    assert figures(tmp_path) == {}


def test_bytes_that_do_not_count_yet_are_not_read(tmp_path: Path) -> None:
    meters = Meters(tmp_path, "worker-1")
    meters.counter("farero_loop_turns_total").add(2)
    meters.publish()
    end = int(meters._words[module._ENTRIES_AT // 8])
    half = b"\x40\0\0\0[half "
    meters._memory[module._DIRECTORY + end : module._DIRECTORY + end + len(half)] = half
    assert figures(tmp_path) == {("loop_turns_total",): 2.0}
    meters = Meters(tmp_path, "worker-1")
    meters.counter("farero_loop_failures_total").add()
    meters.publish()
    assert figures(tmp_path) == {("loop_turns_total",): 2.0, ("loop_failures_total",): 1.0}


def test_a_file_that_is_being_made_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "empty.meters").write_bytes(b"")
    (tmp_path / "zeros.meters").write_bytes(bytes(module._SIZE))
    assert read_all(tmp_path) == []
    assert read_all(tmp_path / "absent") == []


def test_a_slot_whose_file_was_not_finished_begins_anew(tmp_path: Path) -> None:
    (tmp_path / "worker-1.meters").write_bytes(b"farero")
    meters = Meters(tmp_path, "worker-1")
    meters.counter("farero_loop_turns_total").add()
    meters.publish()
    assert figures(tmp_path) == {("loop_turns_total",): 1.0}


def test_a_file_of_another_release_is_not_shown_wrongly_and_not_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setitem(METRICS, "farero_former_total", METRICS["farero_loop_turns_total"])
        meters = Meters(tmp_path, "worker-1")
        meters.counter("farero_former_total").add(3)
        meters.counter("farero_loop_turns_total").add(4)
        meters.publish()
    assert figures(tmp_path) == {("loop_turns_total",): 4.0}
    Meters(tmp_path, "worker-1")
    assert figures(tmp_path) == {}


def test_a_sweep_removes_every_figure_and_nothing_else(tmp_path: Path) -> None:
    Meters(tmp_path, "worker-1").counter("farero_loop_turns_total")
    (tmp_path / "other").write_text("stays")
    Meters.sweep(tmp_path)
    Meters.sweep(tmp_path / "absent")
    assert [path.name for path in tmp_path.iterdir()] == ["other"]


def test_labels_without_end_are_counted_as_dropped_and_disturb_nothing(tmp_path: Path) -> None:
    meters = Meters(tmp_path, "worker-1")
    kept = meters.counter("farero_loop_turns_total")
    for number in range(module._CELLS):
        meters.counter("farero_errors_total", code=f"{number}-{'x' * 60}").add()
    kept.add()
    meters.publish()
    found = read_all(tmp_path)
    (dropped,) = [one.value for one in found if one.name == "farero_series_dropped_total"]
    shown = [one for one in found if one.name == "farero_errors_total"]
    assert 1000 < len(shown) == module._CELLS - dropped
    assert {one.value for one in shown} == {1.0}
    assert [one.value for one in found if one.name == "farero_loop_turns_total"] == [1.0]


def test_a_disk_without_room_leaves_the_figures_to_this_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module.os, "posix_fallocate", full)
    meters = Meters(tmp_path, "worker-1")
    meters.counter("farero_loop_turns_total").add()
    meters.publish()
    assert told(meters.samples()) == {("loop_turns_total",): 1.0}
    assert read_all(tmp_path) == []


def test_without_a_folder_a_process_sees_its_own_figures_and_use() -> None:
    meters = Meters(None, "this")
    meters.counter("farero_loop_turns_total").add(2)
    found = {one.name: one for one in meters.samples()}
    assert found["farero_loop_turns_total"].value == 2
    assert found["farero_process_resident_bytes"].labels == ("this",)
    assert found["farero_process_resident_bytes"].value > 1 << 20


def test_threads_that_count_in_one_cell_lose_nothing() -> None:
    meters = Meters(None, "worker-1")

    def count() -> None:
        cell = meters.counter("farero_loop_turns_total")
        for _ in range(50_000):
            cell.add()

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=count) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert told(meters.samples()) == {("loop_turns_total",): 200_000.0}
