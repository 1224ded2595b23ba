"""Values to store, with everything a test does not care about filled in."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from farero.core.finding import Finding
from farero.core.incident import Incident
from farero.core.observation import ColumnDrift, DriftVerdict, Observation
from farero.core.policy import Action, Decision
from farero.core.version import State, Version
from farero.core.window import Window
from farero.ports import Message
from farero.store import versions
from farero.store.database import Connection
from farero.store.labels import StoredLabel

T0 = datetime(2024, 5, 1, 12, 30, 15, 123456, tzinfo=UTC)
DAY = timedelta(days=1)


def day(number: int) -> Window:
    """The so-maniest day from a Wednesday on."""
    start = datetime(2024, 5, 1, tzinfo=UTC) + number * DAY
    return Window(start=start, end=start + DAY)


def version(
    number: str = "1.0.0", *, model: str = "churn", origin: str | None = None, metrics: Mapping[str, float] | None = None
) -> Version:
    return Version(
        model=model,
        number=number,
        state="candidate",
        digest=f"digest-{number}",
        size_bytes=3_000_000_000,
        created_at=T0,
        trained_until=T0 - DAY,
        trained_rows=1234,
        data_fingerprint="f00d",
        schema_digest="beef",
        origin=origin or f"train/{number}",
        because="the first one",
        metrics={"roc_auc": 0.83} if metrics is None else metrics,
        environment={"python": "3.11", "scikit-learn": "1.7"},
        tags={"owner": "ana"},
        git_commit="abc123",
    )


def move(conn: Connection, number: str, source: State, target: State, *, model: str = "churn", because: str = "asked for") -> Version:
    return versions.move(conn, model, number, source=source, target=target, at=T0, by="ana", because=because)


def to_production(conn: Connection, number: str, *, model: str = "churn") -> Version:
    """Add a version and take it all the way."""
    versions.add(conn, version(number, model=model))
    move(conn, number, "candidate", "staging", model=model)
    return move(conn, number, "staging", "production", model=model)


def observation(number: int, *, labelled: int = 0, metrics: Mapping[str, float] | None = None) -> Observation:
    return Observation(
        window=day(number),
        version="1.0.0",
        rows=480,
        labelled=labelled,
        metrics=metrics or {},
        drift=DriftVerdict(alarm=True, score=0.5, rule="guarded", features=("tenure",), because="tenure moved"),
        columns=(
            ColumnDrift(name="tenure", kind="number", drift=True, ks=0.4, psi=float("inf"), mean=(1.0, None), new_categories=("a", "b")),
        ),
        findings=(
            Finding(kind="DATA_DRIFT", subject="tenure", severity="high", value=float("inf"), limit=0.1, because="tenure moved by 0.4"),
        ),
    )


def incident(id: str = "churn-1", *, model: str = "churn", opened: datetime = T0, resolved: datetime | None = None) -> Incident:
    found = Incident(
        id=id, model=model, kind="DATA_DRIFT", severity="high", opened=opened, because="tenure moved", version="1.0.0",
        subjects=("tenure",), resolved=resolved,
    )  # fmt: skip
    return found.with_event(opened, "opened", "farero", "tenure moved")


def decision(number: int, *, action: Action = "keep", policy: str = "farero") -> Decision:
    window = day(number)
    inputs = {"drift_share": 0.5, "drift_alarm": True, "metric": "roc_auc", "baseline": None}
    return Decision(at=window.end, action=action, because=("no drift", "no fall"), policy=policy, window=window, inputs=inputs)


def message(id: str = "m1", at: datetime = T0) -> Message:
    return Message(id=id, event="incident.opened", severity="high", title="drift", text="tenure moved", model="churn", at=at)


def label(request_id: str = "r1", row: int = 0, value: float = 1.0, *, predicted_at: datetime = T0, later: timedelta = DAY) -> StoredLabel:
    """A label that is known and received `later` than its prediction."""
    known = predicted_at + later
    return StoredLabel(request_id=request_id, row=row, value=value, predicted_at=predicted_at, known_at=known, received_at=known, key="c7")
