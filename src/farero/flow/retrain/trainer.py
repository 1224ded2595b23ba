"""One training: rows into a folder, the project's own train function in a limited child, a model in the folder afterwards."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow.feather as feather

from farero.core.blend import Way
from farero.core.competition import Entrant
from farero.core.label import LabelSpec
from farero.core.leakage import Leak, leaks
from farero.core.policy import PolicyRule
from farero.core.schema import Schema
from farero.errors import TrainFailed, counted
from farero.flow.retrain.sets import of_entrants, to_table
from farero.ports import Child, Limits
from farero.project import trial
from farero.serving import blend
from farero.serving.layout import RESULT
from farero.serving.stored import Labelled
from farero.store.journal import Journal
from farero.telemetry import log

LEAKS_ROWS = 20_000
"""Rows, the newest, that are looked through for features that give the label away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trainer:
    """Trains models of one project."""

    model: str
    schema: Schema
    label: LabelSpec
    seed: int
    recipe: Mapping[str, str]
    limits: Limits
    rule: PolicyRule
    child: Child

    def run(self, folder: Path, rows: Labelled, until: datetime, entrant: Entrant, journal: Journal) -> None:
        """Train in the folder; afterwards it holds the model and no training data.

        Raises:
            TrainFailed: the train function raised, hung, ran out of memory or returned something that is no model.
        """
        table = to_table(self.schema, rows)
        trial.write_spec(folder, self.recipe, seed=self.seed, until=until, params=entrant.params)
        feather.write_feather(table.drop_columns(["_time", "_known"]), str(folder / "data.feather"), compression="uncompressed")
        self.child.run(trial.train_job, folder, self.limits, journal.line)
        for name in ("data.feather", "spec.json", "output.txt"):
            (folder / name).unlink(missing_ok=True)

    def make(self, folder: Path, way: Way, rows: Labelled, newest: np.datetime64, until: datetime, journal: Journal) -> None:
        """Train each model of a way in a child of its own; afterwards the folder holds the model, or the blend of them.

        Args:
            rows: all that may be learnt from; each entrant learns from its part of them.
            newest: the time of the newest known row, from which ages are counted.

        Raises:
            TrainFailed: as `run`.
        """
        with tempfile.TemporaryDirectory(prefix="farero-train-") as name:
            made = []
            for number, (entrant, share) in enumerate(zip(way.entrants, way.shares, strict=True)):
                own = Path(name) / str(number)
                own.mkdir()
                self.run(own, of_entrants([entrant], rows, newest, self.seed), until, entrant, journal)
                made.append((own, share, entrant.name))
            blend.assemble(folder, made)

    def refuse(self, rows: Labelled) -> None:
        """Refuse rows that nothing can be learnt from.

        Raises:
            TrainFailed: they are too few.
        """
        if rows.count < self.rule.train_rows:
            raise TrainFailed(
                f"{counted(rows.count, 'labelled row')} of {self.model} to train on, and {self.rule.train_rows} are needed.",
                hint="Give a longer look_back or half_life, wait for labels, or set train_rows in the policy.",
            )

    def suspects(self, rows: Labelled) -> tuple[Leak, ...]:
        """Features that give the label away.

        Raises:
            TrainFailed: one equals the label, or only determines it and the policy refuses that, too.
        """
        if self.rule.leakage == "allow":
            return ()
        newest = rows.where(np.arange(rows.count) >= rows.count - LEAKS_ROWS)
        found = tuple(leaks(self.schema, self.label.kind, newest.columns, newest.labels))
        bad = [leak for leak in found if leak.degree == "equals" or self.rule.leakage == "refuse"]
        if bad:
            raise TrainFailed(
                f"A feature of {self.model} gives the label away: {'; '.join(leak.because for leak in bad)}.",
                hint='Take it out of the features, or, if it is honest, set leakage="allow" in the policy.',
            )
        for leak in found:
            log("retrain.leak-suspected", level="warning", model=self.model, feature=leak.feature, because=leak.because)
        return found


def fingerprint(schema: Schema, rows: Labelled) -> str:
    """SHA-256 of the features and labels of the rows [hex]."""
    made = hashlib.sha256()
    for column in to_table(schema, rows).select([field.name for field in schema.features] + ["label"]).columns:
        for chunk in column.chunks:
            for buffer in chunk.buffers():
                made.update(buffer or b"")
    return made.hexdigest()


def cpu_s(folder: Path) -> float:
    """What the training took [CPU s], as the child measured it."""
    return float(json.loads((folder / RESULT).read_text(encoding="utf-8"))["cpu_s"])
