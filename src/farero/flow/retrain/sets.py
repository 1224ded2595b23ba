"""What there is to learn from at a moment, and no later: kept rows, the log with its labels, or what the project's own source gives."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import ceil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.feather as feather
from numpy.typing import NDArray

from farero.core.competition import Entrant, drawn
from farero.core.label import LabelSpec
from farero.core.schema import Schema
from farero.errors import Corrupt, NotFound
from farero.ports import Child, Limits, ModelFiles, PredictionLog
from farero.project import sourced
from farero.serving import stored
from farero.serving.stored import Labelled
from farero.store import labels, versions
from farero.store.database import Store
from farero.telemetry import log

_BASE = "base.feather"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sets:
    """The training sets of one model.

    Attributes:
        sourced: whether the project brings its own data; then neither kept rows nor the log are read.
    """

    model: str
    schema: Schema
    label: LabelSpec
    sourced: bool
    recipe: Mapping[str, str]
    limits: Limits
    store: Store
    log: PredictionLog
    files: ModelFiles
    child: Child

    def keep(self, rows: Labelled) -> str:
        """Store rows that no prediction log knows, so that later trainings can use them; returns their digest."""
        with tempfile.TemporaryDirectory(prefix="farero-base-") as name:
            feather.write_feather(to_table(self.schema, rows), str(Path(name) / _BASE), compression="zstd")
            return self.files.put(Path(name))

    def history(self, until: datetime) -> Labelled:
        """Every labelled row that was known at `until`, in time order.

        Raises:
            TrainFailed: the project's source raised, or gave what does not fit the features.
            Corrupt: kept rows are gone.
        """
        if self.sourced:
            return self._from_source(until)
        with self.store.read() as conn:
            found = labels.between(conn, self.model, None, until, until)
            newest = versions.all(conn, self.model)
        logged = stored.join(self.schema, self.label, self.log.read(self.model, None, until), found)
        base = next((version.tags["base"] for version in newest if "base" in version.tags), None)
        if base is None:
            return logged
        try:
            folder = self.files.open(base)
        except NotFound as failure:
            raise Corrupt(f"The rows that {self.model} was first trained on are gone: {failure}", digest=base) from failure
        kept = from_table(self.schema, feather.read_table(str(folder / _BASE)))
        at = stored.moment(until)
        return stored.together(kept.where((kept.times < at) & (kept.known <= at)), logged)

    def _from_source(self, until: datetime) -> Labelled:
        """What the project's `source` gives, called in a child like `train`. Rows of later, or labelled later, are dropped and told."""
        with tempfile.TemporaryDirectory(prefix="farero-source-") as name:
            folder = Path(name)
            sourced.write_question(folder, self.recipe, until=until)
            self.child.run(sourced.source_job, folder, self.limits)
            rows, dropped = sourced.read_answer(folder)
            found = from_table(self.schema, rows)
        for why, count in dropped.items():
            log("retrain.rows-dropped", level="warning", model=self.model, rows=count, because=why)
        return found.where(np.argsort(found.times, kind="stable"))


def unseen(rows: Labelled, since: datetime, learnt_at: datetime | None) -> NDArray[np.bool_]:
    """(n,) which rows a version has not learnt from: those of `since` or later, and those whose labels came only after it learnt."""
    later = rows.times >= stored.moment(since)
    return later if learnt_at is None else later | (rows.known > stored.moment(learnt_at))


def held_out(rows: Labelled, since: datetime, learnt_at: datetime | None, share: float, least: int) -> tuple[Labelled, Labelled | None]:
    """Rows to learn from, and the newest of those that production has not seen, to judge both on.

    What is learnt from is older than all that is held out, so rows of one moment stay together: the candidate must not learn from a row's
    twins. Only where all rows are of one moment, such as those of a file without times, they are parted in their order.

    Args:
        rows: in time order.
        since: what production was trained until, and `learnt_at`, when.
        share: of the newer rows that is held out [0-1].
        least: how many the gate needs.
    """
    new = unseen(rows, since, learnt_at)
    fresh = np.flatnonzero(new)
    if fresh.size == 0:
        return rows, None
    count = min(max(ceil(fresh.size * share), least), fresh.size)
    later = rows.times >= rows.times[fresh[-count]]
    if later.all():
        later = np.arange(rows.count) >= fresh[-count]
    return rows.where(~later), rows.where(later & new)


def of_entrants(entrants: Sequence[Entrant], rows: Labelled, newest: np.datetime64, seed: int) -> Labelled:
    """The rows that an entrant learns from, and of several those that one of them does.

    Args:
        newest: the time of the newest known row, from which ages are counted.
    """
    ages_s = (newest - rows.times) / np.timedelta64(1, "s")
    luck: NDArray[np.float64] = np.random.default_rng(seed).random(rows.count)
    return rows.where(np.any([drawn(entrant, ages_s, luck) for entrant in entrants], axis=0))


def to_table(schema: Schema, rows: Labelled) -> pa.Table:
    """Rows as they are kept and handed to a child."""
    arrays = {field.name: pa.array(rows.columns[field.name]) for field in schema.features}
    return pa.table({**arrays, "label": pa.array(rows.labels), "_time": pa.array(rows.times), "_known": pa.array(rows.known)})


def from_table(schema: Schema, table: pa.Table) -> Labelled:
    """The rows that `to_table` wrote down."""
    return Labelled(
        columns={field.name: table[field.name].to_numpy() for field in schema.features},
        times=np.asarray(table["_time"].to_numpy(), dtype="datetime64[us]"),
        known=np.asarray(table["_known"].to_numpy(), dtype="datetime64[us]"),
        labels=np.asarray(table["label"].to_numpy(), dtype=np.float64),
        versions=np.asarray([], dtype=np.str_),
    )
