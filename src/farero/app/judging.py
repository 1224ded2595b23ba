"""How versions were judged and how they do beside a baseline; what a training run did: the part of App that looks closely."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from farero.app.reading import Reading
from farero.core.gate import Verdict
from farero.core.regression import Regression
from farero.core.run import Run, RunNotes
from farero.errors import IllegalMove
from farero.store import runs, verdicts, versions
from farero.store.journal import listening

if TYPE_CHECKING:
    from farero.loop import Loop


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A verdict and when it was reached."""

    at: datetime
    verdict: Verdict


class Judging(Reading):
    """Verdicts, regression checks and the notes of runs."""

    _loops: Mapping[str, Loop]

    def verdict(self, model: str, number: str) -> Judged | None:
        """The last verdict on a version, of a refit that on the version that it was fitted again from; None = nobody judged it."""
        version = self.version(model, number)
        with self._store.read() as conn:
            found = verdicts.newest(conn, model, number)
            if found is None and version.origin.endswith("/refit"):
                judged = versions.find_by_origin(conn, model, version.origin.removesuffix("/refit"))
                found = None if judged is None else verdicts.newest(conn, model, judged.number)
        return None if found is None else Judged(at=found[0], verdict=found[1])

    def check_first(self, model: str, number: str) -> None:
        """Judge a version that would be the model's first in production.

        Raises:
            IllegalMove: it does not reach what is asked of a first version; says all of it.
        """
        version = self.version(model, number)
        with self._store.read() as conn:
            served = versions.production(conn, model)
        if served is not None:
            return
        verdict = self._loops[model].validate.judge(version, None, None)
        if not verdict.accepted:
            raise IllegalMove(
                f"{model} {number} cannot be the first version in production: {'; '.join(verdict.because)}.",
                hint="Train a better one, or put it there all the same: --force --because TEXT.",
            )

    def check_version(self, model: str, number: str, *, against: str | None = None) -> Regression:
        """Whether a version still does what it did, and no worse than a stored baseline.

        Args:
            against: the version whose stored rows and answers are the baseline; None = the one in production, or itself.

        Raises:
            VersionNotFound: there is no such version; names the nearest.
        """
        version = self.version(model, number)
        with self._store.read() as conn:
            baseline = versions.get(conn, model, against) if against is not None else versions.production(conn, model)
        return self._loops[model].validate.regression(version, baseline or version)

    def following(self, told: Callable[[str], None]) -> AbstractContextManager[None]:
        """Inside, each step of a training that this thread runs is told, and each line that it prints."""
        return listening(told)

    def run(self, id: str) -> tuple[Run, RunNotes]:
        """A training run with its steps and the end of what it printed.

        Args:
            id: of the run, or a part of it that no other has.

        Raises:
            NotFound: there is no such run, or several.
        """
        with self._store.read() as conn:
            return runs.get(conn, id)
