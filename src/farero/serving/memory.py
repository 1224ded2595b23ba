"""Memory that is not used any more goes back to the system: the C library would keep it, and a process would only ever grow."""

from __future__ import annotations

import ctypes
import gc
from typing import Final

_ARENA_MAX: Final = -8
"""glibc's `M_ARENA_MAX`, for `mallopt`."""


def few_arenas() -> None:
    """Let all threads share two pools of memory. With one for each thread, what one thread frees no other thread uses.

    Call it before there are threads. Without glibc nothing happens.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_ARENA_MAX, 2)


def give_back() -> None:
    """Collect garbage, and let the system have what is free. Takes some milliseconds."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
