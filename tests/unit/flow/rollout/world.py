"""Requests to a model whose rollout is under test: split as its endpoint says, recorded as if the service had answered them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import numpy as np
from tests.benches import T0, Installation

from farero.core.endpoint import OWN, PRODUCTION, Endpoint, Split
from farero.core.label import LabelRow
from farero.core.prediction import Record
from farero.core.rollout import STAGING, Rollout, RolloutRule
from farero.core.schema import check_rows
from farero.core.version import Version
from farero.flow.rollout import Rollouts
from farero.flow.rollout.measured import Measure
from farero.flow.rollout.smoke import Door, SmokeTest
from farero.serving.shadow import SUFFIX
from farero.store import endpoints, rollouts, versions

RULE = RolloutRule(steps=(20, 50), least_rows=40, least_time=timedelta(minutes=10))
NEW, OLD = "1.1.0", "1.0.0"


@dataclass
class World:
    """An installation whose version 1.1.0 is a candidate, and clients."""

    here: Installation
    rule: RolloutRule | None = RULE
    failures: dict[str, float] = field(default_factory=dict)
    sent: int = 0
    answer: Callable[[bytes], tuple[int, bytes]] | None = None

    def __post_init__(self) -> None:
        self.random = np.random.default_rng(3)
        origin = "train/second"
        loop = self.here.loop
        loop.retrain.first(self.here.base(2.0), until=T0, origin=origin, because="asked for", tags={})
        self.now = T0 + timedelta(hours=2)
        self.clock.set(self.now)

    @property
    def clock(self):  # type: ignore[no-untyped-def]
        return self.here.bench.clock

    @property
    def steps(self) -> Rollouts:
        loop = self.here.loop
        return Rollouts(
            model="points", rule=self.rule, store=self.here.bench.store, pool=loop.predict.pool, clock=self.clock,
            channels={"replay": "low"},
            measure=Measure(
                model="points", label=loop.predict.label, metric="mae", store=self.here.bench.store, log=loop.record.log
            ),
            smoke=SmokeTest(schema=loop.predict.schema, label=loop.predict.label, endpoint=f"points{STAGING}"),
        )  # fmt: skip

    def begin(self, *, by: str = "farero") -> Version:
        return self.steps.begin(NEW, by=by, because="it won")

    def tick(self) -> Rollout | None:
        return self.steps.tick(self.door, self.failures)

    @property
    def door(self) -> Door:
        return Door(how="over HTTP", post=self.post)

    def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        """What the service answers to a request at an endpoint of one version."""
        if self.answer is not None:
            return self.answer(body)
        with self.here.bench.store.read() as conn:
            number = endpoints.get(conn, path.split("/")[3]).routes[0].version
            loaded = self.here.loop.predict.pool.get(versions.get(conn, "points", number))
        rows = check_rows(self.here.loop.predict.schema, json.loads(body)["rows"])
        if rows.faults:
            return 422, json.dumps({"detail": str(rows.faults[0])}).encode()
        outputs = loaded.engine.predict(rows.rows.columns, rows.rows.count)
        return 200, json.dumps({"version": number, "predictions": [{"prediction": one} for one in outputs.value.tolist()]}).encode()

    def own(self) -> Endpoint:
        with self.here.bench.store.read() as conn:
            return endpoints.own(conn, "points")

    def open(self) -> Rollout:
        with self.here.bench.store.read() as conn:
            found = rollouts.find_open(conn, "points")
        assert found is not None
        return found

    def last(self) -> Rollout:
        with self.here.bench.store.read() as conn:
            return rollouts.all(conn, "points", last=1)[0]

    def serve(
        self, count: int, *, over: timedelta = timedelta(minutes=11), failing: float = 0.0, new_us: float = 900.0,
        new: Callable[[float], float] = lambda x: 2 * x, labelled: bool = False, wrong: float = 0.0,
    ) -> None:  # fmt: skip
        """So many requests over a time; the canary fails on a share of its own, takes so long, and answers so; labels are 2 x."""
        own = self.own()
        split = Split(own.name, own.routes) if own.routes else None
        records: list[Record] = []
        told: list[LabelRow] = []
        for number in range(count):
            at = self.now + over * ((number + 1) / (count + 1))
            name, self.sent = f"r{self.sent}", self.sent + 1
            version = own.routes[split.pick(name)].version if split else PRODUCTION
            x = float(self.random.uniform(1, 5))
            if version == NEW and self.random.random() < failing:
                self.failures[NEW] = self.failures.get(NEW, 0.0) + 1
                version = PRODUCTION
            mine = version == NEW
            records.append(self._record(name, at, NEW if mine else OLD, new(x) if mine else 2 * x, new_us if mine else 900.0, x))
            told.append(LabelRow(raw=2 * x + (wrong if mine else 0.0) + float(self.random.normal()), request_id=name, row=0, known_at=at))
        self.now += over
        self.clock.set(self.now)
        self.here.loop.record.log.append("points", records, {})
        if own.shadow:
            copies = [replace(one, model="points" + SUFFIX, version=NEW) for one in records]
            self.here.loop.record.log.append("points" + SUFFIX, copies, {})
        if labelled:
            self.here.loop.label.take(told)

    def _record(self, name: str, at: datetime, version: str, answer: float, latency_us: float, x: float) -> Record:
        return Record(
            model="points", version=version, request_id=name, endpoint=OWN, time=at, inputs={"x": [x], "shape": ["a"]}, prediction=[answer],
            probability=None, keys=[f"c{name}"], latency_us=int(latency_us * self.random.uniform(0.5, 1.5)),
        )  # fmt: skip
