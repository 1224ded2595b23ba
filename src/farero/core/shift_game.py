"""Two sides of rows set against each other by their inputs: who holds what, what either loses there, and what moving a feature does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from farero.core import additive
from farero.core.schema import Field

Floats: TypeAlias = NDArray[np.float64]
Codes: TypeAlias = NDArray[np.int64]

PLAYERS: Final = 20
"""Features that are told apart in the inputs' part, those that tell the two sides apart best; the others go together."""

_SWEEPS = 30
_STEEPEST = 5.0
_TINY = 1e-12
_LEAST_SHARED = 0.01


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Side:
    """Rows with their losses.

    Attributes:
        matrix: (n, features) as `core.matrix.to_matrix` gives it, oldest row first.
        losses: (n,) finite; see `core.performance.loss`.
        windows: (n,) number of the window of each row.
    """

    matrix: Floats
    losses: Floats
    windows: Codes


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Move:
    """What moving some features' inputs does: its two parts, and the influence of each row of either side on them."""

    known: float
    new: float
    of_known: tuple[Floats, Floats]
    of_new: tuple[Floats, Floats]
    overlap: float
    effective_rows: tuple[float, float]

    @property
    def influence(self) -> tuple[Floats, Floats]:
        """On both parts together."""
        return self.of_known[0] + self.of_new[0], self.of_known[1] + self.of_new[1]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Losses:
    """What an additive model of one side's losses expects of the rows of both.

    Attributes:
        offset, parts: each player's part (players, n), and the rest.
        expected: (n,) by all features, also those that do not play.
    """

    offset: float
    parts: Floats
    expected: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Game:
    """Players are features, or several together; `parts` (players, n) is what each adds to the log odds of being a current row."""

    parts: Floats
    members: tuple[tuple[int, ...], ...]
    offset: float
    losses: tuple[Losses, Losses]
    sides: tuple[Side, Side]
    is_current: NDArray[np.bool_]

    def everything(self) -> Move:
        """The inputs that both sides share, by odds and losses together: right to first order where a model is off.

        With c the chance of a current row, z = 1 for current rows, R the expected loss of one side and m the even mixture of both sides,
        the mean loss of the reference under the shared inputs is E_m[f] / E_m[d], with

            f = c (1 - c) R + (1 - 2c) (z - c) R + c (1 - z) (loss - R)        d = c (1 - c) + (1 - 2c) (z - c)

        and of the current rows the same with (1 - c) z in the place of c (1 - z). Where next to nothing is shared, the weights decide.

        Source: the efficient influence function of weighted average effects, Hirano, Imbens & Ridder (2003), Efficient estimation of
        average treatment effects using the estimated propensity score; here with cross-fitted models.
        """
        plain = self.play(np.ones(len(self.parts), dtype=np.bool_))
        chance = 1 / (1 + np.exp(-(self.offset + self.parts.sum(axis=0))))
        current = self.is_current.astype(np.float64)
        shared = chance * (1 - chance) + (1 - 2 * chance) * (current - chance)
        scale = self._mixed(shared)
        if scale < _LEAST_SHARED:
            return plain
        losses = np.concatenate([side.losses for side in self.sides])
        means = [float(side.losses.mean()) for side in self.sides]
        held: list[float] = []
        influence: list[tuple[Floats, Floats]] = []
        for one, weight in zip(self.losses, (chance * (1 - current), (1 - chance) * current), strict=True):
            row = shared * one.expected + weight * (losses - one.expected)
            held.append(self._mixed(row) / scale)
            moved = (row - held[-1] * shared) / (2 * scale)
            influence.append((_centred(moved[~self.is_current]), _centred(moved[self.is_current])))
        before, now = (_centred(side.losses) for side in self.sides)
        return Move(
            known=held[0] - means[0],
            new=means[1] - held[1],
            of_known=(influence[0][0] - before, influence[0][1]),
            of_new=(-influence[1][0], now - influence[1][1]),
            overlap=plain.overlap,
            effective_rows=plain.effective_rows,
        )

    def _mixed(self, row: Floats) -> float:
        """The mean over the even mixture of both sides."""
        return (float(row[~self.is_current].mean()) + float(row[self.is_current].mean())) / 2

    def play(self, moved: NDArray[np.bool_]) -> Move:
        """Weight both sides to the inputs that they share, as far as the features that moved tell.

        A row's influence is that of the weighted means, and of its being on its side on the odds: to first order (1 - c) (z - c) times the
        loss that the inputs let expect, z = 1 for current rows. Without that, sides that differ by chance would seem to differ surely.
        """
        then = moved.astype(np.float64)
        chance = 1 / (1 + np.exp(-(self.offset + then @ self.parts)))
        c_before, c_now = chance[~self.is_current], chance[self.is_current]
        before, now = self.sides
        weights = (_weights(c_before), _weights(1 - c_now))
        old, new = (float(weight @ side.losses) / len(weight) for weight, side in zip(weights, self.sides, strict=True))
        means = (float(before.losses.mean()), float(now.losses.mean()))
        above = [one.offset + then @ one.parts - mean for one, mean in zip(self.losses, (old, new), strict=True)]
        scale = (max(float(c_before.mean()), _TINY), max(float((1 - c_now).mean()), _TINY))
        of_known = (
            weights[0] * (before.losses - old) - (before.losses - means[0])
            - c_before * (1 - c_before) * above[0][~self.is_current] / scale[0],
            (1 - c_now) ** 2 * above[0][self.is_current] / scale[0],
        )  # fmt: skip
        of_new = (
            -(c_before**2) * above[1][~self.is_current] / scale[1],
            (now.losses - means[1]) - weights[1] * (now.losses - new)
            + c_now * (1 - c_now) * above[1][self.is_current] / scale[1],
        )  # fmt: skip
        alike = 4 * chance * (1 - chance)
        return Move(
            known=old - means[0],
            new=means[1] - new,
            of_known=of_known,
            of_new=of_new,
            overlap=float(alike[~self.is_current].mean() + alike[self.is_current].mean()) / 2,
            effective_rows=(float(len(weights[0]) ** 2 / (weights[0] ** 2).sum()), float(len(weights[1]) ** 2 / (weights[1] ** 2).sum())),
        )


def _weights(raw: Floats) -> Floats:
    """Scaled to a mean of 1; all alike where nothing is left to weight."""
    mean = float(raw.mean())
    return raw / mean if mean > 0 else np.ones(len(raw))


def fit(fields: Sequence[Field], sides: tuple[Side, Side], matrix: Floats, is_current: NDArray[np.bool_]) -> Game:
    """Fit the odds and both sides' losses. The features that tell the sides apart best play each by themselves, the others together; those
    that say nothing do not play."""
    parts = np.zeros((0, len(is_current)))
    fold = np.zeros(len(is_current), dtype=np.int64)
    for side in (is_current, ~is_current):
        fold[side] = np.arange(int(side.sum())) % additive.FOLDS  # both sides in every fold
    cut = additive.binning(fields, matrix)
    codes = cut.codes(matrix)
    if fields:
        parts = additive.cross_fit(codes, cut.widths, is_current.astype(np.float64), "odds", fold, most_sweeps=_SWEEPS).parts
    spread = parts.var(axis=1)
    speaking = [int(at) for at in np.argsort(-spread, kind="stable") if spread[at] > 0]
    members: list[tuple[int, ...]] = [(at,) for at in speaking[:PLAYERS]]
    if len(speaking) > PLAYERS:
        members.append(tuple(speaking[PLAYERS:]))
    joined = _joined(parts, members)
    offset, slope = _recalibrated(joined.sum(axis=0), is_current)
    losses = []
    for side, own in ((~is_current, sides[0]), (is_current, sides[1])):
        if not fields:
            losses.append(Losses(offset=float(own.losses.mean()), parts=joined, expected=np.full(len(is_current), own.losses.mean())))
            continue
        fitted = additive.cross_fit(codes[:, side], cut.widths, own.losses, "mean", fold[side], most_sweeps=_SWEEPS)
        table = fitted.whole.table[codes]
        table[:, side] = fitted.parts
        expected = fitted.whole.offset + table.sum(axis=0)
        expected[side] = fitted.values
        losses.append(Losses(offset=fitted.whole.offset, parts=_joined(table, members), expected=expected))
    return Game(
        parts=joined * slope, members=tuple(members), offset=offset, losses=(losses[0], losses[1]), sides=sides, is_current=is_current
    )


def _joined(parts: Floats, members: Sequence[tuple[int, ...]]) -> Floats:
    """(players, n): a player of several features has the sum of their parts."""
    return np.stack([parts[list(own)].sum(axis=0) for own in members]) if members else np.zeros((0, parts.shape[1]))


def _recalibrated(score: Floats, is_current: NDArray[np.bool_]) -> tuple[float, float]:
    """Offset and slope that turn a score into log odds with both sides equally heavy: damped fitting stops short of the whole slope.

    Source: Platt (1999), by Newton's method with a faint pull towards slope 1.
    """
    share = float(is_current.mean())
    weight = np.where(is_current, 0.5 / share, 0.5 / (1 - share)) / len(score)
    offset, slope = 0.0, 1.0
    if not score.any():
        return 0.0, 1.0
    for _ in range(50):
        chance = 1 / (1 + np.exp(-(offset + slope * score)))
        left, bend = weight * (is_current - chance), weight * chance * (1 - chance)
        pull = 1e-4
        gradient = np.array([left.sum(), left @ score - pull * (slope - 1)])
        curve = np.array([[bend.sum() + 1e-9, bend @ score], [bend @ score, bend @ score**2 + pull]])
        step = np.linalg.solve(curve, gradient)
        step *= min(1.0, 2.0 / max(float(np.abs(step).max()), 1e-12))
        offset, slope = offset + float(step[0]), float(np.clip(slope + float(step[1]), 0.0, _STEEPEST))
        if float(np.abs(step).max()) < 1e-9:
            break
    return offset, slope


def _centred(values: Floats) -> Floats:
    return np.asarray(values - values.mean(), dtype=np.float64)
