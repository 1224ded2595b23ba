"""Every setting, verb, route, event and error code is documented, and every link in the documents leads somewhere."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from farero import errors, telemetry

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"
PAGES = sorted([*(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md"), *ROOT.glob("*.md")])
STEPS = ["predict", "record", "label", "profile", "monitor", "alert", "decide", "retrain", "validate", "promote", "notify"]

CODES = [value.code for value in vars(errors).values() if isinstance(value, type) and issubclass(value, errors.FareroError)]


def page(name: str) -> str:
    return (REFERENCE / f"{name}.md").read_text()


@pytest.mark.parametrize("code", CODES)
def test_every_error_code_is_documented(code: str) -> None:
    assert f"`{code}`" in page("errors")


def test_every_fault_code_is_documented() -> None:
    found: set[str] = set()
    for name in ("core/field.py", "core/schema.py", "core/label.py", "rest/request.py"):
        found |= _first_texts(ROOT / "src" / "farero" / name, {"Misfit", "_broken"})
        found |= _keyword_texts(ROOT / "src" / "farero" / name, "Fault", "code")
    assert len(found) >= 10
    assert sorted(code for code in found if f"`{code}`" not in page("errors")) == []


@pytest.mark.parametrize("event", telemetry.EVENTS)
def test_every_event_is_documented(event: str) -> None:
    assert f"`{event}`" in page("events")


@pytest.mark.parametrize("metric", telemetry.METRICS)
def test_every_metric_is_documented(metric: str) -> None:
    assert f"`{metric}`" in page("events")


@pytest.mark.parametrize("step", STEPS)
def test_every_step_has_its_page_its_code_and_its_tests_under_one_word(step: str) -> None:
    assert (ROOT / "docs" / "steps" / f"{step}.md").read_text().startswith(f"# {step}\n")
    assert (ROOT / "src" / "farero" / "flow" / f"{step}.py").exists()
    assert (ROOT / "tests" / "unit" / "flow" / f"test_{step}.py").exists()


@pytest.mark.parametrize("path", PAGES, ids=[path.relative_to(ROOT).as_posix() for path in PAGES])
def test_every_link_in_the_documents_leads_to_a_file(path: Path) -> None:
    text = re.sub(r"```.*?```", "", path.read_text(), flags=re.DOTALL)
    targets = re.findall(r"\]\(([^)\s]+)\)", text)
    local = [target.split("#")[0] for target in targets if not re.match(r"[a-z]+:", target)]
    assert [target for target in local if target and not (path.parent / target).exists()] == []


@pytest.mark.parametrize("path", PAGES, ids=[path.relative_to(ROOT).as_posix() for path in PAGES])
def test_every_source_file_that_a_document_names_exists(path: Path) -> None:
    rooms = "adapters|cli|console|core|flow|project|replay|rest|serving|store"
    named = re.findall(rf"`((?:(?:{rooms})/[\w/]+|loop|app|wiring|worker|server|errors|ports|telemetry)\.py)`", path.read_text())
    assert [name for name in named if not (ROOT / "src" / "farero" / name).exists()] == []


def _calls(path: Path, names: set[str]) -> list[ast.Call]:
    tree = ast.parse(path.read_text())
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names]


def _first_texts(path: Path, names: set[str]) -> set[str]:
    """The first argument of every call of these functions, where it is a text."""
    firsts = [call.args[0] for call in _calls(path, names) if call.args]
    return {first.value for first in firsts if isinstance(first, ast.Constant) and isinstance(first.value, str)}


def _keyword_texts(path: Path, name: str, keyword: str) -> set[str]:
    values = [argument.value for call in _calls(path, {name}) for argument in call.keywords if argument.arg == keyword]
    return {value.value for value in values if isinstance(value, ast.Constant) and isinstance(value.value, str)}
