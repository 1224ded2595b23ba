"""What a project file says of coming to serve: in which steps, watched how long, and who must agree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from farero.core.window import parse_duration
from farero.project.calls import Place, caller, forgive

if TYPE_CHECKING:
    from farero.core.rollout import RolloutRule


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """A version that won its contest goes to production in steps, each watched; one that does harm goes back by itself.

    Attributes:
        steps: shares of the requests that it answers, rising [percent]; empty = from the smoke test straight to production.
        shadow: requests that it scores in secret before it answers any.
        least_rows: requests that it must have answered in each step.
        least_time: how long each step lasts at least.
        approvals: how many people must approve before it answers anybody.
        approvers: role -> the names of those who may approve in it; empty = anybody. Names stand for people until Farero has sign-in.
        four_eyes: nobody approves what they asked for, and two different people have seen every version.
        alpha: how often a version that is no worse than production is rolled back all the same [0-1].
        slow_ms: what a request must take beyond production's 95th percentile to count as slow [ms].
    """

    steps: list[float] | tuple[float, ...] = (5, 25, 50)
    shadow: int = 0
    least_rows: int = 500
    least_time: str = "1h"
    approvals: int = 0
    approvers: Mapping[str, list[str] | tuple[str, ...]] = field(default_factory=dict)
    four_eyes: bool = False
    alpha: float = 0.01
    slow_ms: float = 5.0
    place: Place = field(default_factory=caller, init=False, compare=False, repr=False)

    @property
    def rule(self) -> RolloutRule:
        """The same, as the core knows it."""
        from farero.core.approval import ApprovalRule
        from farero.core.rollout import RolloutRule  # loads numpy, which `import farero` must not

        approvers = {role: tuple(names) for role, names in self.approvers.items()}
        return RolloutRule(
            steps=tuple(float(share) for share in self.steps), shadow_rows=self.shadow, least_rows=self.least_rows,
            least_time=parse_duration(self.least_time), alpha=self.alpha, slow_us=self.slow_ms * 1000,
            approval=ApprovalRule(approvals=self.approvals, approvers=approvers, four_eyes=self.four_eyes),
        )  # fmt: skip


forgive(Rollout)
