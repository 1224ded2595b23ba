from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from tests.unit.cli.conftest import Terminal


@pytest.mark.row("M5")
def test_versions_are_listed_newest_first(terminal: Terminal) -> None:
    found = terminal.json("versions", "list")
    assert [(version["number"], version["state"]) for version in found] == [("1.1.0", "candidate"), ("1.0.0", "production")]
    assert "once more" in terminal.run("versions", "list").stdout


@pytest.mark.row("M5")
def test_a_promotion_and_a_rollback_move_production_and_are_in_the_history(terminal: Terminal) -> None:
    assert terminal.json("promote", "1.1.0", "--because", "better")["state"] == "production"
    assert "1.0.0 is back in production" in terminal.run("rollback", "--because", "worse").stdout
    shown = terminal.json("versions", "show", "1.0.0")
    assert (shown["version"]["state"], shown["files"], shown["moves"][-1]["because"]) == ("production", "verified", "worse")


@pytest.mark.row("M5")
def test_a_version_is_shown_with_the_engine_that_would_answer_and_why(terminal: Terminal) -> None:
    shown = terminal.json("versions", "show", "1.1.0")
    assert (shown["engine"], shown["engine_detail"]) == ("original", "Line is not among the models that are compiled.")
    assert "original: Line is not among the models" in " ".join(terminal.run("versions", "show", "1.1.0").stdout.split())


@pytest.mark.row("R1", "R5")
def test_a_version_is_shown_with_the_way_that_it_was_trained(terminal: Terminal) -> None:
    told = " ".join(terminal.run("versions", "show", "1.1.0").stdout.split())
    assert "tag trained_by all history" in told


@pytest.mark.parametrize(
    ("words", "code", "error"),
    [
        (["promote", "9.9.9"], 3, "version-not-found"),
        (["promote", "1.1.0", "--to", "moon"], 2, "bad-input"),
        (["promote", "1.1.0", "--force"], 4, "illegal-move"),
        (["rollback"], 3, "version-not-found"),
        (["rollback", "--to", "1.1.0"], 4, "illegal-move"),
        (["versions", "list", "--model", "point"], 3, "model-not-found"),
        (["versions", "delete", "1.0.0", "--because", "old"], 4, "illegal-move"),
        (["train", "absent.csv"], 2, "bad-input"),
        (["train", "--until", "soon"], 2, "bad-input"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else None,
)
def test_what_cannot_be_done_ends_with_its_code_and_one_document(terminal: Terminal, words: list[str], code: int, error: str) -> None:
    assert terminal.json(*words, code=code)["error"]["code"] == error


@pytest.mark.row("S4")
def test_a_changed_file_is_told_with_its_name_and_ends_with_70(terminal: Terminal) -> None:
    digest = terminal.json("versions", "list")[0]["digest"]
    path = terminal.root / ".farero" / "models" / digest / "model.pkl"
    path.chmod(0o644)
    path.write_bytes(b"?")
    error = terminal.json("promote", "1.1.0", code=70)["error"]
    assert error["code"] == "corrupt" and "model.pkl" in error["detail"]
    assert terminal.json("versions", "list")[1]["state"] == "production"


def test_a_candidate_is_deleted_for_a_reason(terminal: Terminal) -> None:
    terminal.run("versions", "delete", "1.1.0", "--because", "a mistake")
    assert [version["number"] for version in terminal.json("versions", "list")] == ["1.0.0"]


def test_a_training_says_what_it_made_and_what_to_do_next(terminal: Terminal) -> None:
    shown = terminal.run("train", str(terminal.root / "data.csv"), "--time", "ts").stdout
    assert "points 1.2.0 is a candidate version, trained on 60 rows." in shown
    assert "farero promote 1.2.0" in shown


def test_runs_are_listed(terminal: Terminal) -> None:
    assert {run["status"] for run in terminal.json("runs")} == {"succeeded"}
    assert "1.1.0" in terminal.run("runs").stdout


def test_a_turn_without_a_window_has_nothing_to_decide(terminal: Terminal) -> None:
    assert terminal.json("retrain") == []
    assert "nothing to decide" in terminal.run("retrain").stdout


def test_a_forced_training_that_does_not_win_ends_with_1(terminal: Terminal) -> None:
    (turn,) = terminal.json("retrain", "--force", "--because", "a new season", code=1)
    assert turn["decision"]["because"] == ["asked for: a new season"]
    assert turn["verdict"]["accepted"] is False


def _line(path: Path) -> Path:
    """y = 2x, fitted elsewhere on an array."""
    fitted = make_pipeline(SimpleImputer(), LinearRegression()).fit([[float(x), x % 2] for x in range(9)], [2.0 * x for x in range(9)])
    path.write_bytes(pickle.dumps(fitted))
    return path


@pytest.mark.row("S10")
def test_a_model_file_made_elsewhere_becomes_a_candidate(terminal: Terminal) -> None:
    file = str(_line(terminal.root / "line.pkl"))
    shown = terminal.run("register", file).stdout
    assert "points 1.2.0 is a candidate version: Pipeline of line.pkl." in shown
    assert "farero promote 1.2.0" in shown
    data = str(terminal.root / "data.csv")
    made = terminal.json("register", file, "--because", "from the team", "--reference", data, "--time", "ts")
    assert (made["number"], made["because"], made["tags"]["kind"]) == ("1.3.0", "from the team", "pickle")
    assert made["metrics"]["measured_rows"] == 60


@pytest.mark.row("U7")
@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("bad.pkl", b"\x80\x04cos\ngetcwd\n)R.", "os.getcwd"),
        ("cut.pkl", b"\x80\x04cos", "middle"),
        ("model.pt", b"x", "no kind"),
        ("absent.pkl", None, "no file"),
    ],
)
def test_a_file_that_cannot_be_brought_in_ends_with_2(terminal: Terminal, name: str, content: bytes | None, says: str) -> None:
    if content is not None:
        (terminal.root / name).write_bytes(content)
    error = terminal.json("register", str(terminal.root / name), code=2)["error"]
    assert error["code"] == "bad-input"
    assert says in str(error)
