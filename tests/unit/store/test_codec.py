from __future__ import annotations

import math

import numpy as np
import pytest
from tests.unit.store.values import incident, observation

from farero.core.incident import Incident
from farero.core.observation import Observation
from farero.errors import Corrupt
from farero.store.codec import decode, encode


def test_values_with_times_and_infinities_come_back_equal() -> None:
    assert decode(encode(observation(0)), Observation) == observation(0)
    assert decode(encode(incident()), Incident) == incident()


def test_a_number_that_is_none_comes_back_as_nan() -> None:
    assert math.isnan(decode(encode({"mae": float("nan")}), dict[str, float])["mae"])


def test_scalars_of_numpy_are_plain_values() -> None:
    body = encode({"a": np.float64(1.5), "b": np.int64(2), "c": np.bool_(True)})
    assert decode(body, dict[str, float | bool]) == {"a": 1.5, "b": 2.0, "c": True}


@pytest.mark.parametrize("body", [b"", b"\xc1", encode({"rows": 1})])
def test_bytes_that_are_no_such_value_are_corrupt(body: bytes) -> None:
    with pytest.raises(Corrupt, match="Observation cannot be read"):
        decode(body, Observation)


def test_a_thing_without_a_plain_form_is_refused() -> None:
    with pytest.raises(NotImplementedError, match="object cannot be stored"):
        encode(object())
