"""`farero register` from the command line, with the real child: what is sound becomes a version that serves, the rest ends clearly."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.benches import make_project, write_csv
from tests.unit.serving.hostile import SAMPLES

TWICE = """
class Twice:
    def predict(self, rows):
        return rows["x"].fillna(0.0) * 2
"""
HANG = """
import time


class Hang:
    def __init__(self):
        time.sleep(60)


class Eat:
    def __init__(self):
        self.kept = bytearray(8 << 30)
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = make_project(tmp_path_factory.mktemp("register") / "points")
    text = (root / "farero.toml").read_text()
    (root / "farero.toml").write_text(f"{text}\n[train]\ntimeout_s = 3\nmemory_mb = 1024\n")
    (root / "twice.py").write_text(TWICE)
    (root / "hang.py").write_text(HANG)
    write_csv(root / "data.csv", days=5)
    return root


def farero(project: Path, *words: str, code: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "farero", *words, "--project", str(project)], capture_output=True, text=True, check=False, cwd=project
    )
    assert done.returncode == code, f"{done.returncode}: {done.stdout}{done.stderr}"
    return done.stdout if "--json" in words else done.stdout + done.stderr


@pytest.mark.row("S10", "R1", "U7")
def test_a_file_of_the_projects_own_class_is_brought_in_promoted_and_answers(project: Path) -> None:
    (project / "twice.pkl").write_bytes(b"\x80\x04ctwice\nTwice\n)\x81.")
    told = farero(project, "register", "twice.pkl", code=2)
    assert "twice.Twice" in told
    assert "--trust NAME" in told
    words = ["--trust", "twice.Twice", "--because", "our own class", "--reference", "data.csv", "--time", "ts"]
    made = json.loads(farero(project, "register", "twice.pkl", *words, "--json"))
    assert (made["state"], made["tags"]["trusted"], made["because"]) == ("candidate", "twice.Twice", "our own class")
    assert made["metrics"]["mae"] < 1.0
    farero(project, "promote", made["number"], "--because", "ours")
    (project / "ask.jsonl").write_text('{"x": 4.0, "shape": "a"}\n')
    assert json.loads(farero(project, "predict", "ask.jsonl", "--json"))["predictions"][0]["prediction"] == 8.0


@pytest.mark.row("U7")
@pytest.mark.parametrize("name", ["os.system", "behind the bytes of an array"])
def test_a_hostile_file_ends_with_2_and_nothing_ran(project: Path, tmp_path: Path, name: str) -> None:
    mark = tmp_path / "mark"
    (tmp_path / "model.pkl").write_bytes(SAMPLES[name](mark))
    error = json.loads(farero(project, "register", str(tmp_path / "model.pkl"), "--json", code=2))["error"]
    assert error["code"] == "bad-input"
    assert "nothing of it was run" in error["detail"]
    assert not mark.exists()


@pytest.mark.row("U7")
@pytest.mark.parametrize(("name", "says"), [("Hang", "did not end within the time"), ("Eat", "Loading Eat.pkl|MemoryError|more memory")])
def test_a_file_that_hangs_or_eats_memory_while_it_is_loaded_is_stopped(project: Path, name: str, says: str) -> None:
    (project / f"{name}.pkl").write_bytes(f"\x80\x04chang\n{name}\n)R.".encode("latin1"))
    told = farero(project, "register", f"{name}.pkl", "--trust", f"hang.{name}", "--because", "to see", code=2)
    assert re.search(says, told), told
