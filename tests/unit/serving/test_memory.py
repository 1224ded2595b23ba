"""What was freed goes back to the system."""

from __future__ import annotations

from farero.serving.memory import GROWN_BYTES, Upkeep, few_arenas, give_back, resident_bytes


def test_what_is_free_goes_back_to_the_system() -> None:
    few_arenas()
    # Blocks small enough that the C library keeps them, with a few between them that stay.
    blocks = [bytearray(30_000) for _ in range(4000)]
    stay = blocks[::1000]
    full = resident_bytes()
    del blocks
    give_back()
    assert full - resident_bytes() > 60 << 20
    assert len(stay) == 4


def test_a_process_that_has_not_grown_is_left_alone() -> None:
    upkeep = Upkeep()
    assert upkeep.look()
    assert not upkeep.look()
    grown = bytearray(2 * GROWN_BYTES)
    grown[::4096] = bytes([1]) * len(grown[::4096])
    assert upkeep.look()
    assert len(grown) == 2 * GROWN_BYTES
