"""What is promised of requests: the part of App that counts them now and then, and tells how the promise stands."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from farero.app.reading import Reading
from farero.core.objective import Standing
from farero.errors import FareroError, NotFound
from farero.store import versions
from farero.telemetry import log

if TYPE_CHECKING:
    from farero.loop import Loop
    from farero.ports import Clock
    from farero.telemetry import Sample

_FAILED = "farero_failed_requests_total"


class Promising(Reading):
    """Objectives of requests."""

    _loops: Mapping[str, Loop]
    _clock: Clock
    _figures: Callable[[bool], Sequence[Sample]]

    def objective(self, model: str) -> Standing:
        """How the objective of a model's requests stands, by the five minutes that were counted last.

        Raises:
            NotFound: nothing is promised of this model.
        """
        self.project(model)
        found = self._loops[model].promise.standing(self._clock.now())
        if found is None:
            raise NotFound(
                f"Nothing is promised of {model}.", hint="Declare it among the project's monitors: fa.Slo(0.999, within_ms=200)."
            )
        return found

    def keep_promises(self) -> None:
        """Count the requests of every model with an objective, and open or end its incident."""
        if not any(loop.promise.objective for loop in self._loops.values()):
            return
        failures = {sample.labels[0]: sample.value for sample in self._figures(False) if sample.name == _FAILED}
        with self._store.read() as conn:
            serving = {model: versions.production(conn, model) for model in self._loops}
        for model, loop in self._loops.items():
            version = serving[model]
            try:
                loop.keep_promise(self._clock.now(), failures.get(model, 0.0), "" if version is None else version.number)
            except FareroError as failure:  # the others go on; what was not counted is counted at the next look
                log("error", level="error", error=failure, where=f"the objective of {model}")
