from __future__ import annotations

import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from tests.unit.cli.conftest import Terminal
from tests.unit.cli.test_judging import spoil

MODULE = "farero.cli.pytest_plugin"
KNOWN = any(point.value == MODULE for point in metadata.entry_points(group="pytest11"))


def run_pytest(root: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """pytest as a user starts it in his own repository."""
    plugin = [] if KNOWN else ["-p", MODULE]
    command = [sys.executable, "-m", "pytest", *plugin, "-p", "no:cacheprovider", "-p", "no:xdist", "-v", *options]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False, timeout=300)


@pytest.mark.row("R10")
def test_the_versions_in_production_are_checked_as_items_beside_the_users_own_tests(terminal: Terminal) -> None:
    project = terminal.root / "project.py"
    project.write_text(project.read_text().replace('data.X["x"].to_numpy()', 'data.X["x"].fillna(0.0).to_numpy()'))
    (terminal.root / "test_own.py").write_text("def test_own():\n    pass\n")
    done = run_pytest(terminal.root, "--farero", "--farero-version", "1.1.0", "--farero-against", "1.0.0")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "test_own.py::test_own PASSED" in done.stdout
    for name in ("project", "points-1.1.0-files", "points-1.1.0-mae", "points-1.1.0-distribution", "points-1.1.0-known-rows"):
        assert f"{name} PASSED" in done.stdout, done.stdout


@pytest.mark.row("R10")
def test_a_version_that_was_changed_fails_with_the_reason_and_no_traceback(terminal: Terminal) -> None:
    spoil(terminal, "1.0.0")
    done = run_pytest(terminal.root, "--farero", "--farero-model", "points")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "points-1.0.0-files FAILED" in done.stdout and "points 1.0.0: files: " in done.stdout and "model.pkl" in done.stdout
    assert "Traceback" not in done.stdout and "pytest_plugin.py" not in done.stdout


@pytest.mark.row("R10")
def test_a_project_with_faults_fails_with_all_of_them(terminal: Terminal) -> None:
    project = terminal.root / "project.py"
    project.write_text(project.read_text().replace('fa.Gate("mae"', 'fa.Gate("mea"').replace("max=50.0", "min=50.0"))
    done = run_pytest(terminal.root.parent, "--farero", "--farero-project", str(terminal.root))
    assert done.returncode == 1, done.stdout + done.stderr
    assert "there is no metric 'mea'" in done.stdout and "less mae is better" in done.stdout


def test_without_the_option_nothing_is_collected_and_nothing_heavy_is_loaded(tmp_path: Path) -> None:
    test = "import sys\n\ndef test_light():\n    assert not {'numpy', 'pandas', 'sqlalchemy', 'sklearn'} & set(sys.modules)\n"
    (tmp_path / "test_light.py").write_text(test)
    done = run_pytest(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout
