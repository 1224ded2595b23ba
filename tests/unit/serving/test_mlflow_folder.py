from __future__ import annotations

from pathlib import Path

import pytest

from farero.errors import BadInput, PredictFailed
from farero.serving import mlflow_folder


def _folder(root: Path, flavours: str, *files: str) -> Path:
    (root / "MLmodel").write_text(f"flavors:\n{flavours}")
    for name in files:
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_bytes(b"x")
    return root


SKLEARN = "  sklearn: {pickled_model: model.pkl}\n  python_function: {loader_module: mlflow.sklearn}\n"
OWN = "  python_function: {loader_module: mlflow.pyfunc.model}\n"


@pytest.mark.row("S10")
def test_a_known_flavour_is_read_from_its_own_file(tmp_path: Path) -> None:
    folder = _folder(tmp_path, SKLEARN, "model.pkl")
    assert mlflow_folder.plain(folder) == ("sklearn", tmp_path / "model.pkl")
    assert mlflow_folder.pickles_in(folder) == [tmp_path / "model.pkl"]
    assert mlflow_folder.loader(folder) is None


@pytest.mark.row("U7")
def test_any_other_is_loaded_by_a_module_that_somebody_vouched_for(tmp_path: Path) -> None:
    folder = _folder(tmp_path, OWN, "python_model.pkl", "artifacts/weights.npz", "readme.txt")
    assert mlflow_folder.plain(folder) is None
    assert mlflow_folder.loader(folder) == "mlflow.pyfunc.model"
    assert [file.name for file in mlflow_folder.pickles_in(folder)] == ["weights.npz", "python_model.pkl"]
    with pytest.raises(PredictFailed, match=r"--trust mlflow\.pyfunc\.model"):
        mlflow_folder.load(folder, ())


@pytest.mark.row("U7")
def test_a_file_outside_the_folder_is_not_the_models(tmp_path: Path) -> None:
    (tmp_path / "outside.pkl").write_bytes(b"x")
    inside = tmp_path / "saved"
    inside.mkdir()
    folder = _folder(inside, SKLEARN.replace("model.pkl", "../outside.pkl"))
    assert mlflow_folder.plain(folder) is None


@pytest.mark.row("R9", "U7")
def test_what_farero_wrote_is_read_by_the_list_of_names_like_any_other_file(tmp_path: Path) -> None:
    ours = "  farero: {kind: pickle, data: version/model.pkl}\n  python_function: {loader_module: farero.serving.pyfunc}\n"
    folder = _folder(tmp_path, ours, "version/model.pkl")
    assert mlflow_folder.plain(folder) == ("sklearn", tmp_path / "version" / "model.pkl")
    assert mlflow_folder.pickles_in(folder) == [tmp_path / "version" / "model.pkl"]
    outside = _folder(tmp_path, ours.replace("version/model.pkl", "../outside.pkl"))
    assert mlflow_folder.plain(outside) is None


def test_a_model_in_skops_form_is_left_to_mlflow(tmp_path: Path) -> None:
    assert mlflow_folder.plain(_folder(tmp_path, SKLEARN.replace("model.pkl", "model.skops"), "model.skops")) is None


@pytest.mark.parametrize(
    ("text", "says"), [("flavors: 3", "names no flavour"), ("[", "cannot be read"), ("flavors: {}", "no python_function")]
)
def test_a_folder_that_cannot_be_loaded_says_why(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "MLmodel").write_text(text)
    with pytest.raises(BadInput, match=says):
        mlflow_folder.loader(tmp_path)
