"""track: copies runs and versions to a tracker, and sees that its aliases stand where our own record says. It stops nobody.

What differs between our tables and what the tracker was told last is what still has to be told (`store.tracked`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Literal

from farero.core.run import RunStatus
from farero.core.run_report import RunReport
from farero.core.tracking import (
    PRODUCTION,
    STAGING,
    AliasState,
    TrackingStatus,
    Waiting,
    run_metrics,
    run_parameters,
    run_tags,
    version_tags,
)
from farero.core.version import Version
from farero.errors import Conflict, FareroError, TrackerUnavailable
from farero.ports import Clock, ModelFiles, TrackedRun, TrackedVersion, Tracker
from farero.serving.pyfunc import write_model
from farero.store import tracked, versions
from farero.store.database import Store
from farero.store.tracked import DELETED, Thing, Told
from farero.telemetry import log

FIRST_RETRY = timedelta(seconds=10)
LAST_RETRY = timedelta(hours=1)
NOTHING = "none"
"""What is remembered of aliases where none points anywhere."""

LEASE = timedelta(minutes=10)
"""Longest that one thing may take to be written before another process takes it in hand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """Tells a tracker of one model.

    Attributes:
        where: the tracker's address for people.
        report: gives the report of a run; `papers`: file name -> text of what is filed with one.
    """

    model: str
    where: str
    tracker: Tracker
    store: Store
    files: ModelFiles
    clock: Clock
    report: Callable[[str], RunReport]
    papers: Callable[[RunReport], Mapping[str, str]]

    def write(self, limit: int = 50, *, take: bool = False) -> int:
        """Tell what has not been told, and return how many things were. What fails waits, ever longer; nothing is raised.

        Args:
            take: point aliases where they belong, even those that somebody else's version holds.
        """
        written = 0
        for thing in self._due()[:limit]:
            now = self.clock.now()
            with self.store.write() as conn:
                if not tracked.claim(conn, thing, now, now + LEASE):
                    continue
                told = tracked.all(conn, self.model)[thing.kind, thing.key]
            try:
                remote = self._write(thing, told, take=take)
            except FareroError as failure:
                again = self.clock.now() + min(FIRST_RETRY * 2 ** min(told.attempts, 20), LAST_RETRY)
                with self.store.write() as conn:
                    tracked.failed(conn, thing, failure.message, again)
                log("track.failed", level="warning", model=self.model, kind=thing.kind, key=thing.key, again_at=again, error=failure)
                if isinstance(failure, TrackerUnavailable):
                    break  # what comes next would wait as long for the same answer
                continue
            with self.store.write() as conn:
                tracked.told(conn, thing, remote)
            written += 1
            log("track.written", model=self.model, kind=thing.kind, key=thing.key, remote=remote)
        return written

    def pending(self) -> bool:
        """Whether there is something to tell that may be told now."""
        return bool(self._due())

    def waiting(self) -> int:
        """How many things wait, those included that failed and are not due yet."""
        return len(self._waiting()[0])

    def status(self) -> TrackingStatus:
        """How the tracker stands to our record. Asks the tracker for its aliases."""
        waiting, told = self._waiting()
        try:
            there = self.tracker.aliases(self.model)
        except TrackerUnavailable as failure:
            return TrackingStatus(model=self.model, where=self.where, told=told, waiting=waiting, aliases=(), error=str(failure))
        told_before = not any(one.kind == "aliases" for one in waiting)
        aliases = tuple(
            AliasState(
                alias=alias, wanted=number, there=there.get(alias), foreign=alias in there and there[alias] is None, told=told_before
            )
            for alias, number in self._wanted().items()
        )
        return TrackingStatus(model=self.model, where=self.where, told=told, waiting=waiting, aliases=aliases)

    def reconcile(self) -> TrackingStatus:
        """Tell everything that waits now, whenever it was due, and put every alias where it belongs."""
        with self.store.write() as conn:
            tracked.hurry(conn, self.model)
            tracked.forget_aliases(conn, self.model)
        while self.write(take=True):
            pass
        return self.status()

    def _due(self) -> list[Thing]:
        now = self.clock.now()
        with self.store.read() as conn:
            things, told = tracked.things(conn, self.model), tracked.all(conn, self.model)
        return [
            thing for thing in things
            if _differs(thing, known := told.get((thing.kind, thing.key)))
            and (known is None or known.due_at is None or known.due_at <= now)
        ]  # fmt: skip

    def _waiting(self) -> tuple[tuple[Waiting, ...], int]:
        with self.store.read() as conn:
            things, told = tracked.things(conn, self.model), tracked.all(conn, self.model)
        waiting: list[Waiting] = []
        for thing in things:
            known = told.get((thing.kind, thing.key))
            if not _differs(thing, known):
                continue
            waiting.append(
                Waiting(kind=thing.kind, key=thing.key)
                if known is None
                else Waiting(kind=thing.kind, key=thing.key, attempts=known.attempts, due_at=known.due_at, error=known.error)
            )
        return tuple(waiting), len(things) - len(waiting)

    def _write(self, thing: Thing, told: Told, *, take: bool) -> str:
        match thing.kind:
            case "run":
                return self.tracker.write_run(self._run(self.report(thing.key)))
            case "version":
                return self._write_version(thing)
            case "aliases":
                return self._point(told, take=take)

    def _run(self, report: RunReport) -> TrackedRun:
        def fill(folder: Path) -> None:
            if report.finished is not None:
                for name, text in self.papers(report).items():
                    (folder / name).write_text(text, encoding="utf-8")

        return TrackedRun(
            id=report.id, name=f"{self.model} {report.number or report.kind}", model=self.model, status=_STATUS[report.status],
            started=report.started, finished=report.finished, parameters=run_parameters(report), metrics=run_metrics(report),
            tags=run_tags(report), fill=fill,
        )  # fmt: skip

    def _write_version(self, thing: Thing) -> str:
        with self.store.read() as conn:
            made = tracked.run_of(conn, self.model, thing.key)
            digest = tracked.digest_of(conn, self.model, thing.key)
            if thing.stamp.startswith(DELETED):
                # It stays there, for others may have built on it, but says what became of it.
                return self.tracker.write_version(
                    TrackedVersion(
                        model=self.model, number=thing.key, digest=digest, run=made or self._own_run(thing.key), description="",
                        tags={"farero.state": DELETED}, fill=lambda _: None,
                    )
                )  # fmt: skip
            version = versions.get(conn, self.model, thing.key)
            moves = versions.moves(conn, self.model, thing.key)
        if made is None:
            self.tracker.write_run(self._brought(version))

        def fill(folder: Path) -> None:
            files = self.files.open(version.digest)
            write_model(files, folder, model=self.model, number=version.number, digest=version.digest, environment=version.environment)

        return self.tracker.write_version(
            TrackedVersion(
                model=self.model, number=version.number, digest=version.digest, run=made or self._own_run(version.number),
                description=version.because, tags=version_tags(version, by=moves[-1].by), fill=fill,
            )
        )  # fmt: skip

    def _own_run(self, number: str) -> str:
        return f"{self.model}-register/{number}"

    def _brought(self, version: Version) -> TrackedRun:
        """A run for a version that no training of ours made."""
        return TrackedRun(
            id=self._own_run(version.number), name=f"{self.model} {version.number}", model=self.model, status="finished",
            started=version.created_at, finished=version.created_at, parameters={}, metrics=dict(version.metrics),
            tags={"farero.kind": "register", "farero.because": version.because, "farero.version": version.number}, fill=lambda _: None,
        )  # fmt: skip

    def _wanted(self) -> dict[str, str | None]:
        with self.store.read() as conn:
            served = versions.production(conn, self.model)
            return {PRODUCTION: served.number if served else None, STAGING: tracked.staging(conn, self.model)}

    def _point(self, told: Told, *, take: bool) -> str:
        """Let the aliases point where our record says; a name that somebody else used before us is not taken without being asked to."""
        there = self.tracker.aliases(self.model)
        wanted = self._wanted()
        for alias, number in wanted.items():
            standing = there.get(alias)
            if number is None and standing is None:
                continue  # nothing of ours belongs there, and nothing of ours stands there
            if number is not None and alias in there and standing is None and not take and told.remote in ("", NOTHING):
                raise Conflict(
                    f"The alias {alias} of {self.model} points to a version there that Farero did not write.",
                    hint="To let it point to ours: farero tracking reconcile.",
                )
            if number != standing:
                self.tracker.point(self.model, alias, number)
        return ",".join(f"{alias}={number}" for alias, number in wanted.items() if number) or NOTHING


_STATUS: dict[RunStatus, Literal["running", "finished", "failed"]] = {
    "running": "running", "succeeded": "finished", "failed": "failed", "rejected": "finished",
}  # fmt: skip


def _differs(thing: Thing, known: Told | None) -> bool:
    """Whether it has to be told. A version that was deleted before anybody was told of it never has to be."""
    if known is None or not known.stamp:
        return not (thing.kind == "version" and thing.stamp.startswith(DELETED))
    return known.stamp != thing.stamp
