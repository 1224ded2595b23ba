"""What a replay was asked to do, as plans for one process a policy, and the answer that comes of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from farero.core.performance import METRICS
from farero.core.policy import PolicyRule
from farero.core.replayed import ReplayResult
from farero.core.window import WindowSize
from farero.project.declare import Project
from farero.replay import history as recorded
from farero.replay.side_by_side import Plan, ProgressOf, run_all
from farero.serving import stored


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A file of recorded history, and what shall be learnt from it.

    Attributes:
        time, label, label_time: columns of the file.
        window: None = the project's own.
        train_until: a time, or a share of the rows.
        rules: the policies; none = the project's own.
        keep: the first one's state becomes the installation's.
        inferred: the project was read off the file.
    """

    root: Path
    model: str
    project: Project
    data: Path
    time: str
    label: str | None
    label_time: str | None
    window: WindowSize | None
    train_until: str
    rules: Sequence[PolicyRule]
    keep: bool
    inferred: bool


def replay(question: Question, command: str, *, at_once: int, progress: ProgressOf) -> ReplayResult:
    """Live the history under each policy.

    Args:
        command: Python source that replays one plan.

    Raises:
        BadInput: the file cannot be used; names every fault.
        FareroError: the first error of any policy.
    """
    project, data = question.project, question.data
    size = question.window or project.window
    history = recorded.read(
        data, project.schema, project.label_spec, time=question.time, label_column=question.label, label_time=question.label_time
    )
    until = recorded.train_until(history, question.train_until, size)
    plans = [
        Plan(
            root=question.root, model=question.model, data=data, time=question.time, label=question.label, label_time=question.label_time,
            until=until, size=size, rule=rule, home=question.root if question.keep and index == 0 else None, inferred=question.inferred,
        )
        for index, rule in enumerate(question.rules or [project.rule])
    ]  # fmt: skip
    policies = run_all(plans, command, at_once=at_once, progress=progress)
    return ReplayResult(
        model=question.model,
        rows=history.count,
        start=stored.aware(history.times[0]),
        end=stored.aware(history.times[-1]),
        train_until=until,
        window=str(size),
        metric=project.metric,
        higher_is_better=METRICS[project.metric].higher_is_better,
        policies=policies,
        notes=tuple(history.notes),
    )
