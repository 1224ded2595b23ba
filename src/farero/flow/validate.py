"""validate: candidate and production answer the same held-out rows; a lost contest is a result, not an error."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from farero.core import gate, performance
from farero.core.gate import GateRule, Verdict
from farero.core.label import LabelSpec
from farero.core.version import Version
from farero.errors import PredictFailed
from farero.serving.pool import Pool
from farero.serving.stored import Labelled
from farero.telemetry import log


@dataclass(frozen=True, slots=True, kw_only=True)
class Validate:
    """Judges candidates of one model. `gated` False = every candidate that answers at all is accepted."""

    label: LabelSpec
    rule: GateRule
    gated: bool
    pool: Pool

    def judge(self, candidate: Version, production: Version | None, heldout: Labelled | None) -> Verdict:
        """The verdict on rows that neither has seen.

        Args:
            heldout: labelled rows newer than what either was trained on; None where nothing was held out.
        """
        if production is None:
            verdict = _accepted("there is no version in production to beat")
        else:
            verdict = replace(self._contest(candidate, production, heldout), against=production.number)
        log("validate.finished", model=candidate.model, version=candidate.number, against=verdict.against, accepted=verdict.accepted,
            rows=verdict.rows)  # fmt: skip
        return verdict

    def _contest(self, candidate: Version, production: Version, heldout: Labelled | None) -> Verdict:
        if not self.gated:
            return _accepted("the policy promotes without a contest")
        if heldout is None or heldout.count == 0:
            return Verdict(
                accepted=False, metric={"current": None, "candidate": None}, because=("no labelled rows were held out to judge on",)
            )
        try:
            new = self.pool.get(candidate, gate=False).engine.predict(heldout.columns, heldout.count)
        except PredictFailed as failure:
            return Verdict(accepted=False, metric={"current": None, "candidate": None}, because=(str(failure),), rows=heldout.count)
        old = self.pool.get(production, gate=False).engine.predict(heldout.columns, heldout.count)
        metric = self.rule.metric
        losses = [performance.loss(self.label.kind, metric, heldout.labels, outputs) for outputs in (new, old)]
        return gate.judge(
            self.rule,
            current=performance.evaluate(self.label.kind, heldout.labels, old),
            candidate=performance.evaluate(self.label.kind, heldout.labels, new),
            higher_is_better=performance.METRICS[metric].higher_is_better,
            loss_difference=losses[0] - losses[1],
            share_answered=float(np.isfinite(new.value).mean()),
        )


def _accepted(because: str) -> Verdict:
    return Verdict(accepted=True, metric={"current": None, "candidate": None}, because=(because,))
