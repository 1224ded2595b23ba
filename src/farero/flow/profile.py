"""profile: the rows of a window become counts that merge; the rows themselves are not needed again."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from farero.core import profile as profiles
from farero.core.label import LabelSpec
from farero.core.profile import Profile
from farero.core.reference import Reference
from farero.core.schema import Schema
from farero.core.window import Window
from farero.ports import PredictionLog
from farero.serving import stored
from farero.serving.pool import Pool
from farero.store import profiles as stored_profiles
from farero.store import versions
from farero.store.database import Store
from farero.telemetry import log


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What a window's rows add up to, for the version that answered most of them."""

    window: Window
    version: str
    rows: int
    reference: Reference
    profile: Profile


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildProfile:
    """Profiles the windows of one model."""

    model: str
    schema: Schema
    label: LabelSpec
    store: Store
    log: PredictionLog
    pool: Pool

    def build(self, window: Window) -> Summary:
        """The summary of a window that holds at least one row.

        Every version that answered in it gets its own profile, on its own reference's bins; the one with most rows is returned.
        """
        table = self.log.read(self.model, window.start, window.end)
        counts = pc.value_counts(table["version"].combine_chunks())
        by_version = sorted(((entry["counts"].as_py(), entry["values"].as_py()) for entry in counts), reverse=True)
        summaries = [self._of_version(window, table, version, rows) for rows, version in by_version]
        with self.store.write() as conn:
            for summary in summaries:
                stored_profiles.put(conn, self.model, summary.version, window, summary.profile.to_bytes())
        log("profile.built", model=self.model, window=window, rows=table.num_rows, versions=[summary.version for summary in summaries])
        return summaries[0]

    def _of_version(self, window: Window, table: pa.Table, version: str, rows: int) -> Summary:
        chosen = table if rows == table.num_rows else table.filter(pc.equal(table["version"], version))
        with self.store.read() as conn:
            answered = versions.get(conn, self.model, version)
        reference = Reference.from_bytes(self.pool.get(answered, gate=False).reference or b"")
        profile = profiles.build(
            reference, stored.columns(self.schema, chosen), stored.outputs(self.label, chosen), stored.new_values(self.schema, chosen)
        )
        return Summary(window=window, version=version, rows=rows, reference=reference, profile=profile)
