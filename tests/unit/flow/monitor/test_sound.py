"""Quality judged by what the version that answered had learnt from."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.benches import Installation

from farero.core import profile
from farero.core.reference import Reference
from farero.core.window import WindowSize
from farero.flow.monitor.sound import KEPT, Sound
from farero.serving.pool import Loaded
from farero.store import versions


@pytest.fixture
def version(here: Installation) -> Loaded:
    with here.bench.store.read() as conn:
        current = versions.production(conn, "points")
    assert current is not None
    return here.loop.predict.pool.get(current, gate=False)


def judged(sound: Sound, version: Loaded, here: Installation, missing: int) -> list[str]:
    reference = Reference.from_bytes(version.reference or b"")
    rows = profile.build(reference, here.rows(missing=missing).columns)
    return [finding.severity for finding in sound.faults(version, reference, rows, 3, 365.0)]


@pytest.mark.row("M4")
def test_a_window_is_judged_by_the_bands_of_its_version(here: Installation, version: Loaded) -> None:
    sound = Sound(window_size=WindowSize(), max_missing=None)
    assert judged(sound, version, here, missing=1) == []
    assert judged(sound, version, here, missing=36) == ["high"]
    assert judged(sound, version, here, missing=40) == ["critical"]


def test_what_the_owner_accepts_is_no_fault(here: Installation, version: Loaded) -> None:
    assert judged(Sound(window_size=WindowSize(), max_missing=0.95), version, here, missing=36) == []


def test_where_windows_are_of_another_length_fixed_limits_judge(here: Installation, version: Loaded) -> None:
    sound = Sound(window_size=WindowSize(span=timedelta(hours=1)), max_missing=None)
    assert judged(sound, version, here, missing=36) == ["high"]
    assert sound._learnt == {("1.0.0", 365.0): None}


def test_bands_of_few_versions_are_kept(here: Installation, version: Loaded) -> None:
    sound = Sound(window_size=WindowSize(), max_missing=None)
    for number in range(KEPT + 3):
        judged(sound, replace(version, version=replace(version.version, number=f"1.{number}.0")), here, missing=0)
    assert len(sound._learnt) == KEPT
