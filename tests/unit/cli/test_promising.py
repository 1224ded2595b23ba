from __future__ import annotations

import pytest
from tests.benches import PROJECT
from tests.unit.cli.conftest import Terminal


@pytest.mark.row("A6")
def test_a_promise_is_shown_and_a_broken_one_exits_with_one(terminal: Terminal) -> None:
    assert terminal.json("slo", code=3)["error"]["code"] == "not-found"
    (terminal.root / "project.py").write_text(PROJECT.replace("monitors=[", "monitors=[fa.Slo(0.999, within_ms=250), "))
    told = terminal.run("slo").stdout
    assert "99.9000% of requests answered within 250 ms" in told
    assert "no request yet" in told
    found = terminal.json("slo")["standing"]
    assert (found["requests"], found["left"], [burn["too_fast"] for burn in found["burns"]]) == (0, None, [False] * 3)
