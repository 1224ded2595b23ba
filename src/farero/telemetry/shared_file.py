"""The log file, which several processes write and whoever finds it full rotates."""

from __future__ import annotations

import fcntl
import logging
import os
from logging.handlers import RotatingFileHandler
from pathlib import Path


class SharedFile(RotatingFileHandler):
    """A rotated file that several processes write: whoever finds it full renames it, the others follow to the new one."""

    def shouldRollover(self, record: logging.LogRecord) -> bool:  # noqa: N802 (the name that logging calls)
        """Whether the file of this name, not one that was renamed meanwhile, is full."""
        self._follow()
        return bool(super().shouldRollover(record))

    def doRollover(self) -> None:  # noqa: N802 (the name that logging calls)
        """Rename the full file, unless another process has done so while this one waited for its turn."""
        if self.stream is None:
            return
        held = os.dup(self.stream.fileno())  # the lock belongs to the open file, and must outlast the stream, which is closed on the way
        try:
            fcntl.flock(held, fcntl.LOCK_EX)
            if not self._follow():
                super().doRollover()
        finally:
            os.close(held)

    def _follow(self) -> bool:
        """Open the file anew where its name leads to another one by now; says whether it did."""
        if self.stream is None:
            return False
        mine = os.fstat(self.stream.fileno())
        try:
            named = Path(self.baseFilename).stat()
        except FileNotFoundError:
            pass
        else:
            if (named.st_dev, named.st_ino) == (mine.st_dev, mine.st_ino):
                return False
        self.stream.close()
        self.stream = self._open()
        return True
