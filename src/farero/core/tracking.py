"""How a tracker stands to our own record: what it has, what still waits, and which aliases somebody moved there by hand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from math import isfinite

from farero.core.run_report import RunReport
from farero.core.version import Version

PRODUCTION, STAGING = "production", "staging"


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """One thing that the tracker has not been told yet. `error` says why the last try failed, `due_at` when the next one may be."""

    kind: str
    key: str
    attempts: int = 0
    due_at: datetime | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AliasState:
    """One alias of a model.

    Attributes:
        wanted: the version that our record says; None = none.
        there: the version that it points to; None where it points to nothing, or to something that we did not write.
        foreign: it points to something that we did not write.
        told: the tracker has been told of `wanted`.
    """

    alias: str
    wanted: str | None
    there: str | None
    foreign: bool
    told: bool

    @property
    def stands(self) -> bool:
        """Whether it is where it belongs. Where no version of ours belongs, somebody else's may stand."""
        return self.wanted == self.there

    @property
    def moved(self) -> bool:
        """Whether somebody moved it by hand."""
        return self.told and not self.stands


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackingStatus:
    """How things stand for one model.

    Attributes:
        where: the tracker's address, without a password.
        told: things that it has as they are.
        aliases: empty where the tracker does not answer; `error` says why.
    """

    model: str
    where: str
    told: int
    waiting: tuple[Waiting, ...]
    aliases: tuple[AliasState, ...]
    error: str | None = None

    @property
    def in_order(self) -> bool:
        """Whether the tracker has everything and every alias stands where it belongs."""
        return not self.waiting and self.error is None and all(alias.stands for alias in self.aliases)


def run_parameters(report: RunReport) -> dict[str, str]:
    """What a run was set up with: its model's settings, its data, its libraries."""
    found = {f"model.{name}": text for name, text in report.parameters.items()}
    version = report.version
    if version is None:
        return found
    return found | {
        "trained_rows": str(version.trained_rows), "trained_until": version.trained_until.isoformat() if version.trained_until else "",
        "data_fingerprint": version.data_fingerprint, "schema_digest": version.schema_digest,
        **{f"library.{name}": number for name, number in version.environment.items()},
    }  # fmt: skip


def run_metrics(report: RunReport) -> dict[str, float]:
    """The finite figures of a run: of its version, the ends of their intervals, and what was gained in the contest."""
    found: dict[str, float | None] = dict(report.version.metrics) if report.version else {}
    for one in report.metrics:
        found |= {one.name: one.value, f"{one.name}_low": one.low, f"{one.name}_high": one.high}
    if report.verdict is not None:
        found |= {f"gain_{one.metric}": one.gain for one in report.verdict.differences}
    return {name: value for name, value in found.items() if value is not None and isfinite(value)}


def run_tags(report: RunReport) -> dict[str, str]:
    """Why a run was, and what became of it."""
    tags = {"farero.kind": report.kind, "farero.because": report.because, "farero.fate": report.fate}
    if report.version is not None:
        tags |= {"farero.version": report.version.number, "farero.digest": report.version.digest}
        tags |= {"mlflow.source.git.commit": report.version.git_commit} if report.version.git_commit else {}
    if report.verdict is not None:
        tags["farero.verdict"] = "accepted" if report.verdict.accepted else "rejected"
        tags["farero.verdict.because"] = "; ".join(report.verdict.because)
    if report.error:
        tags["farero.error"] = report.error
    return tags


def version_tags(version: Version, *, by: str) -> dict[str, str]:
    """What a registry shall say of a version."""
    tags = {"farero.state": version.state, "farero.because": version.because, "farero.by": by}
    tags |= {f"farero.tag.{name}": text for name, text in version.tags.items()}
    kept = {name: value for name, value in version.metrics.items() if not name.startswith(("loss_", "measured_"))}
    return tags | {f"farero.metric.{name}": f"{value:.6g}" for name, value in kept.items()}
