"""The process that jobs are forked from: a program of its own, started by `child_process.py`, with nothing of the project in it.

Each job gets a guard: the guard forks the job, waits for its end, for the clock, or for the line to close, then ends
whatever the job left running and reports. Plain `os` calls, because `multiprocessing` imports the caller's main module again,
leaves a job's children alive and cannot say how a child died.
"""

from __future__ import annotations

import ctypes
import dataclasses
import faulthandler
import importlib
import json
import os
import resource
import select
import signal
import socket
import sys
import time
import traceback
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn, TypedDict

from farero.core.failure import Failure, from_exception

_FRAMES_OF_OURS = 2
_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER of linux/prctl.h
_GRACE_S = 0.25


class Request(TypedDict):
    """One job, as `child_process.py` sends it."""

    module: str
    name: str
    folder: str
    timeout_s: float
    memory_bytes: int
    path: list[str]
    cwd: str
    environment: dict[str, str]


def main(handle: int, preload: Sequence[str]) -> None:
    """Serve jobs until the other side closes the line."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for guards: the kernel forgets them
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in preload:
            try:
                importlib.import_module(name)
            except ImportError:
                pass  # the job says so if it needs it; importing early only saves time
    line = socket.socket(fileno=handle)
    while True:
        message, handles, _, _ = socket.recv_fds(line, 1, 2)
        if not message:
            return
        if _fork() == 0:
            line.close()
            _guard(socket.socket(fileno=handles[0]), handles[1])
        for passed in handles:
            os.close(passed)


def _fork() -> int:
    with warnings.catch_warnings():  # numpy's idle BLAS threads: it restarts them after a fork by itself
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def _guard(line: socket.socket, output: int) -> NoReturn:
    """Run one job and report how it ended."""
    try:
        line.sendall(b"began\n")
        request: Request = json.loads(_exactly(line, int.from_bytes(_exactly(line, 4), "big")))
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)  # what the job leaves running becomes our child, so that we can end it
        signal.signal(signal.SIGCHLD, lambda *_: None)
        wake, alarm = os.pipe()
        os.set_blocking(alarm, False)
        signal.set_wakeup_fd(alarm, warn_on_full_buffer=False)
        reader, writer = os.pipe()
        job = _fork()
        if job == 0:
            signal.set_wakeup_fd(-1)
            for handle in (line.fileno(), wake, alarm, reader):
                os.close(handle)
            _job(request, writer, output)
        os.close(writer)
        os.close(output)
        report = _watch(job, line, wake, reader, request["timeout_s"])
        line.sendall(json.dumps(report).encode() + b"\n")
    except (BrokenPipeError, ConnectionResetError, EOFError):
        pass  # the other side is gone, and the job with it
    except BaseException:  # noqa: BLE001 - a forked process must never return into the server
        traceback.print_exc()
    finally:
        os._exit(0)


def _exactly(line: socket.socket, size: int) -> bytes:
    received = bytearray()
    while len(received) < size:
        block = line.recv(size - len(received))
        if not block:
            raise EOFError
        received += block
    return bytes(received)


def _watch(job: int, line: socket.socket, wake: int, reader: int, timeout_s: float) -> dict[str, object]:
    """Wait for the job's end, ending it when the time is over or the line closes."""
    deadline = time.monotonic() + timeout_s + _GRACE_S  # the job writes down where it hangs at timeout_s
    late = False
    while not (ended := os.wait4(job, os.WNOHANG))[0]:
        left = deadline - time.monotonic()
        ready = select.select([line.fileno(), wake], [], [], max(0.0, left))[0]
        if wake in ready:
            os.read(wake, 512)
        if line.fileno() in ready or left <= 0:
            late = line.fileno() not in ready
            os.kill(job, signal.SIGKILL)
            ended = os.wait4(job, 0)
            break
    _end_all(job)
    _, status, usage = ended
    os.set_blocking(reader, False)
    try:
        said = os.read(reader, 1 << 16)
    except BlockingIOError:
        said = b""
    peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return {**_ending(status, said, late=late), "peak_bytes": peak}


def _ending(status: int, said: bytes, *, late: bool) -> dict[str, object]:
    """How it ended, as fields of a `Failure`; none where it returned."""
    if said:
        report: dict[str, object] = json.loads(said)
        return report
    if late:
        return dataclasses.asdict(Failure(ending="timeout"))
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        name = signal.Signals(number).name if number in signal.valid_signals() and number < signal.SIGRTMIN else f"signal {number}"
        return dataclasses.asdict(Failure(ending="signal", error=name))
    return dataclasses.asdict(Failure(ending="vanished", status=str(os.waitstatus_to_exitcode(status))))


def _end_all(job: int) -> None:
    """End the job's process group, then every orphan that came to us, until there is none."""
    try:
        os.killpg(job, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass
    while True:
        try:
            os.waitpid(-1, os.WNOHANG)
            children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
        except (ChildProcessError, FileNotFoundError):
            return
        for child in children:
            os.kill(int(child), signal.SIGKILL)
        if children:
            os.waitpid(-1, 0)


def _job(request: Request, writer: int, output: int) -> NoReturn:
    """Become the job: own session, limits, output; call it; say how it went."""
    me = os.getpid()
    said: dict[str, object] = dataclasses.asdict(Failure(ending="raised", error="Error", message="its exception could not be described"))
    limit = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    try:
        os.setsid()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for stream in (1, 2):
            os.dup2(output, stream)
        os.close(output)
        sys.stdout, sys.stderr = (os.fdopen(stream, "w", buffering=1, errors="backslashreplace", closefd=False) for stream in (1, 2))
        faulthandler.enable(2)
        faulthandler.dump_traceback_later(request["timeout_s"], file=2)
        os.environ.clear()
        os.environ.update(request["environment"])
        sys.path[:] = request["path"]
        sys.argv[:] = ["farero-job"]
        os.chdir(request["cwd"])
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        limit = resource.getrlimit(resource.RLIMIT_AS)
        _limit_memory(request["memory_bytes"], limit[1])
        _call(request)
        said = {}
    except BaseException as error:  # noqa: BLE001 - the job may raise anything, and all of it is reported
        if os.getpid() == me:
            resource.setrlimit(resource.RLIMIT_AS, limit)  # room to tell what happened
            said = dataclasses.asdict(from_exception(error, _FRAMES_OF_OURS))
    finally:
        if os.getpid() == me:  # a process that the job forked may come here too: it has nothing to say
            for stream_ in (sys.stdout, sys.stderr):
                try:
                    stream_.flush()
                except (OSError, ValueError):
                    pass  # the job closed it
            os.write(writer, json.dumps(said).encode())
        os._exit(0)


def _call(request: Request) -> None:
    job = getattr(importlib.import_module(request["module"]), request["name"])
    job(Path(request["folder"]))


def _limit_memory(more: int, most: int) -> None:
    """Let the address space grow by this much. Where the system has no such figure (macOS), there is no limit."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except FileNotFoundError:
        return
    wanted = pages * resource.getpagesize() + more
    resource.setrlimit(resource.RLIMIT_AS, (wanted if most == resource.RLIM_INFINITY else min(wanted, most), most))
