"""Runs a job in this process: the fake of a child, for tests and for replays of trusted code. It cannot stop a job that hangs."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from pathlib import Path

from farero.core.failure import from_exception, to_error
from farero.ports import Limits

OUTPUT = "output.txt"
_KEPT = 64 << 10


class InlineChild:
    """Keeps every promise of `ports.Child` but the limits."""

    def run(self, job: Callable[[Path], None], folder: Path, limits: Limits, progress: Callable[[str], None] | None = None) -> None:
        """Call `job(folder)`; see `ports.Child`."""
        output = _Lines(progress)
        try:
            with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
                job(folder)
        except (Exception, SystemExit) as error:
            failure = from_exception(error, skip_frames=1)
            raise to_error(
                failure, what="train", timeout_s=limits.timeout_s, memory_bytes=limits.memory_bytes, output=output.getvalue()
            ) from error
        finally:
            (folder / OUTPUT).write_text(output.getvalue()[-_KEPT:], errors="replace")


class _Lines(io.StringIO):
    """Keeps what is written, and tells each whole line as it comes."""

    def __init__(self, progress: Callable[[str], None] | None) -> None:
        super().__init__()
        self._progress = progress
        self._rest = ""

    def write(self, text: str) -> int:
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines if self._progress else ():
            self._progress(line)  # type: ignore[misc]
        return super().write(text)
