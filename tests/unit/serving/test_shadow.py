from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import numpy as np
import pytest

from farero.core.endpoint import Endpoint
from farero.core.label import LabelKind, LabelSpec
from farero.core.prediction import Outputs
from farero.core.schema import Columns, Field, Schema, check_rows
from farero.errors import PredictFailed
from farero.serving.meters import Meters
from farero.serving.privacy import Protector
from farero.serving.router import Router, Table, Use, Way
from farero.serving.segment import read_segment, segments
from farero.serving.shadow import MOST_WAITING, Copy, RawCopy, Shadow
from farero.serving.spool import Spool

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SCHEMA = Schema(fields=(Field(name="x", kind="number"), Field(name="mail", kind="personal", privacy="hash", missing=True)), key="customer")


class Engine:
    """Doubles x, slowly where a test wants that, and raises where x is 13."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.go_on.set()
        self.begun = threading.Event()

    def predict(self, columns: Columns, count: int) -> Outputs:
        self.begun.set()
        assert self.go_on.wait(20)
        if 13.0 in columns["x"]:
            raise PredictFailed("13 brings bad luck.")
        if self.kind == "classes":
            return Outputs(value=np.ones(count), probability=np.full(count, 0.75), probabilities=np.tile([0.25, 0.75], (count, 1)))
        return Outputs(value=2 * columns["x"])

    kind: LabelKind = "number"


class Here:
    """A shadow with one version behind it, and what it leaves."""

    def __init__(self, folder: Path, kind: LabelKind = "number") -> None:
        self.folder = folder
        self.engine = Engine()
        self.engine.kind = kind
        classes = ("a", "b") if kind == "classes" else ()
        label = LabelSpec(name="y", kind=kind, arrives_within=timedelta(days=1), classes=classes)
        loaded = SimpleNamespace(engine=self.engine, version=SimpleNamespace(number="1.1.0"))
        self.table = Table(
            endpoint=Endpoint(name="lines", model="lines", shadow=("1.1.0",)),
            ways=(),
            split=None,
            shadows=(Way(number="1.1.0"),),
            use=Use(),
        )
        self.meters = Meters(None, "test")
        self.protector = Protector(b"sixteen bytes, or more", SCHEMA)
        self.spool = Spool(folder, "w")
        self.shadow = Shadow(
            "lines", schema=SCHEMA, label=label, router=cast(Router, SimpleNamespace(load=lambda table, way: loaded)),
            protector=self.protector, spool=self.spool, meters=self.meters,
        )  # fmt: skip

    def raw(self, request_id: str, *rows: dict[str, object]) -> RawCopy:
        return RawCopy(msgspec.json.encode({"rows": rows}), request_id, "predict", NOW)

    def recorded(self) -> Any:
        assert self.shadow.settle(20)
        self.spool.close()
        (path,) = segments(self.folder)
        found = read_segment(path).rows
        assert set(found) == {"lines.shadow"}
        return found["lines.shadow"]

    def counted(self, name: str) -> float:
        return sum(sample.value for sample in self.meters.samples() if sample.name == name)


@pytest.mark.row("S4")
def test_a_copy_of_either_way_is_scored_and_recorded_apart_with_its_personal_fields_protected(tmp_path: Path) -> None:
    here = Here(tmp_path)
    row = {"x": 3.0, "mail": "ana@b.example", "customer": "C-1"}
    here.shadow.take(here.table, here.raw("r1", row))
    rows = check_rows(SCHEMA, [row, {"x": 4.0}]).rows
    inputs, keys = here.protector.protect(rows), here.protector.keys(rows)
    here.shadow.take(here.table, Copy(rows.columns, rows.count, inputs, keys, "r2", "ab", NOW))
    found = here.recorded()
    assert (found.request_id, found.version, found.endpoint) == (["r1", "r2"], ["1.1.0", "1.1.0"], ["predict", "ab"])
    assert list(found.prediction) == [6.0, 6.0, 8.0]
    assert list(found.key) == ["C-1", "C-1", None]
    assert next(iter(found.inputs["mail"])) == inputs["mail"][0] != "ana@b.example"
    assert here.counted("farero_shadow_requests_total") == 2


def test_classes_are_recorded_by_name(tmp_path: Path) -> None:
    here = Here(tmp_path, "classes")
    here.shadow.take(here.table, here.raw("r1", {"x": 3.0}))
    found = here.recorded()
    assert (list(found.prediction), list(found.probability)) == (["b"], [0.75])


@pytest.mark.row("S4")
def test_a_shadow_version_that_fails_is_counted_and_the_next_copy_is_scored(tmp_path: Path) -> None:
    here = Here(tmp_path)
    here.shadow.take(here.table, here.raw("r1", {"x": 13.0}))
    here.shadow.take(here.table, here.raw("r2", {"x": 1.0}))
    assert here.recorded().request_id == ["r2"]
    assert (here.counted("farero_shadow_failures_total"), here.counted("farero_shadow_requests_total")) == (1, 1)


@pytest.mark.row("S4")
def test_beyond_the_limit_copies_are_dropped_and_counted_and_nobody_waits(tmp_path: Path) -> None:
    here = Here(tmp_path)
    here.engine.go_on.clear()
    here.shadow.take(here.table, here.raw("first", {"x": 1.0}))
    assert here.engine.begun.wait(20)
    for number in range(MOST_WAITING + 5):
        here.shadow.take(here.table, here.raw(f"r{number}", {"x": 1.0}))
    assert here.counted("farero_shadow_dropped_total") == 5
    here.engine.go_on.set()
    assert len(here.recorded().request_id) == MOST_WAITING + 1


def test_after_its_end_nothing_is_taken_any_more(tmp_path: Path) -> None:
    here = Here(tmp_path)
    here.shadow.close()
    here.shadow.take(here.table, here.raw("r", {"x": 1.0}))
    assert here.counted("farero_shadow_dropped_total") == 1
