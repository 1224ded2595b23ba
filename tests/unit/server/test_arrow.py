"""A server's Arrow takes its memory from the C library."""

from __future__ import annotations

import subprocess
import sys


def test_arrow_uses_the_c_librarys_memory_in_a_server() -> None:
    asked = "import farero.server, pyarrow; pyarrow.array([1, 2, 3]); print(pyarrow.default_memory_pool().backend_name)"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "system"
