"""record: recorded predictions go from segments to the prediction log, exactly once."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Final

from farero.core.recorded import Recorded
from farero.errors import LogUnavailable
from farero.ports import PredictionLog
from farero.serving.segment import Segment, read_segment, segments, taken
from farero.telemetry import log as log_event

PASS_BYTES: Final = 16 << 20
"""Segments handed over in one transaction. Passes of 64 MiB never came to their end under repeated `kill -9`."""

PASS_SEGMENTS: Final = 200
"""Each segment of a pass is held open; a thousand small ones must not use up the process's files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedOver:
    """What one hand-over did.

    Attributes:
        segments, rows: files and rows that were added to the log.
        corrupt: segments with damage, now named `*.corrupt`; what could be read of them is in the log.
    """

    segments: int = 0
    rows: int = 0
    corrupt: tuple[str, ...] = ()


def hand_over(folder: Path, log: PredictionLog) -> HandedOver:
    """Move every closed segment into the log, and remove it there after.

    A segment's writer and sequence number are stored in the same transaction as its rows, so a death at any moment
    neither loses nor doubles a row: a segment that is still there is looked up before it is added. One process at a
    time does this; where another one is at it, nothing is done. Rotate the live spool before, so that its segment is closed.

    Raises:
        LogUnavailable: rows of a model could not be added; its segments stay, all others were handed over.
    """
    try:
        with _committer(folder) as alone:
            if not alone:
                return HandedOver()
            _sweep(folder)
            return _HandOver(folder, log).run()
    except OSError as error:
        raise LogUnavailable(
            f"The recorded predictions in {folder} cannot be handed over: {error}.",
            hint="They stay where they are; see that the service may read and write there.",
            folder=str(folder),
        ) from error


def attempt(move: Callable[[], object]) -> None:
    """Hand over before something that need not have the newest rows: they stay where they are while the log takes none."""
    try:
        move()
    except LogUnavailable as failure:
        log_event("record.waiting", level="error", error=failure)


def settle(move: Callable[[], object], backlog_bytes: Callable[[], int], timeout_s: float) -> None:
    """Hand over, and wait for what other processes still hold: a server gives its rows away every few seconds.

    Where it does not in time, because it is always busy or the log takes nothing, the caller goes on with what the log has.
    """
    until = monotonic() + timeout_s
    try:
        move()
        while backlog_bytes() > 0 and monotonic() < until:
            sleep(0.1)
            move()
    except LogUnavailable as failure:
        log_event("record.waiting", level="error", error=failure)


class _HandOver:
    """One run over the folder. A model whose log fails is left alone for the rest of it, for its order must hold."""

    def __init__(self, folder: Path, log: PredictionLog) -> None:
        self._folder = folder
        self._log = log
        self._failed: dict[str, LogUnavailable] = {}
        self._marks: dict[tuple[str, str], int] = {}
        self._segments = 0
        self._rows = 0
        self._corrupt: list[str] = []

    def run(self) -> HandedOver:
        with ExitStack() as held:
            batch: list[Segment] = []
            size = 0
            for path in self._free(held):
                segment = read_segment(path)
                batch.append(segment)
                size += path.stat().st_size
                if size >= PASS_BYTES or len(batch) >= PASS_SEGMENTS:
                    self._commit(batch)
                    held.close()
                    batch, size = [], 0
            self._commit(batch)
        for failure in self._failed.values():
            raise failure
        return HandedOver(segments=self._segments, rows=self._rows, corrupt=tuple(self._corrupt))

    def _free(self, held: ExitStack) -> Iterator[Path]:
        """Closed segments, a writer's in its order: one that must wait makes its later ones wait, because a mark covers all before it."""
        waiting: set[str] = set()
        for path in segments(self._folder):
            writer = path.stem.rpartition("-")[0]
            if writer in waiting:
                continue
            if held.enter_context(taken(path)):
                yield path
            elif path.exists():
                waiting.add(writer)

    def _commit(self, batch: Sequence[Segment]) -> None:
        by_model: dict[str, list[Segment]] = {}
        for segment in batch:
            for model in segment.rows:
                by_model.setdefault(model, []).append(segment)
        for model, of_model in by_model.items():
            if model not in self._failed:
                try:
                    self._append(model, of_model)
                except LogUnavailable as failure:
                    self._failed[model] = failure
        for segment in batch:
            if self._failed.keys().isdisjoint(segment.rows):
                self._finish(segment)

    def _append(self, model: str, of_model: Sequence[Segment]) -> None:
        new = [segment for segment in of_model if segment.seq > self._mark(model, segment.writer)]
        recorded = Recorded()
        for segment in new:
            recorded.extend(segment.rows[model])
        if not recorded.counts:
            return
        marks: dict[str, int] = {}
        for segment in new:
            marks[segment.writer] = max(segment.seq, marks.get(segment.writer, 0))
        self._log.append(model, recorded, marks)
        for writer, seq in marks.items():
            self._marks[model, writer] = seq
        self._rows += recorded.rows

    def _mark(self, model: str, writer: str) -> int:
        known = self._marks.get((model, writer))
        if known is None:
            known = self._marks[model, writer] = self._log.mark(model, writer) or 0
        return known

    def _finish(self, segment: Segment) -> None:
        if segment.damage:
            aside = segment.path.with_suffix(".corrupt")
            segment.path.rename(aside)
            self._corrupt.append(aside.name)
        else:
            segment.path.unlink()
        self._segments += 1


@contextmanager
def _committer(folder: Path) -> Iterator[bool]:
    """Whether this process alone hands over now. The kernel lets go of the lock when the process dies."""
    folder.mkdir(parents=True, exist_ok=True)
    fd = os.open(folder / "committer.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
    finally:
        os.close(fd)


def _sweep(folder: Path) -> None:
    """Remove segments that died unborn: they have no frames, for frames come after the naming."""
    for path in folder.glob("*.tmp"):
        with taken(path) as free:
            if free:
                path.unlink(missing_ok=True)
