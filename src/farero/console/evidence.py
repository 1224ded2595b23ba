"""Why something was decided, for the pages: what was known, how a contest went, and what each question to a candidate came to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from farero.console.i18n import Words, catalogue
from farero.core import whiskers
from farero.core.contest import Difference
from farero.core.gate import Verdict
from farero.core.guards import Check
from farero.core.measured import Measured


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """One figure that a decision was made from; `named` says whether `name` is in the page's language or the figure's own."""

    name: str
    named: bool
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Gain:
    """What a candidate gained on one metric. `drawing`: the gain with its interval beside zero; empty where there is none."""

    name: str
    current: str
    candidate: str
    gain: str
    sure: str
    drawing: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One question to a candidate and what came of it; `css` colours the answer."""

    name: str
    css: str
    answer: str
    because: str


def known(inputs: Mapping[str, float | str | bool | None], words: Words) -> tuple[Known, ...]:
    """The figures of a decision, without those that were not there."""
    found: list[Known] = []
    for name, value in inputs.items():
        if value is None or value == "":
            continue
        key = f"known.{name}"
        named = key in catalogue(words.lang)
        found.append(Known(name=words(key) if named else name, named=named, text=_text(value, words)))
    return tuple(found)


def gains(verdict: Verdict, words: Words) -> tuple[Gain, ...]:
    """Every metric of a contest, those of the gate first and with their intervals."""
    named = {one.metric for one in verdict.differences}
    others = [
        Difference(metric=name, current=pair.get("current"), candidate=pair.get("candidate"))
        for name, pair in verdict.metrics.items()
        if name not in named
    ]
    return tuple(_gain(one, words) for one in (*verdict.differences, *others))


def asked(verdict: Verdict, words: Words) -> tuple[Asked, ...]:
    """Every question to the candidate."""
    return tuple(_asked(check, words) for check in verdict.checks)


def _gain(found: Difference, words: Words) -> Gain:
    measured = Measured(name=found.metric, value=found.gain, low=found.low, high=found.high, rows=found.rows)
    drawing = ""
    if found.gain is not None:
        far = max(abs(end) for end in (found.gain, found.low or 0.0, found.high or 0.0)) or 1.0
        drawing = whiskers.cell(measured, -far, far, 0.0)
    span = f" ({words.number(found.low)} … {words.number(found.high)})" if found.low is not None and found.high is not None else ""
    return Gain(
        name=words("metric." + found.metric), current=words.number(found.current), candidate=words.number(found.candidate),
        gain="–" if found.gain is None else f"{words.number(found.gain)}{span}",
        sure="–" if found.better is None else words.share(found.better), drawing=drawing,
    )  # fmt: skip


def _asked(check: Check, words: Words) -> Asked:
    css, answer = {True: ("good", "passed"), False: ("high", "failed"), None: ("calm", "not-asked")}[check.passed]
    return Asked(name=check.name, css=css, answer=words(f"check.{answer}"), because=check.because)


def _text(value: float | str | bool, words: Words) -> str:
    if isinstance(value, bool):
        return words("yes" if value else "no")
    if isinstance(value, int):
        return words.whole(value)
    return words.number(value) if isinstance(value, float) else value
