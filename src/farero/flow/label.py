"""label: late truth finds the predictions that it belongs to; what cannot be placed is reported and kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from farero.core.label import LabelReceipt, LabelRow, LabelSpec, encode_labels
from farero.ports import Clock, PredictionLog
from farero.store import labels
from farero.store.database import Store
from farero.store.labels import StoredLabel


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A label whose prediction was found."""

    position: int
    request_id: str
    row: int
    predicted_at: datetime
    key: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """Takes labels for one model."""

    model: str
    label: LabelSpec
    store: Store
    log: PredictionLog
    clock: Clock

    def take(self, rows: Sequence[LabelRow], *, prefix: str = "labels") -> LabelReceipt:
        """Store every label that can be placed; keep the others waiting for their prediction; report each of them.

        The same label twice is a duplicate and changes nothing; another value for a labelled row is a contradiction: the first
        stays, and the receipt names both.
        """
        values, faults = encode_labels(self.label, [row.raw for row in rows])
        bad = {int(fault.path.split("[")[1].split("]")[0]) for fault in faults}
        invalid = [f"{prefix}{fault.path[fault.path.index('[') :]}: {fault.message}" for fault in faults]
        usable = [position for position in range(len(rows)) if position not in bad and not np.isnan(values[position])]
        invalid += [f"{prefix}[{position}]: the label is missing" for position in sorted(set(range(len(rows))) - bad - set(usable))]
        placed = {found.position: found for found in self._place([(position, rows[position]) for position in usable])}
        now = self.clock.now()
        ready = [position for position in usable if position in placed]
        unknown = [position for position in usable if position not in placed]
        with self.store.write() as conn:
            result = labels.put(
                conn,
                self.model,
                [
                    StoredLabel(
                        request_id=placed[position].request_id,
                        row=placed[position].row,
                        value=float(values[position]),
                        predicted_at=placed[position].predicted_at,
                        known_at=rows[position].known_at,
                        received_at=now,
                        key=placed[position].key,
                    )
                    for position in ready
                ],
            )
            if unknown:
                labels.wait(conn, self.model, [replace(rows[position], raw=float(values[position])) for position in unknown], now)
        return LabelReceipt(
            stored=len(result.stored),
            duplicates=len(result.duplicates),
            contradictions=tuple(
                f"{prefix}[{ready[index]}]: {_shown(self.label, float(values[ready[index]]))} contradicts the label "
                f"{_shown(self.label, kept)} that is stored; the stored one stays"
                for index, kept in result.contradictions
            ),
            unknown=tuple(
                f"{prefix}[{position}]: {_nowhere(rows[position])}; kept, in case the prediction appears" for position in unknown
            ),
            invalid=tuple(invalid),
        )

    def retry_waiting(self) -> int:
        """Try to place the labels that wait; how many found their prediction."""
        with self.store.read() as conn:
            waiting = labels.waiting(conn, self.model)
        if not waiting:
            return 0
        found = self._place([(position, entry.label) for position, entry in enumerate(waiting)])
        now = self.clock.now()
        with self.store.write() as conn:
            labels.put(
                conn,
                self.model,
                [
                    StoredLabel(
                        request_id=place.request_id,
                        row=place.row,
                        value=float(str(waiting[place.position].label.raw)),
                        predicted_at=place.predicted_at,
                        known_at=waiting[place.position].label.known_at,
                        received_at=now,
                        key=place.key,
                    )
                    for place in found
                ],
            )
            labels.forget(conn, [waiting[place.position].id for place in found])
        return len(found)

    def _place(self, rows: Sequence[tuple[int, LabelRow]]) -> list[Placed]:
        by_request = [(position, row) for position, row in rows if row.request_id is not None]
        by_key = [(position, row) for position, row in rows if row.request_id is None and row.key is not None and row.time is not None]
        return [*self._by_request(by_request), *self._by_key(by_key)]

    def _by_request(self, rows: Sequence[tuple[int, LabelRow]]) -> list[Placed]:
        if not rows:
            return []
        table = self.log.times(self.model, sorted({row.request_id for _, row in rows if row.request_id is not None}))
        ids, numbers, moments = table["request_id"].to_pylist(), table["row"].to_pylist(), table["time"].to_pylist()
        known = {
            (request_id, number): (time, key)
            for request_id, number, time, key in zip(ids, numbers, moments, table["key"].to_pylist(), strict=True)
        }  # fmt: skip
        found: list[Placed] = []
        for position, row in rows:
            place = known.get((row.request_id, row.row))
            if place is not None and row.request_id is not None:
                found.append(Placed(position=position, request_id=row.request_id, row=row.row, predicted_at=place[0], key=place[1]))
        return found

    def _by_key(self, rows: Sequence[tuple[int, LabelRow]]) -> list[Placed]:
        """The newest prediction for the key at or before the time, no older than labels may take to arrive."""
        if not rows:
            return []
        moments = [row.time for _, row in rows if row.time is not None]
        # A prediction belongs to the label's time if it was made up to `arrives_within` before it.
        first, last = min(moments) - self.label.arrives_within, max(moments) + timedelta(microseconds=1)
        table = self.log.read(self.model, first, last, ["request_id", "row", "time", "key"])
        wanted = {row.key for _, row in rows}
        table = table.filter(pc.is_in(table["key"], value_set=_strings(wanted)))
        by_key: dict[str, list[tuple[datetime, str, int]]] = {}
        for key, time, request_id, number in zip(
            table["key"].to_pylist(), table["time"].to_pylist(), table["request_id"].to_pylist(), table["row"].to_pylist(), strict=True
        ):  # fmt: skip
            by_key.setdefault(key, []).append((time, request_id, number))
        found: list[Placed] = []
        for position, row in rows:
            if row.time is None or row.key is None:
                continue
            earlier = [
                entry for entry in by_key.get(row.key, []) if row.time - self.label.arrives_within <= entry[0] <= row.time
            ]  # fmt: skip
            if earlier:
                time, request_id, number = max(earlier)
                found.append(Placed(position=position, request_id=request_id, row=number, predicted_at=time, key=row.key))
        return found


def _strings(values: set[str | None]) -> pa.Array:
    return pa.array(sorted(value for value in values if value is not None), pa.string())


def _shown(label: LabelSpec, value: float) -> str:
    return label.classes[int(value)] if label.kind == "classes" else f"{value:g}"


def _nowhere(row: LabelRow) -> str:
    if row.request_id is not None:
        return f"no prediction {row.request_id!r} row {row.row} is recorded"
    if row.key is None or row.time is None:
        return "a label needs a request_id, or a key and a time"
    return "no prediction for that key is recorded in the time before it"
