from __future__ import annotations

import sys
from pathlib import Path

import pytest
from tests.unit.project.folder import GOOD, make

from farero.core.schema import Fault
from farero.errors import ConfigInvalid
from farero.project import source


def _fault(root: Path, text: str) -> Fault:
    (root / "project.py").write_text(text)
    with pytest.raises(ConfigInvalid) as caught:
        source.find(source.recipe(root, "project.py:project"))
    (fault,) = caught.value.faults
    assert isinstance(fault, Fault)
    return fault


def test_a_recipe_finds_its_project(tmp_path: Path) -> None:
    make(tmp_path)
    assert source.find(source.recipe(tmp_path, "project.py:project")).model == "m"


def test_two_projects_of_one_file_name_are_kept_apart(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        make(tmp_path / name, GOOD.replace('model="m"', f'model="{name}"'))
    found = [source.find(source.recipe(tmp_path / name, "project.py:project")).model for name in ("a", "b")]
    assert found == ["a", "b"]


def test_running_again_takes_what_the_file_says_now(tmp_path: Path) -> None:
    make(tmp_path)
    source.run(tmp_path, "project.py")
    make(tmp_path, GOOD.replace('model="m"', 'model="n"'))
    module = source.run(tmp_path, "project.py")
    assert source.pick(module, tmp_path, "project.py:project", "project").model == "n"
    assert not (tmp_path / "__pycache__").exists()


@pytest.mark.parametrize(
    ("text", "place", "code", "says"),
    [
        ("x = (\n", "project.py:1", "no-python", "was never closed"),
        ("import farero as fa\n\nimport no_such_library\n", "project.py:3", "import-failed", "pip install no_such_library"),
        ("def go():\n    return 1 / 0\n\n\ngo()\n", "project.py:2", "raised", "ZeroDivisionError"),
        ("raise SystemExit(3)\n", "project.py:1", "raised", "SystemExit"),
        ("import farero as fa\n\nx = fa.number(mim=1)\n", "project.py:3", "wrong-call", "did you mean 'min'?"),
        ("import farero as fa\nfa.Binary('y')\n", "project.py:2", "wrong-call", "arrives_within"),
        ("import farero as fa\nfa.Policy(cooldwn='7d')\n", "project.py:2", "wrong-call", "did you mean 'cooldown'?"),
        ("\n", "project.py:1 project", "no-project", "there is no 'project'; write project = fa.Project(...)"),
        ("project = 3\n", "project.py:1 project", "no-project", "is a int"),
        (GOOD.replace("project = ", "other = "), "project.py:1 project", "no-project", "did you mean project.py:other?"),
    ],
)
def test_a_file_that_cannot_be_run_is_explained_at_the_user_s_own_line(tmp_path: Path, text: str, place: str, code: str, says: str) -> None:
    fault = _fault(tmp_path, text)
    assert (fault.path, fault.code) == (place, code)
    assert says in fault.message


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        source.find(source.recipe(tmp_path, "project.py:project"))
    assert "No such file" in str(caught.value)
    assert "farero.toml" in str(caught.value)


def test_a_broken_file_leaves_no_half_made_module(tmp_path: Path) -> None:
    before = set(sys.modules)
    _fault(tmp_path, "x = 1\nraise ValueError('no')\n")
    assert set(sys.modules) == before


def test_modules_beside_the_project_belong_to_it(tmp_path: Path) -> None:
    (tmp_path / "beside_me_4711.py").write_text("RATE = 0.25\n")
    make(tmp_path, "import beside_me_4711\n" + GOOD)
    recipe = source.recipe(tmp_path, "project.py:project")
    source.find(recipe)
    names = {module.__name__.split("_")[0] for module in source.own_modules(recipe)}
    assert names == {"farero", "beside"}
    assert len(source.own_modules(recipe)) == 2
    assert source.own_modules({"stand_in": "{}"}) == []
