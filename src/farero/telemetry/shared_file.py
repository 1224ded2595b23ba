"""The log file, which several processes write and whoever finds it full rotates."""

from __future__ import annotations

import errno
import fcntl
import logging
import os
from pathlib import Path


class SharedFile(logging.Handler):
    """Appends lines; a full file is renamed to `.1`, and whoever still has it open follows to the new one.

    Every append is one `write` at the end of the file, which the kernel does not mix with another process's, and one `stat` before it,
    which tells both whether the file was renamed meanwhile and whether it is full.

    Args:
        kept: how many full files stay, at least 1.
    """

    def __init__(self, path: Path, *, max_bytes: int, kept: int) -> None:
        super().__init__()
        self._path = os.fspath(path)
        self._max_bytes = max_bytes
        self._kept = kept
        self._torn = False
        self._file: int | None = None
        self._identity = (0, 0)
        self._open()

    def emit(self, record: logging.LogRecord) -> None:
        """Append the line of a record."""
        try:
            self.append(self.format(record).encode("utf-8", "backslashreplace") + b"\n")
        except Exception:  # noqa: BLE001 - logging never raises where something is logged
            self.handleError(record)

    def append(self, lines: bytes) -> None:
        """Append whole lines, in as many files as they fill. The caller holds the handler's lock, as `emit` does.

        Raises:
            OSError: they could not be written, or only a part of them.
        """
        while len(lines) > self._max_bytes and (cut := lines.rfind(b"\n", 0, self._max_bytes) + 1) not in (0, len(lines)):
            self._append(lines[:cut])
            lines = lines[cut:]
        self._append(lines)

    def close(self) -> None:
        """Let the file go."""
        self.acquire()
        try:
            if self._file is not None:
                os.close(self._file)
                self._file = None
        finally:
            self.release()
        super().close()

    def _append(self, lines: bytes) -> None:
        while (size := self._size()) > 0 and size + len(lines) > self._max_bytes:
            self._rotate(len(lines))
        assert self._file is not None
        whole = b"\n" + lines if self._torn else lines  # a line that a full disk cut short must not swallow the next one
        written = os.write(self._file, whole)
        self._torn = written < len(whole)
        if self._torn:
            raise OSError(errno.ENOSPC, f"Only {written} of {len(whole)} bytes could be written", self._path)

    def _size(self) -> int:
        """The size of the file of this name, which is open from then on."""
        try:
            named = os.stat(self._path)  # noqa: PTH116 - for every line; a Path would take longer than the call itself
        except FileNotFoundError:
            self._open()
            return 0
        if (named.st_dev, named.st_ino) != self._identity or self._file is None:
            self._open()
        return named.st_size

    def _open(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None
        self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        opened = os.fstat(self._file)
        self._identity = (opened.st_dev, opened.st_ino)

    def _rotate(self, more: int) -> None:
        """Rename the full file, unless another process has done so while this one waited for its turn."""
        # The lock is taken on a file opened for it alone: a forked process shares our own open file, and with it would share the lock.
        locked = os.open(self._path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(locked, fcntl.LOCK_EX)
            size = self._size()
            mine = os.fstat(locked)
            if (mine.st_dev, mine.st_ino) == self._identity and size > 0 and size + more > self._max_bytes:
                for number in range(self._kept, 0, -1):
                    older = Path(self._path if number == 1 else f"{self._path}.{number - 1}")
                    if older.exists():
                        older.replace(f"{self._path}.{number}")
                self._open()
        finally:
            os.close(locked)
