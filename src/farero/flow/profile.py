"""profile: the rows of a window become counts that merge; the rows themselves are not needed again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from farero.core.arrow_columns import Reader
from farero.core.label import LabelSpec
from farero.core.prediction import Outputs
from farero.core.profile import BLOCK_ROWS, Builder, Profile, total
from farero.core.reference import Reference
from farero.core.schema import Schema
from farero.core.version import Version
from farero.core.window import Window
from farero.ports import PredictionLog
from farero.serving import stored
from farero.serving.pool import Loaded, Pool
from farero.store import profiles as stored_profiles
from farero.store import versions
from farero.store.database import Store
from farero.telemetry import log

MOST_ROWS: Final = 1 << 19
"""Rows that are in memory at a time; a window of more is read in spans."""

_PREFIX: Final = "input_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What a window's rows add up to, for the version that answered most of them."""

    window: Window
    version: str
    rows: int
    reference: Reference
    profile: Profile
    loaded: Loaded


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildProfile:
    """Profiles the windows of one model. Windows of more than `most_rows` rows are read in parts."""

    model: str
    schema: Schema
    label: LabelSpec
    store: Store
    log: PredictionLog
    pool: Pool
    most_rows: int = MOST_ROWS

    def build(self, window: Window) -> Summary:
        """The summary of a window that holds at least one row.

        Every version that answered in it gets its own profile, on its own reference's bins; the one with most rows is returned.
        """
        made: dict[str, _Making] = {}
        for version, rows in self._rows(window):
            if version not in made:
                made[version] = self._making(version)
            made[version].add(rows, answers=True)
        summaries = [made[version].summary(window) for version in sorted(made, key=lambda each: (made[each].rows, each), reverse=True)]
        self._keep(summaries)
        log("profile.built", model=self.model, window=window, rows=sum(each.rows for each in summaries),
            versions=[summary.version for summary in summaries])  # fmt: skip
        return summaries[0]

    def again(self, window: Window, version: str) -> Summary | None:
        """The summary of a past window on the reference of a version that did not exist then, or answered elsewhere.

        Where the version answered rows of the window, these alone are counted: that is its own profile. Else all rows are, whoever
        answered them, without the answers, which are another model's. None = the window holds no row.
        """
        making = self._making(version)
        own = version in self.log.read(self.model, window.start, window.end, ["version"])["version"].unique().to_pylist()
        for answered_by, rows in self._rows(window):
            if not own or answered_by == version:
                making.add(rows, answers=own)
        if not making.rows:
            return None
        summary = making.summary(window)
        self._keep([summary])
        log("profile.built", model=self.model, window=window, rows=summary.rows, versions=[version])
        return summary

    def span(self, version: Version, windows: Sequence[Window]) -> Summary:
        """What the stored profiles of a version in these windows (at least one) add up to."""
        with self.store.read() as conn:
            bodies = [body for window in windows if (body := stored_profiles.get(conn, self.model, version.number, window)) is not None]
        loaded = self.pool.get(version, gate=False)
        profile = total(bodies)
        return Summary(
            window=Window(start=windows[0].start, end=windows[-1].end), version=version.number, rows=profile.rows,
            reference=Reference.from_bytes(loaded.reference or b""), profile=profile, loaded=loaded,
        )  # fmt: skip

    def _keep(self, summaries: list[Summary]) -> None:
        with self.store.write() as conn:
            for summary in summaries:
                stored_profiles.put(conn, self.model, summary.version, summary.window, summary.profile.to_bytes())

    def _making(self, version: str) -> _Making:
        with self.store.read() as conn:
            answered = versions.get(conn, self.model, version)
        loaded = self.pool.get(answered, gate=False)
        reference = Reference.from_bytes(loaded.reference or b"")
        return _Making(version, reference, loaded, Reader(self.schema, _PREFIX), lambda rows: stored.outputs(self.label, rows))

    def _rows(self, window: Window) -> Iterator[tuple[str, pa.Table]]:
        """The rows of a window, some at a time, by the version that answered them."""
        wanted = ["version", "prediction", "probability", *(_PREFIX + field.name for field in self.schema.features)]
        for start, end in self._spans(window):
            table = self.log.read(self.model, start, end, wanted)
            for first in range(0, table.num_rows, BLOCK_ROWS):
                rows = table.slice(first, BLOCK_ROWS).combine_chunks()
                answered_by = rows["version"].unique().to_pylist()
                for version in answered_by:
                    yield version, rows if len(answered_by) == 1 else rows.filter(pc.equal(rows["version"], version))

    def _spans(self, window: Window) -> list[tuple[datetime, datetime]]:
        """The window, cut where it holds more rows than may be in memory; rows of one moment stay together."""
        times = self.log.read(self.model, window.start, window.end, ["time"])["time"]
        cuts = {times[at].as_py() for at in range(self.most_rows, len(times), self.most_rows)}
        bounds = [window.start, *sorted(cut for cut in cuts if cut > window.start), window.end]
        return list(pairwise(bounds))


class _Making:
    """One version's profile of a window, while its rows come in."""

    def __init__(self, version: str, reference: Reference, loaded: Loaded, reader: Reader, outputs: Callable[[pa.Table], Outputs]) -> None:
        self.rows = 0
        self._version, self._reference, self._loaded = version, reference, loaded
        self._reader, self._outputs = reader, outputs
        self._builder = Builder(reference)

    def add(self, rows: pa.Table, *, answers: bool) -> None:
        self.rows += rows.num_rows
        outputs = self._outputs(rows) if answers else None
        columns, names = self._reader.read(rows.combine_chunks().to_batches()[0])
        self._builder.add(columns, outputs, names)

    def summary(self, window: Window) -> Summary:
        return Summary(
            window=window, version=self._version, rows=self.rows, reference=self._reference, profile=self._builder.finish(),
            loaded=self._loaded,
        )  # fmt: skip
