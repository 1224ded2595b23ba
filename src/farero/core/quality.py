"""Whether a window's rows are sound: missing values, values outside the known range, new levels, infinities, dead columns, copies."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from farero.core.distance import proportion_p_value
from farero.core.finding import Finding, Severity
from farero.core.profile import ColumnProfile, Profile
from farero.core.reference import ColumnReference, Reference

if TYPE_CHECKING:  # learning them takes SciPy, which a comparison of two files does without
    from farero.core.bands import Bands, Fault

_CHANCE = 1e-4
"""A share counts as above the reference's when chance alone gives such a difference less often than this."""

_RARE = 1e-6
"""The same of a column without any value, or stuck at one, which every column of every window is asked for."""

_LEAST_ROWS = 10
_MARGIN = 0.05
_MAX_OUT_OF_RANGE = 0.05
_MAX_NEW = 0.01


def check(
    reference: Reference,
    profile: Profile,
    *,
    max_missing: float | None = None,
    bands: Bands | None = None,
    number: int = 0,
) -> list[Finding]:
    """Every fault in the columns of one window.

    With bands, a share is a fault when it lies above what the reference's own windows make likely for its rows and its weekday, so that a
    normal year raises next to none (`bands.FALSE_FINDINGS_A_YEAR`). Without them it must pass a fixed limit (a twentieth missing more
    than in the reference, a twentieth outside its range, a hundredth of new levels) and lie clearly above the reference's own share.
    A column without any value, or stuck at one, is the gravest fault, unless windows of the reference were so.

    Args:
        reference: what the model was trained on.
        profile: of the window, on that reference.
        max_missing: share of missing values that is accepted whatever the reference held [0-1]; None = what is usual.
        bands: learnt from the reference's windows (`bands.learn`); None = they are not known.
        number: of the window on the fixed grid; tells its weekday.

    Returns:
        One finding for each fault, columns in their order, copies last; empty for a window without rows.
    """
    if not profile.rows:
        return []
    case = _Case(reference, profile, max_missing, bands, number)
    found: list[Finding] = []
    for ref, now in zip(reference.columns, profile.columns, strict=True):
        found += case.column(ref, now)
    return found + case.copies()


class _Case:
    """One window, and what it is judged by."""

    def __init__(self, reference: Reference, profile: Profile, max_missing: float | None, bands: Bands | None, number: int) -> None:
        self.seen, self.rows, self.duplicates = reference.rows, profile.rows, profile.duplicates
        self.max_missing, self.bands, self.number = max_missing, bands, number

    def column(self, ref: ColumnReference, now: ColumnProfile) -> list[Finding]:
        before = ref.missing / self.seen if self.seen else 0.0
        if now.missing == self.rows and self._is_news(ref.name, before):
            because = f"{ref.name} has no value in any of {self.rows} rows; {before:.1%} were missing in the reference"
            return [_finding(ref.name, "critical", 1.0, before, because)]
        found = [self._missing(ref, now, before), self._infinite(ref, now), self._stuck(ref, now), self._outside(ref, now)]
        return [one for one in (*found, self._new(ref, now)) if one is not None]

    def copies(self) -> list[Finding]:
        share = self.duplicates / self.rows
        if self.bands is None or not self._passes(self.bands.ROWS, "duplicates", share, self.rows):
            return []
        subject = self.bands.ROWS
        usual, limit = self.bands.expected(subject, "duplicates", self.number), self._limit(subject, "duplicates", self.rows)
        because = f"{share:.1%} of {self.rows} rows are exact copies of others, limit {limit:.1%}; {usual:.1%} are usual"
        return [_finding(subject, _severity(share), share, limit, because)]

    def _missing(self, ref: ColumnReference, now: ColumnProfile, before: float) -> Finding | None:
        share = now.missing / self.rows
        if self.bands is not None:
            if share <= (self.max_missing or 0.0) or not self._passes(ref.name, "missing", share, self.rows):
                return None
            limit = max(self.max_missing or 0.0, self._limit(ref.name, "missing", self.rows))
        else:
            limit = max(self.max_missing if self.max_missing is not None else before + _MARGIN, before + 1.5 * ref.missing_noise)
            sure = self.rows >= _LEAST_ROWS and proportion_p_value(ref.missing, self.seen, now.missing, self.rows) < _CHANCE
            if share <= limit or not sure:
                return None
        because = f"{share:.1%} of {ref.name} is missing, limit {limit:.1%}; {before:.1%} in the reference"
        return _finding(ref.name, "high" if share >= 0.5 else "medium", share, limit, because)

    def _infinite(self, ref: ColumnReference, now: ColumnProfile) -> Finding | None:
        share = now.infinite / self.rows
        # Where the reference had none at all, one is a fault: no row of a sound source is infinite by chance.
        usual = self.bands is not None and self.bands.expected(ref.name, "infinite", self.number) > 0
        if not now.infinite or (usual and not self._passes(ref.name, "infinite", share, self.rows)):
            return None
        limit = self._limit(ref.name, "infinite", self.rows) if usual else 0.0
        because = f"{now.infinite} of {self.rows} values of {ref.name} are infinite"
        return _finding(ref.name, "critical" if share >= 1.0 else "high", share, limit, because)

    def _stuck(self, ref: ColumnReference, now: ColumnProfile) -> Finding | None:
        held = now.counts > 0
        if now.values < 2 or now.new or int(held.sum()) != 1 or (len(ref.edges) and now.low != now.high):
            return None
        values = int(ref.counts.sum())
        if not values or int((ref.counts > 0).sum()) < 2:
            return None
        if self.bands is not None:
            if self.bands.may_be_stuck(ref.name, int(held.argmax()), now.values):
                return None
        elif ref.constant_windows or not _surprise(float(ref.counts[held][0] / values), now.values, values):
            return None
        because = f"all {now.values} values of {ref.name} are {_only(ref, now)}, and no window of the reference was so"
        return _finding(ref.name, "critical", 1.0, 0.0, because)

    def _outside(self, ref: ColumnReference, now: ColumnProfile) -> Finding | None:
        if not len(ref.edges) or ref.low is None or ref.high is None or not now.values:
            return None
        above = 0 if self._moves_on(ref, now) else int(now.counts[-1])
        below = 0 if self.bands is not None and ref.name in self.bands.moving else int(now.counts[0])
        share, known = (below + above) / now.values, now.values
        if self.bands is None:
            limit = _MAX_OUT_OF_RANGE
            if self.rows < _LEAST_ROWS or share <= limit:
                return None
        else:
            if not self._passes(ref.name, "outside", share, known):
                return None
            limit = self._limit(ref.name, "outside", known)
        because = f"{share:.1%} of {ref.name} lies outside {_shown(ref, ref.low)} to {_shown(ref, ref.high)}, all that the reference holds"
        return _finding(ref.name, _severity(share), share, limit, because + f"; limit {limit:.1%}")

    def _new(self, ref: ColumnReference, now: ColumnProfile) -> Finding | None:
        share = now.new / now.values if now.values else 0.0
        if self.bands is None:
            limit = _MAX_NEW
            if share <= limit:
                return None
        else:
            if not self._passes(ref.name, "new", now.new / self.rows, self.rows):
                return None
            limit = self._limit(ref.name, "new", self.rows)
        names = f" ({', '.join(list(now.new_values)[:5])})" if now.new_values else ""
        because = f"{share:.1%} of {ref.name} are levels that the reference does not know{names}, limit {limit:.1%}"
        return _finding(ref.name, "critical" if share >= 1.0 else _severity(share), share, limit, because)

    def _passes(self, name: str, fault: Fault, share: float, rows: int) -> bool:
        return self.bands is not None and self.bands.passes(name, fault, share, self.number, rows)

    def _limit(self, name: str, fault: Fault, rows: int) -> float:
        return self.bands.limit(name, fault, self.number, rows) if self.bands is not None else 1.0

    def _is_news(self, name: str, before: float) -> bool:
        if self.bands is not None:
            return not self.bands.may_be_all(name, self.number, self.rows)
        return _surprise(before, self.rows, self.seen)

    def _moves_on(self, ref: ColumnReference, now: ColumnProfile) -> bool:
        """Whether values above the reference's range are what time brings: the newest date lies no further ahead than ever, or the column
        rises from window to window."""
        if self.bands is None:
            return False
        until = self.bands.until(ref.name, self.number)
        return ref.name in self.bands.moving or (until is not None and now.high is not None and now.high <= until)


def _finding(subject: str, severity: Severity, value: float, limit: float, because: str) -> Finding:
    return Finding(kind="DATA_QUALITY", subject=subject, severity=severity, value=value, limit=limit, because=because)


def _severity(share: float) -> Severity:
    return "high" if share >= 0.5 else "medium"


def _surprise(share: float, rows: int, seen: int) -> bool:
    """Whether `rows` rows of one sort in a row are more than chance, given its share among `seen` rows (Laplace's estimate of it)."""
    return float(((share * seen + 1) / (seen + 2)) ** rows) < _RARE


def _only(ref: ColumnReference, now: ColumnProfile) -> str:
    return _shown(ref, now.low) if now.low is not None else ref.levels[int(now.counts.argmax())]


def _shown(ref: ColumnReference, value: float) -> str:
    """A number as people write it; a date as a date."""
    if ref.kind != "date":
        return f"{value:g}"
    try:
        return f"{datetime.fromtimestamp(value, UTC):%Y-%m-%d %H:%M}"
    except (OverflowError, ValueError, OSError):  # beyond year 9999: shown as the seconds that it is
        return f"{value:g} s"
