"""Whatever is written is read back, wherever a file is cut or damaged."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from tests.records import SHAPE, record

from farero.adapters.memory_log import MemoryLog
from farero.core.prediction import Record
from farero.core.recorded import Recorded
from farero.flow.record import hand_over
from farero.serving.segment import HEADER, Segment, read_segment, segments
from farero.serving.spool import Spool

TEXT = st.text(max_size=12)
TIMES = st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
PLAIN = st.none() | st.booleans() | st.floats(allow_nan=False) | TEXT


@st.composite
def any_record(draw: st.DrawFn) -> Record:
    count = draw(st.integers(0, 4))

    def values(of: st.SearchStrategy[object]) -> list[object]:
        return draw(st.lists(of, min_size=count, max_size=count))

    return Record(
        model=draw(TEXT),
        version=draw(TEXT),
        request_id=draw(TEXT),
        endpoint=draw(TEXT),
        time=draw(TIMES),
        inputs={name: values(PLAIN) for name in draw(st.lists(TEXT, max_size=3, unique=True))},
        prediction=values(st.floats(allow_nan=False) | TEXT),
        probability=values(st.floats(0, 1)) if draw(st.booleans()) else None,  # type: ignore[arg-type]
        keys=values(st.none() | TEXT) if draw(st.booleans()) else None,  # type: ignore[arg-type]
        latency_us=draw(st.integers(0, 2**62)),
        times=values(TIMES) if draw(st.booleans()) else None,  # type: ignore[arg-type]
    )


def spooled(folder: str, records: list[Record]) -> Path:
    spool = Spool(Path(folder), "w")
    for each in records:
        spool.write(each)
    spool.close()
    (path,) = segments(Path(folder))
    return path


def request_ids(segment: Segment) -> list[str]:
    return [request_id for rows in segment.rows.values() for request_id in rows.request_id]


@given(st.lists(any_record(), min_size=1, max_size=5))
def test_every_record_comes_back_as_it_was(records: list[Record]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        segment = read_segment(spooled(folder, records))
        by_model = {model: Recorded.of(each for each in records if each.model == model) for model in {each.model for each in records}}
        assert segment.rows == by_model
        assert (segment.torn_bytes, segment.damage) == (0, ())


@given(st.lists(any_record(), min_size=1, max_size=5))
def test_every_record_finds_its_place_in_a_log(records: list[Record]) -> None:
    """No record that a spool takes may stand in the way of the hand-over."""
    with tempfile.TemporaryDirectory() as folder:
        spooled(folder, records)
        log = MemoryLog({records[0].model: SHAPE})
        handed = hand_over(Path(folder), log)
        assert handed.rows == sum(len(each.prediction) for each in records)
        assert sum(log.read(model).num_rows for model in {each.model for each in records}) == handed.rows


@given(st.data())
def test_a_segment_cut_anywhere_gives_the_records_before_the_cut_and_no_damage(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = spooled(folder, [record(number) for number in range(4)])
        whole = path.read_bytes()
        cut = data.draw(st.integers(0, len(whole)))
        path.write_bytes(whole[:cut])
        segment = read_segment(path)
        size = (len(whole) - len(HEADER)) // 4
        complete = max(0, cut - len(HEADER)) // size
        assert request_ids(segment) == [f"r-{number:06d}" for number in range(complete)]
        assert segment.damage == ()


@given(st.data())
def test_bytes_changed_anywhere_cost_their_own_record_and_are_reported(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = spooled(folder, [record(number) for number in range(5)])
        content = bytearray(path.read_bytes())
        size = (len(content) - len(HEADER)) // 5
        at = data.draw(st.integers(len(HEADER), len(content) - 1))
        length = data.draw(st.integers(1, 30))
        touched = set()
        for place in range(at, min(at + length, len(content))):
            content[place] ^= data.draw(st.integers(1, 255))
            touched.add((place - len(HEADER)) // size)
        path.write_bytes(content)
        segment = read_segment(path)
        assert request_ids(segment) == [f"r-{number:06d}" for number in range(5) if number not in touched]
        assert segment.damage != ()
