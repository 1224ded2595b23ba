from __future__ import annotations

import pytest
from tests.unit.cli.conftest import Terminal

LINES = '{"x": 2.0, "shape": "a"}\n{"x": 3.0, "shape": "b"}\n'


@pytest.mark.row("S1")
def test_rows_from_standard_input_are_answered(terminal: Terminal) -> None:
    found = terminal.json("predict", "-", stdin=LINES)
    assert found["version"] == "1.0.0"
    assert [(answer["row"], round(answer["prediction"], 3)) for answer in found["predictions"]] == [(0, 4.0), (1, 6.0)]


@pytest.mark.row("S1")
def test_rows_that_do_not_fit_are_named_and_the_others_answered(terminal: Terminal) -> None:
    found = terminal.json("predict", "-", stdin=LINES.replace("3.0", "-3.0"), code=1)
    assert [answer["row"] for answer in found["predictions"]] == [0]
    assert [fault["path"] for fault in found["faults"]] == ["rows[1].x"]


def test_a_file_is_answered_as_a_table(terminal: Terminal) -> None:
    shown = terminal.run("predict", str(terminal.root / "data.csv")).stdout
    assert "points 1.0.0" in shown and "10 more rows" in shown


@pytest.mark.row("M1")
def test_labels_are_taken_and_what_cannot_be_placed_ends_with_1(terminal: Terminal) -> None:
    request = terminal.json("predict", "-", stdin=LINES)["request_id"]
    path = terminal.root / "truth.csv"
    path.write_text(f"request_id,row,label\n{request},0,4\n{request},1,6\n")
    assert terminal.json("label", str(path))["stored"] == 2
    assert "0 labels stored, 2 were there already." in terminal.run("label", str(path)).stdout
    path.write_text(f"request_id,row,label\n{request},0,5\nnobody,0,1\n")
    receipt = terminal.json("label", str(path), code=1)
    assert len(receipt["contradictions"]) == len(receipt["unknown"]) == 1


def test_a_server_is_started_where_it_was_asked_for(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[object, ...]] = []

    def serve(root: object, host: str | None, port: int | None, **more: object) -> int:
        asked.append((host, port))
        return 0

    monkeypatch.setattr("farero.server.serve", serve)
    terminal.run("up")
    terminal.run("up", "--host", "0.0.0.0", "--port", "0")
    assert asked == [(None, None), ("0.0.0.0", 0)]  # None = what farero.toml says
