"""What the disk must know of a Delta table before segments are removed, and what a power cut leaves of one.

delta-rs forces nothing to the disk. Here every commit is forced before the next one begins, so of a table that a power cut hit only
the newest commit, or the newest checkpoint, can be cut off: it is set aside, and its rows come again from their segments.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

_UNKNOWN: Final = 20
"""Commits that are forced when it is not known which were: no more than these can come between two forcings."""


def force(table: Path, before: int | None, version: int, days: set[Path]) -> None:
    """Force the commits after `before` up to this version, with the files that they added.

    Args:
        before: None where nothing is known to be on the disk.
        days: folders whose own names the disk has; those that are forced now are added.

    Raises:
        OSError: the disk has not taken them.
    """
    folders = {table / "_delta_log"} | ({table.parent, table} if before is None else set())
    first = max(0, version - _UNKNOWN) if before is None else before + 1
    for each in range(first, version + 1):
        commit = _commit(table, each)
        try:
            for path, _ in _added(commit):
                _force(table / path)
                day = (table / path).parent
                folders |= {day} if day in days else {day, table}
            _force(commit)
        except FileNotFoundError:  # merged and removed, or cleaned up, since: what took its place was forced
            continue
    for folder in folders:
        _force(folder)
    days |= folders


def force_checkpoint(table: Path) -> None:
    """Force the newest checkpoint and the pointer to it, before the entries that it stands for are cleaned up."""
    log = table / "_delta_log"
    for path in [*sorted(log.glob("*.checkpoint.parquet"))[-1:], log / "_last_checkpoint", log]:
        _force(path)


def set_aside(table: Path, version: int) -> None:
    """Take the newest commit back: its entry becomes `*.torn`. One that has a follower stays, for a gap would end the table."""
    commit = _commit(table, version)
    if not _commit(table, version + 1).exists():
        commit.rename(commit.with_suffix(".torn"))


def mend(table: Path) -> None:
    """Set aside what a power cut left half on the disk. Damage of any other kind is left, to be reported by whoever reads it."""
    log = table / "_delta_log"
    for checkpoint in sorted(log.glob("*.checkpoint.parquet"), reverse=True):
        if _is_parquet(checkpoint):
            break
        checkpoint.rename(checkpoint.with_suffix(".torn"))
    pointer = log / "_last_checkpoint"
    if pointer.exists() and not _points(pointer):
        pointer.unlink()
    for commit in sorted(log.glob("*.json"), reverse=True):
        if not _is_torn(table, commit):
            break
        commit.rename(commit.with_suffix(".torn"))


def _commit(table: Path, version: int) -> Path:
    return table / "_delta_log" / f"{version:020d}.json"


def _added(commit: Path) -> Iterator[tuple[str, int]]:
    """Path and size of each file that a commit added."""
    for line in commit.read_bytes().split(b"\n"):  # text would also be split at U+0085 and U+2028, which a column's least value may hold
        if not line.strip():
            continue
        action: dict[str, Any] = json.loads(line)
        if "add" in action:
            yield unquote(action["add"]["path"]), action["add"]["size"]


def _is_torn(table: Path, commit: Path) -> bool:
    text = commit.read_bytes().rstrip(b"\x00")
    if not text:
        return True
    if not text.startswith(b"{"):
        return False
    try:
        return any(not _is_whole(table / path, size) for path, size in _added(commit))
    except ValueError:  # cut off within a line
        return True


def _is_whole(file: Path, size: int) -> bool:
    return file.exists() and file.stat().st_size == size and _is_parquet(file)


def _is_parquet(file: Path) -> bool:
    """Whether it ends as such a file does: its last bytes are written last."""
    with file.open("rb") as opened:
        size = opened.seek(0, os.SEEK_END)
        opened.seek(max(0, size - 4))
        return opened.read() == b"PAR1"


def _points(pointer: Path) -> bool:
    try:
        version = json.loads(pointer.read_bytes())["version"]
    except (ValueError, TypeError, KeyError):
        return False
    return (pointer.parent / f"{version:020d}.checkpoint.parquet").exists()


def _force(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
