"""Packed values come back as they were, and anything else is Corrupt."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from farero.core.packed import is_packed, pack, unpack
from farero.errors import Corrupt


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sample:
    name: str
    counts: NDArray[np.int64]
    edges: NDArray[np.float64]


SAMPLE = Sample(name="a", counts=np.array([1, 2]), edges=np.array([0.5, np.nan]))


def test_arrays_come_back_bit_for_bit() -> None:
    back = unpack(pack(SAMPLE), Sample)
    assert (back.name, back.counts.dtype, back.edges.dtype) == ("a", np.int64, np.float64)
    assert back.counts.tobytes() == SAMPLE.counts.tobytes()
    assert back.edges.tobytes() == SAMPLE.edges.tobytes()


def test_small_integers_come_back_small() -> None:
    made = Sample(name="a", counts=np.array([1, -2], dtype=np.int32), edges=np.zeros(0))  # type: ignore[arg-type]
    back = unpack(pack(made), Sample)
    assert back.counts.dtype == np.int32
    assert back.counts.tolist() == [1, -2]


@pytest.mark.parametrize(
    "data", [b"", b"\xff\x00", pack(SAMPLE)[:-3], msgspec.msgpack.encode(("Sample", {"name": "a"})), msgspec.msgpack.encode([1])]
)
def test_other_bytes_are_corrupt(data: bytes) -> None:
    with pytest.raises(Corrupt, match="are not a Sample"):
        unpack(data, Sample)


def test_bytes_of_another_kind_are_corrupt() -> None:
    @dataclass(frozen=True, slots=True, kw_only=True, eq=False)
    class Other:
        name: str

    with pytest.raises(Corrupt, match="not a Other: they hold a Sample"):
        unpack(pack(SAMPLE), Other)


def test_an_array_of_another_sort_is_corrupt() -> None:
    for plain in (["|O", b""], ["<f8", b"123"], ["<f8"], "text", ["<f8", "text"]):
        with pytest.raises(Corrupt):
            unpack(msgspec.msgpack.encode(("Sample", {"name": "a", "counts": plain, "edges": plain})), Sample)


def test_what_is_neither_plain_nor_a_known_array_is_not_stored() -> None:
    with pytest.raises(TypeError, match="cannot store a ndarray"):
        pack(np.zeros((2, 2)))
    with pytest.raises(TypeError, match="cannot store a complex"):
        pack(1j)


def test_bytes_say_what_they_hold() -> None:
    assert is_packed(pack(SAMPLE), Sample)
    assert not is_packed(pack(SAMPLE), int)
    assert not is_packed(b"", Sample)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.uint32])
def test_whole_numbers_without_a_sign_come_back_narrow(kind: type) -> None:
    back = unpack(pack(Sample(name="a", counts=np.array([1, 200], dtype=kind), edges=np.zeros(0))), Sample)
    assert (back.counts.dtype, back.counts.tolist()) == (kind, [1, 200])
