"""replay of monitors alone: recorded windows under many ways to watch at once. Nothing is predicted and nothing trained."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from farero.core import profile as profiles
from farero.core.baseline import windows_a_year
from farero.core.days import Days, gather
from farero.core.profile import Profile
from farero.core.reference import Reference, build_reference
from farero.core.schema import Schema, check_columns
from farero.core.scores import layout, read
from farero.core.stacked import Stack, stack
from farero.core.tuning import WATCHING, Records, Tuned, compare
from farero.core.window import Window, WindowSize
from farero.errors import BadInput, counted
from farero.flow.monitor.detect import SHARES
from farero.project.table import parse_times, read_table
from farero.replay.history import History, train_until
from farero.serving import frozen, stored
from farero.serving.frozen import REFERENCE_ROWS
from farero.serving.pool import Loaded
from farero.store import profiles as stored_profiles
from farero.store.database import Store

LEAST_WINDOWS = 14
"""Windows that must be taken as normal, at least: with fewer, no figure would mean anything."""

YEARS = 8
"""Simulated for each preset where normal windows are those of the reference: each needs a baseline of its own."""

FRESH_YEARS = 30
"""Simulated where they are others: cheap, because the baseline stays the same."""

ProgressOf = Callable[[float, str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What the windows are of. `size`: of a window; `models`: of the installation, which share its budget."""

    model: str
    schema: Schema
    size: WindowSize
    models: int
    seed: int


def of_file(asked: Question, path: Path, *, time: str, until: str, progress: ProgressOf) -> Tuned:
    """Ways to watch on the rows of a file: those before `until` are the reference, and what is taken as normal.

    Args:
        path: CSV or Parquet with the features and a time column; labels are not needed.
        time: that column.
        until: a time, or a share of the rows [0-1].

    Raises:
        BadInput: the file cannot be used, or one side of `until` holds too few windows.
    """
    history = _rows(asked.schema, path, time)
    first = int(np.searchsorted(history.times, stored.moment(train_until(history, until, asked.size))))
    oldest = max(first - REFERENCE_ROWS, 0)
    numbers = np.append(stored.window_index(history.times[:first], asked.size), _counted_on(history.times[first:], asked.size))
    used = {name: values[oldest:first] for name, values in history.rows.columns.items()}
    reference = build_reference(asked.schema, used, None, numbers[oldest:first])
    starts = np.flatnonzero(np.diff(numbers[oldest:], prepend=numbers[oldest] - 1)) + oldest
    starts = np.unique(np.append(starts, first))  # a window that `until` cuts in two counts on both sides
    made: list[Profile] = []
    for place, (start, end) in enumerate(zip(starts.tolist(), [*starts[1:].tolist(), history.count], strict=True)):
        made.append(profiles.build(reference, {name: values[start:end] for name, values in history.rows.columns.items()}))
        progress(0.6 * (place + 1) / len(starts), f"profile {place + 1} of {len(starts)}")
    of = numbers[starts].tolist()
    known = int(np.sum(starts < first))
    _check_enough(known, f"before --train-until {until}")
    if known == len(made):
        raise BadInput(f"{path.name} holds no window after --train-until {until}.", hint="Let it end earlier.")
    normal, recorded = stack(reference, made[:known], of[:known]), stack(reference, made[known:], of[known:])
    plan = layout(reference)
    days = gather([read(plan, profile, number) for profile, number in zip(made[:known], of[:known], strict=True)])
    a_year = _a_year(asked.size, len(made), history.times[oldest], history.times[-1])
    return _compared(
        asked, reference, days, normal, recorded, fresh=False, a_year=a_year,
        progress=lambda share, words: progress(0.6 + 0.4 * share, words),
    )  # fmt: skip


def of_store(asked: Question, store: Store, loaded: Loaded, *, start: datetime | None, end: datetime | None, progress: ProgressOf) -> Tuned:
    """Ways to watch on the stored windows of a version, which are taken as normal: name a span that was.

    Args:
        loaded: the version.
        start, end: only windows that lie in this span.

    Raises:
        BadInput: too few windows are stored, or the version's own reference is not known window by window.
    """
    number = loaded.version.number
    days = frozen.days(loaded.folder, asked.size)
    if days is None or not loaded.reference:
        raise BadInput(
            f"{asked.model} {number} does not know its reference window by window.",
            hint="Train it again with this Farero, or name a file: farero tune DATA --time COLUMN.",
        )
    reference = Reference.from_bytes(loaded.reference)
    with store.read() as conn:
        held = stored_profiles.between(conn, asked.model, number, start or stored.aware(np.datetime64(0, "us")), end)
    windows = [(window, profile) for window, body in held if (profile := Profile.from_bytes(body)).edges_hash == reference.edges_hash]
    _check_enough(len(windows), f"stored for {asked.model} {number}")
    recorded = stack(reference, [profile for _, profile in windows], _numbers([window for window, _ in windows], asked.size.step))
    first, last = stored.moment(windows[0][0].start), stored.moment(windows[-1][0].end)
    a_year = _a_year(asked.size, len(windows), first, last)
    return _compared(asked, reference, days, recorded, recorded, fresh=True, a_year=a_year, progress=progress)


def _rows(schema: Schema, path: Path, time: str) -> History:
    """The rows of a file that fit, in time order, without labels."""
    table = read_table(path)
    absent = [name for name in (time, *(field.name for field in schema.features)) if name not in table]
    if absent:
        raise BadInput(f"{path.name} has no column {', '.join(map(repr, absent))}.", hint=f"Its columns are {', '.join(table)}.")
    times = parse_times(table[time], name=time)
    if np.isnat(times).any():
        raise BadInput(
            f"{path.name}: {counted(int(np.isnat(times).sum()), 'row')} without {time}.",
            hint="Give every row a time, or remove those rows.",
        )
    order = np.argsort(times, kind="stable")
    plain = Schema(fields=schema.features)
    checked = check_columns(plain, {field.name: np.asarray(table[field.name])[order] for field in schema.features})
    if not checked.rows.count:
        raise BadInput(f"No row of {path.name} fits the declared features.", faults=checked.faults[:20])
    kept = times[order][checked.fits]
    nothing = np.full(len(kept), np.nan)
    return History(
        rows=checked.rows, times=kept, known=np.full(len(kept), np.datetime64("NaT"), dtype="datetime64[us]"), labels=nothing, raw=nothing,
        refused=times[order][~checked.fits], faults=checked.faults[:20], notes=(),
    )  # fmt: skip


def _compared(
    asked: Question, reference: Reference, days: Days, normal: Stack, recorded: Stack, *, fresh: bool, a_year: float, progress: ProgressOf
) -> Tuned:
    records = Records(
        reference=reference, days=days, normal=normal, recorded=recorded, size_s=asked.size.seconds, a_year=a_year, models=asked.models,
        spend=SHARES["inputs"], fresh=fresh,
    )  # fmt: skip
    return compare(records, watching=WATCHING, years=FRESH_YEARS if fresh else YEARS, seed=asked.seed, progress=progress)


def _a_year(size: WindowSize, windows: int, first: np.datetime64, last: np.datetime64) -> float:
    """Windows a year; by count, as many as there were in this span."""
    span_s = float((last - first) / np.timedelta64(1, "s"))
    return windows_a_year(size.seconds if size.seconds is not None else max(span_s, 1.0) / windows)


def _counted_on(times: NDArray[np.datetime64], size: WindowSize) -> NDArray[np.int64]:
    """Windows of rows that come after the reference; by count, rows that do not fill one at the end are one too."""
    return stored.window_numbers(times, size.span) if size.rows is None else np.arange(len(times), dtype=np.int64) // size.rows


def _numbers(windows: Sequence[Window], size: timedelta) -> list[int]:
    found: list[int] = stored.window_numbers(np.array([stored.moment(window.start) for window in windows]), size).tolist()
    return found


def _check_enough(windows: int, where: str) -> None:
    if windows < LEAST_WINDOWS:
        raise BadInput(
            f"Only {counted(windows, 'window')} {where}, and {LEAST_WINDOWS} are needed to say how often anything cries wolf.",
            hint="Give a longer history, a later --train-until or a shorter --window.",
        )
