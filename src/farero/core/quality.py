"""Whether a window's rows are sound: missing values, values outside the known range, new levels, infinities, dead columns."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from farero.core.distance import proportion_p_value
from farero.core.finding import Finding, Severity
from farero.core.profile import ColumnProfile, Profile
from farero.core.reference import ColumnReference, Reference

_CHANCE = 1e-4
"""A share counts as above the reference's when chance alone gives such a difference less often than this."""

_LEAST_ROWS = 10
_MARGIN = 0.05


def check(
    reference: Reference,
    profile: Profile,
    *,
    max_missing: float | None = None,
    max_out_of_range: float = 0.05,
    max_new: float = 0.01,
) -> list[Finding]:
    """Every fault in the columns of one window.

    A share is a fault when it passes its limit and lies clearly above the reference's own, so that a column that was always
    half empty is none. A column without any value, or stuck at one value although no window of the reference was, is a grave one.

    Args:
        reference: what the model was trained on.
        profile: of the window, on that reference.
        max_missing: largest share of missing values [0-1]; None = the reference's own share and 0.05.
        max_out_of_range: largest share of values outside the reference's smallest and largest [0-1].
        max_new: largest share of levels that the reference does not declare [0-1].

    Returns:
        One finding for each fault, columns in their order; empty for a window without rows.
    """
    found: list[Finding] = []
    for ref, now in zip(reference.columns, profile.columns, strict=True):
        found += _column(ref, now, reference, profile.rows, max_missing, max_out_of_range, max_new)
    return found


def _column(
    ref: ColumnReference, now: ColumnProfile, reference: Reference, rows: int, max_missing: float | None, max_range: float, max_new: float
) -> Sequence[Finding]:
    if not rows:
        return []
    found: list[Finding] = []
    before = ref.missing / reference.rows if reference.rows else 0.0
    if now.missing == rows and _surprise(before, rows, reference.rows):
        because = f"{ref.name} has no value in any of {rows} rows; {before:.1%} were missing in the reference"
        return [_finding(ref.name, "high", 1.0, before, because)]
    share = now.missing / rows
    limit = max(max_missing if max_missing is not None else before + _MARGIN, before + 1.5 * ref.missing_noise)
    if rows >= _LEAST_ROWS and share > limit and proportion_p_value(ref.missing, reference.rows, now.missing, rows) < _CHANCE:
        because = f"{share:.1%} of {ref.name} is missing, limit {limit:.1%}; {before:.1%} in the reference"
        found.append(_finding(ref.name, "high" if share >= 0.5 else "medium", share, limit, because))
    if now.infinite:
        because = f"{now.infinite} of {rows} values of {ref.name} are infinite"
        found.append(_finding(ref.name, "high", now.infinite / rows, 0.0, because))
    if _is_stuck(ref, now):
        because = f"all {now.values} values of {ref.name} are {_only(ref, now)}, and no window of the reference was so"
        found.append(_finding(ref.name, "high", 1.0, 0.0, because))
    outside = int(now.counts[0] + now.counts[-1]) if len(ref.edges) else 0
    if rows >= _LEAST_ROWS and now.values and outside / now.values > max_range and ref.low is not None and ref.high is not None:
        share = outside / now.values
        because = f"{share:.1%} of {ref.name} lies outside {_shown(ref, ref.low)} to {_shown(ref, ref.high)}, all that the reference holds"
        because += f"; limit {max_range:.1%}"
        found.append(_finding(ref.name, "medium", share, max_range, because))
    if now.values and now.new / now.values > max_new:
        share = now.new / now.values
        names = f" ({', '.join(list(now.new_values)[:5])})" if now.new_values else ""
        because = f"{share:.1%} of {ref.name} are levels that the reference does not know{names}, limit {max_new:.1%}"
        found.append(_finding(ref.name, "medium", share, max_new, because))
    return found


def _finding(subject: str, severity: Severity, value: float, limit: float, because: str) -> Finding:
    return Finding(kind="DATA_QUALITY", subject=subject, severity=severity, value=value, limit=limit, because=because)


def _surprise(share: float, rows: int, seen: int) -> bool:
    """Whether `rows` rows of one sort in a row are more than chance, given its share among `seen` rows (Laplace's estimate of it)."""
    return float(((share * seen + 1) / (seen + 2)) ** rows) < _CHANCE


def _is_stuck(ref: ColumnReference, now: ColumnProfile) -> bool:
    held = now.counts > 0
    if now.values < 2 or now.new or int(held.sum()) != 1 or (len(ref.edges) and now.low != now.high):
        return False
    values = int(ref.counts.sum())
    if ref.constant_windows or not values or int((ref.counts > 0).sum()) < 2:
        return False
    return _surprise(float(ref.counts[held][0] / values), now.values, values)


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
