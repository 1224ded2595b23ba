"""What a process uses, as the kernel tells: asked for when somebody looks, because some of it takes milliseconds."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import Final

from farero.telemetry import Sample, sample

_TICK_S: Final = 1.0 / os.sysconf("SC_CLK_TCK")
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
# Of /proc/<pid>/stat, counted after the name in brackets, which may hold anything: user and system time, threads, start, pages in RAM.
_USER, _SYSTEM, _THREADS, _STARTED, _RESIDENT = 11, 12, 17, 19, 21

UNIQUE_S: Final = 60.0
"""How long the size of a process's own memory is believed: to tell it the kernel walks all pages, which takes 13 ms for 270 MB (measured
here) and lets the process wait meanwhile when it wants more memory."""
_known: Final[dict[tuple[int, int], tuple[float, int | None]]] = {}


def started_ticks(pid: int) -> int | None:
    """When the process started, in ticks since the machine did; None without such a process. Tells it from a later one of its number."""
    found = _stat(pid)
    return int(found[_STARTED]) if found else None


def process_samples(pid: int, process: str) -> list[Sample]:
    """Memory, processor time, threads and files of a living process; nothing of one that is gone."""
    found = _stat(pid)
    if not found:
        return []
    booted = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    values: dict[str, float | None] = {
        "resident_bytes": int(found[_RESIDENT]) * _PAGE,
        "unique_bytes": _known_unique(pid, int(found[_STARTED])),
        "cpu_seconds_total": (int(found[_USER]) + int(found[_SYSTEM])) * _TICK_S,
        "start_time_seconds": booted + int(found[_STARTED]) * _TICK_S,
        "threads": int(found[_THREADS]),
        "open_files": _files(pid),
    }
    return [sample(f"farero_process_{name}", float(value), process=process) for name, value in values.items() if value is not None]


def disk_samples(folder: Path) -> list[Sample]:
    """Size of the disk that holds the folder, and what is free there."""
    used = shutil.disk_usage(folder)
    return [sample("farero_disk_free_bytes", float(used.free)), sample("farero_disk_total_bytes", float(used.total))]


def _stat(pid: int) -> list[str]:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return []
    found = text.rpartition(")")[2].split()
    return [] if found[0] in "ZX" else found  # a dead one that nobody has waited for uses nothing


def _known_unique(pid: int, ticks: int) -> int | None:
    now = time.monotonic()
    when, size = _known.get((pid, ticks), (-UNIQUE_S, None))
    if now - when < UNIQUE_S:
        return size
    for key in [key for key, (when, _) in _known.items() if now - when >= UNIQUE_S]:
        _known.pop(key, None)
    size = _unique(pid)
    _known[pid, ticks] = (now, size)
    return size


def _unique(pid: int) -> int | None:
    """Bytes of the process alone, private clean and dirty pages; None where the kernel does not let us ask."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return None
    return sum(int(line.split()[1]) << 10 for line in lines if line.startswith(("Private_Clean:", "Private_Dirty:")))


def _files(pid: int) -> int | None:
    try:
        return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return None
