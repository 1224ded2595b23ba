"""Drift rules on many windows at once: which columns of which windows drifted, as `core.verdict` has it one window at a time."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import erfc

from farero.core.reference import Counts, Floats, Reference
from farero.core.stacked import Figures, Flags, Stack, figures
from farero.core.verdict import EFFECT_LIMIT, LEAST_ROWS, PSI_LIMIT, RULES, SHARE_LIMIT, Limit, chance_distance

_P_LIMIT = 0.05
_DAYS = 365


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Table:
    """The figures of c columns in w windows; see `stacked.Figures`. `rows` (w,) of each window; all others (w, c)."""

    reference: Reference
    rows: Counts
    p: Floats
    distance: Floats
    psi: Floats
    missing: Floats
    vanished: Flags

    def with_column(self, place: int, seen: Figures) -> Table:
        """The same windows with other figures of one column."""

        def put(table: Floats, column: Floats) -> Floats:
            made = table.copy()
            made[:, place] = column
            return made

        vanished = self.vanished.copy()
        vanished[:, place] = seen.vanished
        return replace(
            self, p=put(self.p, seen.p), distance=put(self.distance, seen.distance), psi=put(self.psi, seen.psi),
            missing=put(self.missing, seen.missing), vanished=vanished,
        )  # fmt: skip

    def pick(self, chosen: Counts) -> Table:
        """Some of the windows, by place."""
        return replace(
            self, rows=self.rows[chosen], p=self.p[chosen], distance=self.distance[chosen], psi=self.psi[chosen],
            missing=self.missing[chosen], vanished=self.vanished[chosen],
        )  # fmt: skip


def table(reference: Reference, windows: Stack) -> Table:
    """The figures of every feature in every window."""
    seen = [
        figures(ref, now, reference.rows) for ref, now in zip(reference.columns, windows.columns[: len(reference.columns)], strict=True)
    ]
    return Table(
        reference=reference, rows=windows.rows, p=np.column_stack([one.p for one in seen]),
        distance=np.column_stack([one.distance for one in seen]), psi=np.column_stack([one.psi for one in seen]),
        missing=np.column_stack([one.missing for one in seen]), vanished=np.column_stack([one.vanished for one in seen]),
    )  # fmt: skip


def drifted(rule: str, seen: Table, limit: float | None = None) -> Flags:
    """(w, c) whether a column drifted, as `verdict.judge` has it.

    Args:
        rule: one of `verdict.RULES`.
        seen: the windows.
        limit: instead of the rule's own: of psi in nat, of textbook a p [0-1]; other rules take none.

    Raises:
        ValueError: no such rule.
    """
    p = np.where(np.isnan(seen.p), 1.0, seen.p)
    distance = np.where(np.isnan(seen.distance), 0.0, seen.distance)
    yearly = _P_LIMIT / (p.shape[1] * _DAYS)
    if rule == "psi":
        with np.errstate(invalid="ignore"):
            flags = seen.psi >= (PSI_LIMIT if limit is None else limit)
    elif rule == "bonferroni":
        flags = p < yearly
    elif rule == "fdr":
        flags = _discovered(p)
    elif rule == "effect":
        flags = _effect(seen, distance, yearly)
    elif rule == "guarded":
        flags = _guarded(seen, p, distance, yearly)
    elif rule in ("textbook", "share"):
        flags = p < (_P_LIMIT if limit is None or rule == "share" else limit)
    else:
        raise ValueError(f"there is no drift rule {rule!r}; the rules are {', '.join(RULES)}")
    made: Flags = (flags | seen.vanished) & (seen.rows > 0)[:, None]
    return made


def alarms(rule: str, flags: Flags, limit: float | None = None) -> Flags:
    """(w,) whether a window is an alarm. `limit` of the rule "share": the least share of columns [0-1]."""
    least = (SHARE_LIMIT if limit is None else limit) if rule == "share" else RULES[rule].share
    made: Flags = flags.any(axis=1) & (flags.mean(axis=1) >= least)
    return made


def _discovered(p: Floats) -> Flags:
    """Benjamini and Hochberg's steps, window by window (`verdict.stepped_limit`)."""
    ordered = np.sort(p, axis=1)
    kept = ordered <= _P_LIMIT * np.arange(1, p.shape[1] + 1) / p.shape[1]
    last = np.where(kept, ordered, -1.0).max(axis=1)
    made: Flags = (p <= last[:, None]) & kept.any(axis=1)[:, None]
    return made


def _effect(seen: Table, distance: Floats, yearly: float) -> Flags:
    """`verdict.chance_distance` is a sum over both samples, or a root of one: what belongs to the window is taken off a table of rows."""
    made = np.zeros(distance.shape, dtype=np.bool_)
    present = np.rint(seen.rows[:, None] * (1 - seen.missing)).astype(np.int64)
    whole = seen.reference.rows
    for place, ref in enumerate(seen.reference.columns):
        before = round(whole * (1 - (ref.missing / whole if whole else 0.0)))
        held, where = np.unique(present[:, place], return_inverse=True)
        limits = np.array([EFFECT_LIMIT + chance_distance(ref.kind, (before, rows), yearly) for rows in held.tolist()])
        made[:, place] = distance[:, place] >= limits[where]
    return made


def _guarded(seen: Table, p: Floats, distance: Floats, yearly: float) -> Flags:
    reference = seen.reference
    few = np.minimum(reference.rows, seen.rows) < LEAST_ROWS
    ordered = np.array([ref.kind in ("number", "date") for ref in reference.columns])
    far = (p < yearly) & (distance > _own_limits(seen, [ref.noise for ref in reference.columns]))
    before = np.array([ref.missing / reference.rows if reference.rows else 0.0 for ref in reference.columns])
    gone = np.abs(seen.missing - before) > _own_limits(seen, [ref.missing_noise for ref in reference.columns])
    n, m = reference.rows, np.maximum(seen.rows, 1)[:, None]
    share = (before * n + seen.missing * m) / (n + m)
    variance = share * (1 - share) * (1 / max(n, 1) + 1 / m)
    with np.errstate(divide="ignore", invalid="ignore"):
        chance = np.where(variance > 0, erfc(np.abs(seen.missing - before) / np.sqrt(2 * variance)), 1.0)
    made: Flags = (far | (gone & (chance < yearly) & ~few[:, None])) & ~(few[:, None] & ~ordered)
    return made


def _own_limits(seen: Table, noise: list[float]) -> Floats:
    """(w, c) `verdict.own_limit` of each column in each window."""
    windows, least = seen.reference.windows, Limit().distance
    if windows < 2:
        return np.full((len(seen.rows), len(noise)), least)
    held = np.array(noise)
    smaller = np.maximum(0.0, 1 / np.sqrt(np.maximum(seen.rows, 1)) - 1 / math.sqrt(max(seen.reference.window_rows, 1)))
    made = np.maximum(least, np.minimum((1.75 + 2 / windows) * held + 1.2 * smaller[:, None], (1 + held) / 2))
    return np.where((seen.rows > 0)[:, None], made, least)
