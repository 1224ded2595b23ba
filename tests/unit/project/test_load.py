from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.project.folder import GOOD, make, with_train

from farero.errors import ConfigInvalid
from farero.project.load import check, load

BAD_PROJECT = GOOD.replace("min=0", "min=0, max=-1").replace('"1d"', '"later"')
BAD_TOML = 'project = "project.py:project"\n[server]\nprot = 1\n'


def test_one_line_and_a_project_file_are_enough(tmp_path: Path) -> None:
    loaded = load(make(tmp_path))
    assert list(loaded.projects) == ["m"]
    assert loaded.root == tmp_path.resolve()
    assert loaded.settings.server.port == 8002
    assert loaded.recipe("m") == {"root": str(tmp_path.resolve()), "reference": "project.py:project"}


def test_faults_of_both_files_come_together(tmp_path: Path) -> None:
    make(tmp_path, BAD_PROJECT, BAD_TOML)
    with pytest.raises(ConfigInvalid, match="3 faults") as caught:
        load(tmp_path)
    places = [str(fault).split(": ")[0] for fault in caught.value.faults]
    assert places == ["farero.toml:3 server.prot", "project.py:7 tenure", "project.py:28 arrives_within"]
    assert [str(fault) for fault in check(tmp_path)] == [str(fault) for fault in caught.value.faults]
    assert "\n  project.py:7 tenure: min 0 is above max -1" in str(caught.value)


def test_several_projects_are_found_and_the_faults_of_each_reported(tmp_path: Path) -> None:
    make(tmp_path, toml='projects = ["project.py:project", "second.py:project", "third.py:project", "fourth.py:project"]\n')
    (tmp_path / "second.py").write_text(GOOD.replace('model="m"', 'model="n"').replace('"1d"', '"later"'))
    (tmp_path / "third.py").write_text("import nothing_like_this\n")
    with pytest.raises(ConfigInvalid) as caught:
        load(tmp_path)
    assert [str(fault).split(": ")[0] for fault in caught.value.faults] == ["second.py:28 arrives_within", "third.py:1", "fourth.py"]
    (tmp_path / "farero.toml").write_text('projects = ["project.py:project", "second.py:project"]\n')
    (tmp_path / "second.py").write_text(GOOD.replace('model="m"', 'model="n"'))
    assert list(load(tmp_path).projects) == ["m", "n"]


def test_two_projects_may_not_have_one_name(tmp_path: Path) -> None:
    make(tmp_path, toml='projects = ["project.py:project", "second.py:project"]\n')
    (tmp_path / "second.py").write_text(GOOD)
    assert [fault.code for fault in check(tmp_path, run_trial=False)] == ["twice"]


def test_a_broken_file_that_is_named_twice_is_reported_once(tmp_path: Path) -> None:
    make(tmp_path, "import nothing_like_this\n", 'projects = ["project.py:a", "project.py:b"]\n')
    assert [fault.code for fault in check(tmp_path)] == ["import-failed"]


def test_a_folder_without_farero_toml_is_told_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        load(tmp_path)
    assert 'project = "project.py:project"' in str(caught.value)
    assert "farero new" in str(caught.value)
    (tmp_path / "farero.toml").write_bytes(b"\xff\xfe")
    assert "UTF-8" in str(check(tmp_path)[0])


def test_check_names_secrets_that_cannot_be_read(tmp_path: Path) -> None:
    make(
        tmp_path, toml='project = "project.py:project"\n[state]\nurl = { env = "NOT_SET_HERE" }\n[privacy]\nhash_key = { file = "none" }\n'
    )
    listed = check(tmp_path, run_trial=False)
    assert [fault.path for fault in listed] == ["farero.toml state.url", "farero.toml privacy.hash_key"]


def test_check_runs_train_on_a_made_up_sample(tmp_path: Path) -> None:
    make(tmp_path)
    assert check(tmp_path) == []
    make(tmp_path, with_train("raise ValueError('no such column')"))
    (fault,) = check(tmp_path)
    assert fault.path == "project.py:25 train"
    assert "ValueError: no such column" in fault.message
    assert check(tmp_path, run_trial=False) == []


def test_wrong_calls_do_not_hide_each_other_or_other_faults(tmp_path: Path) -> None:
    text = """\
import farero as fa


class Row(fa.Features):
    a: float = fa.number(mim=0)
    b: float = fa.number(3, min=5, max=1)
    c: str = fa.personal()


def train(data):
    return data


project = fa.Project(
    foo=3,
    model="m",
    features=Row,
    monitors=[fa.Drift(verdct="psi"), fa.Performance()],
    policy=fa.Policy(gate=fa.Gate("roc_auk")),
    label=fa.Binary("c", arive_within="later"),
)
other = fa.Binary("c")
classes = fa.Classes()
"""
    make(tmp_path, text)
    listed = [str(fault) for fault in check(tmp_path)]
    assert listed == [
        "project.py:5 fa.number: has no option 'mim'; did you mean 'min'?",
        "project.py:6 fa.number: takes no values without a name, not 1; name the others: unit=, min=, max=, missing=, public=",
        'project.py:7 fa.personal: lacks rule; add "drop", "hash" or "bucket"',
        "project.py:18 fa.Drift: has no option 'verdct'; did you mean 'verdict'?",
        'project.py:18 fa.Performance: lacks metric; add a metric, such as "roc_auc" or "mae"',
        "project.py:20 fa.Binary: has no option 'arive_within'; did you mean 'arrives_within'?",
        "project.py:14 fa.Project: has no option 'foo'; it takes model, features, train, label, key, monitors, policy, risk, source, seed",
        "project.py:14 fa.Project: lacks train; add train= and your function that trains",
        'project.py:22 fa.Binary: lacks arrives_within; add arrives_within="30d", or however long the truth takes',
        'project.py:23 fa.Classes: lacks name; add the name of the label\'s column, such as "cancelled"',
        'project.py:23 fa.Classes: lacks arrives_within; add arrives_within="30d", or however long the truth takes',
        *listed[11:],
    ]
    assert [line.split(": ")[0] for line in listed[11:]] == [
        "project.py:6 b",
        "project.py:7 c",
        "project.py:20 arrives_within",
        "project.py:19 fa.Gate",
    ]
    with pytest.raises(ConfigInvalid, match=f"{len(listed)} faults"):
        load(tmp_path)


def test_wrong_calls_before_an_error_are_listed_with_it(tmp_path: Path) -> None:
    make(tmp_path, "import farero as fa\nx = fa.Gate()\nraise ValueError('no')\n")
    assert [(fault.path, fault.code) for fault in check(tmp_path)] == [("project.py:2 fa.Gate", "wrong-call"), ("project.py:3", "raised")]


def test_a_lacking_label_does_not_make_its_metric_wrong(tmp_path: Path) -> None:
    make(tmp_path, GOOD.replace(', label=fa.Binary("y", arrives_within="1d")', ', monitors=[fa.Performance("mae", max=1)]'))
    assert [fault.path for fault in check(tmp_path)] == ["project.py:28 fa.Project"]
