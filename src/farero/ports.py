"""One Protocol for each kind of outside thing. Adapters keep these promises; `tests/contract` checks every one of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias, TypeVar

from farero.core.prediction import Record
from farero.core.recorded import Recorded

if TYPE_CHECKING:
    import pyarrow as pa

T = TypeVar("T")

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

    def close(self) -> None:
        """End every job that still runs; each raises TrainFailed where it is waited for. Further jobs may be run."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackedRun:
    """What a tracker shall have of one training run.

    Attributes:
        id: ours; a run that is written again is changed, not doubled.
        status: "running", "finished" or "failed".
        metrics: finite figures by name.
        fill: puts the files that belong to the run into a folder.
    """

    id: str
    name: str
    model: str
    status: Literal["running", "finished", "failed"]
    started: datetime
    finished: datetime | None
    parameters: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    fill: Callable[[Path], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackedVersion:
    """What a tracker's registry shall have of one version.

    Attributes:
        digest: of its files; with model and number it says which version of which installation it is.
        run: the run that made it, which has been written.
        fill: puts the model, in a form that the tracker's own library loads, into a folder.
    """

    model: str
    number: str
    digest: str
    run: str
    description: str
    tags: Mapping[str, str]
    fill: Callable[[Path], None]


class Tracker(Protocol):
    """A tracking server with a registry of models that others look at. Our own tables are the truth; it gets a copy."""

    def write_run(self, run: TrackedRun) -> str:
        """Write a run, or bring it up to date; returns what the tracker calls it.

        Raises:
            TrackerUnavailable: it was not written, or not all of it; writing it again completes it.
        """
        ...

    def write_version(self, version: TrackedVersion) -> str:
        """Write a version into the registry, or bring its tags up to date; returns what the tracker calls it.

        Raises:
            TrackerUnavailable: as above.
        """
        ...

    def aliases(self, model: str) -> Mapping[str, str | None]:
        """Where each alias of a model points: our number, or None where that is no version that we wrote."""
        ...

    def point(self, model: str, alias: str, number: str | None) -> None:
        """Let an alias point to a version that was written, or to nothing."""
        ...

    def fetch(self, uri: str, folder: Path) -> Path:
        """Copy a model that the tracker holds (`models:/name/3`, `models:/name@alias`, `runs:/id/path`) into a folder; returns where.

        Raises:
            BadInput: the tracker holds no such model.
            TrackerUnavailable: it does not answer.
        """
        ...


class Step(Protocol):
    """Takes one named step of a run: does it, and keeps book of it."""

    def __call__(self, name: str, do: Callable[[], T]) -> T:
        """Call `do` and return its value. A step that was taken before is taken again: it must find its stored value."""
        ...


class Jobs(Protocol):
    """Has runs carried out, each until it is done, by this process or by another one that shares the state database.

    What a run is and how it went is kept in the state database (`store.job_runs`), not here: an order may reach two processes, and
    the one that claims the run there carries it out.
    """

    def start(self, carry_out: Callable[[str, Step], None]) -> None:
        """Begin to work: `carry_out(id, step)` is called in a thread of the adapter's, for one run at a time. It raises nothing."""
        ...

    def submit(self, id: str) -> None:
        """See that the run is carried out. One that waits or is under way in this process already is not submitted twice."""
        ...

    def stop(self, timeout_s: float) -> bool:
        """Begin no further run and wait for the present one; says whether it ended in time. What is not done is submitted after the
        next start."""
        ...
