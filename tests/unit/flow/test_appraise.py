"""The whole report on a log and labels in memory: what is counted, by what it is divided, and at which age."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.benches import DAY, T0

from farero.adapters.manual_clock import ManualClock
from farero.adapters.memory_log import MemoryLog
from farero.core.appraisal import Appraisal
from farero.core.label import LabelKind, LabelSpec
from farero.core.measured import Measured, measure
from farero.core.performance import METRICS
from farero.core.prediction import Outputs, Record
from farero.core.schema import Field, Schema
from farero.errors import BadInput
from farero.flow.appraise import Appraise, Judged
from farero.serving.privacy import log_shape
from farero.serving.stored import Labelled
from farero.store import labels
from farero.store.database import Store
from farero.store.labels import StoredLabel

SCHEMA = Schema(
    fields=(
        Field(name="age", kind="number", missing=True),
        Field(name="plan", kind="choice", levels=("a", "b"), missing=True, new_levels=True),
        Field(name="paperless", kind="flag"),
    )
)
METRIC: dict[LabelKind, str] = {"binary": "roc_auc", "classes": "accuracy", "number": "mae"}
CLASSES = ("north", "south", "west")
WITHIN = timedelta(days=5)
ROWS = 80


@dataclass
class Bench:
    """One model's log and labels, filled day by day."""

    kind: LabelKind
    metric: str = ""
    draw: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))

    def __post_init__(self) -> None:
        self.store = Store.memory(clock=ManualClock(T0))
        self.log = MemoryLog({"m": log_shape(SCHEMA, text_prediction=self.kind == "classes")})
        self.label = LabelSpec(name="y", kind=self.kind, arrives_within=WITHIN, classes=CLASSES if self.kind == "classes" else ())
        self.labels: dict[int, NDArray[np.float64]] = {}
        self.answers: dict[int, Outputs] = {}

    def day(
        self, number: int, *, version: str = "1.0.0", rows: int = ROWS, weak: Callable[[NDArray[Any], NDArray[Any]], Any] | None = None,
        delay_days: float = 1.0, order: bool = False,
    ) -> None:  # fmt: skip
        """Predictions over a day and their labels, each known after a time of its own; with `order`, bad rows' labels come last."""
        age, plan = self.draw.uniform(20, 80, rows), self.draw.integers(0, 2, rows)
        wrong = np.zeros(rows, dtype=bool) if weak is None else np.asarray(weak(age, plan))
        probability = self.draw.uniform(0.02, 0.98, rows)
        noise = self.draw.normal(0, 1, rows) * np.where(wrong, 6, 1)
        if self.kind == "number":
            value, truth = age, age + noise
        elif self.kind == "binary":
            value, truth = (probability >= 0.5) * 1.0, (self.draw.random(rows) < np.where(wrong, 1 - probability, probability)) * 1.0
        else:
            value = self.draw.integers(0, 3, rows).astype(float)
            truth = np.where(self.draw.random(rows) < probability, value, (value + 1) % 3)
        start = T0 + number * DAY
        times = [start + n * DAY / rows for n in range(rows)]
        self.log.append(
            "m",
            [
                Record(
                    model="m", version=version, request_id=f"d{number}-{version}", endpoint="test", time=start, times=times,
                    inputs={"age": age.tolist(), "plan": ["ab"[code] for code in plan], "paperless": [True] * rows},
                    prediction=[CLASSES[int(v)] for v in value] if self.kind == "classes" else value.tolist(),
                    probability=None if self.kind == "number" else probability.tolist(), keys=None, latency_us=1,
                )
            ],
            {},
        )  # fmt: skip
        delays = self.draw.exponential(delay_days * 86400, rows)
        if order:
            delays = np.sort(delays)[np.argsort(np.argsort(np.abs(truth - value)))]
        with self.store.write() as conn:
            labels.put(
                conn, "m",
                [
                    StoredLabel(
                        request_id=f"d{number}-{version}", row=n, value=float(truth[n]), predicted_at=times[n],
                        known_at=times[n] + timedelta(seconds=float(delays[n])), received_at=times[n],
                    )
                    for n in range(rows)
                ],
            )  # fmt: skip
        self.labels[number] = truth
        self.answers[number] = Outputs(value=value, probability=None if self.kind == "number" else probability)

    def report(self, at: datetime, **asked: Any) -> Appraisal:
        step = Appraise(
            model="m", schema=SCHEMA, label=self.label, metric=self.metric or METRIC[self.kind], window_size=DAY, seed=0, store=self.store,
            log=self.log,
        )  # fmt: skip
        return step.report(at=at, **asked)


def filled(kind: LabelKind, days: int = 30, **more: Any) -> Bench:
    made = Bench(kind=kind)
    for number in range(days):
        made.day(number, **more)
    return made


def names(metrics: tuple[Measured, ...]) -> list[str]:
    return [one.name for one in metrics]


@pytest.mark.row("M5")
@pytest.mark.parametrize("kind", METRIC)
def test_every_metric_is_measured_on_all_labelled_rows_with_days_that_belong_together(kind: LabelKind) -> None:
    bench = filled(kind)
    found = bench.report(T0 + 60 * DAY)
    assert (found.rows, found.labelled) == (30 * ROWS, 30 * ROWS)
    truth = np.concatenate([bench.labels[day] for day in range(30)])
    value = np.concatenate([bench.answers[day].value for day in range(30)])
    probability = None if kind == "number" else np.concatenate([bench.answers[day].probability for day in range(30)])  # type: ignore[misc]
    assert found.metrics == measure(kind, truth, Outputs(value=value, probability=probability), days=np.repeat(np.arange(30), ROWS))
    assert names(found.metrics) == [name for name, metric in METRICS.items() if kind in metric.kinds]
    assert (found.metric, found.higher_is_better) == (METRIC[kind], kind != "number")
    assert (found.calibration is None) == (kind == "number")
    if kind == "classes":
        assert found.calibration is not None
        assert found.calibration.of == "predicted class"
        assert {one.because for one in found.metrics if one.value is None} == {
            "the record keeps the probability of the predicted class only"
        }
    assert all(window.mature for window in found.windows)
    assert found.findings == found.caveats == ()


@pytest.mark.row("M5")
def test_labels_known_later_than_now_do_not_count_and_open_windows_say_so() -> None:
    bench = filled("number")
    found = bench.report(T0 + 30 * DAY)
    assert found.rows == 30 * ROWS
    assert found.labelled < found.rows
    newest, mature = found.windows[-1], found.windows[0]
    assert (newest.age_s, newest.mature, mature.mature) == (0.0, False, True)
    assert newest.labelled < mature.labelled
    assert newest.metric.rows == newest.labelled
    assert sum(not window.mature for window in found.windows) == 5
    assert "Labels may still come for 5 windows." in found.caveats[0]
    assert "no random sample" in found.caveats[0]
    assert newest.usual == pytest.approx(newest.share, abs=0.15)
    assert found.findings == ()


@pytest.mark.row("M5")
def test_an_open_window_is_compared_with_earlier_ones_by_the_labels_they_had_at_its_age() -> None:
    bench = filled("number", 20, order=True)  # the worst answers' labels come last
    found = bench.report(T0 + 20 * DAY)
    newest = found.windows[-1]
    assert newest.same_age is not None
    assert newest.same_age.value is not None
    assert newest.metric.value is not None
    whole = found.windows[5].metric.value
    assert whole is not None
    # Beside the mature windows it looks much better than it is; beside its equals in age it looks like them.
    assert newest.metric.value < 0.6 * whole
    assert newest.same_age.low is not None
    assert newest.same_age.high is not None
    assert newest.same_age.value == pytest.approx(newest.metric.value, rel=0.3)
    expected = sum(
        int(np.sum(bench_known(bench, day) <= (T0 + (day + 1) * DAY).timestamp())) for day in range(19)
    )  # each with the labels that were known when its day ended
    assert newest.same_age.rows == expected
    assert [round(one.age_s / 86400, 3) for one in found.ages] == [0.0, 0.625, 1.25, 2.5, 5.0]
    values = [one.metric.value or 0.0 for one in found.ages]
    assert values == sorted(values)
    assert values[0] < 0.6 * values[-1]
    assert [one.share for one in found.ages] == sorted(one.share for one in found.ages)


def bench_known(bench: Bench, number: int) -> NDArray[np.float64]:
    with bench.store.read() as conn:
        found = labels.between(conn, "m", T0 + number * DAY, T0 + (number + 1) * DAY, T0 + 99 * DAY)
    return np.asarray(found.known_us, dtype=np.float64) / 1e6


@pytest.mark.row("M5")
def test_rows_are_divided_by_the_features_asked_for_and_every_labelled_row_is_in_one_segment() -> None:
    found = filled("binary", 12).report(T0 + 60 * DAY, by=["plan", "age", "plan"])
    assert [divided.feature for divided in found.by] == ["plan", "age"]
    assert [sum(segment.rows for segment in divided.segments) for divided in found.by] == [12 * ROWS, 12 * ROWS]
    assert [segment.name for segment in found.by[0].segments] == ["a", "b"]
    assert "among twenty segments" in found.caveats[-1]


@pytest.mark.row("M5")
@pytest.mark.parametrize("kind", METRIC)
def test_a_planted_weak_segment_is_found_and_none_where_there_is_none(kind: LabelKind) -> None:
    assert filled(kind, 40).report(T0 + 60 * DAY).weak.segments == ()
    found = filled(kind, 40, weak=lambda age, plan: (age > 68) & (plan == 1)) if kind != "classes" else None
    if found is None:
        return
    weak = found.report(T0 + 60 * DAY).weak
    assert weak.searched > 10
    assert {one.feature for one in weak.segments[0].where} <= {"age", "plan"}
    assert any(one.segment.endswith("and above") for one in weak.segments[0].where)
    assert weak.segments[0].loss > weak.segments[0].rest_loss
    assert weak.segments[0].metric.rows == weak.segments[0].rows


@pytest.mark.row("M5")
def test_versions_are_told_apart_and_one_alone_can_be_asked_for() -> None:
    bench = Bench(kind="number")
    for number in range(20):
        bench.day(number, version="1.9.0" if number < 10 else "1.10.0", weak=None if number < 10 else lambda age, plan: age > 0)
    found = bench.report(T0 + 60 * DAY)
    assert [(one.version, one.rows) for one in found.versions] == [("1.9.0", 10 * ROWS), ("1.10.0", 10 * ROWS)]
    good, bad = (one.metric.value or 0.0 for one in found.versions)
    assert bad > 4 * good
    alone = bench.report(T0 + 60 * DAY, version="1.9.0")
    assert (alone.version, alone.rows, alone.labelled, len(alone.windows)) == ("1.9.0", 10 * ROWS, 10 * ROWS, 10)
    assert next(one.value for one in alone.metrics if one.name == "mae") == pytest.approx(good)


def test_what_judged_the_version_stands_beside_it() -> None:
    bench = filled("number", 12)
    draw = np.random.default_rng(0)
    truth = draw.normal(size=50)
    times = np.datetime64("2023-12-01", "us") + np.arange(50) * np.timedelta64(3600_000_000, "us")
    judged = Labelled(columns={}, times=times, known=times, labels=truth, versions=np.asarray([], dtype=np.str_),
                      outputs=Outputs(value=truth + 0.5))  # fmt: skip
    found = bench.report(T0 + 60 * DAY, judged=Judged(version="1.0.0", rows=judged))
    assert found.baseline_version == "1.0.0"
    assert [one.value for one in found.baseline if one.name == "mae"] == [pytest.approx(0.5)]
    assert bench.report(T0 + 60 * DAY).baseline == ()


@pytest.mark.row("M5")
def test_labels_that_stop_are_a_finding() -> None:
    bench = filled("number", 40)
    for number in range(40, 46):
        bench.day(number, delay_days=1e4)
    found = bench.report(T0 + 46 * DAY)
    assert [finding.kind for finding in found.findings] == ["LABELS_LATE"]
    assert [window.late for window in found.windows[-4:-1]] == [True, True, True]


def test_a_span_holds_what_was_predicted_in_it() -> None:
    bench = filled("number", 20)
    found = bench.report(T0 + 60 * DAY, start=T0 + 5 * DAY, end=T0 + 8 * DAY)
    assert (found.rows, len(found.windows), found.start, found.end) == (3 * ROWS, 3, T0 + 5 * DAY, T0 + 8 * DAY)
    assert "span 3 days" in found.caveats[0]
    for start, end in ((T0 + 8 * DAY, T0 + 8 * DAY), (T0 + 99 * DAY, None)):
        with pytest.raises(BadInput, match="Nothing can be predicted from"):
            bench.report(T0 + 60 * DAY, start=start, end=end)


def test_without_predictions_or_labels_the_report_says_what_to_do() -> None:
    bench = Bench(kind="binary")
    nothing = bench.report(T0 + DAY, by=["plan"])
    assert (nothing.rows, nothing.labelled, nothing.windows, nothing.ages, nothing.calibration) == (0, 0, (), (), None)
    assert {one.because for one in nothing.metrics} == {"no labelled rows"}
    bench.day(0, delay_days=1e4)
    waiting = bench.report(T0 + DAY)
    assert (waiting.rows, waiting.labelled) == (ROWS, 0)
    for found in (nothing, waiting):
        assert found.caveats == ("No label is known for these predictions. Hand labels in with: farero label FILE.",)
        assert "too few to search" in found.weak.because


@pytest.mark.parametrize("kind", METRIC)
def test_three_rows_make_a_report(kind: LabelKind) -> None:
    bench = Bench(kind=kind)
    bench.day(0, rows=3)
    found = bench.report(T0 + 60 * DAY, by=["age"])
    assert found.labelled == 3
    assert any("Only 3 labelled rows" in caveat for caveat in found.caveats)


def test_answers_without_a_usable_number_are_counted() -> None:
    bench = filled("binary", 12)
    bench.log.append(
        "m",
        [
            Record(
                model="m", version="1.0.0", request_id="odd", endpoint="test", time=T0, latency_us=1, keys=None,
                inputs={"age": [1.0, 2.0], "plan": ["a", "new"], "paperless": [True, False]}, prediction=[1.0, float("nan")],
                probability=[float("nan"), 0.5],
            )
        ],
        {},
    )  # fmt: skip
    with bench.store.write() as conn:
        known = [StoredLabel(request_id="odd", row=n, value=1.0, predicted_at=T0, known_at=T0, received_at=T0) for n in range(2)]
        labels.put(conn, "m", known)
    found = bench.report(T0 + 60 * DAY)
    assert found.caveats[:2] == (
        "1 labelled row without a finite answer left aside.",
        "1 labelled row without a probability from 0 to 1: left aside where a metric needs it.",
    )
    assert {one.name: one.rows for one in found.metrics}["accuracy"] == 12 * ROWS + 1
    assert {one.name: one.rows for one in found.metrics}["roc_auc"] == 12 * ROWS


def test_hours_over_months_are_put_together_into_days() -> None:
    bench = filled("number", 30)
    step = Appraise(
        model="m", schema=SCHEMA, label=bench.label, metric="mae", window_size=timedelta(hours=1), seed=0, store=bench.store, log=bench.log
    )  # fmt: skip
    found = step.report(at=T0 + 60 * DAY, start=T0)
    assert len(found.windows) == 30
    assert {window.end - window.start for window in found.windows} == {DAY}


def test_days_that_differ_are_told_of() -> None:
    bench = Bench(kind="number")
    for number in range(20):
        bench.day(number, weak=(lambda age, plan: age > 0) if number % 3 == 0 else None)
    (caveat,) = bench.report(T0 + 60 * DAY).caveats
    assert caveat.startswith("Days differ by more than chance.")


@pytest.mark.parametrize(("metric", "loss"), [("roc_auc", "log_loss"), ("f1", "f1"), ("brier", "brier")])
def test_segments_are_compared_by_the_metric_s_own_loss_where_a_row_has_one(metric: str, loss: str) -> None:
    bench = filled("binary", 12)
    bench.metric = metric
    assert bench.report(T0 + 60 * DAY).weak.loss == loss


def test_segments_are_compared_by_a_plainer_loss_where_the_metric_has_none() -> None:
    of_classes, of_zeros = filled("classes", 12), Bench(kind="number", metric="mape")
    of_classes.metric = "log_loss"
    assert of_classes.report(T0 + 60 * DAY).weak.loss == "accuracy"
    of_zeros.day(0)
    assert of_zeros.report(T0 + 60 * DAY).weak.loss == "mape"
    at = T0 + DAY
    of_zeros.log.append(
        "m",
        [
            Record(
                model="m", version="1.0.0", request_id="zero", endpoint="test", time=at, latency_us=1, keys=None, prediction=[1.0],
                inputs={"age": [1.0], "plan": ["a"], "paperless": [True]}, probability=None,
            )
        ],
        {},
    )  # fmt: skip
    with of_zeros.store.write() as conn:
        labels.put(conn, "m", [StoredLabel(request_id="zero", row=0, value=0.0, predicted_at=at, known_at=at, received_at=at)])
    assert of_zeros.report(T0 + 60 * DAY).weak.loss == "mae"
