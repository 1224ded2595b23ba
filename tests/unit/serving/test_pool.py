from __future__ import annotations

import gc
import io
import json
import pickle
import re
import threading
import weakref
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from farero.adapters.memory_models import MemoryModels
from farero.core.label import LabelSpec
from farero.core.schema import Columns, Field, Schema
from farero.core.version import Version
from farero.errors import Corrupt, NotReady, PredictFailed
from farero.serving import checked
from farero.serving.compile import Compiled, compile_model
from farero.serving.layout import write_contract
from farero.serving.pool import Pool
from farero.serving.sample import write_sample
from farero.telemetry import log_to_stream, stop_logging

SCHEMA = Schema(fields=(Field(name="tenure", kind="number"),))
Events: TypeAlias = Callable[[], list[dict[str, Any]]]
LABEL = LabelSpec(name="cnt", kind="number", arrives_within=timedelta(days=1))


class Constant:
    def __init__(self, value: float) -> None:
        self.value = value

    def predict(self, rows: object) -> list[float]:
        return [self.value] * len(rows)  # type: ignore[arg-type]


class Slow(Constant):
    """Takes as long to load as the test wants."""

    begun = threading.Event()
    go_on = threading.Event()

    def __setstate__(self, state: dict[str, float]) -> None:
        Slow.begun.set()
        Slow.go_on.wait(30)
        self.__dict__.update(state)


class Shelf:
    """Versions in a store of model files."""

    def __init__(self, folder: Path) -> None:
        self.files = MemoryModels()
        self._folder = folder

    def version(
        self,
        number: str,
        model: object,
        *,
        reference: bytes | None = None,
        contract: bool = True,
        answers: tuple[Columns, list[float]] | None = None,
    ) -> Version:
        folder = self._folder / number
        folder.mkdir()
        (folder / "model.pkl").write_bytes(pickle.dumps(model))
        if reference is not None:
            (folder / "reference.bin").write_bytes(reference)
        if answers is not None:
            write_sample(folder, SCHEMA, answers[0], np.array(answers[1]).reshape(-1, 1))
        if contract:
            write_contract(folder, SCHEMA, LABEL)
        return Version(
            model="bikes", number=number, state="staging", digest=self.files.put(folder), size_bytes=1, trained_rows=1, origin=number,
            created_at=datetime(2024, 1, 1, tzinfo=UTC), trained_until=None, data_fingerprint="", schema_digest="", because="",
        )  # fmt: skip


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path)


def _answer(pool: Pool) -> float:
    return float(pool.production("bikes").engine.predict({"tenure": np.array([1.0])}, 1).value[0])


@pytest.mark.row("S2")
def test_without_a_version_in_production_the_pool_is_not_ready(shelf: Shelf) -> None:
    with pytest.raises(NotReady, match="No version of bikes is in production"):
        Pool(shelf.files).production("bikes")


@pytest.mark.row("R1")
def test_a_swapped_in_version_answers(shelf: Shelf) -> None:
    pool = Pool(shelf.files)
    version = shelf.version("1.0.0", Constant(7), reference=b"bins")
    pool.swap("bikes", version)
    loaded = pool.production("bikes")
    assert (loaded.version, loaded.schema, loaded.label, loaded.reference) == (version, SCHEMA, LABEL, b"bins")
    assert loaded.engine.kind == "original"
    assert _answer(pool) == 7


def test_a_version_without_a_reference_serves_too(shelf: Shelf) -> None:
    pool = Pool(shelf.files)
    assert pool.swap("bikes", shelf.version("1.0.0", Constant(7))).reference is None


def test_another_model_is_not_touched(shelf: Shelf) -> None:
    pool = Pool(shelf.files)
    pool.swap("bikes", shelf.version("1.0.0", Constant(7)))
    pool.swap("flights", shelf.version("1.1.0", Constant(8)))
    pool.drop("flights")
    assert _answer(pool) == 7
    with pytest.raises(NotReady):
        pool.production("flights")


@pytest.mark.row("R1")
def test_a_version_whose_file_was_edited_never_serves_and_the_one_before_goes_on(shelf: Shelf) -> None:
    pool = Pool(shelf.files)
    pool.swap("bikes", shelf.version("1.0.0", Constant(7)))
    edited = shelf.version("1.1.0", Constant(8))
    shelf.files.files[edited.digest]["model.pkl"] = pickle.dumps(Constant(666))
    for attempt in (pool.swap, lambda _, version: pool.get(version)):
        with pytest.raises(Corrupt, match=r"model\.pkl was changed"):
            attempt("bikes", edited)
    assert _answer(pool) == 7


@pytest.mark.row("R1")
def test_a_version_in_memory_is_not_promoted_after_its_file_was_edited(shelf: Shelf) -> None:
    pool = Pool(shelf.files)
    version = shelf.version("1.0.0", Constant(7))
    pool.get(version)
    shelf.files.files[version.digest]["extra.py"] = b""
    with pytest.raises(Corrupt, match=r"extra\.py was added"):
        pool.swap("bikes", version)


def test_a_version_that_cannot_be_loaded_leaves_the_one_before(shelf: Shelf) -> None:
    pool = Pool(shelf.files)
    pool.swap("bikes", shelf.version("1.0.0", Constant(7)))
    with pytest.raises(PredictFailed, match="has no predict"):
        pool.swap("bikes", shelf.version("1.1.0", "no model at all"))
    with pytest.raises(Corrupt, match="does not say what rows"):
        pool.swap("bikes", shelf.version("1.2.0", Constant(1), contract=False))
    missing = shelf.version("1.3.0", Constant(2))
    shelf.files.delete(missing.digest)
    with pytest.raises(Corrupt, match=r"The files of bikes 1\.3\.0 are gone"):
        pool.swap("bikes", missing)
    assert _answer(pool) == 7


def test_a_version_is_loaded_once_and_kept(shelf: Shelf) -> None:
    pool = Pool(shelf.files)
    version = shelf.version("1.0.0", Constant(7))
    engine = pool.get(version).engine
    assert pool.get(version).engine is engine
    assert pool.swap("bikes", version).engine is engine
    assert pool.get(version, fresh=True).engine is not engine


def test_a_kept_version_carries_the_state_it_is_asked_with(shelf: Shelf) -> None:
    pool = Pool(shelf.files)
    version = shelf.version("1.0.0", Constant(7))
    pool.get(version)
    assert pool.swap("bikes", replace(version, state="production")).version.state == "production"


def test_only_the_latest_used_are_kept(shelf: Shelf) -> None:
    pool = Pool(shelf.files, kept=2)
    first, second, third = (shelf.version(f"1.{minor}.0", Constant(minor)) for minor in range(3))
    engines = [pool.get(version).engine for version in (first, second)]
    assert pool.get(first).engine is engines[0]
    pool.get(third)
    assert pool.get(first).engine is engines[0]
    assert pool.get(second).engine is not engines[1]


@pytest.mark.row("R7")
def test_readers_go_on_with_the_old_version_while_the_new_one_loads(shelf: Shelf) -> None:
    pool = Pool(shelf.files)
    pool.swap("bikes", shelf.version("1.0.0", Constant(7)))
    slow = shelf.version("1.1.0", Slow(8))
    swap = threading.Thread(target=pool.swap, args=("bikes", slow))
    swap.start()
    assert Slow.begun.wait(30)
    assert _answer(pool) == 7
    Slow.go_on.set()
    swap.join()
    assert _answer(pool) == 8


def test_a_reader_sees_the_old_or_the_new_version_and_nothing_between(shelf: Shelf) -> None:
    pool = Pool(shelf.files)
    versions = [shelf.version(f"1.{minor}.0", Constant(minor)) for minor in range(2)]
    pool.swap("bikes", versions[0])
    seen: set[tuple[str, float]] = set()
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            loaded = pool.production("bikes")
            seen.add((loaded.version.number, float(loaded.engine.predict({"tenure": np.array([1.0])}, 1).value[0])))

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for turn in range(40):
        pool.swap("bikes", versions[turn % 2])
    done.set()
    for reader in readers:
        reader.join()
    assert seen <= {("1.0.0", 0.0), ("1.1.0", 1.0)}


def test_a_model_on_demand_is_loaded_with_its_first_request(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    pool = Pool(shelf.files)
    pool.expect("bikes", shelf.version("1.0.0", Constant(3.0)))
    assert pool.ready("bikes") is None
    assert pool.production("bikes").version.number == "1.0.0"
    loaded = pool.ready("bikes")
    assert loaded is not None and loaded.engine.predict({"tenure": np.zeros(1)}, 1).value.tolist() == [3.0]


def test_a_promotion_of_a_loaded_model_swaps_it_at_once(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    pool = Pool(shelf.files)
    pool.swap("bikes", shelf.version("1.0.0", Constant(3.0)))
    pool.expect("bikes", shelf.version("1.1.0", Constant(4.0)))
    loaded = pool.ready("bikes")
    assert loaded is not None and loaded.version.number == "1.1.0"


def test_the_model_unused_for_longest_makes_room_and_comes_back_when_asked_for(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    pool = Pool(shelf.files, max_loaded=2)
    for number, model in enumerate(("a", "b", "c")):
        pool.swap(model, shelf.version(f"1.{number}.0", Constant(float(number))))
        pool.production("a")
    assert sorted(pool.loaded) == ["a", "c"]
    assert pool.production("b").version.number == "1.1.0"
    assert sorted(pool.loaded) == ["a", "b"]


def test_dropping_an_expected_model_leaves_nothing_to_answer(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    pool = Pool(shelf.files)
    pool.expect("bikes", shelf.version("1.0.0", Constant(3.0)))
    pool.drop("bikes")
    with pytest.raises(NotReady):
        pool.production("bikes")


def test_what_is_expected_is_named_until_it_is_loaded(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    pool = Pool(shelf.files)
    pool.expect("bikes", shelf.version("1.0.0", Constant(3.0)))
    expected = pool.expected("bikes")
    assert expected is not None and expected.number == "1.0.0"
    pool.production("bikes")
    assert pool.expected("bikes") is None


class Straight(LinearRegression):  # type: ignore[misc]
    """A model of a class that is not compiled, however much it is like one that is."""


def _line(kind: type[LinearRegression] = LinearRegression) -> LinearRegression:
    return kind().fit(pd.DataFrame({"tenure": [0.0, 1.0, 2.0]}), [1.0, 3.0, 5.0])


@pytest.fixture
def events() -> Iterator[Events]:
    """What was logged about engines so far."""
    stream = io.StringIO()
    handler = log_to_stream(stream)
    yield lambda: [line for line in map(json.loads, stream.getvalue().splitlines()) if line["event"].startswith("engine.")]
    stop_logging(handler)


@pytest.mark.row("R1")
def test_a_compiled_engine_that_equals_the_original_serves_and_the_comparison_is_logged(
    shelf: Shelf, events: Events, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = Pool(shelf.files).swap("bikes", shelf.version("1.0.0", _line()))
    assert loaded.engine.kind == "compiled"
    assert "equals the original on" in loaded.engine.detail
    (told,) = events()
    assert (told["event"], told["level"], told["passed"], told["flips"], told["version"]) == ("engine.checked", "info", True, 0, "1.0.0")
    assert told["rows"] > 1000


@pytest.mark.row("R1")
def test_a_compiled_engine_that_differs_is_never_served_and_never_goes_by_in_silence(
    shelf: Shelf, events: Events, monkeypatch: pytest.MonkeyPatch
) -> None:
    def of_another(model: object, label: LabelSpec, schema: Schema) -> Compiled:
        return compile_model(LinearRegression().fit(pd.DataFrame({"tenure": [0.0, 1.0]}), [1.0, 3.1]), label, schema)

    monkeypatch.setattr(checked, "compile_model", of_another)
    loaded = Pool(shelf.files).swap("bikes", shelf.version("1.0.0", _line()))
    assert loaded.engine.kind == "original"
    assert "the compiled engine was refused: it differs by" in loaded.engine.detail
    _, told = events()
    assert (told["event"], told["level"]) == ("engine.refused", "warning")
    assert told["because"] in loaded.engine.detail


def test_a_model_that_is_not_compiled_says_so_and_is_no_refusal(shelf: Shelf, events: Events, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = Pool(shelf.files).swap("bikes", shelf.version("1.0.0", _line(Straight)))
    assert loaded.engine.kind == "original"
    assert loaded.engine.detail == "Straight is not among the models that are compiled."
    assert events() == []


def test_a_version_that_is_only_judged_is_not_compiled_and_is_when_it_is_to_serve(shelf: Shelf) -> None:
    pool = Pool(shelf.files)
    version = shelf.version("1.0.0", _line())
    judged = pool.get(version, gate=False)
    assert (judged.engine.kind, judged.engine.detail) == ("original", "")
    assert pool.get(version, gate=False).engine is judged.engine
    serving = pool.swap("bikes", version).engine
    assert serving.kind == "compiled"
    assert pool.get(version, gate=False).engine is serving


def test_a_pool_without_compiled_engines_serves_the_original(shelf: Shelf) -> None:
    engine = Pool(shelf.files, compiled=False).swap("bikes", shelf.version("1.0.0", _line())).engine
    assert (engine.kind, engine.detail) == ("original", "")


@pytest.mark.row("M11")
def test_a_model_that_answers_otherwise_than_when_it_was_trained_serves_and_says_so_with_the_libraries_that_changed(
    shelf: Shelf, events: Events, monkeypatch: pytest.MonkeyPatch
) -> None:
    sample = {"tenure": np.array([1.0, 2.0])}
    version = replace(shelf.version("1.0.0", _line(), answers=(sample, [3.0, 5.5])), environment={"scikit-learn": "0.9"})
    loaded = Pool(shelf.files).swap("bikes", version)
    assert loaded.engine.kind == "compiled"
    assert re.fullmatch(r"the model answers differently.*scikit-learn \S+ instead of 0\.9: worst difference 0\.091", loaded.moved)
    told = events()[-1]
    assert (told["event"], told["level"], told["because"]) == ("engine.moved", "warning", loaded.moved)
    same = replace(shelf.version("1.1.0", _line(), answers=(sample, [3.0, 5.0])), environment={"scikit-learn": "0.9"})
    assert Pool(shelf.files).swap("bikes", same).moved == ""


@pytest.mark.row("S5")
def test_a_model_that_rests_is_not_in_memory_and_its_next_request_loads_it(shelf: Shelf, events: Events) -> None:
    pool = Pool(shelf.files)
    version = shelf.version("1.0.0", Constant(1.0))
    assert not pool.rest("bikes")
    gone = weakref.ref(pool.swap("bikes", version).engine)
    assert pool.rest("bikes")
    gc.collect()
    assert (gone(), pool.ready("bikes"), pool.expected("bikes")) == (None, None, version)
    assert not pool.rest("bikes")
    assert _answer(pool) == 1.0
    assert pool.expected("bikes") is None


def test_what_is_released_is_kept_only_where_it_is_in_production(shelf: Shelf) -> None:
    pool = Pool(shelf.files)
    first, second = shelf.version("1.0.0", Constant(1.0)), shelf.version("1.1.0", Constant(2.0))
    serving = pool.swap("bikes", first)
    gone = weakref.ref(pool.get(second).engine)
    pool.release({first.digest, second.digest})
    gc.collect()
    assert gone() is None
    assert pool.get(first).engine is serving.engine
