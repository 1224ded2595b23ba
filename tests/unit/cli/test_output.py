from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest

from farero.cli import output
from farero.core.schema import Fault
from farero.core.window import Window
from farero.errors import BadInput, Corrupt

T0 = datetime(2024, 1, 1, tzinfo=UTC)


def test_a_result_is_one_json_document(capsys: pytest.CaptureFixture[str]) -> None:
    output.emit({"window": Window(start=T0, end=T0), "mae": np.float64(1.5), "folder": Path("a"), "none": None})
    out, err = capsys.readouterr()
    moment = "2024-01-01T00:00:00Z"
    assert json.loads(out) == {"window": {"start": moment, "end": moment}, "mae": 1.5, "folder": "a", "none": None}
    assert err == ""


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "–"), (True, "yes"), (False, "no"), (0.123456, "0.1235"), (3, "3"), ("[bold]", "\\[bold]"),
        (datetime(2024, 1, 1, 1, tzinfo=timezone(timedelta(hours=1))), "2024-01-01 00:00Z"),
    ],
)  # fmt: skip
def test_a_cell_is_short_and_never_markup(value: object, shown: str) -> None:
    assert output.text(value) == shown


def test_a_failure_is_told_on_stderr_and_in_json_where_that_was_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    failure = BadInput("2 faults.", faults=(Fault(path="rows[0].x", code="no-number", message="is 'a'"),), hint="Mend them.")
    assert output.fail(failure, as_json=True).exit_code == 2
    out, err = capsys.readouterr()
    document = json.loads(out)["error"]
    assert (document["code"], document["detail"], document["hint"]) == ("bad-input", "2 faults.", "Mend them.")
    assert document["faults"][0]["path"] == "rows[0].x"
    assert "Error: 2 faults. Mend them." in err and "rows[0].x" in err


def test_without_json_nothing_of_a_failure_reaches_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    assert output.fail(Corrupt("model.pkl is changed."), as_json=False).exit_code == 70
    out, err = capsys.readouterr()
    assert out == "" and "model.pkl is changed" in err


def test_progress_stays_off_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    with output.progress("Training") as move:
        move("train", 0.5, "half")
        move("train", 1.0, "done")
    out, err = capsys.readouterr()
    assert out == "" and "Training" in err


def test_a_table_shows_every_row(capsys: pytest.CaptureFixture[str]) -> None:
    output.table("Versions", ["version", "mae"], [["1.0.0", 0.5], ["1.1.0", None]], right=["mae"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines] == [["Versions"], ["version", "mae"], ["1.0.0", "0.5"], ["1.1.0", "–"]]


def test_a_long_line_stays_one_line_where_nobody_looks_at_it(capsys: pytest.CaptureFixture[str]) -> None:
    path = "/data/" + "models and more/" * 30
    output.stdout().print(path, markup=False)
    output.fail(Corrupt(f"{path} is changed."), as_json=False)
    out, err = capsys.readouterr()
    assert out == f"{path}\n" and err == f"Error: {path} is changed.\n"
