"""Runs a job in a process of its own, forked from a warm server, so that it can hang, die or eat memory without harm.

    this process --two handles--> server --fork--> guard --fork--> job
         +-------- line: request, then report --------+

The server (`child_server.py`) has the heavy libraries imported and nothing else, so that a job starts in milliseconds and
finds neither our threads nor our locks. The guard watches the clock and the line: when we die, the job dies.
"""

from __future__ import annotations

import array
import json
import os
import selectors
import socket
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from farero.core.failure import Failure, to_error
from farero.errors import OutsideError, TrainFailed
from farero.ports import Limits

OUTPUT = "output.txt"
PRELOAD = ("numpy", "pandas", "pyarrow.feather", "cloudpickle", "sklearn.ensemble", "sklearn.pipeline", "sklearn.compose")
_KEPT = 64 << 10
_PATIENCE_S = 5.0
_START = """import json, sys
sys.path[:] = json.loads(sys.argv[1])
from farero.adapters.child_server import main
main(int(sys.argv[2]), json.loads(sys.argv[3]))"""


class ChildProcess:
    """Jobs run one process each, in a session of their own; what they start dies with them.

    Args:
        preload: modules that a job finds imported.
        hide: takes secrets out of a text. Whatever a job prints or raises goes through it before anybody else sees it.
    """

    def __init__(self, preload: Sequence[str] = PRELOAD, hide: Callable[[str], str] = str) -> None:
        self._preload = tuple(preload)
        self._hide = hide
        self._lock = threading.Lock()
        self._server: subprocess.Popen[bytes] | None = None
        self._line: socket.socket | None = None
        self._stop: Callable[[], object] = lambda: None
        self._jobs: set[socket.socket] = set()

    @property
    def server_pid(self) -> int | None:
        """Process id of the server, None before the first job."""
        return None if self._server is None else self._server.pid

    def warm(self) -> None:
        """Start the server now, so that the first job need not wait for its imports. Returns at once."""
        with self._lock:
            self._alive()

    def run(self, job: Callable[[Path], None], folder: Path, limits: Limits, progress: Callable[[str], None] | None = None) -> None:
        """Call `job(folder)` in a process of its own and wait; see `ports.Child`.

        What it prints goes to `output.txt` in the folder (the last 64 KiB), and line by line to `progress`.
        """
        output = _Output(progress, self._hide)
        try:
            report = self._attempt(_request(job, folder, limits), output)
            if report is None:  # the server died before it took the job: somebody ended it, so start another
                report = self._attempt(_request(job, folder, limits), output)
        finally:
            output.end()
            (folder / OUTPUT).write_bytes(output.kept())
        if report is None:
            raise _no_server()
        if "ending" in report:
            raise _error(report, limits, output, self._hide)

    def close(self) -> None:
        """End the server and every job that still runs."""
        with self._lock:
            for line in self._jobs:
                try:
                    line.shutdown(socket.SHUT_WR)  # the guard ends its job when its line closes
                except OSError:
                    pass  # it is gone already
            self._stop()
            self._line = self._server = None

    def _attempt(self, request: bytes, output: _Output) -> dict[str, object] | None:
        """Hand the job to the server and follow it. None = it was never begun."""
        ours, theirs = socket.socketpair()
        reader, writer = os.pipe()
        with self._lock:
            self._jobs.add(ours)
        try:
            try:
                self._hand(theirs, writer)
            finally:
                theirs.close()
                os.close(writer)
            return _follow(ours, reader, request, output)
        finally:
            # Closing the line tells the guard to end the job: on Ctrl-C nothing is left behind. It answers by closing its own end.
            try:
                ours.shutdown(socket.SHUT_WR)
                while ours.recv(4096):
                    pass
            except OSError:
                pass  # the guard is gone already
            with self._lock:
                self._jobs.discard(ours)
            ours.close()
            os.close(reader)

    def _hand(self, line: socket.socket, writer: int) -> None:
        with self._lock:
            for _ in range(2):
                try:
                    handles = array.array("i", [line.fileno(), writer])
                    self._alive().sendmsg([b"j"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, handles)])
                    return
                except (BrokenPipeError, ConnectionResetError):
                    self._server = None
            raise _no_server()

    def _alive(self) -> socket.socket:
        """The line to a server that runs; starts one where there is none."""
        if self._server is not None and self._line is not None and self._server.poll() is None:
            return self._line
        self._stop()
        ours, theirs = socket.socketpair()
        with theirs:
            self._server = subprocess.Popen(
                [sys.executable, "-c", _START, json.dumps(sys.path), str(theirs.fileno()), json.dumps(self._preload)],
                pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                start_new_session=True,  # so that Ctrl-C at a terminal reaches us alone, and we decide
            )  # fmt: skip
        self._line = ours
        self._stop = weakref.finalize(self, _end, ours, self._server)  # also when the program ends without `close`
        return ours


class _Output:
    """The end of what a job printed, and its lines as they come; both without secrets."""

    def __init__(self, progress: Callable[[str], None] | None, hide: Callable[[str], str]) -> None:
        self._bytes = bytearray()
        self._rest = b""
        self._progress = progress
        self._hide = hide

    def add(self, block: bytes) -> None:
        self._bytes += block
        if len(self._bytes) > 4 * _KEPT:
            # A secret that was cut in two would be known by nobody: a line is kept whole, or what is left of it goes as well.
            cut = len(self._bytes) - _KEPT
            whole = self._bytes.rfind(b"\n", cut - _KEPT, cut)
            del self._bytes[: whole + 1 if whole >= 0 else max(self._bytes.find(b"\n", cut), cut)]
        if self._progress is not None:
            *lines, rest = (self._rest + block).split(b"\n")
            self._rest = rest[-_KEPT:]
            for line in lines:
                self._progress(self._hide(line.decode(errors="replace")))

    def end(self) -> None:
        """Tell a last line that has no end."""
        rest, self._rest = self._rest, b""
        if rest and self._progress is not None:
            self._progress(self._hide(rest.decode(errors="replace")))

    def kept(self) -> bytes:
        return self._hide(self._bytes.decode(errors="surrogateescape")).encode(errors="surrogateescape")[-_KEPT:]


def _end(line: socket.socket, server: subprocess.Popen[bytes]) -> None:
    """Close the line: the server ends by itself, also the guards with their jobs."""
    line.close()
    try:
        server.wait(_PATIENCE_S)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def _no_server() -> OutsideError:
    return OutsideError("The process that starts training processes ends at once.", hint="Look at this machine's free memory and limits.")


def _request(job: Callable[[Path], None], folder: Path, limits: Limits) -> bytes:
    """What the guard needs to know. The job goes by name: the process must find it by an import."""
    if job.__module__ == "__main__" or "<" in job.__qualname__:
        raise ValueError(f"{job.__qualname__} of {job.__module__} cannot be imported by another process: put it in a module of its own")
    return json.dumps(
        {
            "module": job.__module__, "name": job.__qualname__, "folder": str(folder.absolute()), "timeout_s": limits.timeout_s,
            "memory_bytes": limits.memory_bytes, "path": sys.path, "cwd": str(Path.cwd()), "environment": dict(os.environ),
        }
    ).encode()  # fmt: skip


def _follow(line: socket.socket, reader: int, request: bytes, output: _Output) -> dict[str, object] | None:
    """Send the request, keep what the job prints, and return the guard's report."""
    try:
        line.sendall(len(request).to_bytes(4, "big") + request)
    except (BrokenPipeError, ConnectionResetError):
        return None
    os.set_blocking(reader, False)
    received = bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(line, selectors.EVENT_READ)
        selector.register(reader, selectors.EVENT_READ)
        reported = False
        while not reported:
            for key, _ in selector.select():
                if key.fileobj is line:
                    block = _receive(line)
                    received += block
                    reported = not block
                elif _read(reader, output) == b"":  # the job closed its output and works on
                    selector.unregister(reader)
    while _read(reader, output):
        pass
    if not received:
        return None
    began, *reports = received.split(b"\n")
    assert began == b"began"
    if not reports or not reports[0]:
        return {"ending": "signal", "error": "SIGKILL", "peak_bytes": None}
    report: dict[str, object] = json.loads(reports[0])
    return report


def _receive(line: socket.socket) -> bytes:
    """What the guard said; nothing when it is gone."""
    try:
        return line.recv(1 << 16)
    except ConnectionResetError:
        return b""


def _read(reader: int, output: _Output) -> bytes | None:
    """Keep what was printed; nothing when no more can come, None when no more is there now."""
    try:
        block = os.read(reader, 1 << 16)
    except BlockingIOError:
        return None
    output.add(block)
    return block


def _error(report: dict[str, object], limits: Limits, output: _Output, hide: Callable[[str], str]) -> TrainFailed:
    peak = report.pop("peak_bytes", None)
    failure = Failure(**report)  # type: ignore[arg-type]
    return to_error(
        replace(failure, message=hide(failure.message), traceback=hide(failure.traceback)),
        what="train", timeout_s=limits.timeout_s, memory_bytes=limits.memory_bytes,
        peak_bytes=peak if isinstance(peak, int) else None, output=_for_people(output.kept().decode(errors="replace")),
    )  # fmt: skip


def _for_people(output: str) -> str:
    """Without what a crash or a timeout prints of our own frames and of loaded libraries."""
    shown = output.partition("\nExtension modules:")[0].splitlines()
    return "\n".join(line for line in shown if "child_server.py" not in line and 'File "<string>", line' not in line)
