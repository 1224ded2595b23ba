from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.cli.conftest import Terminal


def labelled(terminal: Terminal, rows: int = 60) -> None:
    """Predictions of now, all labelled."""
    given = "\n".join(f'{{"x": {1 + n % 5}, "shape": "{"ab"[n % 2]}"}}' for n in range(rows))
    request_id = terminal.json("predict", "-", stdin=given)["request_id"]
    path = terminal.root / "labels.csv"
    path.write_text("request_id,row,label\n" + "".join(f"{request_id},{n},{2 * (1 + n % 5) + n % 3}\n" for n in range(rows)))
    assert terminal.json("label", str(path))["stored"] == rows


@pytest.mark.row("M5")
def test_metrics_stand_with_their_intervals_by_segment(terminal: Terminal) -> None:
    labelled(terminal)
    found = terminal.json("performance", "--by", "shape")
    assert (found["model"], found["rows"], found["labelled"], found["metric"], found["level"]) == ("points", 60, 60, "mae", 0.95)
    mae = next(one for one in found["metrics"] if one["name"] == "mae")
    assert mae["value"] == pytest.approx(1.0, abs=0.1)
    assert mae["low"] < mae["value"] < mae["high"]
    assert [segment["name"] for segment in found["by"][0]["segments"]] == ["a", "b"]
    shown = terminal.run("performance", "--by", "shape").stdout
    for text in ("60 predictions, 60 labelled", "mae", "By shape", "Weak segments were not searched for: 60 labelled rows", "Note: "):
        assert text in shown


@pytest.mark.row("M10")
def test_a_page_is_written(terminal: Terminal, tmp_path: Path) -> None:
    labelled(terminal)
    terminal.run("performance", "--html", str(tmp_path / "page.html"))
    assert "points: how good the answers were" in (tmp_path / "page.html").read_text()
    failed = terminal.json("performance", "--html", str(tmp_path / "no" / "page.html"), code=2)
    assert "cannot be written" in failed["error"]["detail"]


def test_without_labels_it_says_what_to_do_and_ends_with_0(terminal: Terminal) -> None:
    found = terminal.json("performance")
    assert (found["rows"], found["labelled"]) == (0, 0)
    assert "No label is known" in terminal.run("performance").stdout


def test_wrong_names_and_times_end_with_their_codes(terminal: Terminal) -> None:
    assert terminal.json("performance", "--by", "shap", code=2)["error"]["hint"] == "Did you mean 'shape'?"
    assert terminal.json("performance", "--from", "soon", code=2)["error"]["code"] == "bad-input"
    assert terminal.json("performance", "--from", "2024-02-01", "--to", "2024-01-01", code=2)["error"]["code"] == "bad-input"
    assert terminal.json("performance", "--version", "9.9.9", code=3)["error"]["code"] == "version-not-found"
