from __future__ import annotations

from typing import Any

import pytest

from farero.project.rolling import Rollout
from farero.project.rolling_faults import of_rollout


@pytest.mark.row("R7")
def test_a_rollout_that_says_everything_right_has_no_fault() -> None:
    right = Rollout(steps=(0.5, 99), shadow=10, approvals=1, approvers={"risk": ("ana", "ben")}, four_eyes=True)
    assert list(of_rollout(right)) == []
    assert list(of_rollout(Rollout(steps=()))) == []


@pytest.mark.row("R7")
@pytest.mark.parametrize(
    ("given", "code", "words"),
    [
        ({"steps": 5}, "wrong-type", "steps=(5,)"),
        ({"steps": (5, 100)}, "out-of-range", "steps holds 100"),
        ({"steps": (25, 5)}, "out-of-range", "steps must rise: 25, 5"),
        ({"shadow": -1}, "out-of-range", "shadow must be"),
        ({"least_rows": 0}, "out-of-range", "least_rows must be"),
        ({"least_time": "soon"}, "wrong-type", 'such as "1h"'),
        ({"least_time": 60}, "wrong-type", 'such as "1h"'),
        ({"approvals": True}, "out-of-range", "approvals must be"),
        ({"approvers": ["ana"]}, "wrong-type", 'approvers={"risk": ["ana", "ben"]}'),
        ({"approvers": {"risk": "ana"}}, "wrong-type", '{"risk": ["ana"]}'),
        ({"approvals": 2, "approvers": {"risk": ["ana"]}}, "out-of-range", "it could never go on"),
        ({"four_eyes": "yes"}, "wrong-type", "four_eyes must be"),
        ({"alpha": 0}, "out-of-range", "alpha is 0"),
        ({"slow_ms": -1}, "out-of-range", "slow_ms must be"),
    ],
)
def test_each_fault_is_named_with_its_remedy(given: dict[str, Any], code: str, words: str) -> None:
    ((told, message),) = of_rollout(Rollout(**given))
    assert told == code
    assert words in message
