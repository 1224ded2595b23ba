"""Writes the decoder of one schema: the msgspec types that its rows must fit, and the Python that spreads those rows over columns.

Generated, because a loop over the fields of every row would cost more than all the rest of an answer. What is written for a number
that must be there and a choice that may be missing, of two levels:

    def one(row, body, colons, named, bare):
        v0 = row.f0
        v1 = row.f1
        if v1 is UNSET:
            v1 = None
            named -= 1
        if colons != named:
            return None
        pack(memory, 0, v0, codes1[v1])
        return Decoded(1, bare, {'tenure': [v0], 'plan': [v1]}, {}, None)

`named` is how many colons stand behind names, as `serving.decoder` explains. Names and levels of the project come in as literals
or as values, never as code.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, defstruct

from farero.core.field import MISSING_CODE, NEW_CODE, Field
from farero.core.schema import Schema

WRAPPER: Final = "rows"


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One name of a row: a declared field, or the key.

    Attributes:
        at: its place among all names; it is `f{at}` in the row's type, and `v{at}` in what is written.
        field: None for the key.
        colons: how many a body holds for it: one behind the name, and those in the name.
    """

    at: int
    name: str
    field: Field | None
    colons: int

    @property
    def optional(self) -> bool:
        """Whether it may be absent or null."""
        return self.field is None or self.field.missing

    @property
    def holds_colons(self) -> bool:
        """Whether a value may be text with a colon in it."""
        if self.field is None or self.field.kind in ("date", "personal") or self.field.new_levels:
            return True
        return any(":" in level for level in self.field.levels)


def members(schema: Schema) -> list[Member] | None:
    """All names of a row; None for a schema whose rows no generated type would judge exactly as `core.field.read` does."""
    names = [field.name for field in schema.fields] + ([schema.key] if schema.key else [])
    limits = [limit for field in schema.fields for limit in (field.min, field.max) if limit is not None]
    # Quotes and such in a name are more than msgspec renames to; lone surrogates are more than UTF-8 can say.
    texts = names + [level for field in schema.fields for level in field.levels]
    if (
        not schema.features
        or len(set(names)) < len(names)
        or any(not math.isfinite(limit) or float(limit) != limit for limit in limits)
        or any(mark in name for name in names for mark in ('"', "\\")) or any(letter < " " for name in names for letter in name)
        or any("\ud800" <= letter <= "\udfff" for text in texts for letter in text)
    ):  # fmt: skip
        return None
    fields: list[Field | None] = [*schema.fields, *([None] if schema.key else [])]
    return [
        Member(at=at, name=name, field=field, colons=1 + name.count(":"))
        for at, (name, field) in enumerate(zip(names, fields, strict=True))
    ]


def row_type(every: list[Member]) -> type[Struct]:
    """What a row must be: exactly these names, and values that fit."""
    return defstruct(
        "Row",
        [(f"f{member.at}", _type(member), UNSET) if member.optional else (f"f{member.at}", _type(member)) for member in every],
        rename={f"f{member.at}": member.name for member in every},
        forbid_unknown_fields=True,
        kw_only=True,  # or an optional field could not come before one that is not
        gc=False,
    )


def codes(every: list[Member]) -> Mapping[str, Mapping[str | None, float]]:
    """For each choice, `codes{at}`: the code of each level, and of None where it may be missing."""
    found: dict[str, Mapping[str | None, float]] = {}
    for member in every:
        if member.field is not None and member.field.kind == "choice":
            of: dict[str | None, float] = {level: float(code) for code, level in reversed(list(enumerate(member.field.levels)))}
            found[f"codes{member.at}"] = of | {None: float(MISSING_CODE)} if member.optional else of
    return found


def source(every: list[Member]) -> str:
    """The text of two functions: `one` spreads one row, `many` several.

    They expect in their namespace: Decoded, UNSET, NAN, moment, memory and pack (for `one`), fill (for `many`), and `codes`.
    """
    return "\n".join([*_one(every), "", *_many(every), ""])


def _one(every: list[Member]) -> list[str]:
    lines = ["def one(row, body, colons, named, bare):"]
    for member in every:
        v = f"v{member.at}"
        lines.append(f"    {v} = row.f{member.at}")
        if member.optional:
            lines += [f"    if {v} is UNSET:", f"        {v} = None", f"        named -= {member.colons}"]
    texts = [f"v{m.at}.count(':')" if not m.optional else f"(v{m.at} or '').count(':')" for m in every if m.holds_colons and m.field]
    texts += [f"(v{m.at}.count(':') if v{m.at}.__class__ is str else 0)" for m in every if m.field is None]
    lines += _sure(every, texts)
    for member in every:
        if member.field and member.field.kind == "date":
            absent = f"(NAN, None) if v{member.at} is None else " if member.optional else ""
            lines.append(f"    x{member.at}, v{member.at} = {absent}moment(v{member.at})")
    numbers = ", ".join(_number(member, f"v{member.at}", f"x{member.at}") for member in _features(every))
    lines.append(f"    pack(memory, 0, {numbers})")
    key = next((f"v{member.at}" for member in every if member.field is None), None)
    keys = f"[{key} if {key} is None else str({key})]" if key else "None"
    lines.append(f"    return Decoded(1, bare, {_dict(every, '[v{}]')}, {_dict(every, '[v{}]', personal=True)}, {keys})")
    return lines


def _many(every: list[Member]) -> list[str]:
    full = sum(member.colons for member in every)
    # Turned at once: half the cost of gathering each name from all rows.
    columns = ", ".join(f"v{member.at}" for member in every)
    lines = ["def many(rows, body, colons):", f"    named = len(rows) * {full} + 1", f"    {columns}, = zip(*map(astuple, rows))"]
    for member in every:
        v = f"v{member.at}"
        if member.optional:
            lines += [f"    if UNSET in {v}:", f"        named -= {v}.count(UNSET) * {member.colons}"]
            lines += [f"        {v} = [None if value is UNSET else value for value in {v}]"]
    for member in every:
        if member.field is None:
            lines.append(f"    v{member.at} = [value if value is None else str(value) for value in v{member.at}]")
    lines += _sure(every, [f"''.join(filter(None, v{member.at})).count(':')" for member in every if member.holds_colons])
    for member in every:
        if member.field and member.field.kind == "date":
            absent = "(NAN, None) if value is None else " if member.optional else ""
            lines.append(f"    m{member.at} = [{absent}moment(value) for value in v{member.at}]")
            lines.append(f"    v{member.at} = [spelt for _, spelt in m{member.at}]")
    numbers = []
    for member in _features(every):
        each = _number(member, "value", "")
        if member.field and member.field.kind == "date":
            numbers.append(f"*[number for number, _ in m{member.at}]")
        else:
            numbers.append(_unpacked(member, each))
    lines.append(f"    fill(len(rows), {', '.join(numbers)})")
    keys = next((f"v{member.at}" for member in every if member.field is None), "None")
    lines.append(f"    return Decoded(len(rows), False, {_dict(every, 'v{}')}, {_dict(every, 'v{}', personal=True)}, {keys})")
    return lines


def _unpacked(member: Member, each: str) -> str:
    """All values of a feature as arguments; `map` is half the cost of a comprehension, where it can be had."""
    if each == "value":
        return f"*v{member.at}"
    if each == f"codes{member.at}[value]":
        return f"*map(codes{member.at}.__getitem__, v{member.at})"
    return f"*[{each} for value in v{member.at}]"


def _sure(every: list[Member], texts: list[str]) -> list[str]:
    """Lines that give up unless every colon is accounted for."""
    # An escaped colon is in the text but not in the body: with a backslash about, only the plain count says for certain. A name
    # with a colon may itself be escaped.
    plain = "colons != named" if all(member.colons == 1 for member in every) else "(colons != named or b'\\\\' in body)"
    if not texts:
        return [f"    if {plain}:", "        return None"]
    counted = " + ".join(["named", *texts])
    return [f"    if {plain} and (b'\\\\' in body or colons != {counted}):", "        return None"]


def _features(every: list[Member]) -> list[Member]:
    return [member for member in every if member.field is not None and member.field.kind != "personal"]


def _number(member: Member, value: str, moment: str) -> str:
    """The expression for a value's place in the matrix, as `core.matrix.to_matrix` says."""
    field = member.field
    if field is None or field.kind == "date":
        return moment
    if field.kind == "choice":
        of = f"codes{member.at}"
        return f"{of}.get({value}, {float(NEW_CODE)})" if field.new_levels else f"{of}[{value}]"
    if not member.optional:
        return value
    return f"{float(MISSING_CODE)} if {value} is None else {value}" if field.kind == "flag" else f"NAN if {value} is None else {value}"


def _dict(every: list[Member], value: str, *, personal: bool = False) -> str:
    chosen = [member for member in every if member.field is not None and (member.field.kind == "personal") == personal]
    return "{" + ", ".join(f"{member.name!r}: {value.format(member.at)}" for member in chosen) + "}"


def _type(member: Member) -> Any:
    of: Any = str | int if member.field is None else _field_type(member.field)
    return of | None | UnsetType if member.optional else of


def _field_type(field: Field) -> Any:
    if field.kind == "number":
        ge, le = (None if limit is None else float(limit) for limit in (field.min, field.max))
        return float if ge is None and le is None else Annotated[float, Meta(ge=ge, le=le)]
    if field.kind == "flag":
        return bool
    # One of the literals is found without making a new text of it. Without any, the codes decide.
    if field.kind == "choice" and field.levels and not field.new_levels:
        return Literal[field.levels]
    return str
