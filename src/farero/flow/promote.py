"""promote: a version moves through its life; production changes hands only after the new one has loaded and answered."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass

from farero.core.finding import Severity
from farero.core.gate import Verdict
from farero.core.version import Version, last_good
from farero.errors import BadInput, Corrupt, IllegalMove, PredictFailed, VersionNotFound
from farero.ports import Clock, Message
from farero.project.trial import sample
from farero.serving.pool import Pool
from farero.store import endpoints, outbox, rollouts, versions
from farero.store.database import Connection, Store
from farero.telemetry import log

SMOKE_ROWS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Promote:
    """Moves versions of one model."""

    model: str
    store: Store
    pool: Pool
    clock: Clock
    channels: Mapping[str, Severity]

    def apply(self, candidate: Version, verdict: Verdict, *, by: str) -> Version:
        """Carry a verdict out: to production, or rejected and kept with its reason. One that was carried out before stands.

        Raises:
            StaleDecision: the version that it was judged against is no longer in production.
        """
        if verdict.accepted:
            with self.store.read() as conn:
                served = any(move.target == "production" for move in versions.moves(conn, self.model, candidate.number))
                current = versions.get(conn, self.model, candidate.number)
            if served and current.state != "production":
                return current  # somebody rolled back since; a turn that is taken again must not undo that
            return self.to_production(candidate.number, by=by, because="; ".join(verdict.because), replacing=verdict.against)
        with self.store.write() as conn:
            current = versions.get(conn, self.model, candidate.number)
            if current.state == "rejected":
                return current
            moved = versions.move(
                conn, self.model, current.number, source=current.state, target="rejected",
                at=self.clock.now(), by=by, because="; ".join(verdict.because),
            )  # fmt: skip
            self._announce(conn, "version.rejected", "low", f"{self.model} {moved.number} was rejected", "; ".join(verdict.because))
        self._tell(moved, "rejected", by)
        return moved

    def asked(self, number: str, *, to: str, by: str, because: str, force: bool) -> Version:
        """Move a version because a person wants it. One that lost its contest goes by force only, and with a reason.

        Raises:
            IllegalMove: it was rejected and `force` is not set, or force comes without a reason.
        """
        self.check_asked(number, because=because, force=force)
        if to == "staging":
            return self.to_staging(number, by=by, because=because or "asked for")
        if to != "production":
            raise BadInput(f"A version cannot be promoted to {to!r}.", hint="Write staging or production.")
        return self.to_production(number, by=by, because=f"forced: {because}" if force else because or "asked for")

    def check_asked(self, number: str, *, because: str, force: bool) -> Version:
        """See that a person may want this version in production, and return it.

        Raises:
            IllegalMove: it was rejected and `force` is not set, or force comes without a reason.
        """
        with self.store.read() as conn:
            version = versions.get(conn, self.model, number)
            reason = versions.moves(conn, self.model, number)[-1].because
        if version.state == "rejected" and not force:
            raise IllegalMove(f"{self.model} {number} was rejected: {reason}.", hint="To promote it all the same: --force --because TEXT.")
        if force and not because:
            raise IllegalMove("A forced promotion needs a reason.", hint="Add --because TEXT.")
        return version

    def to_staging(self, number: str, *, by: str, because: str) -> Version:
        """Move a candidate (or an archived or rejected version) to staging."""
        with self.store.write() as conn:
            current = versions.get(conn, self.model, number)
            if current.state == "staging":
                return current
            moved = versions.move(
                conn, self.model, number, source=current.state, target="staging", at=self.clock.now(), by=by, because=because
            )  # fmt: skip
        self._tell(moved, "staged", by)
        return moved

    def to_production(self, number: str, *, by: str, because: str, replacing: str | None = None, alone: bool = False) -> Version:
        """Move a version to production and let this process answer with it. Other processes follow at their next look.

        The files are verified, and the model is loaded and answers made-up rows before anything moves, so that
        production is loadable at every moment. The version that was in production is archived, never deleted. A rollout that goes on
        ends: with this version it has come to its end, and another one was held against a version that is not in production any more.

        Args:
            replacing: the version that the decision takes to be in production; None = whichever is.
            alone: answer everything; a split that somebody made by hand ends as well.

        Raises:
            Corrupt: a file of the version is changed or missing; production stays as it is.
            StaleDecision: somebody else moved it meanwhile, or production is no longer `replacing`.
        """
        with self.store.read() as conn:
            current = versions.get(conn, self.model, number)
        if current.state == "production":
            self.pool.swap(self.model, current)
            return current
        self.smoke(current)
        if current.state in ("candidate", "rejected"):
            current = self.to_staging(number, by=by, because=because)
        with self.store.write() as conn:
            moved = versions.move(
                conn, self.model, number, source=current.state, target="production", at=self.clock.now(), by=by, because=because,
                replacing=replacing,
            )  # fmt: skip
            rollouts.overtaken(conn, self.model, number, at=self.clock.now(), by=by, because=because)
            if alone:
                endpoints.unsplit(conn, self.model, at=self.clock.now(), by=by, because=because)
            self._announce(conn, "version.promoted", "low", f"{self.model} {number} is in production", because)
        self._tell(moved, "put back" if current.state == "archived" else "promoted", by)
        self.pool.swap(self.model, moved)
        return moved

    def back(self, *, to: str | None, by: str, because: str) -> Version:
        """Put the last good version back: the newest that was in production before this one and still loads, or the one named.

        While another version is on its way to production, the last good one is the one in production: the rollout ends, and it answers
        everything again.

        Raises:
            VersionNotFound: there is none to go back to.
            IllegalMove: the version named was never in production.
            Corrupt: the files of the version named, or of every earlier one, are not what was stored.
        """
        with self.store.read() as conn:
            kept = {version.number for version in versions.all(conn, self.model)}
            served = [move.number for move in versions.moves(conn, self.model) if move.target == "production"]
        if to is None:
            kept_up = self._end_rollout(by=by, because=because)
            if kept_up is not None:
                return kept_up
            return self._last_good(served, kept, by=by, because=because)
        if to not in served or to not in kept:
            with self.store.read() as conn:
                versions.get(conn, self.model, to)
            raise IllegalMove(
                f"{self.model} {to} was never in production, so it is no version to roll back to.",
                hint=f"Promote it instead: farero promote {to}.",
            )
        return self.to_production(to, by=by, because=because, alone=True)

    def _end_rollout(self, *, by: str, because: str) -> Version | None:
        """The version in production, alone again; None where nothing was on its way beside it."""
        with self.store.write() as conn:
            running, current = rollouts.find_open(conn, self.model), versions.production(conn, self.model)
            if running is None or current is None:
                return None
            rollouts.stop(conn, running, at=self.clock.now(), by=by, because=because)
            endpoints.unsplit(conn, self.model, at=self.clock.now(), by=by, because=because)
            text = f"{running.number} was taken back at {running.stage}: {because}"
            self._announce(conn, "rollout.stopped", "medium", f"{self.model} {current.number} answers everything again", text)
        log("rollout.stopped", model=self.model, version=running.number, by=by)
        return current

    def _last_good(self, served: list[str], kept: Container[str], *, by: str, because: str) -> Version:
        skipped: dict[str, str] = {}
        damaged = False
        while (number := last_good(served, skipped)) is not None:
            if number not in kept:
                skipped[number] = "it was deleted"
                continue
            try:
                return self.to_production(number, by=by, because="; ".join([because, *_told(skipped)]), alone=True)
            except (Corrupt, PredictFailed) as failure:
                skipped[number] = failure.message
                damaged = True
        if damaged:
            raise Corrupt(
                f"No earlier version of {self.model} can be put back: {'; '.join(_told(skipped))}",
                hint="Restore the model files from a backup, or promote another: farero versions list.",
            )
        raise VersionNotFound(
            f"No version of {self.model} was in production before this one.", hint="See them with: farero versions list."
        )  # fmt: skip

    def delete(self, number: str, *, by: str, because: str) -> Version:
        """Take a version out of all lists; its files go when no other version needs them. Its history stays.

        Raises:
            IllegalMove: it is in production or on its way there, or no reason is given.
        """
        if not because:
            raise IllegalMove("A version is deleted for a reason only.", hint="Add --because TEXT.")
        with self.store.write() as conn:
            running = rollouts.find_open(conn, self.model)
            if running is not None and running.number == number:
                raise IllegalMove(
                    f"{self.model} {number} is on its way to production.", hint="End that first: farero rollouts stop --because TEXT."
                )
            deleted = versions.delete(conn, self.model, number, at=self.clock.now(), by=by, because=because)
        # In a transaction of its own: files may outlive their version when this is cut off here, a version never outlives its files.
        with self.store.write() as conn:
            for digest in {deleted.digest, deleted.tags.get("base", deleted.digest)} - versions.digests(conn):
                self.pool.discard(digest)
        self._tell(deleted, "deleted", by)
        return deleted

    def _tell(self, version: Version, fate: str, by: str) -> None:
        log("promote.finished", model=self.model, version=version.number, fate=fate, by=by)

    def shelve(self, number: str, *, by: str, because: str) -> Version:
        """Archive a candidate that will not serve itself; anything else stays where it is."""
        with self.store.write() as conn:
            current = versions.get(conn, self.model, number)
            if current.state != "candidate":
                return current
            return versions.move(
                conn, self.model, number, source="candidate", target="archived", at=self.clock.now(), by=by, because=because
            )  # fmt: skip

    def smoke(self, version: Version) -> None:
        """Load a version and ask it about rows of every kind that its features allow.

        Raises:
            PredictFailed: it raises or answers nonsense.
        """
        loaded = self.pool.get(version)
        columns, _ = sample(loaded.schema, loaded.label, seed=0, rows=SMOKE_ROWS)
        loaded.engine.predict(columns, SMOKE_ROWS)

    def _announce(self, conn: Connection, event: str, severity: Severity, title: str, text: str) -> None:
        at = self.clock.now()
        name = f"{event}/{title}/{at.isoformat()}"
        message = Message(id=name, event=event, severity=severity, title=title, text=text, model=self.model, at=at)
        outbox.announce(conn, self.channels, message, severity)


def _told(skipped: Mapping[str, str]) -> list[str]:
    return [f"{number} was skipped: {reason}" for number, reason in skipped.items()]
