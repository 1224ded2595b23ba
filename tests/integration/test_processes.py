"""The processes of a real `farero up`: whichever is killed, requests go on and nothing that was acknowledged is lost."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import httpx
import pytest
from tests.load import Asked, Kept, Load, kept
from tests.running import TOML, Running, is_alive, make_lines, read_log, soon
from typer.testing import CliRunner

from farero.cli.main import app as cli
from farero.server.binding import bind
from farero.server.supervisor import PEOPLE


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Version 1.0.0 of slope 2 in production, and a candidate of slope 5."""
    return make_lines(tmp_path_factory.mktemp("trained") / "lines", slopes=(2.0, 5.0))


@pytest.fixture
def root(trained: Path, tmp_path: Path) -> Path:
    """An installation of the test's own."""
    return shutil.copytree(trained, tmp_path / "lines")


@pytest.mark.row("S3", "S4", "M8", "L1")
def test_killed_workers_and_keepers_are_replaced_while_requests_go_on_and_none_outlives_the_supervisor(root: Path) -> None:
    with Running(root, workers=2) as server:
        supervisor, keeper, workers = server.people()
        assert supervisor == server.process.pid
        assert len({supervisor, keeper, *workers}) == 4
        with Load(server.url, many=0.2, careful=0.2) as load:
            for place, worker in enumerate(workers):  # the second can only be killed unnoticed if the first one's heir answers
                server.kill(worker)
                replaced(server, worker)
                load.goes_on()
                listens(server, place)
            server.kill(keeper)
            replaced(server, keeper)
            load.goes_on()
            handed = server.figure("farero_handover_rows_total")
            soon(lambda: server.figure("farero_handover_rows_total") > handed, within_s=20, what="the new keeper hands over")
            soon(lambda: server.figure("farero_worker_restarts_total") == 3, within_s=5, what="every replacement is counted")
            everybody = server.everybody()
            server.kill(server.process.pid)
            soon(lambda: not any(is_alive(pid) for pid in everybody), within_s=10, what="without their supervisor all end")
        with bind("127.0.0.1", server.port) as free:
            assert free.getsockname()[1] == server.port
        assert {one.status for one in load.asked} == {200}
        broken = [one for one in load.broken if one.sent < load.answered[-1].sent]
        assert len(broken) <= 3 * load.clients, "only what was under way in a killed process may break"
    assert all(is_right(one) for one in load.answered)
    assert kept(root, load.answered) == Kept(lost=[], doubled=[])


@pytest.mark.row("S3", "L1")
@pytest.mark.parametrize("record", ["write", "fsync"])
def test_a_stop_under_load_takes_10_s_at_most_and_loses_nothing(root: Path, record: str) -> None:
    (root / "farero.toml").write_text(TOML + f'record = "{record}"\n')
    with Running(root, workers=2) as server:
        who = root / PEOPLE
        assert set(json.loads(who.read_text())) == {"supervisor", "keeper", "workers"}
        with Load(server.url, many=0.2, careful=0.2) as load:
            load.goes_on()
            begun = time.monotonic()
            assert server.stop() == 0
            assert time.monotonic() - begun < 10
        assert not who.exists()
    assert {one.status for one in load.asked} <= {200, 503}
    assert kept(root, load.answered) == Kept(lost=[], doubled=[])


@pytest.mark.row("S4", "M1")
def test_a_promotion_and_a_rollback_under_load_fail_no_request_and_every_answer_is_its_versions_own(root: Path) -> None:
    with Running(root, workers=2) as server, Load(server.url, careful=0.2) as load:
        for number, path, body in (
            ("1.1.0", "/v1/models/lines/versions/1.1.0/promote", {"because": "a test", "force": True}),
            ("1.0.0", "/v1/models/lines/rollback", {"because": "a test"}),
        ):
            answer = httpx.post(server.url + path, json=body, timeout=20)
            assert answer.status_code == 200, answer.text
            known_s = time.monotonic() + 2
            time.sleep(2)  # what a promotion may take to reach every process
            load.goes_on()
            late = [one for one in load.answered if one.sent > known_s]
            assert len(late) > 10
            assert {one.version for one in late} == {number}
        load.end()
        assert load.broken == []
        assert {one.status for one in load.asked} == {200}
        assert [one for one in load.answered if not is_right(one)] == []
        assert server.stop() == 0
    versions = {str(row["request_id"]): row["version"] for row in read_log(root, "lines")}
    assert [one for one in load.answered if versions[one.request_id] != one.version] == []


@pytest.mark.row("L4")
@pytest.mark.parametrize("unlogged", ["refuse", "answer"])
def test_what_cannot_be_recorded_is_refused_or_answered_as_the_owner_wants(root: Path, unlogged: str) -> None:
    (root / "farero.toml").write_text(TOML + f'unlogged = "{unlogged}"\n')
    spool = root / ".farero" / "spool"
    with Running(root) as server, httpx.Client(base_url=server.url, timeout=20) as http:

        def ask() -> httpx.Response:
            return http.post("/predict", json={"x": 3, "kind": "a"})

        assert ask().status_code == 200
        soon(lambda: server.figure("farero_handover_rows_total") == 1, within_s=20, what="what was recorded is handed over")
        shutil.rmtree(spool)
        spool.write_text("in the way")  # root may write to any folder, but not to a file as if it were one
        log = root / ".farero" / "farero.log"
        if unlogged == "refuse":
            soon(lambda: ask().status_code == 503, within_s=5, what="the live segment is closed, and no other can be opened")
            refused = ask()
            assert refused.headers["content-type"] == "application/problem+json"
            assert (refused.json()["code"], refused.headers["retry-after"]) == ("log-unavailable", "2")
            assert refused.json()["request_id"] == refused.headers["x-request-id"]
        else:
            soon(lambda: ask().status_code == 200 and "prediction.unlogged" in log.read_text(), within_s=5, what="it is told to the log")
            assert ask().json()["prediction"] == pytest.approx(6.0)
        spool.unlink()
        spool.mkdir()
        soon(lambda: ask().status_code == 200, within_s=5, what="with a folder again it is recorded again")
        request_id = ask().headers["x-request-id"]
        assert server.stop() == 0
    assert [row["request_id"] for row in read_log(root, "lines")].count(request_id) == 1


@pytest.mark.row("S3")
def test_a_taken_port_and_faults_in_the_settings_end_the_start_with_what_to_do(root: Path) -> None:
    with bind("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        refused = CliRunner().invoke(cli, ["up", "--project", str(root), "--port", str(port)])
    assert refused.exit_code == 75
    assert f"Cannot listen on 127.0.0.1 port {port}" in refused.stderr
    assert "--port" in refused.stderr
    assert not (root / PEOPLE).exists()
    (root / "farero.toml").write_text('project = "project.py:project"\n[server]\nprot = 1\ntimeout_s = "long"\n[log]\nrecord = "never"\n')
    faulty = CliRunner().invoke(cli, ["up", "--project", str(root), "--port", "0"])
    assert faulty.exit_code == 2
    for word in ("prot", "timeout_s", "record"):
        assert word in faulty.stderr


def is_right(one: Asked) -> bool:
    """Whether every row has exactly the answer of the version that is named beside it."""
    slope = {"1.0.0": 2.0, "1.1.0": 5.0}[one.version]
    return one.predictions == pytest.approx([slope * x for x in one.xs], rel=1e-9, abs=1e-9)


def replaced(server: Running, killed: int) -> None:
    """Another process has its place within 2 s."""
    soon(lambda: killed not in (now := server.everybody()) and 0 not in now, within_s=2, what="the killed process is replaced")


def listens(server: Running, place: int) -> None:
    """Wait until the new worker is ready for requests."""
    soon(lambda: is_listening(server.people()[2][place]), within_s=10, what="the new worker listens")


def is_listening(pid: int) -> bool:
    """Whether a process waits for events on the network: it has an epoll descriptor."""
    found = Path(f"/proc/{pid}/fd")
    links = []
    for entry in found.iterdir():
        try:
            links.append(str(entry.readlink()))
        except FileNotFoundError:
            continue
    return any("eventpoll" in link for link in links)
