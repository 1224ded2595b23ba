"""`monitor --again` counts the past on today's reference and shows it."""

from __future__ import annotations

import pytest
from tests.benches import day
from tests.unit.cli.conftest import Terminal

from farero.app import App
from farero.app.profiling import Recounted
from farero.core.observation import ColumnDrift


def test_without_windows_there_is_nothing_to_count(terminal: Terminal) -> None:
    found = terminal.json("monitor", "--again")
    assert (found["version"], found["windows"], found["rows"], found["columns"]) == ("1.0.0", [], 0, [])


def test_the_figures_of_all_windows_together_are_a_table(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    columns = [
        ColumnDrift(name="x", kind="number", drift=False, ks=0.12, p_value=0.5, psi=0.01, psi_reading="stable"),
        ColumnDrift(name="shape", kind="choice", drift=False, chi2_p=0.25),
    ]  # fmt: skip
    found = Recounted(version="1.0.0", windows=[day(0), day(1)], rows=80, columns=columns, ks_within={"x": (0.12, 0.13)})
    monkeypatch.setattr(App, "recount", lambda self, model, **asked: found)
    said = terminal.run("monitor", "--again").stdout
    assert "points 1.0.0: 80 rows of 2 windows beside its reference" in said
    assert [word for word in said.splitlines()[-2].split() if word != "–"] == ["x", "number", "0.12", "0.13", "0.5", "0.01", "stable"]
    assert [word for word in said.splitlines()[-1].split() if word != "–"] == ["shape", "choice", "0.25"]
