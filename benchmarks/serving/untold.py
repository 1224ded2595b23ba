"""Farero without log lines and figures, to see what they cost: `python untold.py ROOT PORT`. The product has no such switch.

All else is as in `farero up`: the rows are checked, and recorded.
"""

from __future__ import annotations

import sys
from pathlib import Path

from farero.server import serve, turn


class Silent:
    """Takes lines, and writes none."""

    def add(self, *told: object) -> None:
        """Nothing."""

    def flush(self) -> None:
        """Nothing."""


class Uncounted:
    """Stands for a counter and a histogram, and counts nothing."""

    def add(self, n: float = 1.0) -> None:
        """Nothing."""

    def observe(self, value: float) -> None:
        """Nothing."""


class Quiet(turn.Turn):
    """A turn that tells nobody what it did."""

    def __init__(self, *given: object, **named: object) -> None:
        super().__init__(*given, **named)  # type: ignore[arg-type]
        self._lines = Silent()  # type: ignore[assignment]
        self._answered = self._seconds = Uncounted()  # type: ignore[assignment]

    def _make_cells(self, key: tuple[str, str]) -> tuple[Uncounted, Uncounted, Uncounted]:  # type: ignore[override]
        made = self._cells[key] = (Uncounted(), Uncounted(), Uncounted())  # type: ignore[assignment]
        return made


if __name__ == "__main__":
    from farero.server import answering

    answering.Turn = Quiet  # type: ignore[misc]  # the processes that answer are forked, so they have it too
    raise SystemExit(serve(Path(sys.argv[1]), "127.0.0.1", int(sys.argv[2]), workers=1))
