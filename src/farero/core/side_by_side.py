"""Two versions side by side: on rows that neither had learnt from, on known rows, in their settings, data and libraries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from farero.core.contest import Difference
from farero.core.document import Block, Document, Facts, Heading, Notice, Plain, Table, figure, moment, span
from farero.core.version import Compared
from farero.errors import counted


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownRows:
    """How two versions answer rows that are stored with their answers.

    Attributes:
        rows: how many; of: the version that they are stored with.
        changed: share answered otherwise by the other one [0-1]: another class, or a number that moved by more than a twentieth of the
            answers' standard deviation.
        largest: the largest change of a number or a probability.
    """

    rows: int
    of: str
    changed: float
    mean: float
    largest: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SideBySide:
    """Two versions, a and b; a gain is b's over a.

    Attributes:
        rows: labelled rows on which both were measured; 0 = there are none that neither had learnt from, `because` says why.
        differences: on these rows, with intervals; empty where there are none.
        parameters: name -> (of a, of b), those that differ.
        known: None where there are no rows to ask, `known_because` says why.
    """

    compared: Compared
    rows: int
    differences: tuple[Difference, ...]
    parameters: Mapping[str, tuple[str | None, str | None]]
    known: KnownRows | None
    because: str = ""
    known_because: str = ""


def differing(a: Mapping[str, str], b: Mapping[str, str]) -> dict[str, tuple[str | None, str | None]]:
    """The settings that differ; None = it has none of that name.

    >>> differing({"depth": "3", "seed": "0"}, {"depth": "4", "seed": "0", "rate": "0.1"})
    {'depth': ('3', '4'), 'rate': (None, '0.1')}
    """
    return {name: (a.get(name), b.get(name)) for name in sorted({*a, *b}) if a.get(name) != b.get(name)}


def side_by_side_document(found: SideBySide) -> Document:
    """The comparison as a document."""
    a, b = found.compared.a, found.compared.b
    return Document(
        title=f"{a.model} {a.number} beside {b.number}",
        under=f"{a.number} is {a.state}, {b.number} is {b.state}.",
        blocks=(*_measured(found), *_known(found), *_differ(found)),
    )


def _measured(found: SideBySide) -> list[Block]:
    a, b = found.compared.a.number, found.compared.b.number
    blocks: list[Block] = [Heading(text="How well they do")]
    if found.differences:
        rows = tuple(
            (one.metric, figure(one.current), figure(one.candidate), figure(one.gain), span((one.low, one.high)),
             "–" if one.better is None else f"{one.better:.1%}")
            for one in found.differences
        )  # fmt: skip
        blocks.append(Plain(text=f"Both on the same {counted(found.rows, 'row')}, from which neither had learnt."))
        blocks.append(Table(heads=("metric", a, b, "gain", "95 % interval", f"{b} is better"), rows=rows, right=(1, 2, 3, 4, 5)))
        return blocks
    own = tuple((name, figure(pair[0]), figure(pair[1])) for name, pair in found.compared.metrics.items() if not name.startswith("loss_"))
    blocks.append(Notice(text=f"Not measured on the same rows: {found.because}. These are each version's own figures."))
    return [*blocks, Table(heads=("metric", a, b), rows=own, right=(1, 2))]


def _known(found: SideBySide) -> list[Block]:
    known = found.known
    if known is None:
        told = f"Not compared: {found.known_because}."
    else:
        told = (
            f"Of {counted(known.rows, 'row')} stored with {known.of}, the other answers {known.changed:.1%} otherwise; its answers move by "
            f"{figure(known.mean)} on average and by {figure(known.largest)} at most."
        )
    return [Heading(text="Answers to known rows"), Plain(text=told)]


def _differ(found: SideBySide) -> list[Block]:
    a, b = found.compared.a, found.compared.b
    rows = [
        ("rows", f"{a.trained_rows:,}", f"{b.trained_rows:,}"), ("until", moment(a.trained_until), moment(b.trained_until)),
        ("data", a.data_fingerprint[:12] or "–", "the same" if found.compared.same_data else b.data_fingerprint[:12] or "–"),
        ("features", a.schema_digest[:12], "the same" if found.compared.same_features else b.schema_digest[:12]),
        ("commit", (a.git_commit or "–")[:12], (b.git_commit or "–")[:12]),
        ("size", f"{a.size_bytes:,} bytes", f"{b.size_bytes:,} bytes"), ("because", a.because, b.because),
    ]  # fmt: skip
    blocks: list[Block] = [Heading(text="What they were made of"), Table(heads=("", a.number, b.number), rows=tuple(rows))]
    for title, pairs in (("Settings that differ", found.parameters), ("Libraries that differ", found.compared.libraries)):
        if pairs:
            facts = tuple((name, f"{one or 'none'} → {other or 'none'}") for name, (one, other) in pairs.items())
            blocks += [Heading(text=title), Facts(facts=facts)]
    return blocks if found.compared.libraries else [*blocks, Plain(text="Both were trained with the same libraries.")]
