"""One Protocol for each kind of outside thing. Adapters keep these promises; `tests/contract` checks every one of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from farero.core.prediction import Record
from farero.core.recorded import Recorded

if TYPE_CHECKING:
    import pyarrow as pa

LogKind: TypeAlias = Literal["number", "text", "flag", "date"]
"""float64 · string · bool · timestamp[us, UTC]; all may be null."""


class Clock(Protocol):
    """Tells the time. Replay brings its own."""

    def now(self) -> datetime:
        """The present moment, aware, UTC."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LogShape:
    """What one model's table of predictions holds beside the columns that every table has.

    Attributes:
        inputs: kept field -> what its column holds; a column that is all None today must still be of the type it will be tomorrow.
        text_prediction: predictions are class names (string column); else numbers (float64).
    """

    inputs: Mapping[str, LogKind]
    text_prediction: bool = False


class PredictionLog(Protocol):
    """The lasting table of predictions, one per model, partitioned by date.

    Columns: time (timestamp[us, UTC]) · date (date32) · request_id · row (int32) · endpoint · version · key · prediction (float64 for
    numbers and binary, string for classes) · probability (float64) · latency_us (int64) · status, and `input_<name>` for every kept field.
    """

    def append(self, model: str, records: Sequence[Record] | Recorded, marks: Mapping[str, int]) -> None:
        """Add the rows of all records in one transaction that also stores the marks, or nothing.

        A mark is (writer, sequence number). Records whose marks are all stored already have been handed over before: the call does nothing.

        Raises:
            LogUnavailable: the table cannot be written; nothing was added.
        """
        ...

    def mark(self, model: str, writer: str) -> int | None:
        """The highest sequence number of this writer that is in the table."""
        ...

    def read(
        self, model: str, start: datetime | None = None, end: datetime | None = None, columns: Sequence[str] | None = None
    ) -> pa.Table:
        """Rows with start <= time < end, ordered by (time, request_id, row); an empty table where there are none (or no table yet)."""
        ...

    def times(self, model: str, request_ids: Sequence[str]) -> pa.Table:
        """(request_id, row, time, key) of every row of these requests that the table holds."""
        ...

    def span(self, model: str) -> tuple[datetime, datetime, int] | None:
        """(earliest time, latest time, rows), or None where the table is empty."""
        ...

    def compact(self, model: str) -> None:
        """Merge small files. Changes no row."""
        ...


class ModelFiles(Protocol):
    """Folders of model files, named by the SHA-256 of their manifest; they never change."""

    def put(self, folder: Path) -> str:
        """Store a copy of the folder's files with a manifest; returns its digest. Storing equal files twice stores them once."""
        ...

    def open(self, digest: str) -> Path:
        """A local folder with the files, every one verified against the manifest.

        Raises:
            NotFound: no such digest.
            Corrupt: a file is changed, missing or one too many; names every such file.
        """
        ...

    def size(self, digest: str) -> int:
        """Bytes of all files."""
        ...

    def digests(self) -> Iterator[str]:
        """Every stored digest."""
        ...

    def delete(self, digest: str) -> None:
        """Remove the folder; no error where it is gone already."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a child may use. `timeout_s` wall clock [s], `memory_bytes` address space beyond the start [B]."""

    timeout_s: float = 3600.0
    memory_bytes: int = 4 << 30


class Child(Protocol):
    """Runs a job apart from this process, so that it can hang, die or eat memory without harm."""

    def run(self, job: Callable[[Path], None], folder: Path, limits: Limits, progress: Callable[[str], None] | None = None) -> None:
        """Call `job(folder)`, an importable function, and wait for it. What the job leaves in the folder is its result.

        Raises:
            TrainFailed: it raised (type, message and traceback in the message), ran out of time or memory, or died; says which.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One notification. `id` stays the same over retries, so that a receiver can drop a second copy."""

    id: str
    event: str
    severity: str
    title: str
    text: str
    model: str
    at: datetime


class Notifier(Protocol):
    """Delivers messages to one channel."""

    def send(self, message: Message) -> None:
        """Deliver it.

        Raises:
            NotifyFailed: it was not delivered; `retryable` says whether another try may help.
        """
        ...
