"""Profiles are small when stored, come back as they were, and add up; those of earlier releases are still read."""

from __future__ import annotations

from dataclasses import replace
from functools import reduce

import msgspec
import numpy as np
import pytest
from tests.unit.core.rows_of import SCHEMA, columns, outputs

from farero.core.packed import pack
from farero.core.profile import Profile, build, build_reference
from farero.core.profiled import LONGEST_NAME, MERGED_NEW_VALUES, merge, most_frequent, total
from farero.core.schema import Field, Schema
from farero.errors import Corrupt

REFERENCE = build_reference(SCHEMA, columns(30_000), outputs(30_000))


def facts(profile: Profile) -> list[object]:
    held = [*profile.columns, *([profile.prediction] if profile.prediction else [])]
    each = [(c.name, c.counts.tolist(), c.missing, c.infinite, c.new, dict(c.new_values), c.low, c.high) for c in held]
    return [profile.rows, profile.edges_hash, profile.duplicates, profile.pair_hits.tolist(), profile.pair_rows.tolist(), *each]


def day(seed: int, rows: int = 500) -> Profile:
    made = build(REFERENCE, columns(rows, seed, missing=0.1, shift=0.1 * seed), outputs(rows, seed), {"plan": {f"new {seed % 3}": 1}})
    return replace(made, duplicates=seed)


def test_a_profile_comes_back_from_bytes_as_it_was() -> None:
    made = day(1)
    again = Profile.from_bytes(made.to_bytes())
    assert facts(again) == facts(made)
    assert [c.total for c in again.columns] == [c.total for c in made.columns]
    assert again.to_bytes() == made.to_bytes()


def test_a_profile_without_answers_or_rows_comes_back_too() -> None:
    for made in (build(REFERENCE, columns(20)), build(REFERENCE, columns(0), outputs(0))):
        assert facts(Profile.from_bytes(made.to_bytes())) == facts(made)


@pytest.mark.row("M9")
@pytest.mark.parametrize(("rows", "most"), [(10_000, 1.5), (1_000_000, 2.5)])
def test_a_stored_column_takes_one_or_two_bytes_a_bin(rows: int, most: float) -> None:
    names = [f"x{i}" for i in range(4)]
    schema = Schema(fields=tuple(Field(name=name, kind="number") for name in names))
    random = np.random.default_rng(0)
    reference = build_reference(schema, {name: random.normal(size=50_000) for name in names})
    made = build(reference, {name: random.normal(size=rows) for name in names})
    assert len(reference.columns[0].counts) >= 1024
    assert len(made.to_bytes()) / 4 <= most * 1024


def test_the_sum_of_stored_profiles_is_the_merge_of_them() -> None:
    days = [day(seed) for seed in range(7)]
    added, merged = total([each.to_bytes() for each in days]), reduce(merge, days)
    assert facts(added) == facts(merged)
    for one, other in zip(added.columns, merged.columns, strict=True):
        for name in ("total", "squares", "under", "over"):
            assert getattr(one, name) == pytest.approx(getattr(other, name), rel=1e-12)


def test_profiles_with_and_without_answers_or_of_an_earlier_release_add_up() -> None:
    with_answers, without = day(1), build(REFERENCE, columns(40, 3))
    for bodies in ([with_answers.to_bytes(), without.to_bytes()], [pack(with_answers), without.to_bytes()]):
        assert facts(total(bodies)) == facts(merge(with_answers, without))


def test_what_was_counted_elsewhere_or_nothing_has_no_sum() -> None:
    other = build(build_reference(SCHEMA, columns(500, 9)), columns(10))
    with pytest.raises(ValueError, match="different references"):
        total([day(1).to_bytes(), other.to_bytes()])
    with pytest.raises(ValueError, match="at least one"):
        total([])
    with pytest.raises(Corrupt):
        total([b"something else"])


def test_a_profile_stored_by_an_earlier_release_is_read() -> None:
    made = day(2)
    old = Profile.from_bytes(pack(made))
    assert facts(old) == facts(made)
    name, plain = msgspec.msgpack.decode(pack(made))
    for late in ("pair_hits", "pair_rows", "duplicates"):
        del plain[late]
    older = Profile.from_bytes(msgspec.msgpack.encode((name, plain)))
    assert (older.pair_hits.tolist(), older.duplicates, older.rows) == ([], 0, made.rows)


def test_bytes_that_were_cut_off_are_corrupt() -> None:
    with pytest.raises(Corrupt, match="are not a StoredProfile"):
        Profile.from_bytes(day(1).to_bytes()[:-5])


def test_names_of_new_levels_stay_few_and_short() -> None:
    assert list(most_frequent({"b": 1, "a": 1, "c": 2}, 2)) == ["c", "a"]
    (name,) = most_frequent({"x" * 10_000: 3})
    assert (len(name), name[-1]) == (LONGEST_NAME, "…")
    many = [replace(build(REFERENCE, columns(1)), columns=()) for _ in range(2)]
    assert merge(*many).columns == ()
    days = [build(REFERENCE, columns(1), None, {"plan": {f"{seed} {i}": 1 for i in range(20)}}) for seed in range(15)]
    assert len(reduce(merge, days).columns[1].new_values) == MERGED_NEW_VALUES
