from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from farero.core.label import encode_labels
from farero.core.schema import check_columns
from farero.errors import BadInput
from farero.project.examples import EXAMPLES, copy, folder
from farero.project.load import load
from farero.project.table import parse_times, read_table


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_row_of_an_example_fits_and_every_label_is_read(name: str, tmp_path: Path) -> None:
    example = copy(name, tmp_path / name)
    loaded = load(tmp_path / name)
    (project,) = loaded.projects.values()
    table = read_table(tmp_path / name / example.data)
    checked = check_columns(project.schema, table)
    assert (project.model, checked.fault_count, checked.rows.count > 5000) == (name, 0, True)
    labels, faults = encode_labels(project.label_spec, table[example.label])
    assert faults == ()
    assert project.label_spec.name == example.label
    missing = {"bikes": 0, "flights": 9430, "churn": 0, "energy": 4714}
    assert int(np.isnan(labels).sum()) == missing[name]
    if example.time is not None:
        assert not np.isnat(parse_times(table[example.time], name=example.time)).any()


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_names_source_and_licence_of_its_data(name: str) -> None:
    text = (folder(name) / "README.md").read_text()
    assert "**Source:**" in text
    assert EXAMPLES[name].licence in text
    assert EXAMPLES[name].data in text
    assert f"farero {EXAMPLES[name].verb} {EXAMPLES[name].command}" in text


def test_the_answer_is_not_among_the_features() -> None:
    bikes = load(folder("bikes")).projects["bikes"]
    assert {field.name for field in bikes.schema.fields}.isdisjoint({"casual", "registered", "cnt"})
    countries = read_table(folder("energy") / "countries.csv")
    assert not any(code.startswith("OWID") for code in countries["iso_code"])


def test_an_example_is_not_put_over_something_else(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(BadInput, match="not empty"):
        copy("bikes", tmp_path)
    with pytest.raises(BadInput, match=r"no example 'boats'.*bikes, flights, churn, energy"):
        copy("boats", tmp_path / "new")
    assert copy("bikes", tmp_path / "new").title == EXAMPLES["bikes"].title
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["README.md", "farero.toml", "hours.parquet", "project.py"]
