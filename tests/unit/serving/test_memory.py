"""What was freed goes back to the system."""

from __future__ import annotations

from pathlib import Path

from farero.serving.memory import few_arenas, give_back


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


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
