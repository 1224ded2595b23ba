"""Faults around the service: edited model files, a log that cannot be written, a train that misbehaves."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from farero.errors import Corrupt
from farero.wiring import open_app

PROJECT = '''
"""A small model: y from x."""
import os, sys, time
import farero as fa


class Point(fa.Features):
    x: float = fa.number(min=0, max=10)


class Half:
    def predict(self, X):
        return (X["x"] / 2).to_numpy()


def train(data: fa.TrainingSet) -> fa.Regressor:
    {body}
    return Half()


project = fa.Project(model="small", features=Point, train=train, label=fa.Number("y", arrives_within="1h"))
'''


def make(root: Path, body: str = "pass") -> Path:
    (root / "farero.toml").write_text('project = "project.py:project"\n')
    (root / "project.py").write_text(PROJECT.replace("{body}", body))
    (root / "data.csv").write_text("x,y\n" + "".join(f"{x / 10},{x / 20}\n" for x in range(100)))
    return root


def farero(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "farero", *words, "--project", str(root)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


TRAINS = {
    "raises": ('raise ValueError("boo")', "ValueError: boo"),
    "ends its process": ("os._exit(3)", "ended its process before it returned"),
    "leaves by SystemExit": ("sys.exit(0)", "SystemExit"),
    "is killed": ("os.kill(os.getpid(), 11)", "was killed by signal 11"),
    "returns nothing": ("return None", "has no predict"),
    "returns a number": ("return 3", "has no predict"),
    "imports what is not there": ("import nowhere_at_all", "No module named 'nowhere_at_all'"),
}


@pytest.mark.row("R5")
@pytest.mark.parametrize("kind", TRAINS)
def test_check_says_what_train_did(tmp_path: Path, kind: str) -> None:
    body, words = TRAINS[kind]
    told = farero(make(tmp_path, body), "check")
    said = " ".join((told.stdout + told.stderr).split())
    assert told.returncode == 2, said
    assert "project.py:" in said
    assert words in said
    assert "Traceback" not in said


@pytest.mark.row("R5")
def test_a_train_that_prints_without_end_is_no_fault(tmp_path: Path) -> None:
    told = farero(make(tmp_path, 'sys.stdout.write("x" * 20_000_000)'), "check")
    assert told.returncode == 0, told.stderr
    assert len(told.stdout) + len(told.stderr) < 10_000


@pytest.mark.row("R1", "R3")
def test_changed_added_and_missing_files_are_never_served_nor_promoted(tmp_path: Path) -> None:
    root = make(tmp_path)
    app = open_app(root)
    try:
        numbers = [app.train("small", root / "data.csv", time=None, until=None, because="").number for _ in range(2)]
        for number in numbers:
            app.promote("small", number, by="test", because="")
        models = root / ".farero" / "models"
        folder = models / next(version.digest for version in app.versions("small") if version.number == numbers[1])
        shutil.copytree(folder, tmp_path / "kept")
        app.rollback("small", by="test", because="", to=None)
        for damage in ("changed", "added", "missing"):
            shutil.rmtree(folder)
            shutil.copytree(tmp_path / "kept", folder)
            if damage == "changed":
                with (folder / "model.pkl").open("ab") as file:
                    file.write(b"x")
            elif damage == "added":
                (folder / "extra.txt").write_text("x")
            else:
                (folder / "model.pkl").unlink()
            with pytest.raises(Corrupt, match=damage):
                app.promote("small", numbers[1], by="test", because="")
        shutil.rmtree(folder)
        with pytest.raises(Corrupt, match=f"files of small {numbers[1]} are gone"):
            app.promote("small", numbers[1], by="test", because="")
        assert [version.number for version in app.versions("small") if version.state == "production"] == [numbers[0]]
        shutil.copytree(tmp_path / "kept", folder)
        app.promote("small", numbers[1], by="test", because="mended")
        (folder / "model.pkl").write_bytes(b"")
    finally:
        app.close()
    served = farero(root, "predict", str(root / "data.csv"))
    assert served.returncode == 70
    assert "model.pkl was changed" in " ".join(served.stderr.split())
    assert "farero rollback" in " ".join(served.stderr.split())


@pytest.mark.row("L1")
def test_a_log_that_cannot_be_written_is_told_in_one_plain_line_and_loses_nothing(tmp_path: Path) -> None:
    root = make(tmp_path)
    app = open_app(root)
    try:
        version = app.train("small", root / "data.csv", time=None, until=None, because="")
        app.promote("small", version.number, by="test", because="")
        shutil.rmtree(root / ".farero" / "log", ignore_errors=True)
        (root / ".farero" / "log").write_text("in the way")
    finally:
        app.close()
    (root / "rows.csv").write_text("x\n1\n2\n")
    told = farero(root, "predict", str(root / "rows.csv"), "--json")
    assert told.returncode == 0
    assert "Recorded predictions wait for the log" in told.stderr
    assert "\x1b" not in told.stderr
    assert "Traceback" not in told.stderr
    assert farero(root, "promote", version.number).returncode == 0
    (root / ".farero" / "log").unlink()
    assert farero(root, "monitor").returncode == 0
    from deltalake import DeltaTable

    assert DeltaTable(str(root / ".farero" / "log" / "small")).to_pyarrow_table().num_rows == 2


@pytest.mark.row("L1")
def test_the_logs_own_decorations_are_not_shown() -> None:
    from farero.adapters.delta_log.table import _plain

    assert _plain(Exception("failed\n   \x1b[31m\u21b3\x1b[0m No space left\n")) == "failed No space left"
