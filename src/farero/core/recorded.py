"""Records of one model as columns: what a hand-over carries from segments to the log.

An object a record would cost ten times what its values cost, most of it in the collector of garbage: these are a few long lists.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from farero.core.prediction import Record


@dataclass(slots=True)
class Recorded:
    """The rows of any number of requests, in the order in which they came.

    Attributes:
        counts: rows of each request; 1 for all of them where each asked for one.
        version, request_id, endpoint, latency_us, status: one value a request.
        time, prediction, probability, key: one value a row; None where there is none.
        inputs: name -> one value a row; None in the rows of requests that had no such input.
    """

    counts: list[int] = field(default_factory=list)
    version: list[str] = field(default_factory=list)
    request_id: list[str] = field(default_factory=list)
    endpoint: list[str] = field(default_factory=list)
    latency_us: list[int] = field(default_factory=list)
    status: list[str] = field(default_factory=list)
    time: list[datetime] = field(default_factory=list)
    prediction: list[Any] = field(default_factory=list)
    probability: list[float | None] = field(default_factory=list)
    key: list[Any] = field(default_factory=list)
    inputs: dict[str, list[Any]] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """Rows of all requests."""
        return len(self.prediction)

    @classmethod
    def of(cls, records: Iterable[Record]) -> Recorded:
        """These records as columns."""
        columns = cls()
        for each in records:
            columns.add(
                each.version, each.request_id, each.endpoint, each.time, each.inputs, each.prediction, each.probability, each.keys,
                each.latency_us, each.status, each.times,
            )  # fmt: skip
        return columns

    def add(
        self, version: str, request_id: str, endpoint: str, time: datetime, inputs: Mapping[str, Sequence[Any]],
        prediction: Sequence[Any], probability: Sequence[float] | None, keys: Sequence[Any] | None, latency_us: int, status: str,
        times: Sequence[datetime] | None,
    ) -> None:  # fmt: skip
        """Add one request.

        Raises:
            ValueError: its lists are not of one length; nothing was added, for a shifted column would be worse than a missing row.
        """
        count = len(prediction)
        for values in inputs.values():
            if len(values) != count:
                raise ValueError(f"record {request_id}: an input has {len(values)} values for {count} rows")
        if any(each is not None and len(each) != count for each in (probability, keys, times)):
            raise ValueError(f"record {request_id}: its lists are not of one length")
        before = len(self.prediction)
        self.counts.append(count)
        self.version.append(version)
        self.request_id.append(request_id)
        self.endpoint.append(endpoint)
        self.latency_us.append(latency_us)
        self.status.append(status)
        self.time += [time] * count if times is None else times
        self.prediction += prediction
        self.probability += [None] * count if probability is None else probability
        self.key += [None] * count if keys is None else keys
        self._add_inputs(inputs, before)

    def extend(self, other: Recorded) -> None:
        """Add all of another."""
        before = len(self.prediction)
        for name in ("counts", "version", "request_id", "endpoint", "latency_us", "status", "time", "prediction", "probability", "key"):
            getattr(self, name).extend(getattr(other, name))
        self._add_inputs(other.inputs, before)

    def _add_inputs(self, inputs: Mapping[str, Sequence[Any]], before: int) -> None:
        """Add these inputs to the columns that had `before` rows; what only one side has is None on the other."""
        columns = self.inputs
        for name, values in inputs.items():
            column = columns.get(name)
            if column is None:
                column = columns[name] = [None] * before
            column += values
        if len(inputs) != len(columns):
            for column in columns.values():
                column += [None] * (len(self.prediction) - len(column))
