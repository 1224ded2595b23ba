"""Farero without its record, to see what the record costs: `python unrecorded.py ROOT PORT`. The product has no such switch.

All else is as in `farero up`: the rows are checked, the record is made and framed; only the frames go nowhere.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from farero import wiring
from farero.serving.spool import Spool


class Dropping(Spool):
    """Takes records as the real one does, and writes their frames to nowhere."""

    def _open(self) -> int:
        return os.open(os.devnull, os.O_WRONLY)


if __name__ == "__main__":
    wiring.Spool = Dropping  # type: ignore[misc]
    from farero.server import serve

    with wiring.open_app(Path(sys.argv[1])) as app:
        raise SystemExit(serve(app, "127.0.0.1", int(sys.argv[2]), workers=1))
