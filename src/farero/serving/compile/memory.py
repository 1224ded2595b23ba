"""How kernels reach arrays: by address, because numba unpacks an integer in a fraction of the time it takes for an array."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, types
from numba.extending import intrinsic
from numba.np.numpy_support import carray

__all__ = ["OPTIONS", "SIGNATURE", "address", "at", "carray"]

SIGNATURE = "void(int64, int64, int64, int64, int64)"
"""Every kernel: the addresses of its state, the rows, the answers and the scratch memory, then how many rows."""

OPTIONS: dict[str, Any] = {"nogil": True, "cache": True, "error_model": "numpy"}
"""Compiled once a machine and kept beside the source, or where NUMBA_CACHE_DIR says; other threads run meanwhile."""


@intrinsic
def _pointer(_typing: Any, _address: Any) -> Any:
    """An integer as a pointer. The caller keeps what it points to alive."""

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], context.get_value_type(types.voidptr))

    return types.voidptr(types.int64), generate


@njit(forceinline=True)
def at(address: Any) -> Any:
    """The memory at an address, to be given to `numba.carray` with its dtype."""
    return _pointer(address)  # type: ignore[call-arg]  # numba gives the first argument


def address(array: np.ndarray[Any, Any]) -> int:
    """Where an array begins. It must be contiguous and outlive every call that is given the address."""
    assert array.flags.c_contiguous
    return int(array.ctypes.data)
