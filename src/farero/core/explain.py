"""Why performance fell: how much comes from other inputs, how much from another relation, and which features the inputs' part goes with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from farero.core.explained import Explanation, FeaturePart, Part
from farero.core.fall_by_segment import by_segment, error_of
from farero.core.schema import Field
from farero.core.shift_game import Game, Side, fit

Floats: TypeAlias = NDArray[np.float64]
Codes: TypeAlias = NDArray[np.int64]

LEAST_ROWS: Final = 50
MOST_ROWS: Final = 20_000
OTHERS: Final = "other features"
LITTLE_OVERLAP: Final = 0.2

_EXACT = 8
_VALUES = 400
_CELLS = 2_000_000
_Z95 = 1.959963984540054


def explain(fields: Sequence[Field], reference: Side, current: Side, *, by: Sequence[str] | None = None, seed: int = 0) -> Explanation:
    """Take the change of the mean loss apart.

    Let p and q be the inputs' densities then and now, and s proportional to pq / (p + q): the inputs that both sides hold. Then

        mean now - mean then = [s - p under the old losses] + [new - old losses under s] + [q - s under the new losses]

    which are `known_inputs`, `relation` and `new_inputs`. The weights ds/dp and ds/dq are proportional to c and 1 - c, c the chance that a
    row is a current one: a cross-fitted additive model of the log odds. They never exceed 1, unlike a ratio q / p. What the weights miss,
    additive models of both sides' losses make good (`Game.everything`).

    By feature, the inputs' part is shared by Shapley's rule over the parts of the log odds: moving a set of features means to weight by
    their share of the odds alone. For up to 8 features over all sets, else over random orders and their reverses. What odds and losses
    together say beyond that stands under `unshared`.

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
    game = fit(fields, sides, matrix, is_current)
    whole = game.everything()
    means = (float(sides[0].losses.mean()), float(sides[1].losses.mean()))
    centred = (-(sides[0].losses - means[0]), sides[1].losses - means[1])
    groups = (sides[0].windows, sides[1].windows)
    features = _by_feature(game, [field.name for field in fields], groups, seed)
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
        features=features,
        unshared=whole.known + whole.new - sum(one.part.value for one in features),
        overlap=whole.overlap,
        effective_rows=whole.effective_rows,
        by_segment=by_segment([fields[at] for at in chosen], matrix[:, chosen], losses, is_current),
        notes=_notes(fields, sides, whole.overlap),
    )  # fmt: skip


def _by_feature(game: Game, names: Sequence[str], groups: tuple[Codes, Codes], seed: int) -> tuple[FeaturePart, ...]:
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


def _exact(game: Game) -> _Shared:
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


def _sampled(game: Game, seed: int) -> _Shared:
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
