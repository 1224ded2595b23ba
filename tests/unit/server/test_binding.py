"""Binding an address, and the clear error when it cannot be had."""

from __future__ import annotations

import pytest

from farero.errors import BadInput, OutsideError
from farero.server.binding import bind


def test_port_0_takes_a_free_one() -> None:
    with bind("127.0.0.1", 0) as listener:
        assert listener.getsockname()[1] > 0


def test_a_taken_port_is_named_with_what_to_do_next() -> None:
    with bind("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(OutsideError, match=rf"Cannot listen on 127.0.0.1 port {port}.*--port"):
            bind("127.0.0.1", port)


@pytest.mark.parametrize("port", [70_000, -1])
def test_an_impossible_port_is_told_from_one_that_is_taken(port: int) -> None:
    with pytest.raises(BadInput, match="a port is 0 to 65535"):
        bind("127.0.0.1", port)
