"""Every setting, verb, route, event and error code is documented, and every link in the documents leads somewhere."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from farero import errors, telemetry
from farero.cli import main as cli
from farero.project import config

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"
PAGES = sorted([*(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md"), *ROOT.glob("*.md")])
STEPS = ["predict", "record", "label", "profile", "intake", "monitor", "alert", "decide", "retrain", "validate", "promote", "notify"]

CODES = [value.code for value in vars(errors).values() if isinstance(value, type) and issubclass(value, errors.FareroError)]


def page(name: str) -> str:
    return (REFERENCE / f"{name}.md").read_text()


@pytest.mark.parametrize("code", CODES)
def test_every_error_code_is_documented(code: str) -> None:
    assert f"`{code}`" in page("errors")


def test_every_fault_code_is_documented() -> None:
    found: set[str] = set()
    for path in [*(ROOT / "src" / "farero" / "core").glob("*.py"), *(ROOT / "src" / "farero" / "rest").glob("*.py")]:
        found |= _texts(path, {"Misfit": 0, "_broken": 0, "_refuse": 1})
        found |= _keyword_texts(path, "Fault", "code")
    assert len(found) >= 10
    assert sorted(code for code in found if f"`{code}`" not in page("errors")) == []


@pytest.mark.parametrize("event", telemetry.EVENTS)
def test_every_event_is_documented(event: str) -> None:
    assert f"`{event}`" in page("events")


@pytest.mark.row("M8")
@pytest.mark.parametrize("name", telemetry.METRICS)
def test_every_metric_is_documented_with_its_kind_and_labels(name: str) -> None:
    metric = telemetry.METRICS[name]
    labels = ", ".join(f"`{label}`" for label in metric.labels)
    assert f"| `{name}` | {metric.kind} | {labels} |" in page("metrics")


def test_every_documented_metric_exists() -> None:
    named = set(re.findall(r"\bfarero_[a-z_]+", page("metrics")))
    known = {*telemetry.METRICS, *(f"{name}_bucket" for name, metric in telemetry.METRICS.items() if metric.kind == "histogram")}
    assert sorted(named - known) == []


def test_every_command_and_option_is_documented() -> None:
    text = page("commands")
    missing = []
    for path, command in _commands(typer.main.get_command(cli.app)):
        if f"`{path}" not in text:
            missing.append(path)
        options = [name for option in command.params for name in (*option.opts, *option.secondary_opts) if name.startswith("--")]
        missing += [f"{path} {name}" for name in options if name not in text]
    assert missing == []


def test_every_documented_command_exists() -> None:
    known = {path for path, _ in _commands(typer.main.get_command(cli.app))}
    texts = [path.read_text() for path in PAGES]
    named = {match for text in texts for match in re.findall(r"`farero ([a-z]+(?:-[a-z]+)*)\b", text)}
    assert sorted(name for name in named if f"farero {name}" not in known) == []


def test_every_setting_is_documented() -> None:
    text = page("configuration")
    assert sorted(key for key in config.KEYS if f"`{key}`" not in text) == []


def test_every_route_is_documented() -> None:
    text = page("rest")
    sources = "".join(path.read_text() for path in sorted((ROOT / "src" / "farero" / "rest").glob("*.py")))
    found = re.findall(r'@api\.(get|post|put|delete|patch)\(\s*"([^"]+)"', sources)
    assert len(found) >= 15
    assert sorted(f"{verb.upper()} {route}" for verb, route in found if f"`{verb.upper()} {route}`" not in text) == []


def test_every_documented_route_exists() -> None:
    sources = "".join(path.read_text() for path in (ROOT / "src" / "farero" / "rest").glob("*.py"))
    named = {match for path in PAGES for match in re.findall(r"`(?:GET|POST|PUT|DELETE) (/[^`?]*)`", path.read_text())}
    by_hand = {"/predict", "/v1/models/{model}/predict", "/v1/endpoints/{name}/predict", "/openapi.json"}  # bare ASGI, and FastAPI's own
    assert sorted(route for route in named - by_hand if f'"{route}"' not in sources) == []


@pytest.mark.parametrize("step", STEPS)
def test_every_step_has_its_page_its_code_and_its_tests_under_one_word(step: str) -> None:
    assert (ROOT / "docs" / "steps" / f"{step}.md").read_text().startswith(f"# {step}\n")
    code, tests = ROOT / "src" / "farero" / "flow", ROOT / "tests" / "unit" / "flow"
    assert (code / f"{step}.py").exists() or (code / step / "__init__.py").exists()
    assert (tests / f"test_{step}.py").exists() or (tests / step / f"test_{step}.py").exists()


@pytest.mark.parametrize("path", PAGES, ids=[path.relative_to(ROOT).as_posix() for path in PAGES])
def test_every_link_in_the_documents_leads_to_a_file(path: Path) -> None:
    text = re.sub(r"```.*?```", "", path.read_text(), flags=re.DOTALL)
    targets = re.findall(r"\]\(([^)\s]+)\)", text)
    local = [target.split("#")[0] for target in targets if not re.match(r"[a-z]+:", target)]
    assert [target for target in local if target and not (path.parent / target).exists()] == []


@pytest.mark.parametrize("path", PAGES, ids=[path.relative_to(ROOT).as_posix() for path in PAGES])
def test_every_source_file_that_a_document_names_exists(path: Path) -> None:
    rooms = "adapters|cli|console|core|flow|project|replay|rest|serving|store|telemetry"
    named = re.findall(rf"`((?:(?:{rooms})/[\w/]+|loop|app|wiring|worker|server|errors|ports)\.py)`", path.read_text())
    assert [name for name in named if not (ROOT / "src" / "farero" / name).exists()] == []


def _commands(command: Any, path: str = "farero") -> Iterator[tuple[str, Any]]:
    """Every command below this one, with what to type for it."""
    yield path, command
    for name, part in getattr(command, "commands", {}).items():
        yield from _commands(part, f"{path} {name}")


def _calls(path: Path, names: set[str]) -> list[tuple[str, ast.Call]]:
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    return [(call.func.id, call) for call in calls if isinstance(call.func, ast.Name) and call.func.id in names]


def _texts(path: Path, positions: dict[str, int]) -> set[str]:
    """The argument at the function's position in every call of it, where it is a text."""
    values = [call.args[positions[name]] for name, call in _calls(path, set(positions)) if len(call.args) > positions[name]]
    return {value.value for value in values if isinstance(value, ast.Constant) and isinstance(value.value, str)}


def _keyword_texts(path: Path, name: str, keyword: str) -> set[str]:
    values = [argument.value for _, call in _calls(path, {name}) for argument in call.keywords if argument.arg == keyword]
    return {value.value for value in values if isinstance(value, ast.Constant) and isinstance(value.value, str)}
