"""Every store of model files keeps the promises of `ports.ModelFiles`."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from farero.adapters.folder_models import FolderModels
from farero.adapters.memory_models import MemoryModels
from farero.errors import BadInput, Corrupt, ModelsUnavailable, NotFound
from farero.ports import ModelFiles

Tamper = Callable[[str, str, bytes | None], None]
"""Change a stored file behind the adapter's back: digest, path, new content (None = remove it)."""


@pytest.fixture(params=["folder", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[ModelFiles, Tamper]:
    if request.param == "memory":
        memory = MemoryModels()

        def tamper_memory(digest: str, path: str, content: bytes | None) -> None:
            if content is None:
                del memory.files[digest][path]
            else:
                memory.files[digest][path] = content

        return memory, tamper_memory

    def tamper_folder(digest: str, path: str, content: bytes | None) -> None:
        file = tmp_path / "models" / digest / path
        file.unlink(missing_ok=True)
        if content is not None:
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(content)

    return FolderModels(tmp_path / "models"), tamper_folder


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "trained"
    (folder / "parts").mkdir(parents=True)
    (folder / "model.pkl").write_bytes(b"the model" * 1000)
    (folder / "result.json").write_text("{}")
    (folder / "parts" / "tree.bin").write_bytes(b"\x00\x01")
    return folder


def _content(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.row("R1")
def test_what_is_put_can_be_opened_with_the_same_bytes(store: tuple[ModelFiles, Tamper], model: Path) -> None:
    files, _ = store
    folder = files.open(files.put(model))
    stored = _content(folder)
    stored.pop("manifest.json")
    assert stored == _content(model)


@pytest.mark.row("R1")
def test_the_digest_is_the_sha256_of_the_manifest(store: tuple[ModelFiles, Tamper], model: Path) -> None:
    files, _ = store
    digest = files.put(model)
    assert hashlib.sha256((files.open(digest) / "manifest.json").read_bytes()).hexdigest() == digest


def test_the_source_may_change_or_go_after_it_was_put(store: tuple[ModelFiles, Tamper], model: Path) -> None:
    files, _ = store
    digest = files.put(model)
    (model / "model.pkl").write_bytes(b"another")
    assert (files.open(digest) / "model.pkl").read_bytes() == b"the model" * 1000


def test_equal_files_are_stored_once(store: tuple[ModelFiles, Tamper], model: Path) -> None:
    files, _ = store
    assert files.put(model) == files.put(model)
    assert len(list(files.digests())) == 1


def test_an_opened_folder_put_again_has_the_same_digest(store: tuple[ModelFiles, Tamper], model: Path) -> None:
    files, _ = store
    digest = files.put(model)
    assert files.put(files.open(digest)) == digest


@pytest.mark.parametrize("change", ["content", "name", "more"])
def test_other_files_have_another_digest(store: tuple[ModelFiles, Tamper], model: Path, change: str) -> None:
    files, _ = store
    first = files.put(model)
    if change == "content":
        (model / "model.pkl").write_bytes(b"the model" * 999 + b"THE MODEL")
    elif change == "name":
        (model / "result.json").rename(model / "results.json")
    else:
        (model / "more.txt").write_text("")
    second = files.put(model)
    assert first != second
    assert set(files.digests()) == {first, second}


@pytest.mark.row("R1")
def test_size_is_the_sum_of_all_files(store: tuple[ModelFiles, Tamper], model: Path) -> None:
    files, _ = store
    assert files.size(files.put(model)) == 9000 + 2 + 2


@pytest.mark.row("R1")
def test_a_file_edited_on_disk_is_never_opened(store: tuple[ModelFiles, Tamper], model: Path) -> None:
    files, tamper = store
    digest = files.put(model)
    tamper(digest, "model.pkl", b"the model" * 999 + b"THE MODEL")
    with pytest.raises(Corrupt, match=r"model\.pkl was changed"):
        files.open(digest)


@pytest.mark.row("R1")
def test_every_changed_missing_and_added_file_is_named(store: tuple[ModelFiles, Tamper], model: Path) -> None:
    files, tamper = store
    digest = files.put(model)
    tamper(digest, "model.pkl", b"")
    tamper(digest, "result.json", None)
    tamper(digest, "parts/evil.py", b"import os")
    with pytest.raises(Corrupt) as caught:
        files.open(digest)
    assert caught.value.context["files"] == ("model.pkl was changed", "parts/evil.py was added", "result.json is missing")


def test_a_file_edited_after_it_was_opened_is_found_at_the_next_opening(store: tuple[ModelFiles, Tamper], model: Path) -> None:
    files, tamper = store
    digest = files.put(model)
    files.open(digest)
    tamper(digest, "parts/tree.bin", b"\x00\x02")
    with pytest.raises(Corrupt, match=r"parts/tree\.bin was changed"):
        files.open(digest)


def test_putting_the_files_again_mends_a_damaged_copy(store: tuple[ModelFiles, Tamper], model: Path) -> None:
    files, tamper = store
    digest = files.put(model)
    tamper(digest, "model.pkl", b"damaged")
    assert files.put(model) == digest
    assert (files.open(digest) / "model.pkl").read_bytes() == b"the model" * 1000
    assert list(files.digests()) == [digest]


@pytest.mark.parametrize("digest", ["0" * 64, "no-digest", "../trained", ""])
def test_an_unknown_digest_is_not_found(store: tuple[ModelFiles, Tamper], model: Path, digest: str) -> None:
    files, _ = store
    files.put(model)
    with pytest.raises(NotFound):
        files.open(digest)
    with pytest.raises(NotFound):
        files.size(digest)


def test_a_deleted_model_is_gone_and_may_be_deleted_again(store: tuple[ModelFiles, Tamper], model: Path) -> None:
    files, _ = store
    digest = files.put(model)
    files.delete(digest)
    files.delete(digest)
    assert list(files.digests()) == []
    with pytest.raises(NotFound):
        files.open(digest)
    assert files.put(model) == digest
    assert (files.open(digest) / "result.json").read_text() == "{}"


def test_a_folder_without_files_is_refused(store: tuple[ModelFiles, Tamper], tmp_path: Path) -> None:
    files, _ = store
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match="holds no files"):
        files.put(tmp_path / "empty")
    with pytest.raises(BadInput, match="not a folder"):
        files.put(tmp_path / "absent")
    assert list(files.digests()) == []


def test_a_link_is_refused_because_its_content_is_elsewhere(store: tuple[ModelFiles, Tamper], model: Path, tmp_path: Path) -> None:
    files, _ = store
    (tmp_path / "elsewhere").write_text("x")
    (model / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BadInput, match="neither a file nor a folder"):
        files.put(model)
    assert list(files.digests()) == []


def test_an_empty_store_has_no_digests(store: tuple[ModelFiles, Tamper]) -> None:
    files, _ = store
    assert list(files.digests()) == []


def test_many_threads_may_put_the_same_files_at_once(store: tuple[ModelFiles, Tamper], model: Path) -> None:
    files, _ = store
    digests: list[str] = []
    threads = [threading.Thread(target=lambda: digests.append(files.put(model))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(digests) == 8
    assert set(digests) == set(files.digests())
    assert (files.open(digests[0]) / "result.json").read_text() == "{}"


# ── what only a folder can do ────────────────────────────────────────────


@pytest.mark.row("R1")
def test_an_edited_or_missing_manifest_is_corrupt(tmp_path: Path, model: Path) -> None:
    files = FolderModels(tmp_path / "models")
    digest = files.put(model)
    manifest = tmp_path / "models" / digest / "manifest.json"
    edited = manifest.read_text().replace('"size":2', '"size":3')
    manifest.unlink()
    with pytest.raises(Corrupt, match=r"manifest\.json is missing"):
        files.open(digest)
    manifest.write_text(edited)
    with pytest.raises(Corrupt, match=r"manifest\.json was changed"):
        files.open(digest)


def test_a_file_replaced_by_a_link_is_corrupt(tmp_path: Path, model: Path) -> None:
    files = FolderModels(tmp_path / "models")
    digest = files.put(model)
    file = tmp_path / "models" / digest / "model.pkl"
    file.unlink()
    file.symlink_to(model / "model.pkl")
    with pytest.raises(Corrupt, match="neither a file nor a folder"):
        files.open(digest)


def test_a_copy_that_was_cut_off_is_no_model_and_leaves_the_next_one_alone(tmp_path: Path, model: Path) -> None:
    (tmp_path / "models" / ".new-cut-off").mkdir(parents=True)
    (tmp_path / "models" / ".new-cut-off" / "model.pkl").write_bytes(b"half")
    files = FolderModels(tmp_path / "models")
    assert list(files.digests()) == []
    assert list(files.digests()) == [] != [files.put(model)]


def test_a_store_that_cannot_be_written_says_so(tmp_path: Path, model: Path) -> None:
    (tmp_path / "models").write_text("a file where the folder should be")
    with pytest.raises(ModelsUnavailable, match="Cannot write model files"):
        FolderModels(tmp_path / "models").put(model)


def test_stored_files_are_read_only(tmp_path: Path, model: Path) -> None:
    folder = FolderModels(tmp_path / "models").open(FolderModels(tmp_path / "models").put(model))
    assert {path.stat().st_mode & 0o222 for path in folder.rglob("*") if path.is_file()} == {0}
