"""The model card of a version: what it is, what it learnt from, how well it does and for whom, and what nobody can see of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from farero.core.appraisal import named
from farero.core.approval import Approval
from farero.core.document import Block, Document, Facts, Heading, Items, Notice, Plain, Table, figure, moment, span
from farero.core.fairness import FEW, GroupsOf
from farero.core.gate import Verdict
from farero.core.incident import Incident
from farero.core.label import LabelSpec
from farero.core.measured import Measured
from farero.core.reliability import Calibration
from farero.core.run_report import how_judged, metrics_table, moves_table
from farero.core.schema import Field
from farero.core.segments import BySegment
from farero.core.version import Move, Version
from farero.core.window import WindowSize, duration_text
from farero.errors import counted

_MOST_ROWS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """How many labelled rows figures come from, and of which time [start, end]; both None where there are none."""

    count: int = 0
    start: datetime | None = None
    end: datetime | None = None

    def __str__(self) -> str:
        if not self.count:
            return "no rows"
        # Rows of a file without a time column all have the moment at which it was read.
        return f"{self.count:,} rows" + (f" of {moment(self.start)} to {moment(self.end)}" if self.start != self.end else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What monitoring saw of a version: windows, those in which the inputs drifted, and its incidents, newest first."""

    windows: int = 0
    drifted: int = 0
    incidents: tuple[Incident, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """Everything that a model card tells.

    Attributes:
        features: what it is asked with; `personal`: fields that it never sees.
        learnt: the time that its rows span, as far as that is on record; the rows themselves are counted in `version`.
        heldout: rows that it had not learnt from when they judged it, with `metrics`, `calibration` and `segments` on them.
        live: labelled rows that it answered, with `live_metrics`.
        fairness: of `fairness_rows`, by each declared feature; `max_gap` is the declared limit.
        limits: what the figures and the monitors cannot tell.
    """

    version: Version
    made_at: datetime
    label: LabelSpec
    metric: str
    features: tuple[Field, ...]
    personal: tuple[str, ...]
    window: WindowSize
    drift_rule: str
    drift_a_year: float
    learnt: Rows = Rows()
    parameters: Mapping[str, str] = field(default_factory=dict)
    heldout: Rows = Rows()
    metrics: tuple[Measured, ...] = ()
    calibration: Calibration | None = None
    segments: tuple[BySegment, ...] = ()
    live: Rows = Rows()
    live_metrics: tuple[Measured, ...] = ()
    fairness: tuple[GroupsOf, ...] = ()
    fairness_rows: Rows = Rows()
    max_gap: float | None = None
    seen: Seen = Seen()
    verdict: Verdict | None = None
    moves: tuple[Move, ...] = ()
    approvals: tuple[Approval, ...] = ()

    @property
    def limits(self) -> tuple[str, ...]:
        """What nobody can see of this version."""
        return tuple(_limits(self))


def card_document(card: Card) -> Document:
    """The card as a document."""
    version = card.version
    return Document(
        title=f"Model card: {version.model} {version.number}",
        under=f"{version.state.capitalize()}. Written from the record at {moment(card.made_at)}.",
        blocks=(
            *_beyond(card),
            *_what(card), *_data(card), *_how_well(card), *_segments(card), *_fairness(card),
            Heading(text="What cannot be seen"), Items(items=card.limits),
            *_seen(card), *_judged(card),
            *_settings(card),
        ),
    )  # fmt: skip


def _beyond(card: Card) -> list[Block]:
    return [
        Notice(
            text=f"Groups of {by.feature} lie further apart than {card.max_gap:g} in {gap.figure}: {gap.most} above {gap.least} by "
            f"{figure(gap.value)} ({span((gap.low, gap.high))})."
        )
        for by in card.fairness if card.max_gap is not None for gap in by.beyond(card.max_gap)
    ]  # fmt: skip


def _what(card: Card) -> list[Block]:
    label = card.label
    answer = {"binary": "yes or no, with a probability", "number": "a number", "classes": "one of several classes, with probabilities"}
    facts = [
        ("answers", f"{label.name}: {answer[label.kind]}" + (f" [{label.unit}]" if label.unit else "")),
        ("judged by", card.metric), ("kind of model", card.parameters.get("class", "not told")),
        ("files", f"{card.version.size_bytes:,} bytes, SHA-256 {card.version.digest}"),
        ("made", f"{moment(card.version.created_at)}, because {card.version.because}"),
    ]  # fmt: skip
    return [Heading(text="What it is"), Facts(facts=tuple(facts))]


def _settings(card: Card) -> list[Block]:
    settings = tuple((name, text) for name, text in card.parameters.items() if name != "class")
    return [Heading(text="Its settings"), Facts(facts=settings)] if settings else []


def _data(card: Card) -> list[Block]:
    version = card.version
    facts = [
        ("rows", f"{version.trained_rows:,}" if version.trained_rows else "not told: it was brought in from elsewhere"),
        ("until", moment(version.trained_until)),
        *([("from", moment(card.learnt.start))] if card.learnt.start else []),
        *([("way", version.tags["trained_by"])] if "trained_by" in version.tags else []),
        ("fingerprint", version.data_fingerprint or "–"), ("held out to judge it", str(card.heldout)),
    ]  # fmt: skip
    rows = tuple(
        (f.name, f.kind, f.unit or "", span((f.min, f.max)) if f.min is not None and f.max is not None else _one_end(f),
         "may be missing" if f.missing else "always there", ", ".join(f.levels))
        for f in card.features
    )  # fmt: skip
    blocks: list[Block] = [Heading(text="What it learnt from"), Facts(facts=tuple(facts))]
    blocks.append(Table(heads=("feature", "kind", "unit", "range", "", "levels"), rows=rows))
    if card.personal:
        blocks.append(Plain(text=f"Personal fields, which it never sees: {', '.join(card.personal)}."))
    return blocks


def _one_end(one: Field) -> str:
    if one.min is not None:
        return f"from {one.min:g}"
    return f"to {one.max:g}" if one.max is not None else ""


def _how_well(card: Card) -> list[Block]:
    blocks: list[Block] = [Heading(text="How well it does")]
    if card.metrics:
        blocks += [Plain(text=how_judged(card.version, str(card.heldout))), metrics_table(card.metrics)]
    else:
        blocks.append(Plain(text="No rows were held out from it, so no figure of it is independent of what it learnt."))
    if card.calibration is not None:
        error = card.calibration.error
        ends = span((error.low, error.high))
        told = f"Calibration error {figure(error.value)} ({ends}); chance alone would give {card.calibration.by_chance:.4g}."
        blocks.append(Plain(text=told))
    if card.live_metrics:
        blocks += [Plain(text=f"In service, on {card.live} that it answered and whose labels are in:"), metrics_table(card.live_metrics)]
    return blocks


def _segments(card: Card) -> list[Block]:
    blocks: list[Block] = []
    for divided in card.segments:
        pairs = [(segment, named(segment.metrics, card.metric)) for segment in divided.segments[:_MOST_ROWS]]
        rows = tuple(
            (segment.name, f"{segment.rows:,}", figure(one.value), span((one.low, one.high)), one.because)
            for segment, one in pairs if one is not None
        )  # fmt: skip
        blocks.append(Table(heads=(divided.feature, "rows", card.metric, "95 % interval", ""), rows=rows, right=(1, 2, 3)))
    return [Heading(text="For whom: segments"), *blocks] if blocks else []


def _fairness(card: Card) -> list[Block]:
    if not card.fairness:
        return []
    blocks: list[Block] = [
        Heading(text="For whom: groups that shall be treated alike"),
        Plain(text=f"On {card.fairness_rows}. A gap says that groups are treated differently, not why, and not whether that is wrong."),
    ]
    for by in card.fairness:
        blocks += fairness_tables(by)
    return blocks


def fairness_tables(by: GroupsOf) -> list[Table]:
    """The groups of one feature, and the gaps between them."""
    rows = tuple(
        (group.name, one.name, figure(one.value), span((one.low, one.high)), f"{one.rows:,}", one.because)
        for group in by.groups[:_MOST_ROWS] for one in group.figures
    )  # fmt: skip
    gaps = tuple(
        (gap.figure, figure(gap.value), span((gap.low, gap.high)), f"{gap.most} above {gap.least}" if gap.most else "–",
         ", ".join(gap.left_out), gap.about)
        for gap in by.gaps
    )  # fmt: skip
    return [
        Table(heads=(by.feature, "figure", "value", "95 % interval", "rows", ""), rows=rows, right=(2, 3, 4)),
        Table(heads=("gap in", "value", "95 % interval", "between", "too small to compare", "what it is"), rows=gaps, right=(1, 2)),
    ]


def _seen(card: Card) -> list[Block]:
    seen = card.seen
    told = f"{counted(seen.windows, 'window')} of {card.window} answered by it were watched; {seen.drifted} drifted."
    rows = tuple(
        (moment(one.opened), one.kind, one.severity, moment(one.resolved) if one.resolved else "open", one.because)
        for one in seen.incidents[:_MOST_ROWS]
    )
    table = [Table(heads=("opened", "kind", "severity", "resolved", "because"), rows=rows)] if rows else []
    return [Heading(text="What was seen of it in service"), Plain(text=told), *table]


def _judged(card: Card) -> list[Block]:
    blocks: list[Block] = [Heading(text="Who let it serve")]
    if card.verdict is not None:
        word = "Accepted" if card.verdict.accepted else "Rejected"
        blocks += [Plain(text=f"{word} against {card.verdict.against or 'nothing'}:"), Items(items=card.verdict.because)]
    if card.moves:
        blocks.append(moves_table(card.moves))
    if card.approvals:
        rows = tuple(
            (moment(said.at), said.by, said.role, "approved" if said.approved else "refused", said.because) for said in card.approvals
        )
        blocks.append(Table(heads=("when", "who", "role", "said", "because"), rows=rows))
    return blocks


def _limits(card: Card) -> list[str]:
    label = card.label
    told = [
        f"Labels arrive within {duration_text(label.arrives_within)}. Until then nobody knows how good its answers are; an estimate "
        "without labels holds as long as the label still depends on the features as it did.",
        f"Drift is looked for in each feature and in its answers, by the rule {card.drift_rule}"
        + (f" (false alarms a year: {card.drift_a_year:g})" if card.drift_rule in ("sensitive", "quiet") else "")
        + ". A change in how the label depends on the features leaves no trace there: it shows when labels come.",
    ]
    if card.heldout.count:
        told.append(f"The figures come from {card.heldout}. Rows unlike these may be answered worse.")
    else:
        told.append("No rows were held out from it: how well it does on rows that it never saw is not known.")
    open_ended = [f.name for f in card.features if f.kind == "number" and (f.min is None or f.max is None)]
    if open_ended:
        told.append(f"Numbers of any size are accepted for {', '.join(open_ended)}: beyond what it learnt from, its answers are guesses.")
    if card.personal:
        told.append(f"{', '.join(card.personal)}: never stored in clear, so groups of these cannot be compared.")
    small = sorted({f"{by.feature} {group}" for by in card.fairness for gap in by.gaps for group in gap.left_out})
    if not card.fairness:
        told.append("No groups are declared (fa.Fairness), so nothing is said of how alike groups are treated.")
    elif small:
        told.append(f"Groups of fewer than {FEW} rows are shown and not compared: {', '.join(small[:_MOST_ROWS])}.")
    if card.seen.windows == 0:
        told.append("It has not been watched in service: nothing is known of how it does on live rows.")
    return told
