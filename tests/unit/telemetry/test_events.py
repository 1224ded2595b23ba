from __future__ import annotations

import ast
from pathlib import Path

from farero.telemetry import EVENTS, METRICS

SOURCE = Path(__file__).parents[3] / "src" / "farero"


def calls() -> list[tuple[str, ast.Call]]:
    """Every call in the source whose first argument is a text, by the name that is called."""
    found = []
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant) and isinstance(node.args[0].value, str):
                name = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id if isinstance(node.func, ast.Name) else ""
                found.append((name, node))
    return found


def first(call: ast.Call) -> str:
    assert isinstance(call.args[0], ast.Constant)
    return str(call.args[0].value)


def test_what_is_logged_has_an_entry_so_that_a_rare_line_does_not_raise() -> None:
    logged = {first(call) for name, call in calls() if name in ("log", "log_event")}
    assert len(logged) > 15
    assert sorted(logged - set(EVENTS)) == []


def test_what_is_counted_is_on_the_list_with_its_kind_and_labels() -> None:
    counted = [(name, call) for name, call in calls() if name in ("counter", "gauge", "histogram") and first(call).startswith("farero_")]
    assert len(counted) > 15
    wrong = []
    for kind, call in counted:
        metric = METRICS.get(first(call))
        given = {keyword.arg for keyword in call.keywords}
        if metric is None or metric.kind != kind or given != set(metric.labels) - {"process"}:
            wrong.append(f"{kind} {first(call)} {sorted(map(str, given))}")
    assert wrong == []
