"""What the best policy that knows the future could serve: how much of "beat the best look-back retrained every window" can be had at all.

    python benchmarks/hindsight.py [--only bikes,energy] [--share 0.25] [--markdown docs/explanation/policy.md]

For streams that are judged by the mean absolute error, which is a mean of row losses. After every window a model of each look-back is
fitted with the stand-in project's train function, on what was known then. From all their answers to all later windows, the moments of so
many retrainings are found that lose the least in the end, with the best look-back at each of them, or the best mean of any of them: by
dynamic programming, so there is no better choice. No policy can do better with these models, and none that does not know the future can
be expected to come near.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import sys
import tempfile
from collections.abc import Sequence
from datetime import timedelta
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.policy import STREAMS, Plain, Stream, prepared  # noqa: E402
from benchmarks.serving.report import Table, markdown, text  # noqa: E402

from farero.core import performance  # noqa: E402
from farero.core.competition import FEWEST_WINDOWS, LADDER  # noqa: E402
from farero.core.prediction import Outputs  # noqa: E402
from farero.core.window import duration_text  # noqa: E402
from farero.serving import stored  # noqa: E402

Floats = NDArray[np.float64]
BEGIN = "<!-- hindsight: python benchmarks/hindsight.py --markdown docs/explanation/policy.md -->"
END = "<!-- end of hindsight -->"


class Hindsight(Plain):
    """Every model that could have been fitted, and what each would have lost in every later window."""

    def __init__(self, stream: Stream, path: Path, folder: Path) -> None:
        super().__init__(stream, path, folder)
        span: timedelta = stored.aware(self.rows.times[-1]) - stored.aware(self.rows.times[0])
        fitting = [duration_text(length) for length in LADDER if FEWEST_WINDOWS * self.size.span <= length < span]
        self.look_backs: list[str | None] = [None, *fitting]
        self.known = int((~np.isnan(self.rows.labels[self.first :])).sum())

    def answers(self) -> list[list[Floats]]:
        """For the beginning and the end of each window but the last, a model of each look-back: its answers to all rows served."""
        found = []
        for moment in (self.until, *(end for _, _, end in self.windows[:-1])):
            models = [self._fit(moment, look_back) for look_back in self.look_backs]
            found.append([self._answer(model or models[0], self.first, self.rows.count) for model in models])
            print(f"{len(found)} of {len(self.windows)} moments", file=sys.stderr, flush=True)
        return found

    def losses(self, answers: Floats) -> Floats:
        """(windows,) what these answers lost in each window."""
        labels = self.rows.labels[self.first :]
        rows = performance.loss(self.project.kind, self.project.metric, labels, Outputs(value=answers))
        return np.array([np.nansum(rows[begin - self.first : end - self.first]) for begin, end, _ in self.windows])


def best(losses: Sequence[Sequence[Floats]], retrainings: int) -> float:
    """The least that can be lost in all windows with so many retrainings.

    Args:
        losses: moment -> way -> (windows,) what its model loses in each. The model of the first moment is the first way's.
    """
    count = len(losses)
    served = np.full((count, count + 1), np.inf)  # [i, j]: a model of moment i serves windows i to j - 1
    for moment, ways in enumerate(losses):
        for way in ways[:1] if moment == 0 else ways:
            sums = np.concatenate([np.zeros(moment + 1), np.cumsum(way[moment:])])
            served[moment, moment + 1 :] = np.minimum(served[moment, moment + 1 :], sums[moment + 1 :])
    least = served[0].copy()
    for _ in range(retrainings):
        least = np.minimum(least, np.array([min((least[i] + served[i, j] for i in range(1, j)), default=np.inf) for j in range(count + 1)]))
    return float(least[count])


def measure(stream: Stream, share: float) -> list[list[str]]:
    """Rows of the table."""
    with tempfile.TemporaryDirectory() as name:
        path = prepared(stream, None, Path(name))
        assert path is not None, f"{stream.file} is not there"
        world = Hindsight(stream, path, Path(name))
        if world.project.metric != "mae":
            raise SystemExit(f"{stream.name} is judged by {world.project.metric}, not by the mean absolute error.")
        made = world.answers()
    ways = range(len(world.look_backs))
    every = [float(sum(world.losses(made[at][way])[at] for at in range(len(made)))) for way in ways]
    alone = [[world.losses(one) for one in moment] for moment in made]
    mixed = [
        [world.losses(np.mean([moment[way] for way in some], axis=0)) for size in ways for some in combinations(ways, size + 1)]
        for moment in made
    ]  # fmt: skip
    allowed = int(share * (len(made) - 1))
    named = {None: "all history"}
    lines = [[stream.name, f"always, {named.get(one, one)}", str(len(made) - 1), every[way]] for way, one in enumerate(world.look_backs)]
    lines.append([stream.name, "best moments and look-backs in hindsight", str(allowed), best(alone, allowed)])
    lines.append([stream.name, "best moments and means in hindsight", str(allowed), best(mixed, allowed)])
    return [[*map(str, line[:3]), f"{float(line[3]) / world.known:.4g}"] for line in lines]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="bikes,energy")
    parser.add_argument("--share", type=float, default=0.25, help="retrainings allowed, as a share of those of always")
    parser.add_argument("--markdown", type=Path, help="write the table between the marks of this document")
    wanted = parser.parse_args()
    rows = [row for stream in STREAMS if stream.name in wanted.only.split(",") for row in measure(stream, wanted.share)]
    made = Table(title="With the future known", header=["stream", "policy", "retrainings", "served mae"], rows=rows, notes=[])
    print(text(made))
    if wanted.markdown:
        before, _, rest = wanted.markdown.read_text().partition(BEGIN)
        wanted.markdown.write_text(f"{before}{BEGIN}\n\n{markdown(made)}\n{END}{rest.partition(END)[2]}")
