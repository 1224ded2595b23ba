"""The supervisor: imports everything once, forks the keeper and the processes that answer, and replaces at once whichever dies.

It opens nothing itself: no database, no log, no thread. What it forks therefore begins clean, and shares the memory of all that was
imported. Signals are blocked and fetched, never handled in between, so that none is lost and none interrupts anything.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import pickle
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import sklearn.pipeline  # noqa: F401 (imported once, before the forks: every process shares its memory)

from farero.errors import FareroError, OutsideError
from farero.project.load import settings_of
from farero.server.answering import answer
from farero.server.binding import bind
from farero.server.door import over_http
from farero.server.keeping import keep
from farero.serving.compile.warm import warm
from farero.serving.memory import few_arenas
from farero.serving.meters import Meters
from farero.telemetry import LOG_FILE, log, log_to_file, log_to_stream, stop_logging
from farero.wiring import METERS

ADDRESS: Final = METERS / "service.json"
PEOPLE: Final = METERS / "workers.json"
"""Who is who: the process ids of supervisor, keeper and those that answer."""

STOP_S: Final = 8.0
"""How long the others may take to stop after SIGTERM [s]; then they are killed."""

SOON_S: Final = 2.0
"""A process that dies within this time of its start is not replaced at once, but after a pause that doubles."""

LONGEST_PAUSE_S: Final = 5.0
"""What kept a process from starting, a full disk say, may be over at any time."""

MOST_FAILURES: Final = 5
_SIGNALS: Final = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT)


@dataclass
class _Member:
    """A process of the service."""

    name: str
    run: Callable[[Callable[[], None]], None]
    pid: int = 0
    started: float = 0.0
    failures: int = 0
    due: float = 0.0
    """When it shall be started again, where it waits for that."""
    said: int = -1
    """The pipe on which it says that it is ready, or what went wrong."""
    ready: bool = False
    heard: bytes = field(default=b"", repr=False)


def serve(
    root: Path, host: str | None = None, port: int | None = None, *, workers: int = 1,
    on_ready: Callable[[str, int], None] | None = None,
) -> int:  # fmt: skip
    """Serve until SIGTERM or SIGINT, then drain and stop within 10 s.

    Args:
        root: the installation's folder.
        host, port: where to listen; None = what farero.toml says. Port 0 takes a free one.
        workers: processes that answer requests.
        on_ready: called with the host and the real port once requests are answered.

    Returns:
        The exit code: 0 after a clean stop.

    Raises:
        ConfigInvalid: farero.toml or a project file has faults.
        OutsideError: the port is taken, or the processes do not come up.
    """
    root = root.resolve()
    settings = settings_of(root)
    host, port = host or settings.server.host, settings.server.port if port is None else port
    with bind(host, port) as listener, _logged(root):
        real_port: int = listener.getsockname()[1]
        Meters.sweep(root / METERS)
        meters = Meters(root / METERS, "supervisor")
        members = [_Member("keeper", lambda ready: _keeping(root, listener, ready))]
        members += [_Member(name, _answering(root, name, listener)) for name in (f"worker-{number}" for number in range(1, workers + 1))]

        def ready() -> None:
            log("server.started", host=host, port=real_port, workers=workers)
            _note_address(root, host, real_port)
            if on_ready is not None:
                on_ready(host, real_port)

        try:
            _Supervisor(root, members, listener, meters, ready).run()
        finally:
            (root / PEOPLE).unlink(missing_ok=True)
            (root / ADDRESS).unlink(missing_ok=True)
            log("server.stopped")
    return 0


def _note_address(root: Path, host: str, port: int) -> None:
    """Commands find the service by it. One that listens everywhere does so on this machine's own address, too."""
    here = "127.0.0.1" if host in ("0.0.0.0", "::", "") else f"[{host}]" if ":" in host else host
    try:
        (root / ADDRESS).write_text(json.dumps({"url": f"http://{here}:{port}", "pid": os.getpid()}), encoding="ascii")
    except OSError as error:  # commands then do by themselves what they were asked for
        log("error", level="error", error=error, where="noting the service's address")


@contextlib.contextmanager
def _logged(root: Path) -> Iterator[None]:
    """Events go to the installation's log file, and warnings to the terminal. The processes that are forked meanwhile write there too."""
    handlers = [log_to_file(root / LOG_FILE), log_to_stream(sys.stderr, level="warning", plain=True)]
    try:
        yield
    finally:
        for handler in handlers:
            stop_logging(handler)


def _answering(root: Path, name: str, listener: socket.socket) -> Callable[[Callable[[], None]], None]:
    return lambda ready: answer(root, name, listener, ready)


def _keeping(root: Path, listener: socket.socket, ready: Callable[[], None]) -> None:
    door = over_http(*listener.getsockname()[:2])
    listener.close()  # where nobody is left to answer, clients must be refused, not left waiting
    keep(root, ready, door)


class _Supervisor:
    def __init__(self, root: Path, members: list[_Member], listener: socket.socket, meters: Meters, ready: Callable[[], None]) -> None:
        self._root = root
        self._members = members
        self._listener = listener
        self._restarts = meters.counter("farero_worker_restarts_total")
        self._meters = meters
        self._ready = ready
        self._up = False
        # Its reading ends are in every child: they see its end when this process dies, however it dies.
        self._leash, self._held = os.pipe()

    def run(self) -> None:
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        try:
            warm()
            gc.collect()
            gc.freeze()  # what is here now is never looked through again, so its pages stay shared
            for member in self._members:
                self._start(member)
            while not self._fetch():
                self._look()
            log("server.stopping")
        finally:
            self._stop()
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            os.close(self._leash)
            os.close(self._held)

    def _fetch(self) -> bool:
        """Wait for a signal or for something to look at; says whether the service shall stop."""
        waiting = [member.due for member in self._members if member.pid == 0]
        pause_s = 0.05 if not self._up else 1.0
        if waiting:
            pause_s = min(pause_s, max(0.0, min(waiting) - time.monotonic()))
        got = signal.sigtimedwait(_SIGNALS, pause_s)
        return got is not None and got.si_signo != signal.SIGCHLD

    def _look(self) -> None:
        for member in self._members:
            if member.said >= 0:
                self._hear(member)
            if member.pid and os.waitpid(member.pid, os.WNOHANG)[0]:
                self._bury(member)
            elif member.pid and member.failures and time.monotonic() - member.started > SOON_S:
                member.failures = 0
            if member.pid == 0 and time.monotonic() >= member.due:
                self._start(member)
        if not self._up and all(member.ready for member in self._members):
            self._up = True
            self._ready()
        self._meters.publish()

    def _start(self, member: _Member) -> None:
        hear, say = os.pipe()
        pid = os.fork()
        if pid == 0:
            _be(member, say, self._leash, [self._held, hear, *(other.said for other in self._members if other.said >= 0)])
        os.close(say)
        member.pid, member.said, member.started = pid, hear, time.monotonic()
        self._write_people()

    def _hear(self, member: _Member) -> None:
        while select.select([member.said], [], [], 0)[0]:
            got = os.read(member.said, 1 << 16)
            if not got:
                os.close(member.said)
                member.said = -1
                break
            member.heard += got
        if member.heard == b"ready":
            member.ready, member.heard = True, b""

    def _bury(self, member: _Member) -> None:
        """It died. Before the service was ever up that is the owner's to mend; later it is replaced."""
        if member.said >= 0:
            self._hear(member)
        lived_s = time.monotonic() - member.started
        member.failures = member.failures + 1 if lived_s < SOON_S else 0
        member.pid = 0
        member.due = time.monotonic() + (min(LONGEST_PAUSE_S, 0.25 * 2**member.failures) if member.failures else 0.0)
        told, member.heard = member.heard, b""
        if not self._up and told:
            failure = pickle.loads(told)  # written by our own child
            raise failure
        if not self._up and member.failures >= MOST_FAILURES:
            raise OutsideError(
                f"The process {member.name} ends as soon as it starts.", retryable=False, hint="See the end of .farero/farero.log for why."
            )
        self._restarts.add()
        log("server.replaced", level="error", process=member.name, lived_s=round(lived_s, 3))

    def _stop(self) -> None:
        """Everybody ends; the keeper last, because it hands over what the others recorded to their end."""
        self._listener.close()
        keeper, *others = self._members
        until = time.monotonic() + STOP_S
        for part in (others, [keeper]):
            alive = [member for member in part if member.pid]
            for member in alive:
                os.kill(member.pid, signal.SIGTERM)
            for member in alive:
                while os.waitpid(member.pid, os.WNOHANG)[0] == 0:
                    if time.monotonic() > until:
                        os.kill(member.pid, signal.SIGKILL)
                        os.waitpid(member.pid, 0)
                        break
                    signal.sigtimedwait((signal.SIGCHLD,), 0.05)
                member.pid = 0

    def _write_people(self) -> None:
        keeper, *others = self._members
        people = {"supervisor": os.getpid(), "keeper": keeper.pid, "workers": [member.pid for member in others]}
        path = self._root / PEOPLE
        try:
            path.with_suffix(".new").write_text(json.dumps(people), encoding="ascii")
            path.with_suffix(".new").replace(path)
        except OSError as error:  # nobody needs it to be served
            log("error", level="error", error=error, where="writing who is who")


def _be(member: _Member, say: int, leash: int, others: list[int]) -> None:
    """The child's life. It never returns."""
    code = 1
    try:
        for descriptor in others:
            os.close(descriptor)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the supervisor tells when to go
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        few_arenas()
        threading.Thread(target=_go_with, args=(leash,), name="farero-leash", daemon=True).start()
        member.run(lambda: _say(say, b"ready"))
        code = 0
    except FareroError as failure:
        log("error", level="error", error=failure)
        with contextlib.suppress(OSError):
            _say(say, pickle.dumps(failure))
    except BaseException as error:
        log("error", level="error", error=error, where=member.name)
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _say(pipe: int, words: bytes) -> None:
    os.write(pipe, words)
    os.close(pipe)


def _go_with(leash: int) -> None:
    """End with the supervisor."""
    os.read(leash, 1)
    os.kill(os.getpid(), signal.SIGTERM)
