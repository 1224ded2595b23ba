from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from typing import Any, get_args

import pytest

import farero as fa
from farero.core.baseline import PRESETS
from farero.core.performance import METRICS
from farero.core.schema import Field
from farero.core.tuning import WATCHING
from farero.core.verdict import RULES
from farero.project import declare, watching


class Base(fa.Features):
    tenure: float = fa.number(unit="month", min=0)


class Customer(Base):
    charge: float = fa.number(max=10, missing="allowed")
    contract: str = fa.choice("monthly", "yearly", new="allow")
    paperless: bool = fa.flag()
    email: str = fa.personal("hash")


def train(data: fa.TrainingSet) -> Any:
    return data


def _project(label: Any, **options: Any) -> fa.Project:
    return fa.Project(model="m", features=Customer, train=train, label=label, **options)


BINARY = fa.Binary("y", arrives_within="30d", positive="Yes")


def test_a_project_has_a_schema_in_the_declared_order() -> None:
    project = _project(BINARY, key="customer")
    assert project.schema.key == "customer"
    assert project.schema.fields == (
        Field(name="tenure", kind="number", unit="month", min=0),
        Field(name="charge", kind="number", max=10, missing=True),
        Field(name="contract", kind="choice", levels=("monthly", "yearly"), new_levels=True),
        Field(name="paperless", kind="flag"),
        Field(name="email", kind="personal", privacy="hash", missing=True),
    )


def test_a_label_of_each_kind_is_understood() -> None:
    binary = _project(BINARY).label_spec
    assert (binary.name, binary.kind, binary.arrives_within, binary.positive) == ("y", "binary", timedelta(days=30), "Yes")
    number = _project(fa.Number("cnt", arrives_within="1h", unit="bike")).label_spec
    assert (number.kind, number.arrives_within, number.unit) == ("number", timedelta(hours=1), "bike")
    classes = _project(fa.Classes("plan", "a", "b", arrives_within="7d")).label_spec
    assert (classes.kind, classes.classes) == ("classes", ("a", "b"))


def test_defaults_fit_the_label() -> None:
    assert _project(BINARY).metric == "roc_auc"
    assert _project(fa.Number("n", arrives_within="1h")).metric == "mae"
    assert _project(fa.Classes("c", "a", "b", arrives_within="1h")).metric == "accuracy"
    project = _project(BINARY)
    assert (project.window.span, project.drift_rule, project.max_missing, project.floors, project.seed) == (
        timedelta(days=1),
        "sensitive",
        None,
        (),
        0,
    )
    assert (project.gate_rule.metric, project.gate_rule.gain) == ("roc_auc", 0.0)
    assert (project.rule.name, project.rule.cooldown, project.rule.min_rows) == ("farero", timedelta(days=7), 50)
    assert (project.thresholds.medium_from, project.thresholds.high_from) == (0.3, 0.7)
    assert project.drift_a_year == 1.0


@pytest.mark.row("M11")
def test_what_tune_recommends_can_be_declared() -> None:
    for one in WATCHING:
        if one.line is not None:
            project = _project(BINARY, monitors=[eval(one.line, {"fa": fa})])
            assert (project.drift_rule, project.drift_a_year) == (one.verdict, one.a_year or 1.0)


def test_what_is_declared_is_what_holds() -> None:
    project = _project(
        BINARY,
        monitors=[
            fa.Quality(max_missing=0.1),
            fa.Drift("psi"),
            fa.Performance("f1", min=0.5),
            fa.Performance("brier", max=0.2),
            fa.Performance("recall"),
        ],
        policy=fa.Policy(
            name="own",
            gate=fa.Gate("log_loss", gain=0.01, min_rows=9, no_worse={"recall": 0.02}, by=["x"]),
            cooldown="2w",
            look_back="90d",
            window="6h",
            performance_drop=0.2,
        ),
        risk=fa.Risk(medium_from=0.1, high_from=0.2),
        seed=4,
    )
    assert (project.metric, project.drift_rule, project.max_missing) == ("f1", "psi", 0.1)
    assert project.floors == (("f1", 0.5), ("brier", 0.2))
    assert (project.gate_rule.metric, project.gate_rule.gain, project.gate_rule.min_rows) == ("log_loss", 0.01, 9)
    assert (project.gate_rule.metrics, project.gate_rule.by) == (("log_loss", "recall"), ("x",))
    assert project.gate_rule.floors == {"f1": 0.5, "brier": 0.2}
    assert (project.rule.name, project.rule.cooldown.days, project.rule.look_back) == ("own", 14, timedelta(days=90))
    assert (project.window.span, project.rule.performance_drop, project.thresholds.medium_from) == (timedelta(hours=6), 0.2, 0.1)


def test_the_names_that_type_checkers_know_are_those_that_there_are() -> None:
    assert {*get_args(watching.ClassificationMetric), *get_args(watching.RegressionMetric)} == set(METRICS)
    assert frozenset(name for name, metric in METRICS.items() if not metric.higher_is_better) == declare.LOWER_IS_BETTER
    assert set(get_args(watching.DriftRule)) == {*RULES, *PRESETS}
    assert _project(BINARY).metrics == tuple(name for name, metric in METRICS.items() if "binary" in metric.kinds)
    assert _project(fa.Number("n", arrives_within="1h")).metrics == tuple(
        name for name, metric in METRICS.items() if "number" in metric.kinds
    )


def test_a_declaration_knows_its_line() -> None:
    line = sys._getframe().f_lineno + 1
    drift = fa.Drift()
    assert (drift.place.file, drift.place.line) == (__file__, line)
    assert drift == fa.Drift()


@pytest.mark.parametrize("call", ["fa.Binary('y')", "fa.number(mim=1)", "fa.Policy(gate=None, cool='7d')", "fa.Drift('guarded', 'x')"])
def test_a_call_of_the_wrong_shape_is_refused_by_python_itself(call: str) -> None:
    with pytest.raises(TypeError):
        eval(call, {"fa": fa})


def test_importing_farero_is_light() -> None:
    script = "import farero, sys; assert farero.__version__ == '0.1.0'; print('numpy' in sys.modules, len(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("False")


def test_every_public_name_is_there() -> None:
    assert all(hasattr(fa, name) for name in fa.__all__)


@pytest.mark.row("M5")
def test_features_to_divide_performance_by_are_gathered_from_all_monitors_each_once() -> None:
    monitors = [fa.Performance("roc_auc", by=["plan", "region"]), fa.Drift(), fa.Performance("f1", min=0.5, by=("region", "age"))]
    assert _project(BINARY, monitors=monitors).segments == ("plan", "region", "age")
    assert _project(BINARY).segments == ()


@pytest.mark.row("R12")
def test_groups_to_be_treated_alike_are_gathered_with_the_gap_that_is_allowed() -> None:
    project = _project(BINARY, monitors=[fa.Fairness(["contract"], max_gap=0.1), fa.Fairness(("contract", "paperless"))])
    assert (project.groups, project.max_gap) == (("contract", "paperless"), 0.1)
    assert (_project(BINARY).groups, _project(BINARY).max_gap) == ((), None)
