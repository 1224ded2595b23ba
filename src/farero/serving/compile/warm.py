"""Makes the kernels ready: numba compiles them once for an installation and keeps the machine code; a process then only reads it."""

from __future__ import annotations

from farero.core import counting, duplicates
from farero.serving.compile import json_rows, linear, trees


def warm() -> None:
    """Compile every kernel, or read it from numba's cache.

    The first time takes many seconds. Call it where nobody waits, such as at installation, and before a server forks, so that all
    of its processes share the code.
    """
    linear.kernel()
    trees.kernel()
    json_rows.kernels()
    counting.kernel()
    duplicates.kernel()


if __name__ == "__main__":
    warm()
