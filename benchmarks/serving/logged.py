"""Prints how many rows a project's prediction log holds, after handing over what no server did: `python logged.py ROOT`."""

from __future__ import annotations

import sys
from pathlib import Path

from farero.adapters.delta_log import DeltaLog
from farero.flow.record import hand_over
from farero.project.load import load
from farero.wiring import shapes

root = Path(sys.argv[1]).resolve()
loaded = load(root)
log = DeltaLog(root / ".farero" / "log", shapes(loaded.projects))
hand_over(root / ".farero" / "spool", log)
spans = [log.span(model) for model in loaded.projects]
print(sum(span[2] for span in spans if span is not None))
