"""What `farero demo --fast` costs: wall clock, CPU, and the most memory that all of its processes held at once."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

BIN = Path(sys.executable).parent
LOOK_EVERY_S = 0.1


def main() -> None:
    """Run it once and print the figures."""
    example = sys.argv[1] if len(sys.argv) > 1 else "bikes"
    with tempfile.TemporaryDirectory() as name, (Path(name) / "output.txt").open("wb") as output:
        begun = time.perf_counter()
        command = [str(BIN / "farero"), "demo", "--example", example, "--fast", "--dir", str(Path(name) / "demo")]
        demo = psutil.Popen(command, stdout=output, stderr=output)
        peak, cpu_s = watch(demo)
        wall_s = time.perf_counter() - begun
        if demo.returncode:
            sys.exit((Path(name) / "output.txt").read_text())
    print(
        f"farero demo --fast ({example})   wall {wall_s:6.1f} s   CPU {cpu_s:6.1f} s   peak memory of all processes {peak / 2**20:,.0f} MiB"
    )


def watch(process: psutil.Popen) -> tuple[int, float]:
    """Wait for a process; the largest sum of resident memory over it and all below it [B], and the CPU time of them all [s]."""
    peak = 0
    spent: dict[int, float] = {}
    while process.poll() is None:
        resident = 0
        for one in family(process):
            try:
                resident += one.memory_full_info().pss
                used = one.cpu_times()
                spent[one.pid] = used.user + used.system
            except psutil.Error:
                continue  # it ended while it was looked at
        peak = max(peak, resident)
        time.sleep(LOOK_EVERY_S)
    return peak, sum(spent.values())


def family(process: psutil.Popen) -> list[psutil.Process]:
    """A process and everything below it."""
    try:
        return [process, *process.children(recursive=True)]
    except psutil.Error:
        return []


if __name__ == "__main__":
    subprocess.run([str(BIN / "farero"), "--version"], check=True, stdout=subprocess.DEVNULL)  # imports are compiled before the clock runs
    main()
