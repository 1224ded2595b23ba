"""The second act of `farero demo` on a real server: one canary is promoted, one that learnt from wrong labels goes back by itself."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from farero.cli import demo
from farero.project.examples import EXAMPLES, copy

BIKES = EXAMPLES["bikes"]


def farero(home: Path, *words: str) -> str:
    command = [sys.executable, "-m", "farero", *words, "--project", str(home)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.row("R7")
def test_a_good_canary_is_promoted_and_a_bad_one_rolled_back_and_both_are_explained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "bikes"
    copy("bikes", home)
    farero(home, "train", str(home / BIKES.data), "--time", str(BIKES.time), "--until", "2012-06-01")
    farero(home, "promote", "1.0.0")
    demo.second_act(BIKES, home, quiet=False)
    story = capsys.readouterr().out
    assert "1.1.0 is in production" in story
    assert "1.2.0 was rolled back by itself, and 1.1.0 answers every request again" in story
    states = {version["number"]: version["state"] for version in json.loads(farero(home, "versions", "list", "--json"))}
    assert (states["1.1.0"], states["1.2.0"]) == ("production", "rejected")
    kinds = [incident["kind"] for incident in json.loads(farero(home, "incidents", "list", "--json"))]
    assert kinds == ["CANARY_ROLLED_BACK"]
