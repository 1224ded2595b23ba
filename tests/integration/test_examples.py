"""The examples as `farero check` sees them, the trial of their training included."""

from __future__ import annotations

from pathlib import Path

import pytest

from farero.project.examples import EXAMPLES, copy
from farero.project.load import check


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_has_no_fault_its_training_included(name: str, tmp_path: Path) -> None:
    copy(name, tmp_path / name)
    assert check(tmp_path / name) == []
