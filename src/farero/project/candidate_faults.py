"""What is wrong with the ways to train that a policy names, and with how it holds trainings back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, get_args

from farero.core.window import parse_duration
from farero.project.calls import Place
from farero.project.renewing import Candidate, Leakage

Found = tuple[Place, str, str, str]
"""(where, about what, code, message)"""


def of_training(policy: Any) -> Iterator[Found]:
    """Each fault. `Any` on purpose: what a type checker would refuse is what has to be found here."""
    yield from _duration(policy.place, "every", policy.every)
    if not isinstance(policy.train_rows, int) or isinstance(policy.train_rows, bool) or policy.train_rows < 1:
        yield policy.place, "train_rows", "out-of-range", f"must be a whole number of at least 1, not {policy.train_rows!r}"
    if policy.leakage not in get_args(Leakage):
        yield policy.place, "leakage", "not-one-of", f"is {policy.leakage!r}; there are: {', '.join(get_args(Leakage))}"
    if not isinstance(policy.blend, bool):
        yield policy.place, "blend", "wrong-type", f"must be True or False, not {policy.blend!r}"
    if not isinstance(policy.candidates, (list, tuple)):
        yield policy.place, "candidates", "wrong-type", "must be a list: candidates=[fa.Candidate(look_back='90d'), ...]"
        return
    if policy.candidates and policy.look_back is not None:
        yield policy.place, "look_back", "twice", "goes with no candidates; give each of them its own look_back, or remove candidates"
    seen: list[object] = []
    for one in policy.candidates:
        if not isinstance(one, Candidate):
            yield policy.place, "candidates", "wrong-type", f"{one!r} is no candidate; write fa.Candidate(look_back=..., params=...)"
            continue
        for name in ("look_back", "half_life"):
            yield from _duration(one.place, name, getattr(one, name))
        if not isinstance(one.params, Mapping) or not all(
            isinstance(key, str) and isinstance(value, (bool, int, float, str)) for key, value in one.params.items()
        ):
            yield one.place, "params", "wrong-type", 'must be plain values by name: params={"max_depth": 6}'
        if one in seen:
            yield one.place, "fa.Candidate", "twice", "is there more than once; remove the others"
        seen.append(one)


def _duration(place: Place, subject: str, value: object) -> Iterator[Found]:
    if value is None:
        return
    try:
        parse_duration(value)  # type: ignore[arg-type]
    except ValueError as error:
        yield place, subject, "bad-duration", str(error)
    except (TypeError, OverflowError):
        yield place, subject, "bad-duration", f"{value!r} is not a duration: write a text such as 15m, 6h, 30d or 2w"
