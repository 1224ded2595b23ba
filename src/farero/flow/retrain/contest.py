"""Several ways to train, each in a heat of its own, judged on the same held-out rows; the best, or the mean of some, meets production."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from farero.core import blend, performance
from farero.core.blend import Way
from farero.core.competition import Entrant, Heat, pick
from farero.core.label import LabelSpec
from farero.core.manifest import NAME
from farero.core.schema import Schema
from farero.errors import PredictFailed, TrainFailed, counted
from farero.flow.retrain.sets import of_entrants
from farero.flow.retrain.trainer import Trainer, cpu_s
from farero.ports import Clock, ModelFiles
from farero.serving import engine
from farero.serving.answers import outputs_of
from farero.serving.blend import assemble
from farero.serving.sample import answers_of
from farero.serving.stored import Labelled
from farero.store import heats
from farero.store.database import Store
from farero.store.journal import Journal


@dataclass(frozen=True, slots=True, kw_only=True)
class Contest:
    """Holds contests among ways to train one model. Each heat is stored when it is over: one that is cut off goes on from there."""

    model: str
    schema: Schema
    label: LabelSpec
    metric: str
    seed: int
    trainer: Trainer
    store: Store
    files: ModelFiles
    clock: Clock

    def hold(
        self,
        entrants: Sequence[Entrant],
        train: Labelled,
        heldout: Labelled,
        *,
        newest: np.datetime64,
        until: datetime,
        origin: str,
        before: str | None,
        journal: Journal,
    ) -> tuple[Way, tuple[Heat, ...]]:
        """The way that won, and how every entrant did.

        Args:
            newest: the time of the newest known row.
            before: name of the way that production was trained by, of a blend its leading one.

        Raises:
            TrainFailed: no entrant has a model that answers the held-out rows; says why of each.
        """
        answers: dict[str, NDArray[np.float64]] = {}
        found: list[Heat] = []
        for entrant in entrants:
            with self.store.read() as conn:
                heat = heats.find(conn, self.model, origin, entrant.name)
            own: NDArray[np.float64] | None = None
            if heat is None:
                with journal.step(f"train {entrant.name}"):
                    heat, own = self._heat(entrant, of_entrants([entrant], train, newest, self.seed), heldout, until, journal)
                with self.store.write() as conn:
                    heats.add(conn, self.model, origin, heat, self.clock.now())
            found.append(heat)
            if not heat.failed:
                answers[entrant.name] = own if own is not None else self._answers(self.files.open(heat.digest), heldout)
        if not answers:
            raise TrainFailed(f"No way to train {self.model} worked: {'; '.join(f'{heat.entrant}: {heat.failed}' for heat in found)}")
        best = pick({name: self._losses(own, heldout) for name, own in answers.items()}, before=before)
        rounds = blend.ROUNDS if self.trainer.rule.blend else 1
        parts = blend.choose(answers, lambda mean: self._losses(mean, heldout), first=best, rounds=rounds)
        way = Way(parts=tuple((entrant, parts[entrant.name]) for entrant in entrants if entrant.name in parts))
        self._tell(way, float(self._losses(blend.mean(answers, parts), heldout).mean()), found, journal)
        return way, tuple(found)

    def take(self, way: Way, found: Sequence[Heat], folder: Path) -> None:
        """Put the model of a way into the folder, from the heats of its entrants."""
        digests = {heat.entrant: heat.digest for heat in found}
        parts = [
            (self.files.open(digests[entrant.name]), share, entrant.name)
            for entrant, share in zip(way.entrants, way.shares, strict=True)
        ]  # fmt: skip
        assemble(folder, parts)
        (folder / NAME).unlink(missing_ok=True)

    def clear(self, found: Sequence[Heat]) -> None:
        """Forget the models of heats whose contest is over; how they did stays known."""
        for heat in found:
            if heat.digest:
                self.files.delete(heat.digest)

    def _heat(
        self, entrant: Entrant, rows: Labelled, heldout: Labelled, until: datetime, journal: Journal
    ) -> tuple[Heat, NDArray[np.float64] | None]:
        """How an entrant did, and its answers (n, k). One that fails is out of the contest, and the others go on."""
        with tempfile.TemporaryDirectory(prefix="farero-train-") as name:
            folder = Path(name)
            try:
                self.trainer.refuse(rows)
                self.trainer.run(folder, rows, until, entrant, journal)
                taken = cpu_s(folder)
                answers = self._answers(folder, heldout)
            except (TrainFailed, PredictFailed) as failure:
                return Heat(entrant=entrant.name, rows=rows.count, failed=failure.message), None
            losses = self._losses(answers, heldout)
            if not np.isfinite(losses).all():
                silent = float((~np.isfinite(losses)).mean())
                why = f"it left {silent:.1%} of the held-out rows without a finite answer"
                return Heat(entrant=entrant.name, rows=rows.count, cpu_s=taken, failed=why), None
            digest = self.files.put(folder)
        return Heat(entrant=entrant.name, rows=rows.count, digest=digest, cpu_s=taken, loss=float(losses.mean())), answers

    def _answers(self, folder: Path, heldout: Labelled) -> NDArray[np.float64]:
        """(n, k) as `serving.sample.answers_of` gives them."""
        outputs = engine.load(folder, self.label, self.schema, gate=False).predict(heldout.columns, heldout.count)
        return answers_of(self.label, outputs)

    def _losses(self, answers: NDArray[np.float64], heldout: Labelled) -> NDArray[np.float64]:
        return performance.loss(self.label.kind, self.metric, heldout.labels, outputs_of(self.label, answers))

    def _tell(self, way: Way, loss: float, found: Sequence[Heat], journal: Journal) -> None:
        """One line for each entrant, best first, and one for what won, in the run's output."""
        for heat in sorted(found, key=lambda one: float("inf") if one.loss is None else one.loss):
            how = f"out: {heat.failed}" if heat.loss is None else f"mean loss {heat.loss:.4g}"
            journal.line(f"contest: {heat.entrant}, {counted(heat.rows, 'row')}, {how}")
        journal.line(f"contest: won by {way.name}, mean loss {loss:.4g}")
