"""A stand-in for App with whatever state a page shall show: states that would take a real installation months to reach."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import farero as fa
from farero.core.canary import Compared
from farero.core.contest import Difference
from farero.core.endpoint import Endpoint, Route
from farero.core.finding import Finding
from farero.core.gate import Verdict
from farero.core.guards import Check as Asked
from farero.core.health import Check, Health, ModelHealth, worst_status
from farero.core.incident import Event, Incident
from farero.core.label import LabelReceipt, LabelRow
from farero.core.observation import ColumnDrift, DriftVerdict, Observation
from farero.core.policy import Decision
from farero.core.prediction import Answer, Served
from farero.core.rollout import Passage, Rollout, RolloutRule, Stage
from farero.core.run import Run, RunNotes, RunStep
from farero.core.schema import check_rows
from farero.core.version import Move, Version
from farero.core.window import Window
from farero.errors import BadInput, EndpointNotFound, IncidentNotFound, ModelNotFound, NotReady, SchemaMismatch, VersionNotFound, counted
from farero.serving.meters import Meters

START = datetime(2011, 7, 4, tzinfo=UTC)


class Hour(fa.Features):
    season: str = fa.choice("spring", "summer", "autumn", "winter")
    hr: float = fa.number(unit="h", min=0, max=23)
    workingday: bool = fa.flag()
    weathersit: str = fa.choice("clear", "mist", "rain", "storm")
    temp: float = fa.number(unit="°C", min=-20, max=50)
    hum: float = fa.number(unit="%", min=0, max=100)
    windspeed: float = fa.number(unit="km/h", min=0, missing="allowed")
    email: str = fa.personal("drop")


def train(data: fa.TrainingSet) -> Any:
    raise NotImplementedError


def bikes() -> fa.Project:
    return fa.Project(
        model="bikes",
        features=Hour,
        train=train,
        label=fa.Number("cnt", unit="bikes", arrives_within="1h"),
        monitors=[fa.Drift(), fa.Performance("mae", max=60)],
        policy=fa.Policy(window="1w", gate=fa.Gate("mae", gain=0.5)),
    )


def late() -> fa.Project:
    return fa.Project(
        model="flights",
        features=Hour,
        train=train,
        label=fa.Binary("late", arrives_within="1d"),
        monitors=[fa.Performance("roc_auc", min=0.6)],
    )


def fresh() -> fa.Project:
    return fa.Project(model="churn", features=Hour, train=train, label=fa.Binary("cancelled", arrives_within="30d"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    decision: Decision
    candidate: str | None = None
    verdict: Verdict | None = None


class Standin:
    """The same methods as App; the state is in plain attributes, for a test to set."""

    def __init__(self, *projects: fa.Project) -> None:
        self.root = Path("/nowhere")
        self.settings = SimpleNamespace(server=SimpleNamespace(max_body_bytes=1 << 20, max_rows=1000), worker=SimpleNamespace(tick_s=5.0))
        self._projects = {project.model: project for project in projects}
        self.seen: dict[str, list[Observation]] = {name: [] for name in self._projects}
        self.stored: dict[str, list[Version]] = {name: [] for name in self._projects}
        self.history: dict[str, list[Move]] = {name: [] for name in self._projects}
        self.decided: dict[str, list[Decided]] = {name: [] for name in self._projects}
        self.trouble: list[Incident] = []
        self.routed: list[Endpoint] = [Endpoint(name=name, model=name) for name in self._projects]
        self.under_way: list[Rollout] = []
        self.trained: list[Run] = []
        self.recorded = 0
        self.fails_with: Exception | None = None
        self.meters = Meters(None, "test")

    @property
    def models(self) -> tuple[str, ...]:
        return tuple(self._projects)

    def project(self, model: str) -> fa.Project:
        if model not in self._projects:
            raise ModelNotFound(f"There is no model {model!r} in this installation.", hint=f"There are: {', '.join(self.models)}.")
        return self._projects[model]

    def only_model(self, model: str | None) -> str:
        if model is not None:
            return self.project(model).model
        if len(self.models) > 1:
            raise BadInput("This installation has several models.", hint=f"Name one: {', '.join(self.models)}.")
        return self.models[0]

    def model_behind(self, endpoint: str) -> str | None:
        return endpoint if endpoint in self._projects else None

    def is_resting(self, model: str, endpoint: str = "predict") -> bool:
        return False

    def look_for_endpoint(self, name: str) -> str:
        raise EndpointNotFound(f"There is no endpoint {name}.")

    def predict(
        self, model: str, rows: Sequence[object], *, request_id: str | None = None, endpoint: str = "predict", prefix: str = "rows",
        in_time: Callable[[], bool] = lambda: True,
    ) -> Served:  # fmt: skip
        if self.fails_with is not None:
            raise self.fails_with
        checked = check_rows(self.project(model).schema, rows, prefix=prefix)
        if checked.faults:
            told = f"{counted(len(checked.faults), 'fault')} in {counted(len(rows), 'row')}"
            raise SchemaMismatch(f"{told}; nothing was predicted.", faults=checked.faults)
        production = self._production(model)
        if production is None:
            raise NotReady(f"No version of {model} is in production.", hint="Train one with: farero train DATA.")
        self.recorded += len(rows)
        binary = self.project(model).label_spec.kind == "binary"
        answer = Answer(prediction=1, probability=0.8, risk_level="high") if binary else Answer(prediction=161.5)
        return Served(request_id=request_id or "made-up", model=model, version=production.number, predictions=(answer,) * len(rows))

    def health(self) -> Health:
        models = [self._health(name) for name in self.models]
        checks = (Check(name="state", status="healthy", detail="sqlite"),)
        return Health(
            status=worst_status([m.status for m in models]), version="0.1.0", uptime_s=5025.0, models=tuple(models), checks=checks
        )

    def label(self, model: str, rows: Sequence[LabelRow]) -> LabelReceipt:
        unknown = tuple(
            f"labels[{i}]: no prediction has the request id {row.request_id}" for i, row in enumerate(rows) if row.request_id == "unknown"
        )
        return LabelReceipt(stored=len(rows) - len(unknown), duplicates=0, unknown=unknown)

    def versions(self, model: str) -> list[Version]:
        self.project(model)
        return self.stored[model]

    def version(self, model: str, number: str) -> Version:
        for version in self.versions(model):
            if version.number == number:
                return version
        raise VersionNotFound(f"{model} has no version {number!r}.")

    def moves(self, model: str, number: str | None = None) -> list[Move]:
        return [move for move in self.history[model] if number in (None, move.number)]

    def promote(
        self, model: str, number: str, *, to: str = "production", by: str, because: str, force: bool = False, at_once: bool = False
    ) -> Version:  # fmt: skip
        return self.version(model, number)

    def rollback(self, model: str, *, to: str | None = None, by: str, because: str) -> Version:
        back = self.version(model, to or self.history[model][0].number)
        changed = {"production": "archived", back.number: "production"}
        self.stored[model] = [
            replace(version, state=changed.get(version.number, changed.get(version.state, version.state)))  # type: ignore[arg-type]
            for version in self.stored[model]
        ]
        move = Move(model=model, number=back.number, source="archived", target="production", at=START, by=by, because=because)
        self.history[model].append(move)
        return self.version(model, back.number)

    def endpoints(self, model: str | None = None) -> list[Endpoint]:
        return [endpoint for endpoint in self.routed if model in (None, endpoint.model)]

    def rollouts(self, model: str | None = None, last: int | None = 50) -> list[Rollout]:
        return [rollout for rollout in self.under_way if model in (None, rollout.model)][:last]

    def run(self, id: str) -> tuple[Run, RunNotes]:
        found = next(run for run in self.trained if run.id == id)
        step = RunStep(name="train", started=found.started, finished=found.finished)
        return found, RunNotes(steps=(step,), output=f"{id} learns\n", left_out=1200)

    def observations(self, model: str, last: int | None = None) -> list[Observation]:
        self.project(model)
        return self.seen[model][-last:] if last else self.seen[model]

    def incidents(self, model: str | None = None, last: int | None = 100) -> list[Incident]:
        return [incident for incident in self.trouble if model in (None, incident.model)][:last]

    def incident(self, id: str) -> Incident:
        for incident in self.trouble:
            if incident.id == id:
                return incident
        raise IncidentNotFound(f"There is no incident {id!r}.")

    def accept(self, id: str, *, by: str, note: str = "") -> Incident:
        known = self.incident(id)
        return replace(known, resolved=known.opened).with_event(known.opened, "resolved", by, note)

    def acknowledge(self, id: str, *, by: str, note: str = "") -> Incident:
        return replace(self.incident(id), acknowledged_by=by)

    def decisions(self, model: str, last: int | None = 100) -> list[Decided]:
        self.project(model)
        return self.decided[model][:last]

    def runs(self, model: str | None = None, last: int | None = 50) -> list[Run]:
        return [run for run in self.trained if model in (None, run.model)][:last]

    def tick(self) -> None: ...

    def refresh(self) -> None: ...

    def close(self) -> None: ...

    def _production(self, model: str) -> Version | None:
        return next((version for version in self.stored[model] if version.state == "production"), None)

    def _health(self, name: str) -> ModelHealth:
        production = self._production(name)
        grave = [i for i in self.incidents(name) if i.resolved is None]
        return ModelHealth(
            model=name,
            status="unhealthy" if production is None else "degraded" if grave else "healthy",
            version=production.number if production else None,
            loaded=production is not None,
            engine="original" if production else None,
            engine_detail="PCA is not among the steps that are compiled." if production else "",
            predictions=168 * len(self.seen[name]),
            because=grave[0].because if grave else "" if production else "no version in production",
        )


def version(model: str, number: str, state: Any, at: datetime) -> Version:
    return Version(
        model=model,
        number=number,
        state=state,
        digest="9f2c" * 16,
        size_bytes=1_482_112,
        created_at=at,
        trained_until=at,
        trained_rows=4344,
        data_fingerprint="ab" * 32,
        schema_digest="cd" * 32,
        origin=f"train/{number}",
        because="drift in temp; mae 71.2 is 29 % above its baseline 55.1",
        metrics={"mae": 48.21, "rmse": 71.8},
        environment={"python": "3.11", "scikit-learn": "1.7"},
    )


def lived(windows: int = 70) -> Standin:
    """Three models: bikes with a year and more of weeks, flights healthy, churn without any version."""
    app = Standin(bikes(), late(), fresh())
    app.seen["bikes"] = [_week(index, windows) for index in range(windows)]
    app.seen["flights"] = [_day(index) for index in range(90)]
    numbers = list(dict.fromkeys(seen.version for seen in app.seen["bikes"]))
    for index, number in enumerate(numbers):
        at = next(seen.window.start for seen in app.seen["bikes"] if seen.version == number)
        app.stored["bikes"].insert(0, version("bikes", number, "production" if index == len(numbers) - 1 else "archived", at))
        why = "first version" if index == 0 else "beats production: mae 48.2 against 55.1 on 412 held-out rows"
        app.history["bikes"] += [
            Move(model="bikes", number=number, source=None, target="candidate", at=at, by="farero", because="trained"),
            Move(model="bikes", number=number, source="candidate", target="staging", at=at, by="farero", because=why),
            Move(model="bikes", number=number, source="staging", target="production", at=at, by="farero" if index else "ana", because=why),
        ]
        app.trained.insert(
            0,
            Run(
                id=f"run-{index}",
                model="bikes",
                kind="retrain",
                started=at,
                finished=at + timedelta(seconds=4),
                status="succeeded",
                version=number,
                because=why,
            ),
        )
    app.stored["bikes"].insert(1, replace(version("bikes", "1.9.0", "rejected", START), because="worse than production"))
    app.stored["flights"] = [version("flights", "1.0.0", "production", START)]
    for index, seen in enumerate(app.seen["bikes"]):
        app.decided["bikes"].insert(0, _decision(seen, retrain=index > 0 and seen.version != app.seen["bikes"][index - 1].version))
    app.trouble = _incidents(app.seen["bikes"])
    return app


def _week(index: int, windows: int) -> Observation:
    random_ = random.Random(index)
    start = START + timedelta(weeks=index)
    part = index * 4 // windows
    age = index - part * windows // 4
    mae = 46 + 5 * math.sin(index / 3) + age * 1.6 + random_.gauss(0, 2)
    warm = math.sin((index + 20) / 52 * 2 * math.pi)
    columns = tuple(_column(name, warm, random_) for name in ("season", "hr", "workingday", "weathersit", "temp", "hum", "windspeed"))
    drifted = tuple(column.name for column in columns if column.drift)
    verdict = DriftVerdict(
        alarm=bool(drifted), score=len(drifted) / 7, rule="guarded", features=drifted, because=f"{', '.join(drifted) or 'nothing'} moved"
    )
    return Observation(
        window=Window(start=start, end=start + timedelta(weeks=1)),
        version=f"1.{part}.0",
        rows=168,
        labelled=168 if index < windows - 1 else 120,
        metrics={"mae": mae, "rmse": mae * 1.45, "r2": 0.91 - mae / 800, "mape": 0.31},
        drift=verdict,
        columns=columns,
    )


def _day(index: int) -> Observation:
    start = datetime(2013, 4, 1, tzinfo=UTC) + timedelta(days=index)
    random_ = random.Random(1000 + index)
    auc = 0.69 + random_.gauss(0, 0.015)
    columns = tuple(_column(name, 0.0, random_) for name in ("season", "hr", "workingday", "temp"))
    return Observation(
        window=Window(start=start, end=start + timedelta(days=1)),
        version="1.0.0",
        rows=912,
        labelled=880,
        metrics={"roc_auc": auc, "accuracy": 0.8, "f1": 0.31, "log_loss": 0.48, "brier": 0.15, "precision": 0.4, "recall": 0.26},
        drift=DriftVerdict(alarm=False, score=0.0, rule="guarded", features=(), because="nothing moved"),
        columns=columns,
    )


def _column(name: str, warm: float, random_: random.Random) -> ColumnDrift:
    pull = {"temp": 0.5, "season": 0.62, "hum": 0.18}.get(name, 0.05)
    distance = min(0.95, abs(warm) * pull + abs(random_.gauss(0.02, 0.015)))
    kind = "choice" if name in ("season", "weathersit") else "flag" if name == "workingday" else "number"
    psi = distance**2 * 3
    return ColumnDrift(
        name=name,
        kind=kind,
        drift=distance > 0.3,
        ks=distance if kind == "number" else None,
        p_value=0.2 if distance < 0.3 else 1e-9,
        psi=psi,
        psi_reading="stable" if psi < 0.1 else "moderate" if psi < 0.25 else "large",
        jensen_shannon=distance,
        wasserstein=distance * 9 if kind == "number" else None,
        mean=(15.1, 15.1 + warm * 9) if kind == "number" else None,
    )


def _decision(seen: Observation, *, retrain: bool) -> Decided:
    why = (
        ("drift in temp, season", "mae 71.2 is 29 % above the baseline 55.1")
        if retrain
        else ("nothing calls for it: mae 52.0 is within 5 % of its baseline 50.9", "9 days since the last training")
    )
    decision = Decision(at=seen.window.end, action="retrain" if retrain else "keep", because=why, policy="farero", window=seen.window)
    if not retrain:
        return Decided(decision=decision)
    verdict = Verdict(
        accepted=True, metric={"current": 55.1, "candidate": 48.2}, because=("48.2 against 55.1 on 412 held-out rows",), rows=412
    )
    return Decided(decision=decision, candidate=seen.version, verdict=verdict)


def _incidents(seen: list[Observation]) -> list[Incident]:
    finding = Finding(
        kind="DATA_DRIFT", subject="temp", severity="high", value=0.48, limit=0.1, because="temp moved by 0.48 KS, limit 0.10"
    )
    found = []
    places = [(len(seen) * first // 70, len(seen) * last // 70) for first, last in ((8, 15), (22, 33), (48, 57))]
    for number, (first, last) in enumerate([*places, (len(seen) - 3, None)]):
        opened = seen[first].window.end
        resolved = seen[last].window.end if last is not None and last < len(seen) else None
        events = [
            Event(at=opened, kind="opened", by="farero", text=finding.because),
            Event(at=opened + timedelta(weeks=1), kind="seen", by="farero", text="season moved"),
        ]
        if resolved:
            events += [Event(at=resolved, kind="resolved", by="farero", text="2 windows in a row without it")]
        found.insert(
            0,
            Incident(
                id=f"inc-{number}",
                model="bikes",
                kind="DATA_DRIFT" if number % 2 == 0 else "PERFORMANCE_DEGRADATION",
                severity=("high", "critical", "medium", "high")[number],
                opened=opened,
                resolved=resolved,
                because=finding.because,
                version=seen[first].version,
                subjects=("temp", "season"),
                timeline=tuple(events),
                acknowledged_by="ana" if number == 1 else None,
            ),
        )
    return found


def rolling(app: Standin) -> Standin:
    """The same, with a canary of the bikes on its way: it answers 25 % of the requests, and is a little slow."""
    production = next(version.number for version in app.stored["bikes"] if version.state == "production")
    number, at = "1.4.0", START + timedelta(days=400)
    app.stored["bikes"].insert(0, replace(app.stored["bikes"][0], number=number, state="staging", origin="loop/new"))
    share = Route(version=number, share=25.0, name="canary")
    app.routed = [
        Endpoint(name="bikes", model="bikes", routes=(Route(version="production", share=75.0), share), sticky=True, revision=3),
        Endpoint(name="offers", model="bikes", routes=(Route(version="1.2.0", share=100.0),), shadow=(number,), revision=1),
    ]
    compared = (
        Compared(kind="errors", new=0.0, old=0.0, rows=(1250, 3750), log_evidence=0.1, limit=5.3, because="0 of 1,250 failed"),
        Compared(kind="latency", new=0.09, old=0.05, rows=(1250, 3750), log_evidence=3.1, limit=5.3, because="9 % are slow"),
    )
    stages = (
        Stage(kind="staging", since=at), Stage(kind="smoke", since=at), Stage(kind="approval", since=at),
        Stage(kind="canary", share=5.0, since=at),
    )  # fmt: skip
    app.under_way = [
        Rollout(
            model="bikes", number=number, against=production, by="farero", because="mae 48.2 against 55.1 on 300 held-out rows",
            rule=RolloutRule(steps=(5.0, 25.0, 50.0)), status="running", started=at, id=1,
            stage=Stage(kind="canary", share=25.0, since=at + timedelta(hours=1)), passed=stages,
            history=(
                Passage(at=at, stage="staging", action="begin", because=("it won its contest",)),
                Passage(
                    at=at + timedelta(hours=1), stage="canary 5 %", action="advance", because=("500 requests at 5 %: no worse",),
                    compared=compared,
                ),
            ),
        )
    ]  # fmt: skip
    app.decided["bikes"].insert(0, contested(app.decided["bikes"][0].decision.window))
    return app


def contested(window: Window) -> Decided:
    """A decision to retrain, with everything that a verdict can hold."""
    inputs: dict[str, float | str | bool | None] = {
        "production": "1.3.0", "drift_alarm": True, "performance": 71.25, "baseline": 48.2, "new_labelled": 1512, "of_tomorrow": 2.5,
        "last_training": None,
    }  # fmt: skip
    verdict = Verdict(
        accepted=True, metric={"current": 55.1, "candidate": 48.2}, because=("mae 48.2 against 55.1",), rows=300, against="1.3.0",
        metrics={"mae": {"current": 55.1, "candidate": 48.2}, "rmse": {"current": 80.0, "candidate": 74.5}},
        checks=(
            Asked(name="gain", passed=True, because="a gain of 6.9"), Asked(name="scan", passed=None, because="nothing to scan"),
            Asked(name="pace", passed=False, because="12 times as slow"),
        ),
        differences=(
            Difference(metric="mae", current=55.1, candidate=48.2, gain=6.9, low=4.1, high=9.8, better=0.999, rows=300, method="betting"),
        ),
    )  # fmt: skip
    decision = Decision(
        at=window.end + timedelta(hours=1), action="retrain", because=("mae is 71.2, the surest baseline is 48.2",), policy="farero",
        window=window, inputs=inputs,
    )  # fmt: skip
    return Decided(decision=decision, candidate="1.4.0", verdict=verdict)
