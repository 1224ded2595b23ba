"""The crash-safe log: a prediction is in a segment file before its answer leaves.

One `write` call for everything that is given at once: after it returns, the frames are the kernel's and survive `kill -9` of this
process. In mode "fsync" a thread of its own writes whatever waits, forces it to the disk and only then says so, again and
again: the longer the disk takes, the more share one turn of it. There is no timer, so a single request waits for one turn only.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from copy import copy
from datetime import datetime
from pathlib import Path
from threading import Condition, Event, Lock, Thread
from time import perf_counter
from typing import Any, Final, Literal, TypeAlias

import msgspec

from farero.core.prediction import Record
from farero.errors import LogUnavailable
from farero.serving.segment import HEADER, backlog_bytes, framed, segments
from farero.telemetry import log as log_event

WAITING_BYTES: Final = 32 << 20
"""What may wait for the disk; beyond it requests are refused, so that a slow disk never becomes a full memory."""

UNDER_WAY_BYTES: Final = 256 << 10
AHEAD_BYTES: Final = 1 << 20
SMALL_BYTES: Final = 128 << 10
QUICK_S: Final = 0.0005
"""Where the disk has lately taken less than this [s], the caller of `commit` writes a small group itself. One that begins to take longer
is seen at the first turn that does, and the committer's thread does the waiting from then on."""

QUICK_S_A_BYTE: Final = 1e-7
"""What a group may take longer for each byte of it [s]: about what a caller needs to answer that much. While it waits for a large
group, the next one gathers."""

Done: TypeAlias = Callable[[LogUnavailable | None], object]
_encode = msgspec.msgpack.Encoder().encode


def frame(
    model: str, version: str, request_id: str, endpoint: str, time: datetime, inputs: Mapping[str, Sequence[Any] | msgspec.Raw],
    prediction: list[Any], probability: list[float] | None, keys: list[str | None] | None, latency_us: int,
) -> bytes:  # fmt: skip
    """One record as bytes for `append` and `commit`. Checks nothing: every list has one value a row, and the time is aware."""
    return framed(_encode((model, version, request_id, endpoint, time, inputs, prediction, probability, keys, latency_us, "ok", None)))


class Spool:
    """Writes records to segments in a folder. Safe for threads; one object a process, made after the fork that made the process.

    Attributes:
        writer: this start's own name, in the name of each of its segments.
        mode: when a record is safe: "write" = the kernel has it, "fsync" = the disk has it.
    """

    def __init__(
        self, folder: Path, writer: str, *, mode: Literal["write", "fsync"] = "write", segment_bytes: int = 8 << 20,
        limit_bytes: int = WAITING_BYTES,
    ) -> None:  # fmt: skip
        # A sequence that began again at 1 under a known name would be taken for handed over: every start is a writer of its own.
        self.writer = f"{writer}-{secrets.token_hex(6)}"
        self.mode = mode
        self._folder = folder
        self._segment_bytes = segment_bytes
        self._lock = Lock()
        self._seq = 0
        self._fd: int | None = None
        self._size = 0
        self._allocated = 0
        self._limit_bytes = limit_bytes
        self._force_s = 1.0  # what a turn of the disk takes of late; unknown counts as long
        self._arrival = Condition(Lock())
        self._queue: list[tuple[bytes, Done]] = []
        self._waiting = 0
        self._waiting_bytes = 0
        self._committer: Thread | None = None
        self._ending = False
        self._rotating = False
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if mode == "fsync":
                _force_folder(folder.parent)
        except OSError as error:
            raise _unavailable(folder, error) from error

    @property
    def waiting(self) -> int:
        """Calls of `commit` whose frames are not safe yet."""
        return self._waiting

    @property
    def waiting_bytes(self) -> int:
        """Bytes given to `commit` that are not safe yet."""
        return self._waiting_bytes

    def write(self, record: Record) -> None:
        """Record it; it is safe, in the way of the mode, when this returns.

        Raises:
            LogUnavailable: it could not be written, and no part of it was kept.
        """
        _refuse_crooked(record)
        self.append(_frame(record))

    def append(self, frames: bytes) -> None:
        """Write these frames with one call; all of them are safe, in the way of the mode, when this returns.

        Raises:
            LogUnavailable: they could not be written, and none of them was kept.
        """
        if self.mode == "write":
            with self._lock:
                self._put(frames)
            return
        safe = Event()
        outcome: list[LogUnavailable] = []

        def done(failure: LogUnavailable | None) -> None:
            if failure is not None:
                outcome.append(failure)
            safe.set()

        self.commit(frames, done)
        safe.wait()
        if outcome:
            raise outcome[0]

    def commit(self, frames: bytes, done: Done) -> None:
        """Have these frames made safe, without waiting for it.

        `done` is called once: with None when all of them are safe, with the failure when none of them was kept. The thread that
        calls it is the committer's, or the caller's own where it needs no waiting, or next to none: in mode "write", with a quick
        disk, and beyond the limit. It must not wait for this spool, nor write to it.
        """
        if self.mode == "write":
            try:
                self.append(frames)
            except LogUnavailable as failure:
                done(failure)
            else:
                done(None)
            return
        quick_s = QUICK_S + len(frames) * QUICK_S_A_BYTE
        if len(frames) <= SMALL_BYTES and self._force_s < quick_s and not self._queue and self._lock.acquire(blocking=False):
            # The disk takes less time than two threads take to talk about it.
            try:
                self._put(frames)
            except LogUnavailable as failure:
                done(failure)
            else:
                done(None)
            finally:
                self._lock.release()
            return
        with self._arrival:
            full = self._waiting_bytes > 0 and self._waiting_bytes + len(frames) > self._limit_bytes
            if not full:
                self._queue.append((frames, done))
                self._waiting += 1
                self._waiting_bytes += len(frames)
                if self._committer is None:
                    self._committer = Thread(target=self._commit_groups, name=f"spool {self.writer}", daemon=True)
                    self._committer.start()
                self._arrival.notify()
        if full:
            done(_too_slow(self._folder, self._waiting_bytes))

    def rotate(self, *, wait: bool = True) -> None:
        """Close the live segment, if there is one, so that it may be handed over.

        Args:
            wait: for a write or a turn of the disk that is under way. Without, which suits an event loop, that one closes it at its end.
        """
        if self._lock.acquire(blocking=wait):
            try:
                self._close()
            finally:
                self._lock.release()
        else:
            self._rotating = True

    def close(self) -> None:
        """Finish what waits, then close the live segment. Everything written stays for the hand-over."""
        with self._arrival:
            committer = self._committer
            self._ending = True
            self._arrival.notify()
        if committer is not None:
            committer.join()
        with self._arrival:
            self._ending = False
        self.rotate()

    def backlog_bytes(self) -> int:
        """Bytes in segments that are not handed over yet, those of other processes in the same folder included."""
        return backlog_bytes(self._folder)

    def oldest_waiting(self) -> float | None:
        """When the oldest segment that is not handed over was last written, seconds since 1970; None where nothing waits."""
        times = []
        for path in segments(self._folder):
            try:
                found = path.stat()
            except FileNotFoundError:  # handed over meanwhile
                continue
            if found.st_size > len(HEADER):
                times.append(found.st_mtime)
        return min(times, default=None)

    def _commit_groups(self) -> None:
        """The committer's life: all that waits is one group; what comes meanwhile is the next."""
        while True:
            with self._arrival:
                while not self._queue and not self._ending:
                    self._arrival.wait()
                if not self._queue:
                    self._committer = None
                    return
                group, self._queue = self._queue, []
            failure = self._commit_group(group)
            with self._arrival:
                self._waiting -= len(group)
                self._waiting_bytes -= sum(len(frames) for frames, _ in group)
            for _, done in group:
                try:
                    done(None if failure is None else copy(failure))  # each is raised in a thread of its own
                except Exception as error:  # noqa: BLE001 - one caller's mistake must not leave all others without an answer
                    log_event("error", level="error", error=error)

    def _commit_group(self, group: list[tuple[bytes, Done]]) -> LogUnavailable | None:
        try:
            frames = b"".join([frames for frames, _ in group])
            with self._lock:
                self._put(frames)
        except LogUnavailable as failure:
            return failure
        except Exception as error:  # noqa: BLE001 - no memory for the join, say: this thread must live, or nobody is answered ever again
            log_event("error", level="error", error=error)
            return _unavailable(self._folder, error)
        return None

    def _put(self, frames: bytes) -> None:
        """Write, and in mode "fsync" force, these frames. The lock is held."""
        try:
            if self._fd is None:
                self._fd = self._open()
                self._size, self._allocated = len(HEADER), 0
            self._append(self._fd, frames)
        except OSError as error:
            raise _unavailable(self._folder, error) from error
        if self._rotating or self._size >= self._segment_bytes:
            self._close()

    def _append(self, fd: int, frames: bytes) -> None:
        if self.mode == "fsync":
            self._allocate(fd, self._size + len(frames))
        try:
            written = os.write(fd, frames) if self.mode == "write" else os.pwrite(fd, frames, self._size)
            if written < len(frames):  # the disk is full to the byte; what is half there must go
                raise OSError(f"{written} of {len(frames)} bytes were written")
        except OSError:
            self._allocated = 0
            try:
                os.ftruncate(fd, self._size)
            except OSError:
                self._close()  # a torn tail is ignored by readers, as long as nothing comes after it
            raise
        if self.mode == "fsync":
            self._force(fd)
        self._size += written

    def _allocate(self, fd: int, until: int) -> None:
        """Have zeros on the disk ahead of what is written, once a segment is under way: a turn of the disk that changes no size is shorter.

        Where there is no room for them, it goes on without; a reader takes zeros for the torn end that they are.
        """
        if until <= self._allocated or self._size < UNDER_WAY_BYTES:
            return
        zeros = bytes(max(until - self._size, AHEAD_BYTES))
        try:
            if os.pwrite(fd, zeros, self._size) == len(zeros):
                self._allocated = self._size + len(zeros)
        except OSError:
            os.ftruncate(fd, self._size)
            return
        self._force(fd)

    def _force(self, fd: int) -> None:
        begun = perf_counter()
        try:
            os.fdatasync(fd)
            self._force_s += 0.2 * (perf_counter() - begun - self._force_s)
        except OSError:
            # The kernel may have thrown the pages away and call the next fsync a success: this file is never trusted again.
            # What the disk had before stays; what may or may not be there now is refused, and cut off so that nobody reads it.
            try:
                os.ftruncate(fd, self._size)
            finally:
                self._close()
            raise

    def _open(self) -> int:
        """A new locked segment. It gets its lasting name only under the lock, so that nobody takes it for a closed one."""
        for _ in range(100):
            seq = self._seq + 1
            path = self._folder / f"{self.writer}-{seq:010d}.seg"
            unborn = path.with_suffix(".tmp")
            append = os.O_APPEND if self.mode == "write" else 0  # with it, Linux writes at the end wherever one asks to
            fd = os.open(unborn, os.O_CREAT | os.O_WRONLY | append | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX)
                if os.write(fd, HEADER) < len(HEADER):
                    raise OSError("no room for a segment's header")
                unborn.rename(path)
                if self.mode == "fsync":
                    _force_folder(self._folder)
            except FileNotFoundError:  # a hand-over swept it away between its making and its lock: once more
                os.close(fd)
                continue
            except OSError:
                os.close(fd)
                unborn.unlink(missing_ok=True)
                path.unlink(missing_ok=True)
                raise
            self._seq = seq
            return fd
        raise OSError("a new segment vanishes as soon as it is made")

    def _close(self) -> None:
        self._rotating = False
        if self._fd is not None:
            fd, self._fd = self._fd, None
            if self._allocated > self._size:
                with suppress(OSError):  # a reader knows zeros for what they are
                    os.ftruncate(fd, self._size)
            fcntl.flock(fd, fcntl.LOCK_UN)  # a forked child may hold the same file open
            os.close(fd)


def _frame(record: Record) -> bytes:
    return framed(
        _encode(
            (
                record.model, record.version, record.request_id, record.endpoint, record.time, record.inputs,
                record.prediction, record.probability, record.keys, record.latency_us, record.status, record.times,
            )
        )
    )  # fmt: skip


def _force_folder(folder: Path) -> None:
    """Have the disk know the names in a folder: forcing a file says nothing about its name."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _refuse_crooked(record: Record) -> None:
    """A record that no table could take must not enter the log: it would stand in the way of all after it."""
    count = len(record.prediction)
    lists = [*record.inputs.values(), record.probability, record.keys, record.times]
    if any(values is not None and len(values) != count for values in lists):
        raise ValueError(f"record {record.request_id}: every list must have {count} values, one a row")
    if record.time.tzinfo is None or any(time.tzinfo is None for time in record.times or ()):
        raise ValueError(f"record {record.request_id}: times must be aware")


def _unavailable(folder: Path, error: Exception) -> LogUnavailable:
    return LogUnavailable(
        f"The prediction could not be recorded in {folder}: {error}.",
        hint="Free disk space, or let the service write there; nothing half written was kept.",
        folder=str(folder),
    )


def _too_slow(folder: Path, waiting_bytes: int) -> LogUnavailable:
    return LogUnavailable(
        f"The prediction could not be recorded in {folder}: {waiting_bytes} bytes wait for the disk already.",
        hint='Nothing of it was kept. Send fewer requests at once, give the spool a faster disk, or set record = "write" in [log].',
        folder=str(folder),
    )
