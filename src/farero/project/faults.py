"""Every fault of a declared project, with its place and its remedy."""

from __future__ import annotations

import ast
import inspect
import math
import re
import sys
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

from farero.core.job import Missed
from farero.core.schema import Fault, denied_name
from farero.core.window import parse_duration, parse_window
from farero.project.calls import UNKNOWN, Place
from farero.project.candidate_faults import of_training
from farero.project.declare import LOWER_IS_BETTER, Project
from farero.project.features import Declared, Features, PersonalRule, declared
from farero.project.jobs import time_faults
from farero.project.judging import Gate
from farero.project.judging_faults import of_gate
from farero.project.learning import Binary, Classes, Number
from farero.project.renewing import Policy, Risk, Trigger
from farero.project.rolling import Rollout
from farero.project.rolling_faults import of_rollout
from farero.project.watching import ClassificationMetric, Drift, DriftRule, Fairness, Performance, Quality, RegressionMetric, Slo

RESERVED = frozenset({"label", "rows", "row", "request_id"})
"""Names that mean something else in a request, in labels or in training data."""

_CLASSIFICATION: tuple[str, ...] = get_args(ClassificationMetric)
_REGRESSION: tuple[str, ...] = get_args(RegressionMetric)
_RULES: tuple[str, ...] = get_args(DriftRule)
_LABELS = {"binary": "yes or no", "classes": "several classes", "number": "a number"}


def find(project: Project, root: Path) -> list[Fault]:
    """All faults of a project whose file lies under `root`."""
    found = _Faults(root)
    found.project(project)
    return found.listed


class _Faults:
    """Collects faults part by part; a broken part does not hide those of the others.

    The parts are `Any` on purpose: what a type checker would refuse is what has to be found here.
    """

    def __init__(self, root: Path) -> None:
        self.listed: list[Fault] = []
        self._root = root

    def add(self, place: Place, subject: str, code: str, message: str) -> None:
        file = Path(place.file)
        shown = file.relative_to(self._root) if file.is_relative_to(self._root) else file
        self.listed.append(Fault(path=f"{shown}:{place.line} {subject}", code=code, message=message))

    def project(self, project: Any) -> None:
        place = project.place
        if not isinstance(project.model, str) or not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,63}", project.model):
            self.add(place, "model", "bad-name", f"{project.model!r} is no name; use lower-case letters, digits, - and _, 64 at most")
        if isinstance(project.features, type) and issubclass(project.features, Features):
            self._features(project)
        elif project.features is not UNKNOWN:
            self.add(place, "features", "wrong-type", "must be a class; declare one as: class Customer(fa.Features)")
        self._train(project)
        kind = self._label(project)
        if not isinstance(project.seed, int) or isinstance(project.seed, bool) or not 0 <= project.seed < 2**32:
            self.add(place, "seed", "wrong-type", f"must be a whole number from 0 to 2**32 - 1, not {project.seed!r}")
        self._monitors(project, kind)
        if isinstance(project.policy, Policy):
            self._policy(project.policy, kind, project.features)
        else:
            self.add(place, "policy", "wrong-type", "must be fa.Policy(...)")
        risk = project.risk
        if not isinstance(risk, Risk):
            self.add(place, "risk", "wrong-type", "must be fa.Risk(medium_from=..., high_from=...)")
        elif not (_is_number(risk.medium_from) and _is_number(risk.high_from) and 0 <= risk.medium_from <= risk.high_from <= 1):
            self.add(risk.place, "risk", "out-of-range", "needs 0 <= medium_from <= high_from <= 1")

    # ── Features ──

    def _features(self, project: Any) -> None:
        features = project.features
        lines = _Source(features)
        for name, line in lines.doubles():
            self.add(Place(lines.file, line), name, "twice", "is declared more than once; remove or rename one of them")
        found = {name: value for name, value in declared(features).items() if not name.startswith("_")}
        if not any(isinstance(value, Declared) and value.kind != "personal" for value in found.values()):
            self.add(Place(lines.file, lines.first), features.__name__, "empty", "declares no feature; add: tenure: float = fa.number()")
        for name, value in declared(features).items():
            place = value.place if isinstance(value, Declared) else Place(lines.file, lines.line(name))
            if not isinstance(value, Declared):
                if not name.startswith("_"):
                    self.add(place, name, "not-declared", "says nothing about its values; write = fa.number(), fa.choice(...), fa.flag() …")
                continue
            if name.startswith("_") or name in RESERVED:
                self.add(place, name, "reserved", f"is a reserved name; call it otherwise (reserved: {', '.join(sorted(RESERVED))}, _…)")
            if name == project.key:
                self.add(place, name, "reserved", "is the project's key, and a key is no feature; remove one of the two")
            if name == getattr(project.label, "name", None):
                self.add(place, name, "reserved", "is the label's name, too; a label among the features gives the answer away: remove it")
            self._field(name, value)
        if project.key is not None and (not isinstance(project.key, str) or not project.key or project.key in RESERVED):
            self.add(project.place, "key", "bad-name", f"{project.key!r} cannot be a key; give the name of a field with the entity's id")

    def _field(self, name: str, line: Declared) -> None:
        if line.kind not in ("flag", "personal") and not line.public and denied_name(name):
            remedy = 'declare it as fa.personal("hash"), or pass public=True if it is none'
            self.add(line.place, name, "personal-name", f"sounds like personal data, which is not stored in clear; {remedy}")
        if line.missing not in ("refused", "allowed"):
            self.add(line.place, name, "not-one-of", f'missing is {line.missing!r}; write missing="refused" or missing="allowed"')
        if line.new not in ("refuse", "allow"):
            self.add(line.place, name, "not-one-of", f'new is {line.new!r}; write new="refuse" or new="allow"')
        if line.kind == "personal" and line.rule not in get_args(PersonalRule):
            self.add(line.place, name, "not-one-of", f'{line.rule!r} is no way to protect it; write "drop", "hash" or "bucket"')
        if line.kind == "number":
            wrong = [limit for limit in (line.min, line.max) if limit is not None and not _is_number(limit)]
            if wrong:
                self.add(line.place, name, "wrong-type", f"min and max must be finite numbers, not {wrong[0]!r}")
            elif line.min is not None and line.max is not None and line.min > line.max:
                self.add(line.place, name, "min-above-max", f"min {line.min:g} is above max {line.max:g}; no value fits: exchange them")
        if line.kind == "choice":
            self._levels(name, line)

    def _levels(self, name: str, line: Declared) -> None:
        if not line.levels:
            self.add(line.place, name, "empty", 'has no levels; name them: fa.choice("monthly", "yearly")')
        for level in dict.fromkeys(map(repr, line.levels)):
            if not level.startswith(("'", '"')) or level in ("''", '""'):
                self.add(line.place, name, "wrong-type", f"the level {level} is no text; levels are texts that are not empty")
            elif sum(repr(other) == level for other in line.levels) > 1:
                self.add(line.place, name, "twice", f"the level {level} is there more than once; remove the others")

    # ── Label and training ──

    def _train(self, project: Any) -> None:
        if project.train is UNKNOWN:
            return
        if not callable(project.train):
            self.add(project.place, "train", "wrong-type", "must be a function; write: def train(data: fa.TrainingSet) -> fa.Classifier")
            return
        if project.source is not None and not callable(project.source):
            self.add(project.place, "source", "wrong-type", "must be a function; write: def source(until: datetime) -> pandas.DataFrame")
        try:
            inspect.signature(project.train).bind(object())
        except (TypeError, ValueError) as error:
            line = getattr(getattr(project.train, "__code__", None), "co_firstlineno", project.place.line)
            file = getattr(getattr(project.train, "__code__", None), "co_filename", project.place.file)
            self.add(Place(file, line), "train", "wrong-shape", f"must take the training set and nothing else ({error})")

    def _label(self, project: Any) -> str | None:
        label = project.label
        if label is UNKNOWN:
            return None
        if not isinstance(label, (Binary, Number, Classes)):
            self.add(project.place, "label", "wrong-type", "must be fa.Binary(...), fa.Number(...) or fa.Classes(...)")
            return None
        if not isinstance(label.name, str) or not label.name:
            self.add(label.place, "label", "bad-name", f"{label.name!r} is no name; give the name of the label's column")
        self._duration(label.place, "arrives_within", label.arrives_within)
        if isinstance(label, Binary):
            self._texts(label)
        if isinstance(label, Classes):
            wrong = [name for name in label.classes if not isinstance(name, str) or not name]
            if wrong:
                self.add(label.place, "classes", "wrong-type", f"the class {wrong[0]!r} is no text; classes are texts that are not empty")
            elif len(set(label.classes)) < 2 or len(set(label.classes)) < len(label.classes):
                self.add(label.place, "classes", "twice", "must be two or more, each of them once")
        return str(project.kind)

    def _texts(self, label: Binary) -> None:
        for name, text in (("positive", label.positive), ("negative", label.negative)):
            if text is not None and (not isinstance(text, str) or not text.strip()):
                remedy = f"write {name}={str(text)!r}" if str(text).strip() else "name a text, or leave it out"
                self.add(label.place, name, "wrong-type", f"must be text, not {text!r}; {remedy}")
        if label.negative is not None and label.positive is None:
            self.add(label.place, "negative", "missing", "goes with positive; name the text for yes, too: positive=...")
        elif label.negative is not None and label.negative == label.positive:
            self.add(label.place, "negative", "twice", f"is {label.negative!r} like positive; name the text for no")

    # ── Monitors and policy ──

    def _monitors(self, project: Any, kind: str | None) -> None:
        if not isinstance(project.monitors, (list, tuple)):
            self.add(project.place, "monitors", "wrong-type", "must be a list: monitors=[fa.Drift(), fa.Performance(...)]")
            return
        seen: set[object] = set()
        for monitor in project.monitors:
            if not isinstance(monitor, (Quality, Drift, Performance, Fairness, Slo)):
                known = "fa.Quality, fa.Drift, fa.Performance, fa.Fairness and fa.Slo"
                self.add(project.place, "monitors", "wrong-type", f"{monitor!r} is no monitor; use {known}")
                continue
            word = f"fa.{type(monitor).__name__}"
            mark = (word, repr(monitor.metric)) if isinstance(monitor, Performance) else word
            if mark in seen:
                self.add(monitor.place, word, "twice", "is there more than once; keep one of them")
            seen.add(mark)
            if isinstance(monitor, Quality) and monitor.max_missing is not None:
                self._share(monitor.place, "max_missing", monitor.max_missing)
            if isinstance(monitor, Drift) and monitor.verdict not in _RULES:
                self.add(monitor.place, word, "not-one-of", f"there is no rule {monitor.verdict!r}; {_near(monitor.verdict, _RULES)}")
            if isinstance(monitor, Drift) and not (_is_number(monitor.a_year) and monitor.a_year > 0):
                self.add(monitor.place, word, "wrong-limit", f"a_year={monitor.a_year!r} is no number of false alarms a year above 0")
            if isinstance(monitor, Performance):
                self._performance(monitor, kind)
                self._segments(monitor, "by", monitor.by, project.features)
            if isinstance(monitor, Fairness):
                self._segments(monitor, "groups", monitor.groups, project.features)
                if monitor.max_gap is not None and not (_is_number(monitor.max_gap) and monitor.max_gap >= 0):
                    self.add(monitor.place, word, "wrong-limit", f"max_gap={monitor.max_gap!r} is no number of at least 0")

            if isinstance(monitor, Slo):
                if not (_is_number(monitor.good) and 0 < monitor.good < 1):
                    self.add(monitor.place, word, "out-of-range", f"good is {monitor.good!r}; it must be a share above 0 and below 1")
                if monitor.within_ms is not None and not (_is_number(monitor.within_ms) and monitor.within_ms > 0):
                    self.add(monitor.place, word, "wrong-limit", f"within_ms={monitor.within_ms!r} is no number above 0")

    def _performance(self, monitor: Performance, kind: str | None) -> None:
        if not self._metric(monitor.place, "fa.Performance", monitor.metric, kind):
            return
        wrong = [limit for limit in (monitor.min, monitor.max) if limit is not None and not _is_number(limit)]
        if wrong:
            self.add(monitor.place, "fa.Performance", "wrong-type", f"the limit must be a number, not {wrong[0]!r}")
        elif monitor.metric in LOWER_IS_BETTER and monitor.min is not None:
            self.add(monitor.place, "fa.Performance", "wrong-limit", f"less {monitor.metric} is better; write max= instead of min=")
        elif monitor.metric not in LOWER_IS_BETTER and monitor.max is not None:
            self.add(monitor.place, "fa.Performance", "wrong-limit", f"more {monitor.metric} is better; write min= instead of max=")

    def _segments(self, monitor: Any, key: str, names: Any, features: Any) -> None:
        word = f"fa.{type(monitor).__name__}"
        if not isinstance(names, (list, tuple)):
            self.add(monitor.place, word, "wrong-type", f"{key} must be a list of features: {key}=[{names!r}]")
            return
        known = _divisible(features)
        for name in names if known is not None else ():
            if known is not None and name not in known:
                self.add(monitor.place, word, "not-one-of", f"there is no feature {name!r} to divide by; {_near(name, known)}")

    def _policy(self, policy: Any, kind: str | None, features: Any) -> None:
        self._duration(policy.place, "cooldown", policy.cooldown)
        self._duration(policy.place, "window", policy.window, parse_window)
        if policy.look_back is not None:
            self._duration(policy.place, "look_back", policy.look_back)
        for name in ("performance_drop", "holdout_share", "share", "budget"):
            self._share(policy.place, name, getattr(policy, name))
        for at, subject, code, message in of_training(policy):
            self.add(at, subject, code, message)
        if not isinstance(policy.min_rows, int) or isinstance(policy.min_rows, bool) or policy.min_rows < 1:
            self.add(policy.place, "min_rows", "out-of-range", f"must be a whole number of at least 1, not {policy.min_rows!r}")
        if policy.trigger not in get_args(Trigger):
            near = _near(policy.trigger, get_args(Trigger))
            self.add(policy.place, "trigger", "not-one-of", f"there is no trigger {policy.trigger!r}; {near}")
        for key, code, message in time_faults(policy.schedule or "", policy.timezone):
            self.add(policy.place, key, code, message)
        if policy.missed not in get_args(Missed):
            self.add(policy.place, "missed", "not-one-of", f"is {policy.missed!r}; {_near(policy.missed, get_args(Missed))}")
        rollout = policy.rollout
        if rollout is not None and not isinstance(rollout, Rollout):
            self.add(policy.place, "rollout", "wrong-type", "must be fa.Rollout(steps=(5, 25, 50))")
        if isinstance(rollout, Rollout):
            for code, message in of_rollout(rollout):
                self.add(rollout.place, "fa.Rollout", code, message)
        gate = policy.gate
        if gate is None:
            return
        if not isinstance(gate, Gate):
            self.add(policy.place, "gate", "wrong-type", "must be fa.Gate(metric, gain=...)")
            return
        for code, message in of_gate(gate, _divisible(features), lambda metric: self._metric(gate.place, "fa.Gate", metric, kind)):
            self.add(gate.place, "fa.Gate", code, message)

    def _metric(self, place: Place, subject: str, metric: object, kind: str | None) -> bool:
        fitting = _REGRESSION if kind == "number" else _CLASSIFICATION
        if metric in (*_CLASSIFICATION, *_REGRESSION):
            if kind is not None and metric not in fitting:
                message = f"{metric} does not fit a label that is {_LABELS[kind]}; use one of {', '.join(fitting)}"
                self.add(place, subject, "wrong-metric", message)
                return False
            return True
        if metric is UNKNOWN:
            return False
        self.add(place, subject, "unknown-metric", f"there is no metric {metric!r}; {_near(metric, fitting)}")
        return False

    def _duration(self, place: Place, subject: str, value: object, parse: Callable[[str], object] = parse_duration) -> None:
        try:
            parse(value)  # type: ignore[arg-type]
        except ValueError as error:
            self.add(place, subject, "bad-duration", str(error))
        except (TypeError, OverflowError):
            self.add(place, subject, "bad-duration", f"{value!r} is not a duration: write a text such as 15m, 6h, 30d or 2w")

    def _share(self, place: Place, subject: str, value: Any) -> None:
        if not _is_number(value) or not 0 <= value <= 1:
            self.add(place, subject, "out-of-range", f"is {value!r}; it must be a share from 0 to 1")


def _divisible(features: Any) -> tuple[str, ...] | None:
    """The features that rows can be divided by; None where there is no class of features."""
    if not (isinstance(features, type) and issubclass(features, Features)):
        return None
    return tuple(name for name, line in declared(features).items() if isinstance(line, Declared) and line.kind != "personal")


class _Source:
    """The lines of a features class in its file; line 1 where the file cannot be read."""

    def __init__(self, features: type[Features]) -> None:
        self.file = getattr(sys.modules.get(features.__module__), "__file__", None) or "project.py"
        self.first = 1
        self._lines: list[tuple[str, int]] = []
        try:
            tree = ast.parse(Path(self.file).read_text(encoding="utf-8"))
        except (OSError, SyntaxError, UnicodeDecodeError):
            return
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef) and node.name == features.__name__:
                self.first = node.lineno
                self._lines = list(_assigned(node))

    def line(self, name: str) -> int:
        """Where the attribute stands."""
        return next((line for found, line in self._lines if found == name), self.first)

    def doubles(self) -> list[tuple[str, int]]:
        """Names that are declared again, and where."""
        names = [name for name, _ in self._lines]
        return [(name, line) for at, (name, line) in enumerate(self._lines) if name in names[:at]]


def _assigned(node: ast.ClassDef) -> Iterator[tuple[str, int]]:
    for statement in node.body:
        targets = [statement.target] if isinstance(statement, ast.AnnAssign) else getattr(statement, "targets", [])
        for target in targets:
            if isinstance(target, ast.Name):
                yield target.id, statement.lineno


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _near(name: object, known: tuple[str, ...]) -> str:
    near = get_close_matches(str(name), known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(known)}"
