"""Memory that is not used any more goes back to the system: the C library would keep it, and a process would only ever grow."""

from __future__ import annotations

import ctypes
import gc
import resource
from pathlib import Path
from typing import Final

_ARENA_MAX: Final = -8
"""glibc's `M_ARENA_MAX`, for `mallopt`."""

GROWN_BYTES: Final = 8 << 20


def few_arenas() -> None:
    """Let all threads share two pools of memory. With one for each thread, what one thread frees no other thread uses.

    Call it before there are threads. Without glibc nothing happens.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_ARENA_MAX, 2)


class Upkeep:
    """Gives back where a process has grown, and leaves one alone that has not: it costs some tens of milliseconds."""

    def __init__(self) -> None:
        self._kept = 0

    def look(self) -> bool:
        """Give back if there is a good deal more than after the last time; says whether it did."""
        if resident_bytes() < self._kept + GROWN_BYTES:
            return False
        give_back()
        self._kept = resident_bytes()
        return True


def resident_bytes() -> int:
    """What this process has in memory; 0 where the system does not say."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    except OSError:
        return 0


def give_back() -> None:
    """Collect garbage, and let the system have what is free. Takes some tens of milliseconds."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
