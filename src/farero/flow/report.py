"""report: what a training run was and what became of it, put together from the record and kept."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from farero.core.finding import Severity
from farero.core.measured import Measured, measure
from farero.core.run_report import RunReport
from farero.core.version import Version
from farero.core.window import Window
from farero.errors import Corrupt, FareroError, NotFound, VersionNotFound
from farero.ports import Clock, Message, ModelFiles
from farero.serving import frozen
from farero.serving.layout import read_contract
from farero.serving.parameters import parameters_in
from farero.store import decisions, heats, outbox, reports, runs, versions
from farero.store.database import Connection, Store
from farero.store.decisions import StoredDecision
from farero.telemetry import log

_AT_A_TIME = 20
_LOOP = re.compile(r"loop/([\dT:.-]+Z/[\dT:.-]+Z)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Reports on the runs of one model."""

    model: str
    store: Store
    files: ModelFiles
    clock: Clock
    channels: Mapping[str, Severity]

    def of(self, run: str) -> RunReport:
        """The report of a run as things stand; of one whose version was deleted since, as it was kept.

        Args:
            run: its id, or a part of it that no other has.

        Raises:
            NotFound: there is no such run, or several.
        """
        with self.store.read() as conn:
            found, notes = runs.get(conn, run)
            kept = reports.get(conn, found.id)
            version = self._version(conn, found.version)
            if version is None and found.version is not None and kept is not None:
                return replace(kept, version=None, moves=tuple(versions.moves(conn, self.model, found.version)))
            decided = _decided(conn, self.model, found.id)
            moves = tuple(versions.moves(conn, self.model, found.version)) if found.version else ()
            ways = tuple(heats.all(conn, self.model, found.id.removeprefix(f"{self.model}-")))
            judged = decided is not None and version is not None and decided.candidate in self._same(conn, version)
        metrics, parameters = self._inside(version)
        return RunReport(
            id=found.id, model=self.model, kind=found.kind, status=found.status, because=found.because, started=found.started,
            finished=found.finished, made_at=self.clock.now(), error=found.error, steps=notes.steps, output=notes.output,
            left_out=notes.left_out, number=found.version, version=version, parameters=parameters, metrics=metrics, heats=ways,
            decision=decided.decision if decided else None, verdict=decided.verdict if decided and judged else None, moves=moves,
        )  # fmt: skip

    def keep(self) -> list[RunReport]:
        """Write the reports of runs that have ended, and write anew those of versions that moved since; returns the new ones.

        A failed run, and one that made a version that nothing judged, is announced with its first report, in the same transaction.
        """
        with self.store.read() as conn:
            due = reports.due(conn, self.model, _AT_A_TIME)
        new: list[RunReport] = []
        for run, known in due:
            try:
                made = self.of(run)
            except FareroError as failure:  # the loop goes on without it
                log("report.failed", level="warning", model=self.model, run=run, error=failure)
                continue
            with self.store.write() as conn:
                reports.put(conn, made, made.made_at)
                if not known:
                    new.append(made)
                    self._announce(conn, made)
            log("report.stored", model=self.model, run=run, version=made.number, status=made.status)
        return new

    def _version(self, conn: Connection, number: str | None) -> Version | None:
        if number is None:
            return None
        try:
            return versions.get(conn, self.model, number)
        except VersionNotFound:
            return None

    def _same(self, conn: Connection, version: Version) -> set[str]:
        """The numbers that a verdict on this version may name: its own, and that of the version that it learnt anew."""
        judged = versions.find_by_origin(conn, self.model, version.origin.removesuffix("/refit"))
        return {version.number} | ({judged.number} if judged else set())

    def _inside(self, version: Version | None) -> tuple[tuple[Measured, ...], Mapping[str, str]]:
        if version is None:
            return (), {}
        try:
            folder = self.files.open(version.digest)
            contract = read_contract(folder)
            rows = frozen.judged(folder, contract.schema)
            parameters = parameters_in(folder)
        except (Corrupt, NotFound):  # what is told of the run is no less true because the files are gone
            return (), {}
        if rows is None or rows.outputs is None:
            return (), parameters
        return measure(contract.label.kind, rows.labels, rows.outputs, days=rows.days), parameters

    def _announce(self, conn: Connection, made: RunReport) -> None:
        if made.status == "failed":
            self._send(conn, made, "run.failed", "high", f"A training of {self.model} failed", made.error or "")
        elif made.decision is None:
            told = ", ".join(f"{one.name} {one.value:.4g}" for one in made.metrics if one.value is not None)
            self._send(conn, made, "run.succeeded", "low", f"{self.model} {made.number} was trained", told or made.because)

    def _send(self, conn: Connection, made: RunReport, event: str, severity: Severity, title: str, text: str) -> None:
        id = f"{event}/{made.id}/{made.started.isoformat()}"  # noqa: A001
        message = Message(id=id, event=event, severity=severity, title=title, text=text, model=self.model, at=made.made_at)
        outbox.announce(conn, self.channels, message, severity)


def _decided(conn: Connection, model: str, run: str) -> StoredDecision | None:
    """The decision that a run carries out, whose window its id names."""
    named = _LOOP.search(run)
    if named is None:
        return None
    return decisions.find(conn, model, Window.parse(named[1]))
