"""Which memory Arrow takes in a server: the C library's, as everything else does.

Arrow's own pool keeps what it once took, a heap for each thread: a process that reads the log for every batch of labels grew by 250 MB
under 60,000 mixed requests. What the C library has goes back to the system (`serving.memory`). Arrow decides when it is first used, so
this module stands before all that imports it.
"""

from __future__ import annotations

import os

os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
