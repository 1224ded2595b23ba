"""A detector at work: its evidence, and the alarms that still stand because what raised them has not gone back to what it was."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from farero.core import detector
from farero.core.detector import Alarm, Baseline, State
from farero.core.packed import pack, unpack
from farero.core.scores import Score, WindowScores


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Watch:
    """What one detector knows after a window.

    Attributes:
        state: its evidence; what raised an alarm is not counted again until it was back to normal for a while.
        standing: alarms whose scores have not been back to normal since, oldest first.
    """

    state: State
    standing: tuple[Alarm, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that stand in an alarm, those of the newest alarm first."""
        return tuple(dict.fromkeys(name for alarm in reversed(self.standing) for name in alarm.columns))

    def to_bytes(self) -> bytes:
        """This watch as bytes that `from_bytes` reads."""
        return pack(self)

    @classmethod
    def from_bytes(cls, data: bytes) -> Watch:
        """Read what `to_bytes` wrote.

        Raises:
            Corrupt: the bytes are something else.
        """
        return unpack(data, cls)


def begin(baseline: Baseline) -> Watch:
    """No evidence, and no alarm."""
    return Watch(state=detector.begin(baseline))


def look(watch: Watch, baseline: Baseline, window: WindowScores) -> Watch:
    """Take one more window into account.

    An alarm stands from the window that raised it until its scores were as they used to be for `detector.CALM_WINDOWS` windows in a row, or
    somebody says that it is the new normal. Meanwhile its columns raise no second alarm, and all others are watched as before. A window
    that is not newer than the last one changes nothing, so the same window may be taken twice.

    Raises:
        ValueError: the window was read on another reference.
    """
    if watch.state.last is not None and window.number <= watch.state.last:
        return watch
    state, alarm = detector.update(watch.state, baseline, window)
    standing = tuple(old for old in watch.standing if _stands(old, baseline, state))
    if alarm is None:
        return Watch(state=state, standing=standing)
    # Columns that stand in an alarm may speak again through others of their scores: no news.
    known = {name for old in standing for name in old.columns}
    if not known.issuperset(alarm.columns):
        standing = (*standing, alarm)
    return Watch(state=detector.answer(state, baseline, "still wrong"), standing=standing)


def settle(watch: Watch, baseline: Baseline) -> Watch:
    """Somebody said that this is the new normal: no alarm stands, and the evidence begins anew on a baseline of windows since then."""
    return Watch(state=replace(detector.begin(baseline), last=watch.state.last))


def _stands(alarm: Alarm, baseline: Baseline, state: State) -> bool:
    """Whether a score that the alarm named is still not what it used to be."""
    muted = {_key(score) for score in _muted(baseline, state)}
    return any((one.columns, one.kind, one.level) in muted for one in alarm.evidence)


def _muted(baseline: Baseline, state: State) -> list[Score]:
    scores = baseline.plan.scores
    stuck = [Score(columns=(column.name,), kind="constant", family="quality") for column in baseline.plan.columns]
    return [(*scores, *stuck)[place] for place in np.asarray(state.muted).tolist()]


def _key(score: Score) -> tuple[tuple[str, ...], str, str | None]:
    return score.columns, score.kind, score.level
