from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import farero as fa
from farero.core.schema import Fault
from farero.project import faults, source

HEAD = """\
import farero as fa

def train(data):
    return data

class Row(fa.Features):
    x: float = fa.number()

label = fa.Binary("y", arrives_within="1d")
"""


def _find(tmp_path: Path, text: str) -> list[Fault]:
    (tmp_path / "project.py").write_text(text)
    module: ModuleType = source.run(tmp_path, "project.py")
    found: Any = module.project  # type: ignore[attr-defined]
    return faults.find(found, tmp_path)


def _codes(listed: list[Fault]) -> list[tuple[str, str]]:
    return [(fault.path, fault.code) for fault in listed]


def test_a_project_as_the_documents_show_it_has_no_fault(tmp_path: Path) -> None:
    text = HEAD + 'project = fa.Project(model="m", features=Row, train=train, label=label, monitors=[fa.Performance("roc_auc", min=0.8)])\n'
    assert _find(tmp_path, text) == []


@pytest.mark.row("L4")
def test_every_fault_of_the_features_is_named_with_file_and_line(tmp_path: Path) -> None:
    text = """\
import farero as fa

class Row(fa.Features):
    tenure: float = fa.number(min=5, max=1)
    email: str = fa.choice("a", "b")
    phone: float = fa.number()
    phone_ok: bool = fa.flag()
    card_kind: str = fa.choice("visa", "amex", public=True)
    plain: float
    level: str = fa.choice("a", "a")
    none: str = fa.choice()
    mixed: str = fa.choice("a", 1, "")
    tenure: float = fa.number()
    label: float = fa.number()
    y: float = fa.number()
    customer: str = fa.choice("a")
    text: float = fa.number(min="0")
    lax: float = fa.number(missing="maybe")
    wide: str = fa.choice("a", new="yes")
    who: str = fa.personal("encrypt")
    note = 3
    _own = 3

project = fa.Project(model="m", features=Row, train=lambda data: data, label=fa.Binary("y", arrives_within="1d"), key="customer")
"""
    assert sorted(_codes(_find(tmp_path, text)), key=lambda found: int(found[0].split(":")[1].split()[0])) == [
        ("project.py:5 email", "personal-name"),
        ("project.py:6 phone", "personal-name"),
        ("project.py:9 plain", "not-declared"),
        ("project.py:10 level", "twice"),
        ("project.py:11 none", "empty"),
        ("project.py:12 mixed", "wrong-type"),
        ("project.py:12 mixed", "wrong-type"),
        ("project.py:13 tenure", "twice"),
        ("project.py:14 label", "reserved"),
        ("project.py:15 y", "reserved"),
        ("project.py:16 customer", "reserved"),
        ("project.py:17 text", "wrong-type"),
        ("project.py:18 lax", "not-one-of"),
        ("project.py:19 wide", "not-one-of"),
        ("project.py:20 who", "not-one-of"),
        ("project.py:21 note", "not-declared"),
    ]


def test_a_least_value_above_the_largest_fits_nothing(tmp_path: Path) -> None:
    text = (
        HEAD.replace("fa.number()", "fa.number(min=5, max=1)") + 'project = fa.Project(model="m", features=Row, train=train, label=label)\n'
    )
    assert _codes(_find(tmp_path, text)) == [("project.py:7 x", "min-above-max")]


def test_every_fault_of_the_rest_is_named_with_file_and_line(tmp_path: Path) -> None:
    text = (
        HEAD
        + """\
project = fa.Project(
    model="My Model",
    features=Row,
    train=lambda: None,
    label=fa.Number("z", arrives_within="soon"),
    monitors=[
        fa.Quality(max_missing=5),
        fa.Drift("guardet", a_year=0),
        fa.Drift(),
        fa.Performance("roc_auc"),
        fa.Performance("mea"),
        fa.Performance("mae", min=3),
        fa.Performance("r2", max=3),
        fa.Performance("rmse", max="3"),
        "drift",
    ],
    policy=fa.Policy(
        gate=fa.Gate("f1", gain=-1, no_worse={"recal": 0}), cooldown="weekly", look_back=7, performance_drop=2, min_rows=0, trigger="alwys",
    ),
    risk=fa.Risk(medium_from=0.9),
    seed="x",
)
"""
    )
    assert sorted(_codes(_find(tmp_path, text)), key=lambda found: int(found[0].split(":")[1].split()[0])) == [
        ("project.py:10 model", "bad-name"),
        ("project.py:10 seed", "wrong-type"),
        ("project.py:10 monitors", "wrong-type"),
        ("project.py:13 train", "wrong-shape"),
        ("project.py:14 arrives_within", "bad-duration"),
        ("project.py:16 max_missing", "out-of-range"),
        ("project.py:17 fa.Drift", "not-one-of"),
        ("project.py:17 fa.Drift", "wrong-limit"),
        ("project.py:18 fa.Drift", "twice"),
        ("project.py:19 fa.Performance", "wrong-metric"),
        ("project.py:20 fa.Performance", "unknown-metric"),
        ("project.py:21 fa.Performance", "wrong-limit"),
        ("project.py:22 fa.Performance", "wrong-limit"),
        ("project.py:23 fa.Performance", "wrong-type"),
        ("project.py:26 cooldown", "bad-duration"),
        ("project.py:26 look_back", "bad-duration"),
        ("project.py:26 performance_drop", "out-of-range"),
        ("project.py:26 min_rows", "out-of-range"),
        ("project.py:26 trigger", "not-one-of"),
        ("project.py:27 fa.Gate", "wrong-metric"),
        ("project.py:27 fa.Gate", "out-of-range"),
        ("project.py:27 fa.Gate", "unknown-metric"),
        ("project.py:29 risk", "out-of-range"),
    ]


@pytest.mark.parametrize(
    ("part", "subject"),
    [
        ("features=dict", "features"),
        ("train=3", "train"),
        ('label="y"', "label"),
        ("monitors=3", "monitors"),
        ('policy="weekly"', "policy"),
        ("risk=0.5", "risk"),
        ("key=3", "key"),
        ("model=3", "model"),
    ],
)
def test_a_part_that_is_something_else_is_a_fault_and_no_crash(tmp_path: Path, part: str, subject: str) -> None:
    given = {"model": 'model="m"', "features": "features=Row", "train": "train=train", "label": "label=label", subject: part}
    listed = _find(tmp_path, HEAD + f"project = fa.Project({', '.join(given.values())})\n")
    assert [fault.path for fault in listed] == [f"project.py:10 {subject}"]


@pytest.mark.parametrize(
    ("label", "subject"),
    [
        ('fa.Classes("c", "a", arrives_within="1d")', "classes"),
        ('fa.Classes("c", "a", "a", arrives_within="1d")', "classes"),
        ('fa.Classes("c", "a", 3, arrives_within="1d")', "classes"),
        ('fa.Binary("c", arrives_within="1d", positive=1)', "positive"),
        ('fa.Binary("c", arrives_within="1d", positive=" ")', "positive"),
        ('fa.Binary("c", arrives_within="1d", negative="No")', "negative"),
        ('fa.Binary("c", arrives_within="1d", positive="No", negative="No")', "negative"),
        ('fa.Binary("", arrives_within="1d")', "label"),
        ('fa.Binary("c", arrives_within=3)', "arrives_within"),
        ('fa.Binary("c", arrives_within="0d")', "arrives_within"),
    ],
)
def test_every_fault_of_a_label_is_named(tmp_path: Path, label: str, subject: str) -> None:
    listed = _find(tmp_path, HEAD + f'project = fa.Project(model="m", features=Row, train=train, label={label})\n')
    assert [fault.path for fault in listed] == [f"project.py:10 {subject}"]


def test_a_class_without_a_feature_is_a_fault(tmp_path: Path) -> None:
    text = HEAD.replace("x: float = fa.number()", 'mail: str = fa.personal("drop")')
    listed = _find(tmp_path, text + 'project = fa.Project(model="m", features=Row, train=train, label=label)\n')
    assert _codes(listed) == [("project.py:6 Row", "empty")]


def test_every_fault_says_what_to_do(tmp_path: Path) -> None:
    text = HEAD.replace("x:", "email:") + 'project = fa.Project(model="m", features=Row, train=train, label=label)\n'
    (fault,) = _find(tmp_path, text)
    assert 'fa.personal("hash")' in fault.message
    assert "public=True" in fault.message


def test_a_project_made_in_a_program_is_checked_too() -> None:
    class Row(fa.Features):
        email: str = fa.choice("a")

    listed = faults.find(
        fa.Project(model="m", features=Row, train=lambda data: data, label=fa.Number("y", arrives_within="1d")),  # type: ignore[arg-type,return-value]
        Path(sys.prefix),
    )
    assert [fault.code for fault in listed] == ["personal-name"]


@pytest.mark.row("M5")
def test_performance_is_divided_by_declared_features_that_are_not_personal(tmp_path: Path) -> None:
    text = HEAD.replace("    x: float = fa.number()\n", '    x: float = fa.number()\n    who: str = fa.personal("drop")\n')
    for by, codes in (
        ('["x"]', []),
        ('("x",)', []),
        ('"x"', ["wrong-type"]),
        ('["y", "who"]', ["not-one-of", "not-one-of"]),
        ("[3]", ["not-one-of"]),
    ):
        made = f'project = fa.Project(model="m", features=Row, train=train, label=label, monitors=[fa.Performance("roc_auc", by={by})])\n'
        assert [code for _, code in _codes(_find(tmp_path, text + made))] == codes, by


@pytest.mark.row("R12")
def test_groups_are_declared_features_and_the_gap_is_a_number(tmp_path: Path) -> None:
    for given, codes in (
        ('["x"], max_gap=0.1', []),
        ('"x"', ["wrong-type"]),
        ('["sex"]', ["not-one-of"]),
        ('["x"], max_gap=-1', ["wrong-limit"]),
        ('["x"], max_gap="much"', ["wrong-limit"]),
    ):
        made = f'project = fa.Project(model="m", features=Row, train=train, label=label, monitors=[fa.Fairness({given})])\n'
        assert [code for _, code in _codes(_find(tmp_path, HEAD + made))] == codes, given
