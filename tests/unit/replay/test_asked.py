"""A question about history becomes one plan a policy, and their answers one result."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path

import pytest
from tests.benches import T0, make_project, write_csv

from farero.core.policy import NAMED
from farero.core.window import WindowSize
from farero.errors import BadInput
from farero.project.load import load
from farero.replay.asked import Question, replay
from farero.wiring import REPLAY_COMMAND

DAY = timedelta(days=1)


def question(folder: Path, data: Path, **changes: object) -> Question:
    loaded = load(make_project(folder))
    given = {
        "root": loaded.root, "model": "points", "project": loaded.projects["points"], "data": data, "time": "ts", "label": None,
        "label_time": None, "window": WindowSize(span=2 * DAY), "train_until": "0.5",
        "rules": [NAMED["never"]], "keep": False, "inferred": False,
    }  # fmt: skip
    return Question(**(given | changes))  # type: ignore[arg-type]


@pytest.mark.row("M11")
def test_the_answer_tells_what_was_lived_and_how(tmp_path: Path) -> None:
    data = write_csv(tmp_path / "past.csv", days=12, first=T0)
    result = replay(question(tmp_path / "points", data), REPLAY_COMMAND, at_once=1, progress=lambda name, share, words: None)
    assert [policy.name for policy in result.policies] == ["never"]
    assert (result.model, result.window, result.start) == ("points", "2d", T0)
    assert result.policies[0].windows and result.train_until > T0


def test_a_column_that_is_not_there_is_a_clear_error(tmp_path: Path) -> None:
    data = write_csv(tmp_path / "past.csv", days=3, first=T0)
    with pytest.raises(BadInput, match="when"):
        replay(question(tmp_path / "points", data, time="when"), sys.executable, at_once=1, progress=lambda name, share, words: None)
