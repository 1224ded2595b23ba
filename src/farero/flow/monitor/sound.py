"""Whether a window's rows are sound: judged by the bands of the version that answered, which are learnt with its first window."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil, log2

from farero.core import quality
from farero.core.bands import Bands, learn
from farero.core.finding import Finding
from farero.core.profile import Profile
from farero.core.reference import Reference
from farero.core.window import WindowSize
from farero.serving import frozen
from farero.serving.pool import Loaded

KEPT = 8
"""Versions whose bands stay in memory: those that answer now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sound:
    """Judges the quality of one model's windows. `max_missing`: share of missing values that its owner accepts [0-1]; None = the usual."""

    window_size: WindowSize
    max_missing: float | None
    _learnt: dict[tuple[str, float], Bands | None] = field(default_factory=dict)

    def faults(self, version: Loaded, reference: Reference, profile: Profile, number: int, a_year: float) -> list[Finding]:
        """What is wrong with a window's rows.

        Args:
            version: that answered them, `reference` its own.
            profile: of the window.
            number: of the window.
            a_year: windows a year, which share its false findings.
        """
        return quality.check(reference, profile, max_missing=self.max_missing, bands=self._bands(version, reference, a_year), number=number)

    def _bands(self, version: Loaded, reference: Reference, a_year: float) -> Bands | None:
        """None where the version's reference is not known window by window: then fixed limits judge."""
        # By count, the windows a year are only known roughly, and change all the time; bands need not be learnt anew for that.
        name = version.version.number, a_year if self.window_size.rows is None else 2.0 ** ceil(log2(a_year))
        if name not in self._learnt:
            while len(self._learnt) >= KEPT:
                self._learnt.pop(next(iter(self._learnt)))
            days = frozen.days(version.folder, self.window_size)
            self._learnt[name] = None if days is None else learn(reference, days, self.window_size.seconds, a_year=name[1])
        return self._learnt[name]
