"""Several ways to train, each in a heat of its own, judged on the same held-out rows; the best of them goes on to meet production."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from farero.core import performance
from farero.core.competition import Entrant, Heat, pick
from farero.core.label import LabelSpec
from farero.core.manifest import NAME
from farero.core.schema import Schema
from farero.errors import PredictFailed, TrainFailed
from farero.flow.retrain.sets import of_entrant
from farero.flow.retrain.trainer import Trainer, cpu_s
from farero.ports import Clock, ModelFiles
from farero.serving import engine
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
    ) -> tuple[Entrant, tuple[Heat, ...]]:
        """The winner, and how every entrant did.

        Args:
            newest: the time of the newest known row.
            before: name of the way that production was trained by.

        Raises:
            TrainFailed: no entrant has a model that answers the held-out rows; says why of each.
        """
        losses: dict[str, NDArray[np.float64]] = {}
        found: list[Heat] = []
        for entrant in entrants:
            with self.store.read() as conn:
                heat = heats.find(conn, self.model, origin, entrant.name)
            own: NDArray[np.float64] | None = None
            if heat is None:
                with journal.step(f"train {entrant.name}"):
                    heat, own = self._heat(entrant, of_entrant(entrant, train, newest, self.seed), heldout, until, journal)
                with self.store.write() as conn:
                    heats.add(conn, self.model, origin, heat, self.clock.now())
            found.append(heat)
            if not heat.failed:
                losses[entrant.name] = own if own is not None else self._losses(self.files.open(heat.digest), heldout)
        if not losses:
            raise TrainFailed(f"No way to train {self.model} worked: {'; '.join(f'{heat.entrant}: {heat.failed}' for heat in found)}")
        winner = pick(losses, before=before)
        return next(entrant for entrant in entrants if entrant.name == winner), tuple(found)

    def take(self, heat: Heat, folder: Path) -> None:
        """Put the model of a heat into the folder."""
        shutil.copytree(self.files.open(heat.digest), folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns(NAME))

    def clear(self, found: Sequence[Heat]) -> None:
        """Forget the models of heats whose contest is over; how they did stays known."""
        for heat in found:
            if heat.digest:
                self.files.delete(heat.digest)

    def _heat(
        self, entrant: Entrant, rows: Labelled, heldout: Labelled, until: datetime, journal: Journal
    ) -> tuple[Heat, NDArray[np.float64] | None]:
        """How an entrant did, and its losses. One that fails is out of the contest, and the others go on."""
        with tempfile.TemporaryDirectory(prefix="farero-train-") as name:
            folder = Path(name)
            try:
                self.trainer.refuse(rows)
                self.trainer.run(folder, rows, until, entrant, journal)
                taken = cpu_s(folder)
                losses = self._losses(folder, heldout)
            except (TrainFailed, PredictFailed) as failure:
                return Heat(entrant=entrant.name, rows=rows.count, failed=failure.message), None
            if not np.isfinite(losses).all():
                silent = float((~np.isfinite(losses)).mean())
                why = f"it left {silent:.1%} of the held-out rows without a finite answer"
                return Heat(entrant=entrant.name, rows=rows.count, cpu_s=taken, failed=why), None
            digest = self.files.put(folder)
        return Heat(entrant=entrant.name, rows=rows.count, digest=digest, cpu_s=taken, loss=float(losses.mean())), losses

    def _losses(self, folder: Path, heldout: Labelled) -> NDArray[np.float64]:
        outputs = engine.load(folder, self.label, self.schema, gate=False).predict(heldout.columns, heldout.count)
        return performance.loss(self.label.kind, self.metric, heldout.labels, outputs)
