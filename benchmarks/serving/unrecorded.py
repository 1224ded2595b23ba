"""Farero without its record, to see what the record costs: `python unrecorded.py ROOT PORT`. The product has no such switch.

All else is as in `farero up`: the rows are checked, the record is made, framed, and written; only, to /dev/null.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from farero import wiring
from farero.server import serve
from farero.serving.spool import Spool


class Dropping(Spool):
    """Takes frames as the real one does, and writes them to nowhere."""

    def _open(self) -> int:
        return os.open(os.devnull, os.O_WRONLY)


if __name__ == "__main__":
    wiring.Spool = Dropping  # type: ignore[misc]  # the processes that answer are forked, so they have it too
    raise SystemExit(serve(Path(sys.argv[1]), "127.0.0.1", int(sys.argv[2]), workers=1))
