"""The report of one training run: what started it, what it learnt from, how it was judged and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from farero.core.competition import Heat
from farero.core.document import Block, Document, Drawn, Facts, Heading, Items, Notice, Plain, Table, figure, moment, span
from farero.core.gate import Verdict
from farero.core.measured import Measured
from farero.core.policy import Decision
from farero.core.run import RunStatus, RunStep
from farero.core.version import Move, Version
from farero.core.whiskers import cell, scale

_LAST_LINES = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """What is known of a run.

    Attributes:
        id: of the run.
        made_at: when the report was.
        steps, output, left_out: what it did, the end of what it printed, and how many characters before that were not kept.
        version: that it made; None where it failed, or where the version was deleted since.
        parameters: of the model, as its library names them.
        metrics: of the version on rows that it had not learnt from, with 95 % intervals.
        heats: how each way to train did, where several competed.
        decision: that led to it; `verdict`: of the contest; None where it was asked for by hand.
        moves: of the version, oldest first.
    """

    id: str
    model: str
    kind: str
    status: RunStatus
    because: str
    started: datetime
    finished: datetime | None
    made_at: datetime
    error: str | None = None
    steps: tuple[RunStep, ...] = ()
    output: str = ""
    left_out: int = 0
    number: str | None = None
    version: Version | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    metrics: tuple[Measured, ...] = ()
    heats: tuple[Heat, ...] = ()
    decision: Decision | None = None
    verdict: Verdict | None = None
    moves: tuple[Move, ...] = ()

    @property
    def fate(self) -> str:
        """What became of it, in a few words."""
        if self.status == "failed":
            return "failed"
        if self.finished is None:
            return "is under way, or was cut off"
        if self.verdict is not None:
            won = "was accepted" if self.verdict.accepted else "was rejected"
            return f"made {self.number}, which {won}"
        return f"made {self.number}" if self.number else self.status


def run_document(report: RunReport) -> Document:
    """The report as a document."""
    return Document(
        title=f"Training of {report.model}: {report.number or report.status}",
        under=f"Run {report.id}, started {moment(report.started)}. As it stood at {moment(report.made_at)}.",
        blocks=(
            *([Notice(text=f"It failed: {report.error}")] if report.error else []),
            Plain(text=f"The run {report.fate}."),
            Heading(text="What started it"), Items(items=(report.because, *_reasons(report))),
            *_time(report), *_version(report), *_metrics(report), *_heats(report), *_contest(report), *_parameters(report), *_moves(report),
            *_output(report),
        ),
    )  # fmt: skip


def _reasons(report: RunReport) -> tuple[str, ...]:
    if report.decision is None:
        return ()
    decision = report.decision
    told = [text for text in decision.because if text not in report.because]
    inputs = ", ".join(f"{name} {figure(value)}" for name, value in decision.inputs.items() if value is not None)
    return (*told, f"Decided at {moment(decision.at)} by the policy {decision.policy} after the window {decision.window}: {inputs}.")


def _time(report: RunReport) -> list[Block]:
    rows = [
        (step.name, moment(step.started), "–" if step.finished is None else f"{(step.finished - step.started).total_seconds():.1f} s")
        for step in report.steps
    ]
    if report.finished is not None:
        rows.append(("all of it", moment(report.started), f"{(report.finished - report.started).total_seconds():.1f} s"))
    return [Heading(text="What it did"), Table(heads=("step", "begun", "took"), rows=tuple(rows), right=(2,))] if rows else []


def _version(report: RunReport) -> list[Block]:
    version = report.version
    if version is None:
        return []
    facts = [
        ("version", version.number), ("state", version.state), ("learnt from", f"{version.trained_rows:,} rows"),
        ("until", moment(version.trained_until)), ("data fingerprint", version.data_fingerprint or "–"),
        ("features", version.schema_digest), ("files", f"{version.size_bytes:,} bytes, SHA-256 {version.digest}"),
        ("commit", version.git_commit or "–"),
        ("libraries", ", ".join(f"{name} {number}" for name, number in sorted(version.environment.items()))),
    ]  # fmt: skip
    return [Heading(text="The version"), Facts(facts=tuple(facts))]


def _metrics(report: RunReport) -> list[Block]:
    if not report.metrics:
        return []
    rows = max(one.rows for one in report.metrics)
    how = [] if report.version is None else [Plain(text=how_judged(report.version, f"{rows:,} rows"))]
    return [Heading(text="Metrics"), *how, metrics_table(report.metrics)]


def how_judged(version: Version, rows: str) -> str:
    """Whether the rows that a version's stored figures come from were strange to it, which depends on how it came to be."""
    if version.origin.endswith("/refit"):
        return f"On {rows} that the version which was judged had not learnt from. This one follows its recipe and learnt from them, too."
    if version.origin.startswith("train/"):
        return (
            f"By a rehearsal: the same training on the first 80 % of the rows, judged on the other {rows}, which this version learnt from."
        )
    if version.origin.startswith("register/"):
        return f"On the {rows} that came with it as a reference; nobody says whether it had learnt from them."
    return f"On {rows} that it had not learnt from."


def metrics_table(metrics: tuple[Measured, ...]) -> Table:
    """Figures with their 95 % intervals."""
    rows = [
        (one.name, figure(one.value), span((one.low, one.high)), f"{one.rows:,}", one.because) for one in metrics
    ]  # fmt: skip
    return Table(heads=("metric", "value", "95 % interval", "rows", ""), rows=tuple(rows), right=(1, 2, 3))


def _heats(report: RunReport) -> list[Block]:
    if not report.heats:
        return []
    best_first = sorted(report.heats, key=lambda one: float("inf") if one.loss is None else one.loss)
    rows = tuple((one.entrant, f"{one.rows:,}", figure(one.loss), f"{one.cpu_s:.1f}", one.failed) for one in best_first)
    won = [] if report.version is None else [Plain(text=f"Won by {report.version.tags.get('trained_by', 'one of them')}.")]
    return [
        Heading(text="Which way to train"),
        Plain(text="Each way learnt from its rows, and all answered the same held-out rows."),
        Table(heads=("way", "rows", "mean loss", "CPU s", ""), rows=rows, right=(1, 2, 3)), *won,
    ]  # fmt: skip


def _contest(report: RunReport) -> list[Block]:
    verdict = report.verdict
    if verdict is None:
        return []
    judged = f"{'Accepted' if verdict.accepted else 'Rejected'} against {verdict.against or 'nothing'} on {verdict.rows:,} held-out rows."
    blocks: list[Block] = [Heading(text="The contest"), Plain(text=judged), Items(items=verdict.because)]
    if verdict.metrics:
        rows = tuple((name, figure(pair.get("current")), figure(pair.get("candidate"))) for name, pair in verdict.metrics.items())
        blocks.append(Table(heads=("metric", "production", "candidate"), rows=rows, right=(1, 2)))
    if verdict.differences:
        figures = [
            Measured(name=one.metric, value=one.gain, low=one.low, high=one.high, rows=verdict.rows) for one in verdict.differences
        ]  # fmt: skip
        low, high = scale(figures)
        gains = tuple(
            (each.name, figure(each.value), span((each.low, each.high)), Drawn(svg=cell(each, low, high, 0.0))) for each in figures
        )
        blocks.append(Table(heads=("gained on", "by", "95 % interval", ""), rows=gains, right=(1, 2)))
    if verdict.checks:
        words = {True: "passed", False: "failed", None: "not asked"}
        checks = tuple((check.name, words[check.passed], check.because) for check in verdict.checks)
        blocks.append(Table(heads=("question", "answer", "because"), rows=checks))
    return blocks


def _parameters(report: RunReport) -> list[Block]:
    if not report.parameters:
        return []
    return [Heading(text="Parameters"), Facts(facts=tuple(report.parameters.items()))]


def _moves(report: RunReport) -> list[Block]:
    if not report.moves:
        return []
    return [Heading(text="What became of it"), moves_table(report.moves)]


def moves_table(moves: tuple[Move, ...]) -> Table:
    """Who moved a version, when and why."""
    rows = tuple((moment(move.at), move.source or "–", move.target, move.by, move.because) for move in moves)
    return Table(heads=("when", "from", "to", "by", "because"), rows=rows)


def _output(report: RunReport) -> list[Block]:
    if not report.output:
        return []
    lines = report.output.splitlines()
    left = f"{report.left_out:,} characters before it were not kept. " if report.left_out else ""
    more = f"Its last {_LAST_LINES} of {len(lines):,} lines." if len(lines) > _LAST_LINES else ""
    return [Heading(text="What it printed"), *([Plain(text=left + more)] if left or more else []),
            Plain(text="\n".join(lines[-_LAST_LINES:]), verbatim=True)]  # fmt: skip
