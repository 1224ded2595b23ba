"""What is written down of runs and versions for people to read: the part of App that puts reports together and keeps them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from farero.app.reading import Reading
from farero.core.card import Card, Rows, card_document
from farero.core.deployment import Deployment, deployment_document
from farero.core.document import Document, markdown
from farero.core.document_page import page
from farero.core.fairness import GroupsOf
from farero.core.run_report import RunReport, run_document
from farero.core.side_by_side import SideBySide, side_by_side_document
from farero.errors import BadInput
from farero.flow.describe import Describe
from farero.flow.report import Report
from farero.flow.track import Track
from farero.store import approvals, endpoints, rollouts, runs, versions

if TYPE_CHECKING:
    from farero.core.finding import Severity
    from farero.ports import Clock, ModelFiles, PredictionLog, Tracker
    from farero.project.declare import Project
    from farero.project.settings import Settings
    from farero.serving.pool import Pool
    from farero.store.database import Store


Written: TypeAlias = Card | Deployment | SideBySide | RunReport
"""What is written down for people, as a page or as Markdown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """What writes things down: for each model its reports and descriptions, and, where a tracker is named, what tells it."""

    reports: Mapping[str, Report]
    describes: Mapping[str, Describe]
    tracks: Mapping[str, Track]
    tracker: Tracker | None = None


def records(
    projects: Mapping[str, Project], *, store: Store, log: PredictionLog, files: ModelFiles, pool: Pool, clock: Clock,
    channels: Mapping[str, Severity], tracker: Tracker | None, where: str,
) -> Records:  # fmt: skip
    """What writes things down for these models.

    Args:
        where: the tracker's address for people.
    """
    reports = {model: Report(model=model, store=store, files=files, clock=clock, channels=channels) for model in projects}
    describes = {
        model: Describe(
            model=model, schema=project.schema, label=project.label_spec, metric=project.metric, window_size=project.window,
            segments=project.segments, groups=project.groups, max_gap=project.max_gap, drift_rule=project.drift_rule,
            drift_a_year=project.drift_a_year, store=store, log=log, files=files, pool=pool, clock=clock,
        )
        for model, project in projects.items()
    }  # fmt: skip
    if tracker is None:
        return Records(reports=reports, describes=describes, tracks={})

    def papers(model: str) -> Callable[[RunReport], Mapping[str, str]]:
        return lambda report: run_papers(report, describes[model])

    tracks = {
        model: Track(
            model=model, where=where, tracker=tracker, store=store, files=files, clock=clock, report=report.of, papers=papers(model)
        )
        for model, report in reports.items()
    }
    return Records(reports=reports, describes=describes, tracks=tracks, tracker=tracker)


class Recording(Reading):
    """Reports of runs, and documents about versions."""

    settings: Settings
    _records: Records
    _pool: Pool
    _clock: Clock
    _farero_version: str

    def run_report(self, id: str) -> RunReport:
        """The report of a training run.

        Args:
            id: of the run, or a part of it that no other has.

        Raises:
            NotFound: there is no such run, or several.
        """
        with self._store.read() as conn:
            found, _ = runs.get(conn, id)
        self.project(found.model)
        return self._records.reports[found.model].of(found.id)

    def keep_reports(self) -> int:
        """Write the reports of all runs that have ended since; returns how many are new."""
        return sum(len(report.keep()) for report in self._records.reports.values())

    def card(self, model: str, number: str) -> Card:
        """The model card of a version.

        Raises:
            VersionNotFound: there is none.
        """
        self.project(model)
        return self._records.describes[model].card(number)

    def fairness(self, model: str, number: str, groups: Sequence[str] | None = None) -> tuple[tuple[GroupsOf, ...], Rows]:
        """How alike the groups of features are treated by a version, and the rows that say so.

        Args:
            groups: the features; None = those that the project names.

        Raises:
            BadInput: no groups are named, there is no such feature, or there are no labelled rows.
        """
        asked = tuple(groups) if groups else self.project(model).groups
        if not asked:
            hint = 'Name a feature with --by, or declare some: monitors=[fa.Fairness(["sex"])].'
            raise BadInput(f"{model} declares no groups that shall be treated alike.", hint=hint)
        return self._records.describes[model].fairness(number, asked)

    def side_by_side(self, model: str, a: str, b: str) -> SideBySide:
        """Two versions on rows that neither had learnt from, on known rows, and in what they were made of.

        Raises:
            VersionNotFound: one of them does not exist.
        """
        self.project(model)
        return self._records.describes[model].side_by_side(a, b)

    def deployment(self, model: str, number: str) -> Deployment:
        """The deployment document of a version: what serves, how it came to, what watches it, how to take it back.

        Raises:
            VersionNotFound: there is none.
            Corrupt: its files are not what was stored.
        """
        project = self.project(model)
        found = self.version(model, number)
        engine = self._pool.get(found).engine
        with self._store.read() as conn:
            moves = tuple(versions.moves(conn, model, number))
            served = tuple(move.number for move in versions.moves(conn, model) if move.target == "production")
            stored = [each for each in endpoints.all(conn, model) if each.name != model]
            routed = (endpoints.own(conn, model), *stored)
            own = tuple(rollout for rollout in rollouts.all(conn, model) if rollout.number == number)
            said = approvals.of(conn, model, number)
        settings = self.settings
        return Deployment(
            version=found, made_at=self._clock.now(), farero_version=self._farero_version, engine=engine.kind,
            engine_detail=engine.detail, fields=project.schema.fields, key=project.key, endpoints=routed, moves=moves, served=served,
            approvals=said, rollouts=own, verdict=self.card(model, number).verdict, policy=project.rule, gate=project.gate_rule,
            rollout_rule=project.rollout_rule, watching=_watching(project),
            channels={channel.name: channel.min_severity for channel in settings.channels},
            settings={
                "address": f"{settings.server.host}:{settings.server.port}", "recorded": settings.log.record,
                "what cannot be recorded": settings.log.unlogged, "loaded": settings.models.load,
            },
        )  # fmt: skip


def _watching(project: Project) -> tuple[str, ...]:
    told = [f"Drift of features and answers in windows of {project.window}, by the rule {project.drift_rule}."]
    told += [f"{metric} with the limit {limit:g}." for metric, limit in project.floors]
    if project.max_missing is not None:
        told.append(f"Missing values: at most {project.max_missing:.1%} of a feature.")
    if project.groups:
        told.append(f"Groups of {', '.join(project.groups)}, in model cards.")
    return tuple(told)


def as_text(found: Written) -> str:
    """It as Markdown."""
    return markdown(_document(found))


def as_page(found: Written) -> str:
    """It as one HTML page that needs nothing else."""
    return page(_document(found))


def _document(found: Written) -> Document:
    if isinstance(found, Card):
        return card_document(found)
    if isinstance(found, Deployment):
        return deployment_document(found)
    return side_by_side_document(found) if isinstance(found, SideBySide) else run_document(found)


def run_papers(found: RunReport, describe: Describe) -> dict[str, str]:
    """What is filed with a run elsewhere: its report, and the model card and the profile of the version that it made."""
    papers = {"report.json": _json(found), "report.html": as_page(found)}
    if found.version is not None:
        card = describe.card(found.version.number)
        papers |= {"model-card.md": as_text(card), "model-card.html": as_page(card)}
        papers["profile.json"] = _json(describe.profile(found.version.number))
    return papers


def _json(value: object) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=1).decode()
