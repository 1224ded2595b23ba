from __future__ import annotations

from pathlib import Path

import pytest
from tests.benches import Installation, install, make_project

from farero.project.load import Loaded, load


@pytest.fixture(scope="session")
def points(tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    """The small project, read once."""
    return load(make_project(tmp_path_factory.mktemp("points")))


@pytest.fixture
def here(points: Loaded, tmp_path: Path) -> Installation:
    """An eager installation (trains after every window) with version 1.0.0 in production."""
    installed = install(points, tmp_path)
    installed.start()
    return installed
