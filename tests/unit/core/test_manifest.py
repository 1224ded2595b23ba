from __future__ import annotations

import pytest

from farero.core.manifest import Manifest, facts, parse

MODEL = Manifest(files={"model.pkl": facts(b"abc"), "parts/tree.bin": facts(b"")})


def test_the_digest_does_not_depend_on_the_order_of_files() -> None:
    other = Manifest(files=dict(reversed(MODEL.files.items())))
    assert other.digest() == MODEL.digest()


def test_the_facts_are_sha256_and_size() -> None:
    assert facts(b"abc").sha256 == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, appendix B.1
    assert facts(b"abc").size == 3


def test_a_manifest_read_back_is_the_same() -> None:
    assert parse(MODEL.to_json(), MODEL.digest()) == MODEL


def test_a_manifest_that_was_edited_is_refused() -> None:
    with pytest.raises(ValueError, match=r"manifest\.json was changed"):
        parse(MODEL.to_json().replace(b'"size":3', b'"size":4'), MODEL.digest())


def test_the_size_is_the_sum_of_the_files() -> None:
    assert MODEL.size() == 3


def test_equal_files_show_no_difference() -> None:
    assert MODEL.differences(dict(MODEL.files)) == ()


def test_every_difference_is_told_by_path() -> None:
    found = {"model.pkl": facts(b"abd"), "extra": facts(b"")}
    assert MODEL.differences(found) == ("extra was added", "model.pkl was changed", "parts/tree.bin is missing")
