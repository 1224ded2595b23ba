from __future__ import annotations

import pytest
from tests.unit.cli.conftest import Terminal


@pytest.mark.row("S4")
def test_an_endpoint_is_made_split_shown_and_taken_away_by_hand(terminal: Terminal) -> None:
    made = terminal.json(
        "endpoints", "create", "ab", "--route", "production=90", "--route", "canary:1.1.0=10", "--sticky", "--idle", "15m",
        "--because", "a contest",
    )  # fmt: skip
    assert made["routes"] == [
        {"version": "production", "share": 90.0, "name": "production"},
        {"version": "1.1.0", "share": 10.0, "name": "canary"},
    ]
    assert (made["model"], made["sticky"], made["idle"], made["revision"], made["own"]) == ("points", True, "15m", 1, False)
    assert terminal.json("endpoints", "show", "ab") == made
    split = terminal.json("endpoints", "split", "ab", "--route", "1.0.0=50%", "--route", "1.1.0=50", "--revision", "1")
    assert [route["share"] for route in split["routes"]] == [50.0, 50.0]
    assert terminal.json("endpoints", "split", "ab", "--revision", "1", code=4)["error"]["code"] == "stale-decision"
    changed = terminal.json("endpoints", "update", "ab", "--not-sticky", "--idle", "never", "--route", "1.0.0=100", "--shadow", "1.1.0")
    assert (changed["sticky"], changed["idle"], changed["shadow"], len(changed["routes"])) == (False, None, ["1.1.0"], 1)
    assert terminal.json("endpoints", "update", "ab", "--no-shadow")["shadow"] == []
    assert [one["name"] for one in terminal.json("endpoints", "list")] == ["ab", "points"]
    assert "100 % 1.0.0" in terminal.run("endpoints", "show", "ab").stdout
    terminal.run("endpoints", "delete", "ab", "--because", "decided")
    told = terminal.json("endpoints", "changes", "ab")
    assert [(one["revision"], one["because"]) for one in told][-1] == (1, "a contest")
    assert (told[0]["endpoint"], told[0]["because"]) == (None, "decided")
    assert "deleted" in terminal.run("endpoints", "changes", "ab").stdout


def test_what_is_typed_wrong_is_told(terminal: Terminal) -> None:
    assert terminal.json("endpoints", "split", "points", "--route", "1.1.0", code=2)["error"]["code"] == "bad-input"
    assert terminal.json("endpoints", "update", "points", "--idle", "soon", code=2)["error"]["code"] == "bad-input"
    faults = terminal.json("endpoints", "split", "points", "--route", "9.0.0=90", code=2)["error"]["faults"]
    assert [fault["code"] for fault in faults] == ["unknown-version", "shares"]
    assert terminal.json("endpoints", "show", "other", code=3)["error"]["code"] == "endpoint-not-found"
    assert terminal.json("endpoints", "delete", "points", code=4)["error"]["code"] == "illegal-move"
    assert "production" in terminal.run("endpoints", "list").stdout
