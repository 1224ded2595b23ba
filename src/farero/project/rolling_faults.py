"""Every fault of a declared rollout, with its remedy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from math import isfinite
from typing import Any

from farero.core.window import parse_duration


def of_rollout(rollout: Any) -> Iterator[tuple[str, str]]:
    """(code, message) of each fault of a rollout. `Any` on purpose: what a type checker would refuse is what has to be found here."""
    yield from _of_steps(rollout.steps)
    for name, least in (("shadow", 0), ("least_rows", 1), ("approvals", 0)):
        value = getattr(rollout, name)
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            yield "out-of-range", f"{name} must be a whole number of at least {least}, not {value!r}"
    try:
        parse_duration(rollout.least_time)
    except (TypeError, ValueError):
        yield "wrong-type", f'least_time must be a duration such as "1h", not {rollout.least_time!r}'
    if not isinstance(rollout.four_eyes, bool):
        yield "wrong-type", f"four_eyes must be True or False, not {rollout.four_eyes!r}"
    if not (_is_number(rollout.alpha) and 0 < rollout.alpha <= 0.5):
        yield "out-of-range", f"alpha is {rollout.alpha!r}; it must be above 0, and 0.5 at most"
    if not (_is_number(rollout.slow_ms) and rollout.slow_ms >= 0):
        yield "out-of-range", f"slow_ms must be a number of at least 0, not {rollout.slow_ms!r}"
    yield from _of_people(rollout)


def _of_steps(steps: Any) -> Iterator[tuple[str, str]]:
    if not isinstance(steps, (list, tuple)):
        yield "wrong-type", f"steps must be a list of percentages: steps=({steps!r},)"
        return
    wrong = [step for step in steps if not (_is_number(step) and 0.01 <= step <= 99.99)]
    if wrong:
        yield (
            "out-of-range",
            f"steps holds {wrong[0]!r}; each must be a percentage from 0.01 to 99.99, all of them is what follows the last",
        )
    elif any(after <= before for before, after in pairwise(steps)):
        yield "out-of-range", f"steps must rise: {', '.join(f'{step:g}' for step in steps)}"


def _of_people(rollout: Any) -> Iterator[tuple[str, str]]:
    approvers = rollout.approvers
    if not isinstance(approvers, Mapping):
        yield "wrong-type", 'approvers must name people by role: approvers={"risk": ["ana", "ben"]}'
        return
    people: set[str] = set()
    for role, names in approvers.items():
        if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) and name.strip() for name in names):
            yield "wrong-type", f'approvers of {role!r} must be a list of names: {{"{role}": ["ana"]}}'
        else:
            people.update(names)
    wanted = max(rollout.approvals if isinstance(rollout.approvals, int) else 0, 2 if rollout.four_eyes is True else 0)
    if approvers and len(people) < wanted:
        yield "out-of-range", f"{wanted} approvals are asked for, and approvers names {len(people)} people: it could never go on"


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and isfinite(value)
