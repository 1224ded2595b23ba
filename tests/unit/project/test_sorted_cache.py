"""A kept reference is the same reference; whatever happened to the file or the folder, the answer is right."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from farero.core.compare import Comparison, compare_tables
from farero.errors import BadInput
from farero.project import sorted_cache
from farero.project.columns import open_source
from farero.project.sorted_cache import open_cached

RANDOM = np.random.default_rng(6)


def table(path: Path, rows: int = 400, shift: float = 0.0) -> Path:
    columns: dict[str, Any] = {
        "n": RANDOM.normal(shift, 1, rows), "w": RANDOM.integers(0, 9, rows),
        "c": RANDOM.choice(list("xyz"), rows), "f": RANDOM.random(rows) < 0.4,
        "d": np.datetime64("2024-01-01", "s") + RANDOM.integers(0, 10**6, rows), "e": pa.nulls(rows), "l": pa.array([[1]] * rows),
    }  # fmt: skip
    pq.write_table(pa.table(columns), path)
    return path


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path, Path]:
    return table(tmp_path / "ref.parquet"), table(tmp_path / "now.parquet", shift=0.5), tmp_path / "kept"


def cached(files: tuple[Path, Path, Path], **options: Any) -> Comparison:
    with open_cached(files[0], files[2], **options) as before, open_source(files[1]) as after:
        return compare_tables(before, after, pictures=True)


def plain(files: tuple[Path, Path, Path]) -> Comparison:
    with open_source(files[0]) as before, open_source(files[1]) as after:
        return compare_tables(before, after, pictures=True)


@pytest.mark.row("M9")
def test_cold_warm_and_without_a_cache_say_the_same(files: tuple[Path, Path, Path]) -> None:
    expected = plain(files)
    assert cached(files) == expected
    assert cached(files) == expected
    assert expected.drift


@pytest.mark.row("M9")
def test_the_second_time_the_reference_is_not_read(files: tuple[Path, Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    old = time.time() - 100
    os.utime(files[0], (old, old))
    monkeypatch.setattr(sorted_cache, "_FRESH_S", -1.0)
    expected = cached(files)

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the reference was opened")

    monkeypatch.setattr("farero.project.sorted_cache.open_source", refuse)
    monkeypatch.setattr("hashlib.file_digest", refuse)
    assert cached(files) == expected


def test_another_content_under_the_same_name_is_sorted_anew(files: tuple[Path, Path, Path]) -> None:
    cached(files)
    table(files[0], shift=0.5)
    assert cached(files) == plain(files)


def test_the_same_content_under_another_name_is_found(files: tuple[Path, Path, Path], tmp_path: Path) -> None:
    expected = cached(files)
    folders = set(files[2].iterdir())
    renamed = files[0].rename(tmp_path / "renamed.parquet")
    assert cached((renamed, *files[1:])) == expected
    assert {folder for folder in files[2].iterdir() if folder.is_dir()} <= folders


@pytest.mark.parametrize("damage", [b"", b"rubbish"])
def test_a_damaged_cache_is_made_again(files: tuple[Path, Path, Path], damage: bytes) -> None:
    expected = cached(files)
    kept = [path for path in files[2].rglob("*") if path.is_file()]
    assert len(kept) > 8
    for path in kept:
        path.write_bytes(damage)
        assert cached(files) == expected, path.name


def test_a_column_that_does_not_fit_into_memory_is_not_kept(files: tuple[Path, Path, Path]) -> None:
    found = cached(files, memory_bytes=1000)
    assert set(found.within) == {"n", "w", "d"}
    assert not list(files[2].rglob("*.values"))
    assert cached(files) == plain(files)


def test_a_folder_that_cannot_be_written_and_a_file_that_is_not_there_are_told(files: tuple[Path, Path, Path], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(BadInput, match="Nothing can be kept in"), open_cached(files[0], tmp_path / "file" / "kept"):
        pass
    with pytest.raises(BadInput, match="There is no file"), open_cached(tmp_path / "none.csv", tmp_path / "kept"):
        pass
