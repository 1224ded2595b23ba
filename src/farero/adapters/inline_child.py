"""Runs a job in this process: the fake of a child, for tests and for replays of trusted code. It cannot stop a job that hangs."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from farero.core.failure import from_exception, to_error
from farero.ports import Limits

OUTPUT = "output.txt"
_KEPT = 64 << 10


class InlineChild:
    """Keeps every promise of `ports.Child` but the limits.

    Args:
        hide: takes secrets out of a text.
    """

    def __init__(self, hide: Callable[[str], str] = str) -> None:
        self._hide = hide

    def close(self) -> None:
        """Nothing runs beside the caller, so there is nothing to end."""

    def run(self, job: Callable[[Path], None], folder: Path, limits: Limits, progress: Callable[[str], None] | None = None) -> None:
        """Call `job(folder)`; see `ports.Child`."""
        output = _Lines(progress, self._hide)
        try:
            with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
                job(folder)
        except (Exception, SystemExit) as error:
            failure = from_exception(error, skip_frames=1)
            failure = replace(failure, message=self._hide(failure.message), traceback=self._hide(failure.traceback))
            raise to_error(
                failure, what="train", timeout_s=limits.timeout_s, memory_bytes=limits.memory_bytes, output=self._hide(output.getvalue())
            ) from error
        finally:
            output.end()
            (folder / OUTPUT).write_text(self._hide(output.getvalue())[-_KEPT:], errors="replace")


class _Lines(io.StringIO):
    """Keeps what is written, and tells each line as it comes."""

    def __init__(self, progress: Callable[[str], None] | None, hide: Callable[[str], str]) -> None:
        super().__init__()
        self._progress = progress
        self._hide = hide
        self._rest = ""
        self._outside = sys.stdout, sys.stderr

    def write(self, text: str) -> int:
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._tell(line)
        return super().write(text)

    def end(self) -> None:
        """Tell a last line that has no end."""
        rest, self._rest = self._rest, ""
        if rest:
            self._tell(rest)

    def _tell(self, line: str) -> None:
        """Whoever listens may print himself: not into what he listens to."""
        if self._progress is not None:
            with contextlib.redirect_stdout(self._outside[0]), contextlib.redirect_stderr(self._outside[1]):
                self._progress(self._hide(line))
