from __future__ import annotations

import hashlib
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from tests.benches import Installation

from farero.errors import BadInput, TrainFailed
from farero.flow.register import Register
from farero.ports import Limits
from farero.project.frame import frame
from farero.serving.kinds import read_source


def _register(here: Installation) -> Register:
    return here.loop.register


def _line(here: Installation) -> Any:
    """A model of y = 2x, as somebody else would have made it."""
    schema = _register(here).schema
    columns = {"x": np.arange(50.0), "shape": np.zeros(50, dtype=np.int32)}
    rows = frame(schema, columns)
    return make_pipeline(make_column_transformer((SimpleImputer(), ["x"])), LinearRegression()).fit(rows, rows["x"] * 2)


@pytest.fixture
def file(here: Installation, tmp_path: Path) -> Path:
    (tmp_path / "line.pkl").write_bytes(pickle.dumps(_line(here)))
    return tmp_path / "line.pkl"


def _bring(here: Installation, path: Path, **options: Any) -> Any:
    return _register(here).bring(path, **{"origin": "register/1", "by": "ana", "because": "made elsewhere", **options})


@pytest.mark.row("S10", "R1")
def test_a_file_becomes_a_candidate_with_all_that_is_known_of_it(here: Installation, file: Path) -> None:
    made = _bring(here, file)
    assert (made.number, made.state, made.origin, made.because) == ("1.1.0", "candidate", "register/1", "made elsewhere")
    assert made.tags["kind"] == "pickle"
    assert made.tags["file"] == "line.pkl"
    assert made.tags["class"] == "Pipeline"
    assert made.tags["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert made.tags["scan"].endswith("names, none unknown")
    assert (made.trained_rows, made.data_fingerprint, made.metrics) == (0, "", {})
    assert made.trained_until == made.created_at
    assert made.environment == _register(here).environment
    folder = _register(here).files.open(made.digest)
    assert sorted(path.name for path in folder.iterdir() if path.name != "manifest.json") == ["brought.pkl", "schema.json", "source.json"]


@pytest.mark.row("S10")
def test_the_candidate_answers(here: Installation, file: Path) -> None:
    made = _bring(here, file)
    loaded = here.loop.validate.pool.get(made)
    values = loaded.engine.predict({"x": np.array([3.0, 7.0]), "shape": np.zeros(2, dtype=np.int32)}, 2).value
    np.testing.assert_allclose(values, [6.0, 14.0])


@pytest.mark.row("U7")
def test_every_unknown_name_is_listed_with_what_to_do_and_nothing_is_stored(here: Installation, tmp_path: Path) -> None:
    (tmp_path / "bad.pkl").write_bytes(b"\x80\x04(cos\nmkdir\ncbuiltins\neval\nt.")
    before = set(_register(here).files.digests())
    with pytest.raises(BadInput, match=r"2 names that no model.*--trust NAME") as caught:
        _bring(here, tmp_path / "bad.pkl")
    assert caught.value.faults == ("builtins.eval", "os.mkdir")
    assert set(_register(here).files.digests()) == before


def test_a_long_list_is_cut(here: Installation, tmp_path: Path) -> None:
    names = b"".join(f"cm{index:02d}\nx\n".encode() for index in range(30))
    (tmp_path / "bad.pkl").write_bytes(b"\x80\x04(" + names + b"t.")
    with pytest.raises(BadInput) as caught:
        _bring(here, tmp_path / "bad.pkl")
    assert len(caught.value.faults) == 21
    assert caught.value.faults[-1] == "and 10 more"


@pytest.mark.row("U7")
def test_what_somebody_vouches_for_is_kept_with_who_and_why(here: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine_apart.py").write_text("class Twice:\n    def predict(self, rows):\n        return rows['x'].fillna(0.0) * 2\n")
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "own.pkl").write_bytes(b"\x80\x04cmine_apart\nTwice\n)\x81.")
    with pytest.raises(BadInput, match="1 name "):
        _bring(here, tmp_path / "own.pkl")
    with pytest.raises(BadInput, match="--because"):
        _bring(here, tmp_path / "own.pkl", trusted=["mine_apart.Twice"], because="")
    made = _bring(here, tmp_path / "own.pkl", trusted=["mine_apart.Twice"])
    assert (made.tags["trusted"], made.tags["trusted_by"], made.because) == ("mine_apart.Twice", "ana", "made elsewhere")
    source = read_source(_register(here).files.open(made.digest))
    assert source is not None
    assert source.trusted == ("mine_apart.Twice",)


def test_a_damaged_file_is_told(here: Installation, file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-40])
    with pytest.raises(BadInput, match="no sound model file") as caught:
        _bring(here, file)
    assert "ends in the middle" in str(caught.value) or "exhausted" in str(caught.value)


def test_a_model_of_other_rows_is_told(here: Installation, tmp_path: Path) -> None:
    (tmp_path / "wide.pkl").write_bytes(
        pickle.dumps(make_pipeline(SimpleImputer(), LinearRegression()).fit(np.ones((3, 5)), [1.0, 2.0, 3.0]))
    )
    with pytest.raises(BadInput, match="does not fit points: it is a Pipeline whose predict raised ValueError: X has 2 features"):
        _bring(here, tmp_path / "wide.pkl")


def test_rows_to_compare_with_give_figures_and_a_profile(here: Installation, file: Path) -> None:
    rows = here.loop.retrain.history(_register(here).clock.now())
    made = _bring(here, file, reference=rows)
    assert made.metrics["measured_rows"] == rows.count
    assert made.metrics["mae"] == pytest.approx(made.metrics["loss_mean"])
    assert here.loop.validate.pool.get(made).reference is not None


class _Ends:
    """A child whose job ends badly."""

    def __init__(self, ending: str) -> None:
        self._ending = ending

    def run(self, job: Callable[[Path], None], folder: Path, limits: Limits, progress: Callable[[str], None] | None = None) -> None:
        raise TrainFailed("train went wrong.", ending=self._ending)


@pytest.mark.parametrize(
    ("ending", "says"), [("timeout", "did not end"), ("memory", "more memory"), ("signal", "crashed"), ("raised", "failed: train")]
)
def test_a_file_that_ends_its_child_is_not_brought_in(here: Installation, file: Path, ending: str, says: str) -> None:
    register = replace(_register(here), child=_Ends(ending))
    with pytest.raises(BadInput, match=f"Loading line.pkl .*{says}"):
        register.bring(file, origin="register/1", by="ana", because="")


def test_a_folder_with_links_is_refused(here: Installation, tmp_path: Path) -> None:
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "MLmodel").symlink_to(tmp_path / "line.pkl")
    (tmp_path / "line.pkl").write_text("flavors: {}")
    with pytest.raises(BadInput, match="holds links"):
        _bring(here, tmp_path / "saved")
