"""The mean of what several models answer: which of a contest's models belong in it, and how a version tells what it is made of."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from farero.core.competition import Entrant
from farero.core.window import duration_text, parse_duration

Floats: TypeAlias = NDArray[np.float64]

ROUNDS = 4
"""Models are drawn into a blend so many times at most, so that at most four answer, each with a share of a quarter or more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How a version's model is made: in one way, or as the mean of what models made in several ways answer.

    Attributes:
        parts: entrant -> how many parts of the mean are its model's. At least one entrant, each with at least one part.
    """

    parts: tuple[tuple[Entrant, int], ...]

    @classmethod
    def of(cls, entrant: Entrant) -> Way:
        """One entrant alone."""
        return cls(parts=((entrant, 1),))

    @property
    def entrants(self) -> tuple[Entrant, ...]:
        """Those that have a part."""
        return tuple(entrant for entrant, _ in self.parts)

    @property
    def shares(self) -> tuple[float, ...]:
        """Each entrant's share of the mean [0-1]; they add up to 1."""
        total = sum(count for _, count in self.parts)
        return tuple(count / total for _, count in self.parts)

    @property
    def lead(self) -> Entrant:
        """The entrant with the largest share; the first of those that have it."""
        return max(self.parts, key=lambda part: part[1])[0]

    @property
    def near(self) -> str:
        """Name of the look-back that the next contest is held around: that of the largest share, the lead's where there is none."""
        held = [part for part in self.parts if part[0].look_back is not None]
        return max(held, key=lambda part: part[1])[0].name if held else self.lead.name

    @property
    def name(self) -> str:
        """What it is called in records.

        >>> from datetime import timedelta
        >>> old, young = Entrant(), Entrant(look_back=timedelta(days=90))
        >>> Way.of(old).name, Way(parts=((old, 3), (young, 1))).name
        ('all history', '3/4 all history + 1/4 90d')
        """
        if len(self.parts) == 1:
            return self.lead.name
        total = sum(count for _, count in self.parts)
        return " + ".join(f"{Fraction(count, total)} {entrant.name}" for entrant, count in self.parts)


def choose(answers: Mapping[str, Floats], loss: Callable[[Floats], Floats], *, first: str, rounds: int = ROUNDS) -> dict[str, int]:
    """Which models to answer together, and with how many parts each: forward selection with replacement.

    To the first, the model is added whose addition makes the mean of all drawn so far lose the least, until there are as many as `rounds`
    says; the mean that lost the least on the way is taken. Models may be drawn again, which gives them a larger share. Few rounds keep the
    mean from fitting the rows that judge it. (Caruana, Niculescu-Mizil, Crew, Ksikes, Ensemble selection from libraries of models, 2004.)

    Args:
        answers: model -> (n, k) its answers to the same n >= 1 rows, in an order that settles ties.
        loss: from answers (n, k) to what each row lost (n,).
        first: the model to begin with.

    Returns:
        Those with a part in it, in the order of `answers`; at least one.

    >>> label = np.array([[1.0], [2.0], [3.0]])
    >>> answers = {"low": label - 0.5, "high": label + 0.5, "far": label + 9}
    >>> choose(answers, lambda mean: np.abs(mean - label)[:, 0], first="low")
    {'low': 1, 'high': 1}
    """
    drawn = [first]
    total = answers[first]
    found = [(float(np.mean(loss(total))), 1)]
    for size in range(2, rounds + 1):
        losses = {name: float(np.mean(loss((total + own) / size))) for name, own in answers.items()}
        best = min(losses, key=lambda name: losses[name])
        drawn.append(best)
        total = total + answers[best]
        found.append((losses[best], size))
    _, size = min(found)
    return {name: drawn[:size].count(name) for name in answers if name in drawn[:size]}


def mean(answers: Mapping[str, Floats], parts: Mapping[str, int]) -> Floats:
    """(n, k) the mean of these models' answers, each with so many parts of it.

    >>> mean({"low": np.array([[0.0]]), "high": np.array([[4.0]])}, {"low": 3, "high": 1}).tolist()
    [[1.0]]
    """
    total = sum(parts.values())
    return np.asarray(sum(answers[name] * (count / total) for name, count in parts.items()), dtype=np.float64)


def tags(way: Way) -> dict[str, str]:
    """How a version was trained, for its tags: the name, the leading way, and of a blend all of them.

    >>> tags(Way.of(Entrant(params={"depth": 3})))
    {'trained_by': 'all history, depth=3', 'params': '{"depth": 3}'}
    """
    lengths = {"look_back": way.lead.look_back, "half_life": way.lead.half_life}
    told = {name: duration_text(length) for name, length in lengths.items() if length is not None}
    params = {"params": json.dumps(dict(way.lead.params))} if way.lead.params else {}
    parts = [{"parts": str(count), **tags(Way.of(entrant))} for entrant, count in way.parts] if len(way.parts) > 1 else []
    return {"trained_by": way.name, **told, **params, **({"blend": json.dumps(parts)} if parts else {})}


def from_tags(given: Mapping[str, str]) -> Way | None:
    """The way that `tags` told; None for a version that was made before ways were told, or elsewhere."""
    if "trained_by" not in given:
        return None
    if "blend" in given:
        return Way(parts=tuple((_entrant(part), int(part["parts"])) for part in json.loads(given["blend"])))
    return Way.of(_entrant(given))


def _entrant(given: Mapping[str, str]) -> Entrant:
    lengths = {name: parse_duration(given[name]) if name in given else None for name in ("look_back", "half_life")}
    return Entrant(look_back=lengths["look_back"], half_life=lengths["half_life"], params=json.loads(given.get("params", "{}")))
