"""Names for processes, from which others on the same machine can tell whether they have ended."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from uuid import uuid4


def this_process() -> str:
    """A name that no other process ever had: host, machine, process, and a few random digits."""
    return f"{socket.gethostname()}:{_machine()}:{os.getpid()}:{_began(os.getpid())}:{uuid4().hex[:8]}"


def is_gone(name: str) -> bool:
    """Whether the process of this name has certainly ended. False where it ran, or may run, on another machine."""
    try:
        host, machine, pid, began, _ = name.rsplit(":", 4)
    except ValueError:
        return False
    if not machine or (host, machine) != (socket.gethostname(), _machine()):
        return False
    return _began(int(pid)) != began


def _machine() -> str:
    """This start of this machine, and its table of processes: two containers may have equal names and equal process numbers."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip().replace("-", "")[:12]
        return f"{boot}-{str(Path('/proc/self/ns/pid').readlink()).strip('pid:[]')}"
    except OSError:
        return ""


def _began(pid: int) -> str:
    """When a process was started, in ticks since the machine was; '' where there is none. Process numbers are used again."""
    try:
        # The name in brackets may hold spaces and brackets itself.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in ("Z", "X") else fields[19]
