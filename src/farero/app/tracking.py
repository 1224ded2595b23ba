"""The tracker and its registry of models: the part of App that copies our record there, and fetches models from there."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from farero.app.recording import Recording
from farero.core.tracking import TrackingStatus
from farero.core.version import Version
from farero.errors import BadInput
from farero.replay import history as recorded
from farero.telemetry import log

if TYPE_CHECKING:
    from farero.flow.track import Track
    from farero.loop import Loop
    from farero.ports import Clock

_URI = re.compile(r"(models|runs):/\S+")


class Tracking(Recording):
    """What has to do with a tracker such as MLflow, and what is brought in from elsewhere."""

    _loops: Mapping[str, Loop]
    _clock: Clock
    _new_id: Callable[[], str]

    @property
    def tracks(self) -> bool:
        """Whether a tracker is named in farero.toml."""
        return bool(self._records.tracks)

    def track(self) -> int:
        """Tell the tracker what it does not have; returns how many things it was told. What fails waits and is tried again later."""
        return sum(track.write() for track in self._records.tracks.values())

    def track_pending(self) -> bool:
        """Whether there is something that it may be told now."""
        return any(track.pending() for track in self._records.tracks.values())

    def track_waiting(self, model: str) -> int:
        """How many things the tracker has not been told yet, those that failed included."""
        return self._records.tracks[model].waiting() if model in self._records.tracks else 0

    def tracking(self, model: str) -> TrackingStatus:
        """How the tracker stands to our record: what waits, and which aliases somebody moved.

        Raises:
            BadInput: no tracker is named.
        """
        return self._track(model).status()

    def reconcile(self, model: str) -> TrackingStatus:
        """Tell the tracker everything now, and put its aliases where they belong, whoever moved them."""
        return self._track(model).reconcile()

    def register(
        self, model: str, path: Path, *, by: str, because: str, trusted: Sequence[str] = (), reference: Path | None = None,
        time: str | None = None,
    ) -> Version:  # fmt: skip
        """A new candidate of a model file made elsewhere; `reference` holds labelled rows to measure it on.

        Raises:
            BadInput: the file is damaged, holds what is not allowed, or does not fit the project; names every fault.
        """
        project = self.project(model)
        now = self._clock.now()
        rows = recorded.for_training(reference, project.schema, project.label_spec, time=time, now=now) if reference else None
        origin = f"register/{self._new_id()}"
        return self._loops[model].register.bring(path, origin=origin, by=by, because=because, trusted=trusted, reference=rows)

    def register_from(
        self, model: str, uri: str, *, by: str, because: str, trusted: Sequence[str] = (), reference: Path | None = None,
        time: str | None = None,
    ) -> Version:  # fmt: skip
        """A new candidate of a model that the tracker holds; it is scanned and tried like any other file.

        Args:
            uri: `models:/name/3`, `models:/name@alias` or `runs:/id/path`.

        Raises:
            BadInput: the tracker holds no such model, or it may not be brought in.
            TrackerUnavailable: it does not answer.
        """
        self.project(model)
        tracker = self._records.tracker
        if tracker is None:
            raise BadInput(f"{uri} is in MLflow, and farero.toml names none.", hint='Add [tracking] with uri = "http://…" to it.')
        with tempfile.TemporaryDirectory(prefix="farero-fetched-") as name:
            path = tracker.fetch(uri, Path(name))
            log("track.fetched", model=model, uri=uri)
            return self.register(
                model, path, by=by, because=because or f"brought in from {uri}", trusted=trusted, reference=reference, time=time
            )

    def _track(self, model: str) -> Track:
        self.project(model)
        if model not in self._records.tracks:
            raise BadInput("farero.toml names no tracker.", hint='Add [tracking] with uri = "sqlite:///mlflow.db" or "http://…" to it.')
        return self._records.tracks[model]


def is_tracked(text: str) -> bool:
    """Whether a text names a model in a tracker, not a file.

    >>> is_tracked("models:/churn@production"), is_tracked("models/churn.pkl")
    (True, False)
    """
    return _URI.fullmatch(text) is not None
