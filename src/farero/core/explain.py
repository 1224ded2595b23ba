"""Why performance fell: how much comes from other inputs, how much from another relation, and which features the inputs' part goes with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from farero.core import additive
from farero.core.explained import Explanation, FeaturePart, Part
from farero.core.fall_by_segment import by_segment, error_of
from farero.core.schema import Field

Floats: TypeAlias = NDArray[np.float64]
Codes: TypeAlias = NDArray[np.int64]

LEAST_ROWS: Final = 50
MOST_ROWS: Final = 20_000
PLAYERS: Final = 20
"""Features that are told apart in the inputs' part, those that tell the two sides apart best; the others go together."""

OTHERS: Final = "other features"
LITTLE_OVERLAP: Final = 0.2

_EXACT = 8
_VALUES = 1000
_CELLS = 2_000_000
_SWEEPS = 20
_STEEPEST = 5.0
_Z95 = 1.959963984540054
_TINY = 1e-12


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


def explain(fields: Sequence[Field], reference: Side, current: Side, *, by: Sequence[str] | None = None, seed: int = 0) -> Explanation:
    """Take the change of the mean loss apart.

    Let p and q be the inputs' densities then and now, and s proportional to pq / (p + q): the inputs that both sides hold. Then

        mean now - mean then = [s - p under the old losses] + [new - old losses under s] + [q - s under the new losses]

    which are `known_inputs`, `relation` and `new_inputs`. The weights ds/dp and ds/dq are proportional to c and 1 - c, c the chance that a
    row is a current one: a cross-fitted additive model of the log odds. They never exceed 1, unlike a ratio q / p.

    By feature, the inputs' part is shared by Shapley's rule over the parts of the log odds: moving a set of features means to weight by
    their share of the odds alone. For up to 8 features over all sets, else over random orders and their reverses.

    Intervals hold the chance in the rows (and in their windows), that in which inputs either side happened to hold included.

    Args:
        fields: (features,) what the columns are.
        reference: at least `LEAST_ROWS` rows.
        current: at least `LEAST_ROWS` rows.
        by: the features to look for segments in; None = all.
        seed: of the random orders.

    Raises:
        ValueError: too few rows on either side.

    Source: Cai, Namkoong & Yadlowsky (2023), Diagnosing model performance under distribution shift; Bickel, Brueckner &
    Scheffer (2009) for weights by a classifier; Shapley values by sampled orders, Strumbelj & Kononenko (2014). Sharing the log odds is
    our own.
    """
    for side, name in ((reference, "reference"), (current, "current")):
        if len(side.losses) < LEAST_ROWS:
            raise ValueError(f"{len(side.losses)} labelled {name} rows say too little; at least {LEAST_ROWS} are needed")
    most = int(np.clip(_CELLS / max(len(fields), 1), 2000, MOST_ROWS))
    sides = (_thinned(reference, most), _thinned(current, most))
    matrix = np.concatenate([sides[0].matrix, sides[1].matrix])
    losses = np.concatenate([sides[0].losses, sides[1].losses])
    is_current = np.repeat([False, True], [len(sides[0].losses), len(sides[1].losses)])
    game = _game(fields, sides, matrix, is_current)
    whole = game.play(np.ones(len(game.parts), dtype=np.bool_))
    means = (float(sides[0].losses.mean()), float(sides[1].losses.mean()))
    centred = (-(sides[0].losses - means[0]), sides[1].losses - means[1])
    groups = (sides[0].windows, sides[1].windows)
    chosen = [at for at, field in enumerate(fields) if by is None or field.name in by]
    return Explanation(
        rows=(len(losses) - int(is_current.sum()), int(is_current.sum())),
        loss=means,
        total=_part(means[1] - means[0], centred, groups),
        known_inputs=_part(whole.known, whole.of_known, groups),
        new_inputs=_part(whole.new, whole.of_new, groups),
        inputs=_part(whole.known + whole.new, whole.influence, groups),
        relation=_part(
            means[1] - means[0] - whole.known - whole.new,
            (centred[0] - whole.influence[0], centred[1] - whole.influence[1]), groups,
        ),
        features=_by_feature(game, [field.name for field in fields], groups, seed),
        overlap=whole.overlap,
        effective_rows=whole.effective_rows,
        by_segment=by_segment([fields[at] for at in chosen], matrix[:, chosen], losses, is_current),
        notes=_notes(fields, sides, whole.overlap),
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Move:
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
class _Losses:
    """What an additive model of one side's losses expects of the rows of both: an offset, and each player's part (players, n)."""

    offset: float
    parts: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Game:
    """Players are features, or several together; `parts` (players, n) is what each adds to the log odds of being a current row."""

    parts: Floats
    members: tuple[tuple[int, ...], ...]
    offset: float
    losses: tuple[_Losses, _Losses]
    sides: tuple[Side, Side]
    is_current: NDArray[np.bool_]

    def play(self, moved: NDArray[np.bool_]) -> _Move:
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
        return _Move(
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


def _game(fields: Sequence[Field], sides: tuple[Side, Side], matrix: Floats, is_current: NDArray[np.bool_]) -> _Game:
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
        if not members:
            losses.append(_Losses(offset=float(own.losses.mean()), parts=joined))
            continue
        fitted = additive.cross_fit(codes[:, side], cut.widths, own.losses, "mean", fold[side], most_sweeps=_SWEEPS)
        expected = fitted.whole.table[codes]
        expected[:, side] = fitted.parts
        losses.append(_Losses(offset=fitted.whole.offset, parts=_joined(expected, members)))
    return _Game(
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


def _by_feature(game: _Game, names: Sequence[str], groups: tuple[Codes, Codes], seed: int) -> tuple[FeaturePart, ...]:
    count = len(game.parts)
    if not count:
        return ()
    shared = _exact(game) if count <= _EXACT else _sampled(game, seed)
    made = [
        FeaturePart(
            feature=names[own[0]] if len(own) == 1 else OTHERS, part=_part(value, influence, groups), sampling_error=error
        )
        for own, value, influence, error in zip(game.members, shared.values, shared.influences, shared.errors, strict=True)
    ]  # fmt: skip
    return tuple(sorted(made, key=lambda one: -abs(one.part.value)))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Shared:
    values: list[float]
    influences: list[tuple[Floats, Floats]]
    errors: list[float]


def _exact(game: _Game) -> _Shared:
    """Over every set of players."""
    count = len(game.parts)
    worth = {
        chosen: game.play(np.isin(np.arange(count), chosen)) for size in range(count + 1) for chosen in combinations(range(count), size)
    }
    values, influences = [], []
    for player in range(count):
        value = 0.0
        influence = tuple(np.zeros(len(side.losses)) for side in game.sides)
        for chosen, before in worth.items():
            if player not in chosen:
                after = worth[tuple(sorted((*chosen, player)))]
                weight = 1 / (count * comb(count - 1, len(chosen)))
                value += weight * (after.known + after.new - before.known - before.new)
                for own, a, b in zip(influence, after.influence, before.influence, strict=True):
                    own += weight * (a - b)
        values.append(value)
        influences.append((influence[0], influence[1]))
    return _Shared(values=values, influences=influences, errors=[0.0] * count)


def _sampled(game: _Game, seed: int) -> _Shared:
    """Over random orders, each with its reverse, which takes out most of the sampling error."""
    count = len(game.parts)
    random = np.random.default_rng(seed)
    pairs = max(_VALUES // (2 * count), 4)
    gains = np.zeros((pairs, count))
    influences = [(np.zeros(len(game.sides[0].losses)), np.zeros(len(game.sides[1].losses))) for _ in range(count)]
    nothing, everything = game.play(np.zeros(count, dtype=np.bool_)), game.play(np.ones(count, dtype=np.bool_))
    for pair in range(pairs):
        order = random.permutation(count)
        for way in (order, order[::-1]):
            moved = np.zeros(count, dtype=np.bool_)
            before = nothing
            for at, player in enumerate(way.tolist()):
                moved[player] = True
                after = everything if at == count - 1 else game.play(moved)
                gains[pair, player] += (after.known + after.new - before.known - before.new) / 2
                for own, a, b in zip(influences[player], after.influence, before.influence, strict=True):
                    own += (a - b) / (2 * pairs)
                before = after
    errors = gains.std(axis=0, ddof=1) / np.sqrt(pairs)
    return _Shared(values=gains.mean(axis=0).tolist(), influences=influences, errors=errors.tolist())


def _part(value: float, influence: tuple[Floats, Floats], groups: tuple[Codes, Codes]) -> Part:
    half = _Z95 * error_of(influence, groups)
    return Part(value=value, low=value - half, high=value + half)


def _thinned(side: Side, most: int) -> Side:
    """At most so many rows, evenly spread over time."""
    count = len(side.losses)
    if count <= most:
        return side
    chosen = np.linspace(0, count - 1, most).astype(np.int64)
    return Side(matrix=side.matrix[chosen], losses=side.losses[chosen], windows=side.windows[chosen])


def _notes(fields: Sequence[Field], sides: tuple[Side, Side], overlap: float) -> tuple[str, ...]:
    notes: list[str] = []
    for at, field in enumerate(fields):
        absent = [
            float(np.mean(side.matrix[:, at] == -1 if field.kind in ("choice", "flag") else ~np.isfinite(side.matrix[:, at])))
            for side in sides
        ]
        if absent[1] > 0.99 and absent[0] < 0.5:
            notes.append(
                f"{field.name} is missing in {absent[1]:.0%} of the current rows and {absent[0]:.0%} of the reference: "
                "no row shows what the model does without it otherwise, so what that cost stands under the relation."
            )
        elif absent[0] > 0.99 and absent[1] < 0.5:
            notes.append(
                f"{field.name} was missing in {absent[0]:.0%} of the reference; what its coming changed stands under the relation."
            )
    if overlap < LITTLE_OVERLAP:
        notes.append(
            f"The inputs have little in common (overlap {overlap:.2f} of 1): how much comes from the inputs and how much from the relation "
            "cannot be told apart with confidence."
        )
    return tuple(notes)
