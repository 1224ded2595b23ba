"""What replaying a year of flights in daily windows costs, when nothing is retrained: wall clock and CPU, beside the rows predicted."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BIN = Path(sys.executable).parent


def main() -> None:
    """Run it once and print the figures."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "flights"
        subprocess.run([str(BIN / "farero"), "new", str(folder), "--example", "flights"], check=True, stdout=subprocess.DEVNULL)
        command = [
            str(BIN / "farero"), "replay", str(folder / "flights.parquet"), "--time", "time_hour", "--window", "1d",
            "--train-until", "2013-01-31", "--policy", "never", "--json", "--project", str(folder),
        ]  # fmt: skip
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        begun = time.perf_counter()
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        wall_s = time.perf_counter() - begun
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    (policy,) = json.loads(done.stdout)["policies"]
    rows, windows = policy["totals"]["predictions"], len(policy["windows"])
    own = policy["totals"]["cpu_s"]
    print(f"{windows} daily windows, {rows:,} rows   wall {wall_s:6.1f} s   CPU {cpu_s:6.1f} s   of it the replay itself {own:.1f} s")


if __name__ == "__main__":
    main()
