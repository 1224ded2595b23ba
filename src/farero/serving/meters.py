"""One process's figures in a small file that every process reads, and that outlives the process."""

from __future__ import annotations

import json
import mmap
import os
import struct
import threading
from bisect import bisect_left
from collections.abc import Sequence
from math import nan
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np

from farero.serving import usage
from farero.telemetry import METRICS, Sample
from farero.telemetry.metrics import label_values

# The file: a head, the cells, then the directory that says whose they are. Everything is only ever added to. An entry of the directory
# counts once the head says so, which is one store of 8 aligned bytes: whenever the process dies, the file can be read.
_MAGIC: Final = b"farero-meters-1\n"
_HEAD: Final = 64
_CELLS: Final = 8192
_DIRECTORY: Final = _HEAD + 8 * _CELLS
_SIZE: Final = 256 << 10
_OWNER_AT: Final = 16  # process id and its start, in two words of 8 bytes
_ENTRIES_AT: Final = 32  # bytes of the directory that count
_LENGTH: Final = struct.Struct("<I")
SUFFIX: Final = ".meters"

_Key: TypeAlias = tuple[str, tuple[str, ...]]
_Found: TypeAlias = dict[_Key, list[float]]


class Cell:
    """One number. Make it once and keep it: finding it again by its labels costs more than counting.

    Nothing is called between reading the old number and storing the new one, so CPython's lock keeps threads from losing a count.
    """

    __slots__ = ("_at", "_values")

    def __init__(self, values: list[float], at: int) -> None:
        self._values = values
        self._at = at

    def add(self, n: float = 1.0) -> None:
        """Count `n` more."""
        self._values[self._at] += n

    def set(self, value: float) -> None:
        """Of a gauge: it is this now."""
        self._values[self._at] = value

    def clear(self) -> None:
        """Of a gauge: there is no such thing any more, such as the engine of a version that went."""
        self._values[self._at] = nan

    @property
    def value(self) -> float:
        """What it is now; NaN for a gauge that was not set."""
        return self._values[self._at]


class Histogram:
    """Counts by bucket, and the sum of what was observed."""

    __slots__ = ("_at", "_bounds", "_sum_at", "_values")

    def __init__(self, values: list[float], at: int, bounds: tuple[float, ...]) -> None:
        self._values = values
        self._at = at
        self._bounds = bounds
        self._sum_at = at + len(bounds) + 1

    def observe(self, value: float) -> None:
        """Count one value."""
        values = self._values
        values[self._at + bisect_left(self._bounds, value)] += 1.0
        values[self._sum_at] += value

    def add(self, counts: Sequence[float], total: float) -> None:
        """Count many values that were sorted into the buckets already; `total` is their sum."""
        values, at = self._values, self._at
        for number, count in enumerate(counts):
            values[at + number] += count
        values[self._sum_at] += total


class Meters:
    """The figures of one process. A process that replaces another takes over its `slot`, and goes on from its counts.

    What was counted since the last `publish` is lost when the process is killed: call it about four times a second, and at the end.

    Args:
        folder: where all processes of the service keep theirs; None keeps them to this process.
        slot: the process's place, such as `worker-1`. At most one living process has it: one that forks lets the child open its own.
    """

    def __init__(self, folder: Path | None, slot: str) -> None:
        self.slot = slot
        self._lock = threading.Lock()
        self._values: list[float] = []
        self._handles: dict[_Key, Cell | Histogram] = {}
        self._memory = _open(folder, slot)
        self._cells = np.frombuffer(self._memory, dtype="<f8", count=_CELLS, offset=_HEAD)
        self._words = np.frombuffer(self._memory, dtype="<u8", count=_HEAD // 8)
        self._go_on()
        self._dropped = self.counter("farero_series_dropped_total")

    @staticmethod
    def sweep(folder: Path) -> None:
        """Forget the figures of every process, before the first one of a new run starts."""
        for path in folder.glob(f"*{SUFFIX}"):
            path.unlink(missing_ok=True)

    def counter(self, name: str, **labels: str) -> Cell:
        """The counter of these labels.

        Raises:
            KeyError: `METRICS` has no such counter, or it has other labels.
        """
        return self._cell("counter", name, labels)

    def gauge(self, name: str, **labels: str) -> Cell:
        """The gauge of these labels; it is not shown until it is set.

        Raises:
            KeyError: `METRICS` has no such gauge, or it has other labels.
        """
        return self._cell("gauge", name, labels)

    def histogram(self, name: str, **labels: str) -> Histogram:
        """The histogram of these labels.

        Raises:
            KeyError: `METRICS` has no such histogram, or it has other labels.
        """
        handle = self._handle("histogram", name, labels)
        assert isinstance(handle, Histogram)
        return handle

    def publish(self) -> None:
        """Let the other processes see what was counted so far."""
        with self._lock:
            count = len(self._values)
            self._cells[:count] = self._values

    def samples(self) -> list[Sample]:
        """This process's figures, published or not."""
        with self._lock:
            keys = list(self._handles)
            values = list(self._values)
        found: _Found = {}
        at = 0
        for name, labels in keys:
            width = _width(name)
            found[name, labels] = values[at : at + width]
            at += width
        return _samples(_merged([(self.slot, True, found)])) + usage.process_samples(os.getpid(), self.slot)

    def close(self) -> None:
        """Publish, and write no more."""
        self.publish()

    def _cell(self, kind: str, name: str, labels: dict[str, str]) -> Cell:
        handle = self._handle(kind, name, labels)
        assert isinstance(handle, Cell)
        return handle

    def _handle(self, kind: str, name: str, labels: dict[str, str]) -> Cell | Histogram:
        key = (name, label_values(name, labels, without="process"))
        handle = self._handles.get(key)
        if handle is not None:
            return handle
        if METRICS[name].kind != kind:
            raise KeyError(f"{name} is a {METRICS[name].kind}, not a {kind}")
        with self._lock:
            return self._handles.get(key) or self._add(key)

    def _add(self, key: _Key) -> Cell | Histogram:
        name, _ = key
        at, width = len(self._values), _width(name)
        text = json.dumps([*key, width]).encode()
        start = int(self._words[_ENTRIES_AT // 8])
        end = start + _LENGTH.size + len(text)
        if at + width > _CELLS or _DIRECTORY + end > _SIZE:
            # Labels come from files and versions, never from what a client sends; if they fill the file all the same, serving goes on.
            self._dropped.add()
            return _make(name, _first(name), 0)
        self._cells[at : at + width] = _first(name)
        self._memory[_DIRECTORY + start : _DIRECTORY + end] = _LENGTH.pack(len(text)) + text
        self._words[_ENTRIES_AT // 8] = end
        self._values.extend(_first(name))
        handle = self._handles[key] = _make(name, self._values, at)
        return handle

    def _go_on(self) -> None:
        """Take up what the process that had this slot before has counted; its gauges went with it."""
        before = _parsed(self._memory)
        if any(key[0] not in METRICS or len(found) != _width(key[0]) for key, found in before.items()):
            before = {}  # another release wrote it
            _fresh(self._memory)
        for key, found in before.items():
            at = len(self._values)
            self._values.extend(_first(key[0]) if METRICS[key[0]].kind == "gauge" else found)
            self._handles[key] = _make(key[0], self._values, at)
        self._cells[: len(self._values)] = self._values
        owner = _OWNER_AT // 8
        self._words[owner], self._words[owner + 1] = os.getpid(), usage.started_ticks(os.getpid()) or 0


def read_all(folder: Path, *, use: bool = True) -> list[Sample]:
    """The figures of all processes, as they were last published. Those that a process that ended has counted stay in; its gauges do not.

    Args:
        use: with what each living process uses. For a scrape, not for every request: the kernel walks the memory of each process.
    """
    found: list[tuple[str, bool, _Found]] = []
    used: list[Sample] = []
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        try:
            memory = path.read_bytes()
        except FileNotFoundError:
            continue
        if len(memory) != _SIZE or not memory.startswith(_MAGIC):
            continue  # one that is being made at this moment
        pid, ticks = struct.unpack_from("<QQ", memory, _OWNER_AT)
        alive = usage.started_ticks(pid) == ticks
        found.append((path.name.removesuffix(SUFFIX), alive, _parsed(memory)))
        if alive and use:
            used += usage.process_samples(pid, path.name.removesuffix(SUFFIX))
    return _samples(_merged(found)) + used


def _open(folder: Path | None, slot: str) -> mmap.mmap:
    """The memory of a slot, ready to be written; of this process only where there is no room for a file."""
    if folder is None:
        return _fresh(mmap.mmap(-1, _SIZE))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{slot}{SUFFIX}"
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            # A page without a place on the disk would end the process (SIGBUS) when it is written while the disk is full.
            os.posix_fallocate(file, 0, _SIZE)
            memory = mmap.mmap(file, _SIZE)
        finally:
            os.close(file)
    except OSError:
        return _fresh(mmap.mmap(-1, _SIZE))  # no figures are better than no service
    return memory if memory[: len(_MAGIC)] == _MAGIC else _fresh(memory)


def _fresh(memory: mmap.mmap) -> mmap.mmap:
    memory[_OWNER_AT:_HEAD] = bytes(_HEAD - _OWNER_AT)
    memory[: len(_MAGIC)] = _MAGIC
    return memory


def _parsed(memory: bytes | mmap.mmap) -> _Found:
    """Every entry of the directory with its cells."""
    (end,) = struct.unpack_from("<Q", memory, _ENTRIES_AT)
    found: _Found = {}
    place = at = 0
    while place < end:
        (length,) = _LENGTH.unpack_from(memory, _DIRECTORY + place)
        place += _LENGTH.size
        name, labels, width = json.loads(memory[_DIRECTORY + place : _DIRECTORY + place + length])
        place += length
        found[name, tuple(labels)] = list(struct.unpack_from(f"<{width}d", memory, _HEAD + 8 * at))
        at += width
    return found


def _merged(parts: Sequence[tuple[str, bool, _Found]]) -> _Found:
    """One entry for each metric and labels: of several processes their sum, or the greatest, or one for each."""
    merged: _Found = {}
    for slot, alive, found in parts:
        for (name, labels), values in found.items():
            metric = METRICS.get(name)
            if metric is None or len(values) != _width(name):
                continue  # a process of another release
            if metric.kind == "gauge" and (not alive or values[0] != values[0]):
                continue
            key = (name, (*labels, slot) if metric.over == "each" else labels)
            before = merged.get(key)
            if before is None:
                merged[key] = list(values)
            elif metric.over == "max":
                before[0] = max(before[0], values[0])
            else:
                merged[key] = [old + new for old, new in zip(before, values, strict=True)]
    return merged


def _samples(merged: _Found) -> list[Sample]:
    order = {name: number for number, name in enumerate(METRICS)}
    return [_sample(key, merged[key]) for key in sorted(merged, key=lambda key: (order[key[0]], key[1]))]


def _sample(key: _Key, values: list[float]) -> Sample:
    *counts, value = values
    return Sample(name=key[0], labels=key[1], value=value, counts=tuple(counts))


def _make(name: str, values: list[float], at: int) -> Cell | Histogram:
    metric = METRICS[name]
    return Histogram(values, at, metric.bounds) if metric.kind == "histogram" else Cell(values, at)


def _width(name: str) -> int:
    bounds = METRICS[name].bounds
    return len(bounds) + 2 if bounds else 1


def _first(name: str) -> list[float]:
    return [nan if METRICS[name].kind == "gauge" else 0.0] * _width(name)
