"""From a body to numbers and a frame, and what is left to the careful way."""

from __future__ import annotations

import weakref
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import numpy as np
import pytest
from tests.standin import version

from farero.core.endpoint import PRODUCTION, Endpoint, Route, Split
from farero.core.label import LabelKind, LabelSpec
from farero.core.prediction import Outputs
from farero.core.recorded import Recorded
from farero.core.schema import Field, Schema, check_rows
from farero.serving.cache import AnswerCache
from farero.serving.lane import CAPACITY, Lane
from farero.serving.pool import Loaded, Pool
from farero.serving.privacy import Protector
from farero.serving.router import Router, Table, Use, Way
from farero.serving.segment import HEADER, read_segment

NOW = datetime(2024, 5, 1, tzinfo=UTC)
SCHEMA = Schema(
    fields=(
        Field(name="x", kind="number", min=0, max=1000),
        Field(name="flag", kind="flag"),
        Field(name="mail", kind="personal", privacy="hash", missing=True),
    ),
    key="customer",
)
PLAIN = Schema(fields=SCHEMA.fields[:2])
ROW = {"x": 3, "flag": True}


class Numpy:
    """A short way without a compiler: twice x, or shares of it. NaN where x is 13: such a row it leaves."""

    def __init__(self, kind: LabelKind, capacity: int = CAPACITY) -> None:
        self.kind = kind
        self.rows = np.full((capacity, 2), np.nan)
        self.answers = np.full((capacity, 3 if kind == "classes" else 1), np.nan)
        self.runs = 0

    def run(self, count: int) -> None:
        self.runs += 1
        x = np.where(self.rows[:count, 0] == 13, np.nan, self.rows[:count, 0])
        if self.kind == "number":
            self.answers[:count, 0] = 2 * x
        elif self.kind == "binary":
            self.answers[:count, 0] = x / 1000
        else:
            self.answers[:count] = np.column_stack([x / 2000, x / 2000, 1 - x / 1000])


class Bench:
    """A lane, and what it stands on."""

    def __init__(
        self, kind: LabelKind = "number", *, schema: Schema = PLAIN, cache: AnswerCache[Outputs] | None = None, max_rows: int = 1000,
        endpoint: str | None = None,
    ) -> None:  # fmt: skip
        classes = ("gold", "silver", "none") if kind == "classes" else ()
        self.label = LabelSpec(name="y", kind=kind, arrives_within=timedelta(days=1), classes=classes, positive="yes", negative="no")
        self.schema = schema
        self.quick = Numpy(kind)
        self.loaded: Loaded | None = self.load("1.0.0")
        self.table: Table | None = None
        self.protector = Protector(b"sixteen bytes, or more", schema)
        self.lane = Lane(
            "lines", schema=schema, label=self.label, pool=cast(Pool, SimpleNamespace(ready=lambda model: self.loaded)),
            router=cast(Router, SimpleNamespace(find=lambda name: self.table)), endpoint=endpoint,
            protector=self.protector, cache=cache, now=lambda: NOW, max_rows=max_rows,
        )  # fmt: skip

    def load(self, number: str, *, quick: bool = True, schema: Schema | None = None) -> Loaded:
        engine = SimpleNamespace(kind="compiled", detail="", quick=self.quick if quick else None)
        made = replace(version("lines", number, "production", NOW), digest=f"digest of {number}")
        return Loaded(version=made, engine=cast(Any, engine), label=self.label, schema=schema or self.schema, reference=None, folder=Path())


def body(*rows: dict[str, object]) -> bytes:
    return msgspec.json.encode(rows[0] if len(rows) == 1 else {"rows": rows})


def recorded(frame: bytes, folder: Path) -> Recorded:
    """What the hand-over will read."""
    path = folder / "w-0000000001.seg"
    path.write_bytes(HEADER + frame)
    found = read_segment(path)
    assert (found.torn_bytes, found.damage) == (0, ())
    return found.rows["lines"]


@pytest.mark.row("S1")
def test_a_bare_row_and_a_list_are_answered_and_told_apart() -> None:
    lane = Bench().lane
    one = lane.score(body(ROW), "r1")
    assert one is not None
    assert (one.version, one.values, one.probability, one.probabilities, one.bare) == ("1.0.0", [6.0], None, None, True)
    many = lane.score(body(ROW, {"x": 4, "flag": False}), "r2")
    assert many is not None
    assert (many.values, many.bare) == ([6.0, 8.0], False)


@pytest.mark.row("S1")
def test_a_probability_is_rounded_to_yes_from_one_half_on() -> None:
    scored = Bench("binary").lane.score(body(*[{"x": x, "flag": True} for x in (499, 500, 501)]), "r")
    assert scored is not None
    assert (scored.values, scored.probability, scored.probabilities) == ([0.0, 1.0, 1.0], [0.499, 0.5, 0.501], None)


@pytest.mark.row("S1")
def test_of_classes_the_first_likeliest_is_predicted() -> None:
    scored = Bench("classes").lane.score(body({"x": 800, "flag": True}, {"x": 0, "flag": True}), "r")
    assert scored is not None
    assert (scored.values, scored.probability) == ([0.0, 2.0], [0.4, 1.0])
    assert scored.probabilities == [[0.4, 0.4, pytest.approx(0.2)], [0.0, 0.0, 1.0]]


@pytest.mark.row("L1", "L2")
def test_the_frame_holds_what_was_asked_answered_and_protected(tmp_path: Path) -> None:
    bench = Bench(schema=SCHEMA)
    scored = bench.lane.score(body({**ROW, "mail": "ana@b.example", "customer": 17}, {**ROW, "customer": None}), "r1")
    assert scored is not None
    assert b"ana@" not in scored.frame
    found = recorded(scored.frame, tmp_path)
    checked = check_rows(SCHEMA, [{**ROW, "mail": "ana@b.example", "customer": 17}, {**ROW, "customer": None}]).rows
    expected = bench.protector.protect(checked)
    again = Recorded()
    again.add("1.0.0", "r1", "predict", NOW, expected, [6.0, 6.0], None, bench.protector.keys(checked), found.latency_us[0], "ok", None)
    assert found == again


@pytest.mark.row("L1")
def test_classes_are_recorded_by_name(tmp_path: Path) -> None:
    scored = Bench("classes").lane.score(body({"x": 0, "flag": True}), "r")
    assert scored is not None
    found = recorded(scored.frame, tmp_path)
    assert (list(found.prediction), list(found.probability)) == (["none"], [1.0])


@pytest.mark.row("S2")
@pytest.mark.parametrize("kind", ["number", "binary", "classes"])
def test_a_row_that_the_kernel_leaves_goes_the_careful_way_with_all_others(kind: LabelKind) -> None:
    lane = Bench(kind).lane
    assert lane.score(body(ROW, {"x": 13, "flag": True}), "r") is None
    assert lane.score(body({"x": 13, "flag": True}), "r") is None
    assert lane.score(body(ROW), "r") is not None


@pytest.mark.row("S2")
@pytest.mark.parametrize(
    "sent", [b"", b"{", b"[]", body({"x": -1, "flag": True}), body({"x": 1}), body({**ROW, "more": 1}), b'{"rows":[]}']
)
def test_what_has_a_fault_is_left_before_anything_is_run(sent: bytes) -> None:
    bench = Bench()
    assert bench.lane.score(sent, "r") is None
    assert bench.quick.runs == 0


def test_more_rows_than_fit_or_than_are_allowed_are_left() -> None:
    rows = [ROW] * (CAPACITY + 1)
    assert Bench().lane.score(body(*rows[:-1]), "r") is not None
    assert Bench().lane.score(body(*rows), "r") is None
    assert Bench(max_rows=2).lane.score(body(ROW, ROW), "r") is not None
    assert Bench(max_rows=2).lane.score(body(ROW, ROW, ROW), "r") is None


@pytest.mark.row("S4")
def test_another_version_answers_from_the_next_request_on() -> None:
    bench = Bench()
    first = bench.lane.score(body(ROW), "r")
    bench.quick = Numpy("number")
    bench.loaded = bench.load("1.1.0")
    second = bench.lane.score(body(ROW), "r")
    assert first is not None
    assert second is not None
    assert (first.version, second.version, bench.quick.runs) == ("1.0.0", "1.1.0", 1)


def test_without_a_version_or_its_short_way_or_its_fields_all_is_left() -> None:
    bench = Bench()
    for loaded in (None, bench.load("1.1.0", quick=False), bench.load("1.1.0", schema=SCHEMA)):
        bench.loaded = loaded
        assert bench.lane.score(body(ROW), "r") is None
    bench.loaded = bench.load("1.0.0")
    assert bench.lane.score(body(ROW), "r") is not None


@pytest.mark.parametrize("kind", ["number", "binary", "classes"])
def test_equal_rows_are_answered_from_the_cache_and_still_recorded(kind: LabelKind, tmp_path: Path) -> None:
    cache = AnswerCache[Outputs](10, 60, lambda: 0.0)
    bench = Bench(kind, cache=cache)
    first = bench.lane.score(body(ROW, {"x": 5, "flag": False}), "r1")
    again = bench.lane.score(body(ROW, {"x": 5, "flag": False}), "r2")
    assert first is not None
    assert again is not None
    assert (first.values, first.probability, first.probabilities) == (again.values, again.probability, again.probabilities)
    assert (bench.quick.runs, cache.hits, cache.misses) == (1, 1, 1)
    found = recorded(again.frame, tmp_path)
    assert (found.request_id, found.counts) == (["r2"], [2])
    bench.loaded = bench.load("1.1.0")
    assert bench.lane.score(body(ROW, {"x": 5, "flag": False}), "r3") is not None
    assert bench.quick.runs == 2, "another version knows nothing of this one's answers"


def test_a_model_without_a_short_way_answers_what_the_cache_has() -> None:
    cache = AnswerCache[Outputs](10, 60, lambda: 0.0)
    bench = Bench(cache=cache)
    bench.loaded = bench.load("1.0.0", quick=False)
    assert bench.lane.score(body(ROW), "r") is None
    cache.put("digest of 1.0.0", np.array([[3.0, 1.0]]).tobytes(), Outputs(value=np.array([7.0])))
    scored = bench.lane.score(body(ROW), "r")
    assert scored is not None
    assert scored.values == [7.0]


def table(*ways: tuple[Loaded | None, float], sticky: bool = False, model: str = "lines", shadow: bool = False) -> Table:
    """A split between loaded versions; None = production."""
    numbers = [PRODUCTION if loaded is None else loaded.version.number for loaded, _ in ways]
    routes = tuple(Route(version=number, share=share) for number, (_, share) in zip(numbers, ways, strict=True))
    return Table(
        endpoint=Endpoint(name="lines", model=model, routes=routes, sticky=sticky),
        ways=tuple(Way(number=number, loaded=loaded) for number, (loaded, _) in zip(numbers, ways, strict=True)),
        split=Split("lines", routes) if routes else None,
        shadows=(Way(number="9.0.0"),) if shadow else (),
        use=Use(),
    )


class Thrice(Numpy):
    def run(self, count: int) -> None:
        self.runs += 1
        self.answers[:count, 0] = 3 * self.rows[:count, 0]


def canary(bench: Bench, number: str = "1.1.0") -> Loaded:
    mine, bench.quick = bench.quick, Thrice("number")
    loaded = bench.load(number)
    bench.quick = mine
    return loaded


@pytest.mark.row("S4")
def test_a_split_gives_each_request_whole_to_one_version_by_its_id(tmp_path: Path) -> None:
    bench = Bench()
    bench.table = table((None, 50), (canary(bench), 50))
    seen = set()
    for number in range(60):
        scored = bench.lane.score(body(ROW, {"x": 5, "flag": False}), f"r{number}")
        again = bench.lane.score(body(ROW), f"r{number}")
        assert scored is not None and again is not None
        assert scored.version == again.version == ("1.0.0", "1.1.0")[bench.table.split.pick(f"r{number}")]  # type: ignore[union-attr]
        assert scored.values == ([6.0, 10.0] if scored.version == "1.0.0" else [9.0, 15.0])
        seen.add(scored.version)
        assert recorded(scored.frame, tmp_path).version == [scored.version]
    assert seen == {"1.0.0", "1.1.0"}
    assert bench.table.use.count == 120


@pytest.mark.row("S4")
def test_a_sticky_split_goes_by_the_key_of_the_first_row() -> None:
    bench = Bench(schema=SCHEMA)
    bench.table = table((None, 50), (canary(bench), 50), sticky=True)
    for key in range(20):
        row = {**ROW, "customer": f"C-{key}"}
        versions = {found.version for number in range(5) if (found := bench.lane.score(body(row), f"r{number}")) is not None}
        assert versions == {("1.0.0", "1.1.0")[bench.table.split.pick(f"C-{key}")]}  # type: ignore[union-attr]
    without = {found.version for number in range(60) if (found := bench.lane.score(body(ROW), f"r{number}")) is not None}
    assert without == {"1.0.0", "1.1.0"}, "without a key the request id picks"


@pytest.mark.row("S4")
def test_requests_of_a_version_without_a_short_way_are_left_and_of_the_others_are_not() -> None:
    bench = Bench()
    bench.table = table((None, 50), (bench.load("1.1.0", quick=False), 50))
    for number in range(40):
        scored = bench.lane.score(body(ROW), f"r{number}")
        goes_to = bench.table.split.pick(f"r{number}")  # type: ignore[union-attr]
        assert (scored.version if scored is not None else None) == ("1.0.0", None)[goes_to]


@pytest.mark.row("S4")
def test_an_endpoint_that_is_gone_or_another_models_is_left() -> None:
    bench = Bench(endpoint="ab")
    assert bench.lane.score(body(ROW), "r") is None
    bench.table = table((None, 100))
    scored = bench.lane.score(body(ROW), "r")
    assert scored is not None and scored.version == "1.0.0"
    bench.table = table((None, 100), model="other")
    assert bench.lane.score(body(ROW), "r") is None


def test_an_endpoint_is_recorded_by_its_name_and_the_models_own_as_predict(tmp_path: Path) -> None:
    bench = Bench(endpoint="ab")
    bench.table = table()
    scored = bench.lane.score(body(ROW), "r")
    assert scored is not None
    assert recorded(scored.frame, tmp_path).endpoint == ["ab"]


@pytest.mark.row("S5")
def test_a_look_lets_go_of_what_has_left_memory() -> None:
    bench = Bench()
    assert bench.lane.score(body(ROW), "r") is not None
    bench.loaded = None
    bench.lane.look()
    gone = weakref.ref(bench.quick)
    bench.quick = Numpy("number")
    assert gone() is None
    bench.loaded = bench.load("1.0.0")
    assert bench.lane.score(body(ROW), "r") is not None


def test_the_decoder_is_kept_where_only_the_shares_change() -> None:
    bench = Bench()
    other = canary(bench)
    bench.table = table((None, 50), (other, 50))
    assert bench.lane.score(body(ROW), "r") is not None
    before = bench.lane._decoder
    bench.table = table((None, 10), (other, 90))
    assert bench.lane.score(body(ROW), "r") is not None
    assert bench.lane._decoder is before


def test_copies_are_wanted_only_where_there_are_shadow_versions() -> None:
    bench = Bench()
    assert bench.lane.score(body(ROW), "r") is not None and not bench.lane.shadowing
    bench.table = table(shadow=True)
    assert bench.lane.score(body(ROW), "r") is not None and bench.lane.shadowing
