"""Keeps the columns of a reference sorted in a folder, so that the next comparison with it costs the other table only."""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import farero
from farero.core.ordered_column import OrderedColumn, freeze
from farero.core.packed import pack, unpack
from farero.core.pairs import Halves
from farero.core.raw_column import RawCells, RawKind
from farero.core.reference import BINS, ColumnReference, Counts, Floats
from farero.core.source import Source
from farero.errors import BadInput, Corrupt
from farero.project.columns import MEMORY_BYTES, open_source

_FORM = 1
_FRESH_S = 2.0
_NOTHING = np.zeros(0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KeptColumn:
    """An `OrderedColumn` without its values, which lie in a file of their own so that they can be mapped."""

    kind: RawKind
    own: RawKind
    rows: int
    values: int
    levels: tuple[str, ...]
    level_counts: Counts
    missing: int
    unreadable: int
    infinite: int
    paired_rows: int
    above: Counts
    valid: Counts
    zone: str | None
    frozen: ColumnReference | None


@contextmanager
def open_cached(path: Path, folder: Path, *, memory_bytes: int = MEMORY_BYTES) -> Iterator[Source]:
    """A file as `open_source` gives it, its columns read from the folder where they were sorted before.

    What is kept belongs to the file's content, not to its name, and to this release; it is made again where it is damaged. The folder
    holds the values in clear and may be deleted at any time.

    Args:
        path: of the reference.
        folder: made where it is not there.
        memory_bytes: see `open_source`; longer columns are not kept.

    Raises:
        BadInput: as `open_source`, or the folder cannot be written.
    """
    if not path.is_file():
        raise BadInput(f"There is no file {path}." if not path.exists() else f"{path} is no file.", hint="Check the path.")
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        home = folder / f"{_digest(path, folder)}-{farero.__version__}-{BINS}-{_FORM}"
        home.mkdir(exist_ok=True, mode=0o700)
    except OSError as fault:
        raise BadInput(f"Nothing can be kept in {folder}: {fault.strerror}.", hint="Name a folder that you may write.") from None
    with ExitStack() as opened:
        yield _CachedSource(path, home, memory_bytes, opened)


class _CachedSource:
    """Opens the file itself only when a column is not kept yet."""

    def __init__(self, path: Path, home: Path, memory_bytes: int, opened: ExitStack) -> None:
        self._path, self._home, self._memory, self._opened = path, home, memory_bytes, opened
        self._inner: Source | None = None
        try:
            table = json.loads((home / "table.json").read_text())
            self.names: Sequence[str] = list(table["names"])
            self.rows, self.is_long = int(table["rows"]), bool(table["is_long"])
            known = int(table["memory"]) == memory_bytes  # whether a table is long depends on the memory that may be used
        except (OSError, ValueError, KeyError, TypeError):
            known = False
        if not known:
            self.names, self.rows, self.is_long = self._file.names, self._file.rows, self._file.is_long
            about: dict[str, Any] = {"names": list(self.names), "rows": self.rows, "is_long": self.is_long, "memory": memory_bytes}
            _write(home / "table.json", json.dumps(about).encode())
        self._places = {name: place for place, name in enumerate(self.names)}

    @property
    def _file(self) -> Source:
        if self._inner is None:
            self._inner = self._opened.enter_context(open_source(self._path, memory_bytes=self._memory))
        return self._inner

    def column(self, name: str, like: RawKind | None = None) -> OrderedColumn:
        """See `Source`."""
        if like is not None:
            return self._file.column(name, like)
        at = self._home / f"{self._places[name]}"
        kept = _load(at)
        if kept is None:
            kept = self._file.column(name)
            if kept.kind not in ("other", "empty"):
                kept = replace(kept, frozen=freeze(name, kept))
            _save(at, kept)
        return kept

    def batches(self, name: str) -> Iterable[RawCells]:
        """See `Source`."""
        return self._file.batches(name)


def _load(at: Path) -> OrderedColumn | None:
    """The kept column, its values mapped; None where it is not there or is not what was written."""
    try:
        kept = unpack(at.with_suffix(".column").read_bytes(), KeptColumn)
        ordered = _mapped(at.with_suffix(".values"), kept.values) if kept.values else _NOTHING
    except (OSError, Corrupt, ValueError):
        return None
    sides = None
    if kept.paired_rows:
        sides = Halves(rows=kept.paired_rows, above=kept.above.view(np.uint64), valid=kept.valid.view(np.uint64))
    levels = dict(zip(kept.levels, kept.level_counts.tolist(), strict=True))
    return OrderedColumn(
        kind=kept.kind, own=kept.own, rows=kept.rows, ordered=ordered, levels=levels, missing=kept.missing, unreadable=kept.unreadable,
        infinite=kept.infinite, halves=sides, zone=kept.zone, frozen=kept.frozen,
    )  # fmt: skip


def _mapped(path: Path, values: int) -> Floats:
    flags = mmap.MAP_SHARED | getattr(mmap, "MAP_POPULATE", 0)  # one call for all pages, where the system knows how
    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, flags=flags, prot=mmap.PROT_READ)
    ordered = np.frombuffer(mapped, dtype="<f8")
    if len(ordered) != values:
        raise ValueError(f"{path.name} holds {len(ordered)} values and not {values}")
    return ordered


def _save(at: Path, column: OrderedColumn) -> None:
    nothing = np.zeros(0, dtype=np.int64)
    sides = column.halves
    kept = KeptColumn(
        kind=column.kind, own=column.own, rows=column.rows, values=len(column.ordered), levels=tuple(column.levels),
        level_counts=np.array(list(column.levels.values()), dtype=np.int64), missing=column.missing, unreadable=column.unreadable,
        infinite=column.infinite, paired_rows=sides.rows if sides else 0, above=sides.above.view(np.int64) if sides else nothing,
        valid=sides.valid.view(np.int64) if sides else nothing, zone=column.zone, frozen=column.frozen,
    )  # fmt: skip
    if len(column.ordered):
        _write(at.with_suffix(".values"), np.ascontiguousarray(column.ordered, dtype="<f8").data)
    _write(at.with_suffix(".column"), pack(kept))


def _write(path: Path, data: bytes | memoryview) -> None:
    """Whole or not at all; where the disk is full, nothing is kept and the comparison goes on."""
    handle, name = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)


def _digest(path: Path, folder: Path) -> str:
    """Of the file's content. Not taken again while size, times and place on disk are as they were when it was."""
    about = path.stat()
    seen = [about.st_size, about.st_mtime_ns, about.st_ctime_ns, about.st_ino, about.st_dev]
    memory = folder / f"{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:32]}.seen"
    try:
        known = json.loads(memory.read_text())
        if known["seen"] == seen:
            return str(known["digest"])
    except (OSError, ValueError, KeyError, TypeError):
        pass  # not seen yet, or the note is damaged: the content decides
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()[:32]
    # A file written within the clock's grain of being read could change without its time doing so.
    if time.time() - max(about.st_mtime, about.st_ctime) > _FRESH_S:
        _write(memory, json.dumps({"seen": seen, "digest": digest}).encode())
    return digest
