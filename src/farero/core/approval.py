"""Who may say that a version may serve, and whether enough of them did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

FARERO: Final = "farero"
"""What Farero itself signs with: not a person, so it neither approves nor stands in an approver's way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalRule:
    """What a project asks for before a version answers anybody.

    Attributes:
        approvals: how many people must approve; 0 = nobody is asked.
        approvers: role -> who may approve in it; empty = anybody, in any role. Names stand for people until Farero has sign-in.
        four_eyes: nobody approves what they asked for themselves, and two different people have seen every version.
    """

    approvals: int = 0
    approvers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    four_eyes: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """What a person said of a version: yes or no, in which role, when and why."""

    model: str
    number: str
    by: str
    role: str
    approved: bool
    at: datetime
    because: str


def refused_because(rule: ApprovalRule, *, by: str, role: str, asked: str) -> str | None:
    """Why this person may not speak on a version; None where they may.

    Args:
        asked: who asked for the version to serve; Farero itself is nobody.

    >>> rule = ApprovalRule(approvals=1, approvers={"risk": ("ana",)}, four_eyes=True)
    >>> refused_because(rule, by="ben", role="risk", asked="farero")
    'ben is not declared as risk; ana is'
    >>> refused_because(rule, by="ana", role="risk", asked="ana")
    'ana asked for it, and four eyes are wanted'
    """
    if rule.approvers:
        if role not in rule.approvers:
            return f"there is no role {role!r}; there is {', '.join(rule.approvers)}"
        if by not in rule.approvers[role]:
            return f"{by} is not declared as {role}; {', '.join(rule.approvers[role]) or 'nobody'} is"
    if by == FARERO:
        return "a person must approve, and farero is none"
    if rule.four_eyes and by == asked:
        return f"{by} asked for it, and four eyes are wanted"
    return None


def needed(rule: ApprovalRule, asked: str) -> int:
    """How many people must approve. Four eyes are two people: where a person asked for the version, that is one of them.

    >>> needed(ApprovalRule(approvals=1, four_eyes=True), "farero"), needed(ApprovalRule(approvals=1, four_eyes=True), "ana")
    (2, 1)
    """
    if not rule.approvals and not rule.four_eyes:
        return 0
    return max(rule.approvals, 2 if rule.four_eyes and asked == FARERO else 1)


def standing(rule: ApprovalRule, said: Sequence[Approval], asked: str) -> tuple[Approval, ...]:
    """The last word of each person who may speak, oldest first; what others said does not count."""
    last = {one.by: one for one in said if refused_because(rule, by=one.by, role=one.role, asked=asked) is None}
    return tuple(sorted(last.values(), key=lambda one: one.at))


def missing(rule: ApprovalRule, said: Sequence[Approval], asked: str) -> str | None:
    """What still lacks before it may serve, in words; None where nothing does."""
    approved = [one.by for one in standing(rule, said, asked) if one.approved]
    wanted = needed(rule, asked)
    if len(approved) >= wanted:
        return None
    who = " or ".join(f"{role} ({', '.join(names)})" for role, names in rule.approvers.items()) or "anybody"
    except_asked = f" but {asked}" if rule.four_eyes and asked != FARERO else ""
    so_far = f"; so far {', '.join(approved)}" if approved else ""
    return f"{wanted - len(approved)} of {wanted} approvals are missing, from {who}{except_asked}{so_far}"


def refusal(rule: ApprovalRule, said: Sequence[Approval], asked: str) -> Approval | None:
    """The newest word against it that stands."""
    return next((one for one in reversed(standing(rule, said, asked)) if not one.approved), None)
