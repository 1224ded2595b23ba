"""How many threads numeric libraries may use for a piece of work of a given size."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

CELLS_A_THREAD = 2_000_000
"""Below this many cells a second thread costs more than it brings. Measured on two busy cores, gradient boosting on 80,000 x 7:
0.45 s with one thread, 2.6 s with two, because OpenMP threads spin while they wait for each other."""


@contextmanager
def limited(cells: int) -> Iterator[None]:
    """Limit the numeric libraries that are loaded by now to the threads that `cells` are worth."""
    with threadpool_limits(limits=threads(cells, os.cpu_count() or 1)):
        yield


def threads(cells: int, cores: int) -> int:
    """One thread for every `CELLS_A_THREAD`, at least one, at most one a core.

    >>> threads(560_000, 8), threads(5_000_000, 8), threads(100_000_000, 8)
    (1, 2, 8)
    """
    return max(1, min(cores, cells // CELLS_A_THREAD))
