from __future__ import annotations

import numpy as np
from numba import njit

from farero.serving.compile.memory import address, at, carray


def test_a_kernel_reads_and_writes_an_array_by_its_address() -> None:
    @njit
    def double(where: int, count: int) -> None:
        values = carray(at(where), (count,), np.float64)
        for place in range(count):
            values[place] *= 2.0

    array = np.array([1.0, 2.5, -3.0])
    double(address(array), 3)
    assert array.tolist() == [2.0, 5.0, -6.0]
