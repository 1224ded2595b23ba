"""The past on another reference: the part of App that counts windows again for the version that answers now."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from farero.app.reading import Reading
from farero.core import drift
from farero.core.observation import ColumnDrift
from farero.core.window import Window
from farero.errors import NotReady

if TYPE_CHECKING:
    from farero.loop import Loop


@dataclass(frozen=True, slots=True, kw_only=True)
class Recounted:
    """Windows of the past, each counted in the bins of `version`'s reference, and how all of them together differ from it.

    Attributes:
        windows: that were counted, oldest first; those without a row in the log are left out.
        ks_within: column -> bounds of the KS distance of the rows themselves; `columns` has the lower one.
    """

    version: str
    windows: Sequence[Window]
    rows: int
    columns: Sequence[ColumnDrift]
    ks_within: Mapping[str, tuple[float, float]]


class Profiling(Reading):
    """Profiles made anew."""

    _loops: Mapping[str, Loop]

    def recount(
        self, model: str, *, start: datetime | None = None, end: datetime | None = None,
        progress: Callable[[float, str], None] = lambda share, words: None,
    ) -> Recounted:  # fmt: skip
        """Profile the windows of a span again, from the log, on the reference of the version in production.

        What was found and decided at the time stays as it is; only profiles are stored, beside those of other versions.

        Args:
            start, end: windows that start at this time or later, and end by that one; None = no limit.
            progress: told the share that is done, and of which window.

        Raises:
            NotReady: no version is in production.
        """
        project = self.project(model)
        loop = self._loops[model]
        current = loop.decide.production()
        if current is None:
            raise NotReady(f"No version of {model} is in production.", hint="Promote one: farero promote V.", model=project.model)
        asked = [
            seen.window
            for seen in self.observations(model)
            if (start is None or seen.window.start >= start) and (end is None or seen.window.end <= end)
        ]  # fmt: skip
        counted = []
        for number, window in enumerate(asked):
            progress(number / len(asked), str(window))
            if loop.profile.again(window, current.number) is not None:
                counted.append(window)
        if not counted:
            return Recounted(version=current.number, windows=(), rows=0, columns=(), ks_within={})
        whole = loop.profile.span(current, counted)
        columns = drift.compare(whole.reference, whole.profile)
        bounds = {
            ref.name: found
            for ref, now in zip(whole.reference.columns, whole.profile.columns, strict=True)
            if (found := drift.ks_interval(ref, now)) is not None
        }  # fmt: skip
        return Recounted(version=current.number, windows=counted, rows=whole.rows, columns=columns, ks_within=bounds)
