"""How to watch: the part of App that puts ways to watch side by side on recorded windows, and changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from farero.app.reading import Reading
from farero.core.tuning import Tuned
from farero.errors import NotReady
from farero.replay import monitors
from farero.store import versions

if TYPE_CHECKING:
    from farero.core.window import WindowSize
    from farero.serving.pool import Pool


class Tuning(Reading):
    """Monitors replayed on profiles alone."""

    _pool: Pool

    def monitors(
        self, model: str, *, data: Path | None = None, time: str = "", window: WindowSize | None = None, train_until: str = "0.25",
        start: datetime | None = None, end: datetime | None = None, progress: Callable[[float, str], None] = lambda share, words: None,
    ) -> Tuned:  # fmt: skip
        """How often ways to watch cry wolf, and how soon they see what changes.

        Args:
            data: rows to build profiles of, in windows of `window`; None = the windows stored for the version in production.
            time: the file's time column; `train_until` what of it is the reference.
            start, end: of stored windows; name a span that was normal.

        Raises:
            BadInput: the file cannot be used, or there are too few windows.
            NotReady: no file was named, and no version is in production.
        """
        project = self.project(model)
        asked = monitors.Question(
            model=model, schema=project.schema, size=window or project.window, models=len(self.models), seed=project.seed
        )
        if data is not None:
            return monitors.of_file(asked, data, time=time, until=train_until, progress=progress)
        with self._store.read() as conn:
            current = versions.production(conn, model)
        if current is None:
            raise NotReady(
                f"No version of {model} is in production.", hint="Name a file instead: farero tune DATA --time COLUMN.", model=model
            )
        return monitors.of_store(asked, self._store, self._pool.get(current, gate=False), start=start, end=end, progress=progress)
