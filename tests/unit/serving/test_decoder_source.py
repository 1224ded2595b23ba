from __future__ import annotations

import ast
from textwrap import indent

import msgspec
import pytest

from farero.core.schema import Field, Schema
from farero.serving import decoder_source
from farero.serving.decoder_source import Member, codes, members, row_type, source


def _members(*fields: Field, key: str | None = None) -> list[Member]:
    found = members(Schema(fields=fields, key=key))
    assert found is not None
    return found


TENURE = Field(name="tenure", kind="number", min=0)
PLAN = Field(name="plan", kind="choice", levels=("a", "b", "a"), missing=True)


def test_what_is_written_for_one_row_is_what_the_first_page_says() -> None:
    one = source(_members(TENURE, PLAN)).split("\n\n")[0]
    assert one.startswith("def one(row, body, colons, named, bare):\n    v0 = row.f0\n")
    assert indent(one, "    ") in (decoder_source.__doc__ or "")


def test_texts_that_may_hold_colons_are_counted_only_where_there_are_any() -> None:
    assert ".count(':')" not in source(_members(TENURE, PLAN))
    assert "v0.count(':')" in source(_members(Field(name="at", kind="choice", levels=("12:30",))))


def test_a_level_has_the_code_of_its_first_place() -> None:
    assert codes(_members(TENURE, PLAN)) == {"codes1": {"a": 0.0, "b": 1.0, None: -1.0}}


def test_a_choice_that_must_be_there_has_no_code_for_nothing() -> None:
    assert codes(_members(Field(name="plan", kind="choice", levels=("a",)))) == {"codes0": {"a": 0.0}}


def test_a_name_cannot_become_code() -> None:
    name = "'], 0]); __import__('os').abort() #"
    tree = ast.parse(source(_members(Field(name=name, kind="number"))))
    calls = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    assert calls == {"pack", "Decoded", "fill", "len", "zip", "map"}
    assert name in {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}


def test_the_type_of_a_row_takes_its_names_and_no_others() -> None:
    row = row_type(_members(TENURE, PLAN, key="id"))
    assert msgspec.json.decode(b'{"plan":null,"tenure":1,"id":"k"}', type=row) == row(f0=1.0, f1=None, f2="k")
    for body in (
        b'{"tenure":1,"x":1}',
        b'{"tenure":-1}',
        b'{"tenure":1,"plan":"c"}',
        b'{"plan":"a"}',
        b'{"f0":1}',
        b'{"tenure":1,"id":1.5}',
    ):
        with pytest.raises(msgspec.ValidationError):
            msgspec.json.decode(body, type=row)


def test_a_schema_without_features_has_no_members() -> None:
    assert members(Schema(fields=(Field(name="mail", kind="personal", privacy="hash"),))) is None
