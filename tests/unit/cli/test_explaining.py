from __future__ import annotations

from pathlib import Path

import pytest
from tests.benches import write_csv
from tests.unit.cli.conftest import Terminal

LONG_AGO, LATER = "2000-01-01", "2100-01-01"


@pytest.fixture
def judged(terminal: Terminal) -> Terminal:
    """1.2.0 in production, judged by 120 rows; 60 predictions of now, labelled one too high."""
    data = write_csv(terminal.root / "more.csv", days=50)
    terminal.run("train", str(data), "--time", "ts", "--promote")
    given = "\n".join(f'{{"x": {1 + n % 5}, "shape": "{"ab"[n % 2]}"}}' for n in range(60))
    request_id = terminal.json("predict", "-", stdin=given)["request_id"]
    path = terminal.root / "labels.csv"
    path.write_text("request_id,row,label\n" + "".join(f"{request_id},{n},{2 * (1 + n % 5) + 1}\n" for n in range(60)))
    assert terminal.json("label", str(path))["stored"] == 60
    return terminal


@pytest.mark.row("M6")
def test_estimates_stand_beside_what_labels_showed_with_their_caveat(judged: Terminal) -> None:
    found = judged.json("estimate")
    (window,) = found["windows"]
    assert (window["rows"], window["labelled"], window["version"]) == (60, 60, "1.2.0")
    estimated = window["estimated"]["mae"]
    assert estimated["low"] <= estimated["value"] <= estimated["high"]
    assert window["realized"]["mae"] == pytest.approx(1.0, abs=0.01)
    assert (found["backtest"]["windows"], found["backtest"]["bias"]) == (1, pytest.approx(1.0, abs=0.05))
    assert "concept drift" in found["caveat"]
    assert found["versions"][0]["judged_rows"] == 120
    shown = " ".join(judged.run("estimate").stdout.split())
    for text in ("Estimated mae of points", "was judged by 120 rows", "Estimates of 1 windows", "concept drift"):
        assert text in shown


@pytest.mark.row("M6")
def test_without_predictions_there_is_nothing_to_estimate_and_the_exit_is_0(terminal: Terminal) -> None:
    assert terminal.json("estimate")["windows"] == []
    assert "There is no prediction in this span." in terminal.run("estimate").stdout


@pytest.mark.row("M6")
def test_a_version_that_too_few_rows_judged_is_refused_with_what_to_do(terminal: Terminal) -> None:
    terminal.run("predict", "-", stdin='{"x": 1, "shape": "a"}')
    error = terminal.json("estimate", code=2)["error"]
    assert "12 labelled rows say too little" in error["detail"] and "farero train DATA" in error["hint"]
    assert terminal.json("estimate", "--version", "9.9.9", code=3)["error"]["code"] == "version-not-found"


@pytest.mark.row("M7")
def test_a_fall_is_explained_as_text_json_and_a_page(judged: Terminal, tmp_path: Path) -> None:
    found = judged.json("explain-drop", "--from", LONG_AGO, "--html", str(tmp_path / "why.html"))["explanation"]
    assert found["total"]["value"] == pytest.approx(1.0, abs=0.05)
    parts = found["known_inputs"]["value"] + found["new_inputs"]["value"] + found["relation"]["value"]
    assert parts == pytest.approx(found["total"]["value"])
    assert {one["feature"] for one in found["by_segment"]} == {"x", "shape"}
    assert "why mae changed" in (tmp_path / "why.html").read_text()
    shown = " ".join(judged.run("explain-drop", "--by", "shape").stdout.split())
    for text in (
        "another relation between inputs and label",
        "other inputs",
        "the rows that judged 1.2.0",
        "shape = a",
        "Only rows with a label",
    ):
        assert text in shown


@pytest.mark.row("M7")
def test_spans_and_names_that_lead_nowhere_end_with_their_codes(judged: Terminal) -> None:
    assert judged.json("explain-drop", "--by", "shap", code=2)["error"]["hint"] == "Did you mean 'shape'?"
    assert judged.json("explain-drop", "--from", "soon", code=2)["error"]["code"] == "bad-input"
    assert judged.json("explain-drop", "--from", LATER, code=2)["error"]["hint"].startswith("Hand in labels with")
    again = judged.json("explain-drop", "--from", LONG_AGO, "--against", LONG_AGO, LATER)
    assert again["reference"]["start"].startswith(LONG_AGO) and again["explanation"]["total"]["value"] == 0.0
    few = judged.json("explain-drop", "--from", LONG_AGO, "--against", LONG_AGO, "2000-01-02", code=2)["error"]
    assert "0 labelled reference rows say too little" in few["detail"]
