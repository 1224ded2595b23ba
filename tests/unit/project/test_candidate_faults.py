from __future__ import annotations

from typing import Any, cast

import pytest

import farero as fa
from farero.project.candidate_faults import of_training


def faults(**policy: Any) -> list[tuple[str, str]]:
    return [(subject, code) for _, subject, code, _ in of_training(fa.Policy(**policy))]


@pytest.mark.row("R5")
def test_a_policy_with_ways_to_train_has_no_faults() -> None:
    ways = [fa.Candidate(), fa.Candidate(look_back="90d", params={"depth": 3, "name": "x"}), fa.Candidate(half_life="30d")]
    assert faults(candidates=ways, every="30d", leakage="refuse", train_rows=100) == []


@pytest.mark.row("R5")
def test_every_fault_is_found_where_it_stands() -> None:
    assert faults(every="soon", train_rows=0, leakage="maybe", candidates="90d") == [
        ("every", "bad-duration"), ("train_rows", "out-of-range"), ("leakage", "not-one-of"), ("candidates", "wrong-type"),
    ]  # fmt: skip
    wrong = [fa.Candidate(look_back="ninety"), fa.Candidate(params=cast(Any, {"a": []})), cast(Any, "90d"), fa.Candidate(), fa.Candidate()]
    assert faults(candidates=wrong, look_back="30d") == [
        ("look_back", "twice"), ("look_back", "bad-duration"), ("params", "wrong-type"), ("candidates", "wrong-type"),
        ("fa.Candidate", "twice"),
    ]  # fmt: skip
    assert faults(candidates=[fa.Candidate(half_life=cast(Any, 3))]) == [("half_life", "bad-duration")]
