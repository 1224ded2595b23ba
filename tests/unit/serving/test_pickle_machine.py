from __future__ import annotations

from io import BytesIO

import pytest

from farero.serving.pickle_machine import ARRAY, Machine, Malformed, Refused, canonical


@pytest.mark.parametrize(
    ("module", "name", "proto", "known_as"),
    [
        ("__builtin__", "set", 2, ("builtins", "set")),
        ("copy_reg", "_reconstructor", 0, ("copyreg", "_reconstructor")),
        ("__builtin__", "set", 3, ("__builtin__", "set")),
        ("numpy.core.multiarray", "_reconstruct", 4, ("numpy._core.multiarray", "_reconstruct")),
        ("numpy.core", "x", 4, ("numpy._core", "x")),
        ("numpy.corex", "x", 4, ("numpy.corex", "x")),
        ("sklearn.externals.joblib.numpy_pickle", "NumpyArrayWrapper", 3, ARRAY),
    ],
)
def test_names_of_older_versions_are_known_by_their_present_ones(module: str, name: str, proto: int, known_as: tuple[str, str]) -> None:
    assert canonical(module, name, proto) == known_as


def test_plain_values_need_no_names() -> None:
    import pickle

    value = {"a": [1, 2.5, None, True], "b": (b"bytes", "text"), "c": [[[]]], "d": bytearray(b"x"), "e": {1, 2}}
    for protocol in (4, 5):
        content = pickle.dumps({key: part for key, part in value.items() if protocol == 5 or key != "d"}, protocol)
        assert Machine(BytesIO(content)).load() == pickle.loads(content)


@pytest.mark.parametrize(
    ("content", "error", "says"),
    [
        (b"Pname\n.", Refused, "persistent id"),
        (b"\x80\x04\x82\x01.", Refused, "extension code 1"),
        (b"\x80\x05\x97.", Refused, "buffer outside"),
        (b"\x80\x04c" + b"a" * 400 + b"\nx\n.", Refused, "a name of 401 characters"),
        (b"\x80\x04K\x01", Malformed, "ends in the middle"),
        (b"\x80\x05\x96" + b"\xff" * 8, Malformed, "ends in the middle"),
        (b"\x80\x04\x8e" + b"\xff" * 8, Malformed, "ends in the middle"),
        (b"\x80\x04\xfe.", Malformed, "no pickle opcode"),
        (b"\x80\x04h\x05.", Malformed, "never stored|Memo"),
        (b"\x80\x04.", Malformed, "IndexError"),
        (b"\x80\x09K\x01.", Malformed, "unsupported pickle protocol"),
        (b"\x80\x04K\x01K\x02K\x03\x93.", Malformed, "STACK_GLOBAL requires str"),
        (b"\x80\x04K\x01(K\x02e.", Refused, "items are put into a int"),
    ],
)
def test_what_no_model_file_needs_is_refused_and_what_is_no_pickle_is_told(content: bytes, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        Machine(BytesIO(content)).load()
