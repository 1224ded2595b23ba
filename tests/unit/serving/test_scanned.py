from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from sklearn.linear_model import LinearRegression

from farero.serving.scanned import scanned


class Own:
    """A class of the project's own."""


def folder_with(path: Path, model: object) -> Path:
    (path / "model.pkl").write_bytes(model if isinstance(model, bytes) else pickle.dumps(model))
    return path


@pytest.mark.row("R2")
def test_a_model_of_a_known_library_holds_nothing_else(tmp_path: Path) -> None:
    found = scanned(folder_with(tmp_path, LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0])), {})
    assert found.passed is True and found.because.endswith("all of known libraries")


@pytest.mark.row("R2")
def test_the_projects_own_code_is_told_and_stops_nothing(tmp_path: Path) -> None:
    found = scanned(folder_with(tmp_path, Own()), {})
    assert found.passed is True and "of the project's own code: " in found.because and "Own" in found.because


@pytest.mark.row("R2")
@pytest.mark.parametrize("content", [b"\x80\x04cut off", b"", b"\x80\x04N.and more"])
def test_a_file_that_is_no_sound_pickle_does_not_pass(tmp_path: Path, content: bytes) -> None:
    found = scanned(folder_with(tmp_path, content), {})
    assert found.passed is False and "no sound pickle" in found.because


@pytest.mark.row("R2")
def test_what_was_brought_in_was_scanned_then(tmp_path: Path) -> None:
    assert scanned(tmp_path, {"scan": "12 names, none unknown"}).because == "scanned when it was brought in: 12 names, none unknown"
    assert scanned(tmp_path, {}).passed is None
