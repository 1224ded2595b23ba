"""What each page shows, gathered from the application as plain values for the templates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING, Protocol

from farero.console import acts, charts, evidence, figures, heat, traffic
from farero.console.acts import Act
from farero.console.evidence import Asked, Gain, Known
from farero.console.i18n import Words
from farero.console.traffic import RolloutView, Split
from farero.core.endpoint import Endpoint
from farero.core.example import example_row
from farero.core.finding import SEVERITIES
from farero.core.gate import Verdict
from farero.core.health import Health, ModelHealth
from farero.core.incident import Event, Incident
from farero.core.observation import Observation
from farero.core.policy import Decision
from farero.core.run import Run, RunNotes
from farero.core.version import Move, Version
from farero.errors import FareroError

if TYPE_CHECKING:
    from farero.app import App

WINDOWS = 120
NARROW_WINDOWS = 26
TREND = 40
NOTED = 6


class Decided(Protocol):
    """A decision with what became of it, as `App.decisions` gives it."""

    @property
    def decision(self) -> Decision:
        """What was decided."""
        ...

    @property
    def candidate(self) -> str | None:
        """The version that was trained because of it."""
        ...

    @property
    def verdict(self) -> Verdict | None:
        """How that version did beside production."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetRow:
    """One model in the fleet. `trend` is a drawing; `since` when its version went to production."""

    health: ModelHealth
    since: datetime | None
    metric: str
    value: float | None
    unit: str
    trend: str
    drift: Observation | None
    open: tuple[Incident, ...]
    decided: Decided | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionGroup:
    """Decisions in a row that all say "keep", newest first, or a single one with what it was made from and how its contest went."""

    action: str
    newest: Decided
    all: tuple[Decided, ...]
    known: tuple[Known, ...] = ()
    gains: tuple[Gain, ...] = ()
    asked: tuple[Asked, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineLine:
    """An event, or several "seen" ones in a row; `until` is the last of them."""

    event: Event
    count: int
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelView:
    """One model's page."""

    health: ModelHealth
    kind: str
    label: str
    metric: str
    metric_title: str
    value: float | None
    baseline: float | None
    worse: bool
    last: Observation | None
    seen: tuple[Observation, ...]
    more: bool
    metric_names: tuple[str, ...]
    line_wide: str
    line_narrow: str
    heat_wide: str
    heat_narrow: str
    legend: list[tuple[str, str]]
    open: tuple[Incident, ...]
    incidents: tuple[tuple[Incident, tuple[TimelineLine, ...]], ...]
    decisions: tuple[DecisionGroup, ...]
    versions: tuple[Version, ...]
    moves: tuple[Move, ...]
    runs: tuple[tuple[Run, RunNotes], ...]
    example: dict[str, object]
    predict_path: str
    acts: tuple[Act, ...]
    splits: tuple[Split, ...]
    rollout: RolloutView | None
    rollout_acts: tuple[Act, ...]


def fleet(app: App, health: Health, words: Words) -> list[FleetRow]:
    """Every model, those in trouble first."""
    rows = [_fleet_row(app, found, words) for found in health.models]
    return sorted(rows, key=lambda row: (-_gravity(row.open), row.health.status == "healthy"))


def model(app: App, health: Health, name: str, words: Words) -> ModelView:
    """One model."""
    project = app.project(name)
    found = next(one for one in health.models if one.model == name)
    seen = app.observations(name, last=WINDOWS + 1)
    more, seen = len(seen) > WINDOWS, seen[-WINDOWS:]
    incidents = app.incidents(name, last=60)
    versions, moves = app.versions(name), app.moves(name)
    production = next((version for version in versions if version.state == "production"), None)
    rollouts = app.rollouts(name, last=1)
    metric = project.metric
    unit = figures.unit_of(metric, project.label_spec.unit)
    axis = f"{words('metric.' + metric)} [{unit}]"
    limit = next((value for floor, value in project.floors if floor == metric), None)
    value = figures.newest(seen, metric)
    baseline = production.metrics.get(metric) if production else None
    return ModelView(
        health=found, kind=project.label_spec.kind, label=project.label_spec.name, metric=metric, metric_title=axis, value=value,
        baseline=baseline, worse=figures.is_worse(metric, value, limit if limit is not None else baseline, project.rule.performance_drop),
        last=seen[-1] if seen else None, seen=tuple(seen), more=more, metric_names=figures.metric_names(seen, project.metrics, metric),
        line_wide=figures.metric_line(seen, metric, axis, limit, incidents, charts.WIDE, words),
        line_narrow=figures.metric_line(seen[-NARROW_WINDOWS * 2 :], metric, axis, limit, incidents, charts.NARROW, words),
        heat_wide=figures.drift_map(seen, words, width=1120, label_width=130, columns=WINDOWS),
        heat_narrow=figures.drift_map(seen, words, width=390, label_width=92, columns=NARROW_WINDOWS),
        legend=heat.legend(words), open=_open(incidents),
        incidents=tuple((incident, timeline(incident.timeline)) for incident in incidents),
        decisions=grouped(app.decisions(name, last=WINDOWS), words), versions=tuple(versions[:40]), moves=tuple(reversed(moves[-60:])),
        runs=_runs(app, name), example=example_row(project.schema),
        predict_path="/predict" if len(app.models) == 1 else f"/v1/models/{name}/predict",
        acts=tuple(filter(None, [acts.rollback(name, versions, moves, words)])),
        splits=tuple(traffic.split(one, production.number if production else None, words) for one in _split(app.endpoints(name))),
        rollout=traffic.rollout(rollouts[0], words) if rollouts else None,
        rollout_acts=acts.of_rollout(rollouts[0], words) if rollouts else (),
    )  # fmt: skip


def grouped(decided: Sequence[Decided], words: Words) -> tuple[DecisionGroup, ...]:
    """Fold runs of "keep" together, so that the few that did something stand out."""
    groups: list[DecisionGroup] = []
    for action, members in groupby(decided, key=lambda one: one.decision.action):
        together = tuple(members)
        if action == "keep" and len(together) > 1:
            groups.append(DecisionGroup(action=action, newest=together[0], all=together))
        else:
            groups += [_single(one, words) for one in together]
    return tuple(groups)


def _single(one: Decided, words: Words) -> DecisionGroup:
    verdict = one.verdict
    return DecisionGroup(
        action=one.decision.action, newest=one, all=(one,), known=evidence.known(one.decision.inputs, words),
        gains=evidence.gains(verdict, words) if verdict else (), asked=evidence.asked(verdict, words) if verdict else (),
    )  # fmt: skip


def _runs(app: App, model: str) -> tuple[tuple[Run, RunNotes], ...]:
    """The newest runs; those that anybody may still watch with their steps and what they printed."""
    newest = app.runs(model, last=30)
    return tuple(app.run(run.id) if place < NOTED or run.status == "running" else (run, RunNotes()) for place, run in enumerate(newest))


def _split(endpoints: Sequence[Endpoint]) -> list[Endpoint]:
    """Those worth showing: where anything but production answers, or that somebody made."""
    return [one for one in endpoints if not one.is_own or one.routes or one.shadow]


def timeline(events: Sequence[Event]) -> tuple[TimelineLine, ...]:
    """Fold runs of "seen" together: an incident of a hundred days has one such line."""
    lines: list[TimelineLine] = []
    for kind, members in groupby(events, key=lambda event: event.kind):
        together = list(members)
        if kind == "seen":
            lines.append(TimelineLine(event=together[-1], count=len(together), until=together[-1].at))
        else:
            lines += [TimelineLine(event=event, count=1, until=event.at) for event in together]
    return tuple(lines)


def _fleet_row(app: App, health: ModelHealth, words: Words) -> FleetRow:
    project = app.project(health.model)
    metric = project.metric
    seen = app.observations(health.model, last=TREND)
    values = [observation.metrics.get(metric) for observation in seen]
    decided: Sequence[Decided] = app.decisions(health.model, last=1)
    title = words("fleet.trend-of", metric=words("metric." + metric), model=health.model)
    return FleetRow(
        health=health, since=_since(app, health), metric=metric, value=figures.newest(seen, metric),
        unit=figures.unit_of(metric, project.label_spec.unit), trend=charts.sparkline(values, title),
        drift=seen[-1] if seen else None, open=_open(app.incidents(health.model, last=60)), decided=decided[0] if decided else None,
    )  # fmt: skip


def _since(app: App, health: ModelHealth) -> datetime | None:
    if health.version is None:
        return None
    try:
        moves = app.moves(health.model, health.version)
    except FareroError:  # deleted between two looks: the row shows without it
        return None
    return next((move.at for move in reversed(moves) if move.target == "production"), None)


def _open(incidents: Sequence[Incident]) -> tuple[Incident, ...]:
    return tuple(sorted((one for one in incidents if one.resolved is None), key=lambda one: -SEVERITIES.index(one.severity)))


def _gravity(incidents: Sequence[Incident]) -> int:
    return max((SEVERITIES.index(one.severity) + 1 for one in incidents), default=0)
