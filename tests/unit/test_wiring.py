from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from tests.benches import NEVER, T0, make_project, write_csv

from farero.adapters.manual_clock import ManualClock
from farero.core.window import WindowSize
from farero.errors import ConfigInvalid
from farero.ports import LogShape
from farero.project.load import load
from farero.replay.side_by_side import Plan
from farero.wiring import bench, open_app, open_inferred, shapes


def plan(root: Path, home: Path | None = None) -> Plan:
    return Plan(
        root=root, model="points", data=Path("unused"), time="ts", label=None, label_time=None, until=T0,
        size=WindowSize(), rule=NEVER, home=home,
    )  # fmt: skip


def test_an_installation_has_the_models_limits_and_channels_of_its_file(tmp_path: Path) -> None:
    toml = '[train]\ntimeout_s = 7\nmemory_mb = 512\n[[channels]]\nname = "log"\nkind = "console"\nmin_severity = "high"\n'
    app = open_app(make_project(tmp_path, toml=toml), clock=ManualClock(T0))
    try:
        loop = app._loops["points"]
        assert app.models == ("points",)
        assert (loop.retrain.limits.timeout_s, loop.retrain.limits.memory_bytes) == (7.0, 512 << 20)
        assert loop.alert.channels == {"log": "high"} == loop.promote.channels
        assert loop.record.grace == timedelta(seconds=30)
        assert loop.retrain.environment["python"].startswith("3.")
        assert (loop.monitor.metric, [(floor.metric, floor.limit) for floor in loop.monitor.floors]) == ("mae", [("mae", 50.0)])
    finally:
        app.close()


def test_a_folder_with_faults_is_not_opened(tmp_path: Path) -> None:
    make_project(tmp_path, toml="[server]\nprot = 1\n")
    with pytest.raises(ConfigInvalid, match="prot"):
        open_app(tmp_path)


def test_a_project_can_be_read_off_a_file(tmp_path: Path) -> None:
    app = open_inferred(write_csv(tmp_path / "data.csv", days=3), time="ts", label="y", root=tmp_path)
    try:
        (model,) = app.models
        assert {field.name: field.kind for field in app.project(model).schema.features} == {"x": "number", "shape": "choice"}
    finally:
        app.close()


def test_what_is_logged_follows_from_the_features(tmp_path: Path) -> None:
    loaded = load(make_project(tmp_path))
    shape = LogShape(inputs={"x": "number", "shape": "text"}, text_prediction=False)
    assert shapes(loaded.projects) == {"points": shape, "points.shadow": shape}


@pytest.mark.row("M11")
def test_a_replay_leaves_nothing_in_the_project_unless_it_shall_be_kept(tmp_path: Path) -> None:
    loaded = load(make_project(tmp_path / "points"))
    installed = bench(loaded, plan(loaded.root), tmp_path / "elsewhere")
    installed.store.close()
    assert not (loaded.root / ".farero").exists()
    kept = bench(loaded, plan(loaded.root, loaded.root), tmp_path / "elsewhere")
    kept.store.close()
    assert (loaded.root / ".farero" / "state.db").is_file()
