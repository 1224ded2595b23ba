"""The past on today's reference: what `monitor --again` prints."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from farero.cli import output

if TYPE_CHECKING:
    from farero.app import App
    from farero.app.profiling import Recounted


def again(app: App, model: str, since: datetime | None, until: datetime | None, *, as_json: bool) -> None:
    """Count the windows of a span again for the version in production, and show how all of them together differ from its reference."""
    if as_json:
        output.emit(app.recount(model, start=since, end=until))
        return
    with output.progress(f"Windows of {model}, counted again") as move:
        found = app.recount(model, start=since, end=until, progress=lambda share, words: move(model, share, words))
        move(model, 1.0, "")
    _show(model, found)


def _show(model: str, found: Recounted) -> None:
    rows = []
    for column in found.columns:
        low, high = found.ks_within.get(column.name, (None, None))
        p_value = column.p_value if column.p_value is not None else column.chi2_p
        rows.append(
            [column.name, column.kind, low, high, p_value, column.psi, column.psi_reading, column.wasserstein_normalised,
             column.jensen_shannon]
        )  # fmt: skip
    names = ["column", "kind", "KS from", "to", "p", "PSI", "reading", "Wasserstein/σ", "JS"]
    title = f"{model} {found.version}: {found.rows} rows of {len(found.windows)} windows beside its reference"
    output.table(title, names, rows, right=[name for name in names if name not in ("column", "kind", "reading")])
