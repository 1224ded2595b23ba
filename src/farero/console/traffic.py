"""Which versions answer, and a version's way to production, for the pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape

from farero.console.i18n import Words
from farero.core import rollout as stages
from farero.core.canary import Compared
from farero.core.endpoint import PRODUCTION, Endpoint
from farero.core.rollout import Passage, Rollout, Stage

WIDTH, HEIGHT = 600, 10
_SHADES = ("r0", "r1", "r2", "r3")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A version's part of an endpoint's requests."""

    version: str
    called: str
    share: str
    css: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """One endpoint. `bar` is a drawing of its parts."""

    name: str
    own: bool
    sticky: bool
    parts: tuple[Part, ...]
    shadow: tuple[str, ...]
    bar: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Station:
    """A stage of a rollout: behind it, where it stands, or ahead."""

    name: str
    css: str
    here: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One comparison of canary and production. `meter`: how far the evidence against the canary has come, drawn."""

    name: str
    new: str
    old: str
    rows: str
    stops: bool
    meter: str
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutView:
    """A version on its way."""

    number: str
    against: str | None
    status: str
    css: str
    by: str
    because: str
    started: datetime
    finished: datetime | None
    waits_for: str
    stations: tuple[Station, ...]
    measures: tuple[Measure, ...]
    history: tuple[Passage, ...]


def split(endpoint: Endpoint, production: str | None, words: Words) -> Split:
    """An endpoint with its parts; one without routes has production as its only one."""
    shares = [(route.version, route.name, route.share) for route in endpoint.routes] or [(PRODUCTION, "", 100.0)]
    parts = tuple(
        Part(
            version=(production or "–") if version == PRODUCTION else version,
            called=name or (words("state.production") if version == PRODUCTION else ""),
            share=words.share(share / 100),
            css=_SHADES[min(place, len(_SHADES) - 1)],
        )
        for place, (version, name, share) in enumerate(shares)
    )
    return Split(
        name=endpoint.name, own=endpoint.is_own, sticky=endpoint.sticky, parts=parts, shadow=endpoint.shadow,
        bar=_bar(parts, [share for _, _, share in shares]),
    )  # fmt: skip


def rollout(found: Rollout, words: Words) -> RolloutView:
    """A rollout with where it stands and what has been measured."""
    css = {"running": "medium", "waiting": "medium", "promoted": "good", "rolled-back": "high", "stopped": "calm"}[found.status]
    compared = next((passage.compared for passage in reversed(found.history) if passage.compared), ())
    return RolloutView(
        number=found.number, against=found.against, status=found.status, css=css, by=found.by, because=found.because,
        started=found.started, finished=found.finished, waits_for=found.waits_for, stations=_stations(found, words),
        measures=tuple(_measure(one, words) for one in compared), history=tuple(reversed(found.history)),
    )  # fmt: skip


def _stations(found: Rollout, words: Words) -> tuple[Station, ...]:
    behind = {(stage.kind, stage.share) for stage in found.passed}
    way = [Stage(kind=kind, share=share, since=found.started) for kind, share in stages.stages(found.rule)]
    made: list[Station] = []
    for stage in way:
        here = (stage.kind, stage.share) == (found.stage.kind, found.stage.share)
        done = (stage.kind, stage.share) in behind or (here and found.status == "promoted")
        broken = here and found.status in ("rolled-back", "stopped")
        css = "done" if done else "broken" if broken else "now" if here else "ahead"
        name = words("stage." + stage.kind)
        made.append(Station(name=f"{name} {words.share(stage.share / 100)}" if stage.kind == "canary" else name, css=css, here=here))
    return tuple(made)


def _measure(found: Compared, words: Words) -> Measure:
    far = min(max(found.log_evidence / found.limit, 0.0), 1.0) if found.limit > 0 else 0.0
    css = "full" if found.worse else "part"
    meter = (
        f'<svg class="meter {css}" viewBox="0 0 100 8" aria-hidden="true"><rect class="rail" width="100" height="8" rx="4"/>'
        f'<rect class="fill" width="{100 * far:.1f}" height="8" rx="4"/></svg>'
    )
    return Measure(
        name=words("compared." + found.kind), new=words.number(found.new), old=words.number(found.old),
        rows=f"{words.whole(found.rows[0])} / {words.whole(found.rows[1])}", stops=found.stops, meter=meter, because=found.because,
    )  # fmt: skip


def _bar(parts: Sequence[Part], shares: Sequence[float]) -> str:
    drawn = [f'<svg class="split" viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" aria-hidden="true">']
    at = 0.0
    for part, share in zip(parts, shares, strict=True):
        wide = WIDTH * share / 100
        drawn.append(f'<g class="hit"><title>{escape(part.version)} {escape(part.share)}</title>')
        drawn.append(f'<rect class="{part.css}" x="{at:.1f}" width="{wide:.1f}" height="{HEIGHT}"/>')
        drawn.append("</g>")
        at += wide
    drawn.append("</svg>")
    return "".join(drawn)
