"""The scan: what people really store goes through, whatever would run code does not, and none of it runs."""

from __future__ import annotations

import gzip
import io
import pickle
import re
import sys
import warnings
import zlib
from pathlib import Path
from typing import Any

import cloudpickle
import joblib
import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from tests.unit.serving.hostile import SAMPLES
from threadpoolctl import threadpool_limits
from tools.allow_list import fitted_boosters, fitted_sklearn, fitted_together, values

from farero.serving import allow_list
from farero.serving.allow_list import Use
from farero.serving.pickle_machine import Malformed, Refused
from farero.serving.scan import Scan, scan_pickle, unpacked
from farero.serving.unpickle import unpickle

# Refused by the scan, while loading them gives plain bytes: nothing that may be loaded would unpickle those.
HARMLESS_BUT_REFUSED = {"a pickle in bytes", "pickles without end inside each other"}


def unknown(content: bytes) -> list[str]:
    found = scan_pickle(content)
    return found.unknown(allow_list.installed()) + found.deeds + found.faults


@pytest.mark.row("U7")
@pytest.mark.parametrize("name", SAMPLES)
def test_a_hostile_file_is_refused_by_the_scan_and_by_the_load_and_nothing_of_it_runs(name: str, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    content = SAMPLES[name](mark)
    modules = set(sys.modules)
    assert unknown(content)
    assert not mark.exists()
    assert set(sys.modules) == modules, "the scan imports nothing"
    if name in HARMLESS_BUT_REFUSED:
        unpickle(content)
    else:
        with pytest.raises((Refused, Malformed)):
            unpickle(content)
    assert not mark.exists()


@pytest.mark.row("U7")
def test_the_samples_are_loaded_guns(tmp_path: Path) -> None:
    """The stock unpickler runs them, or that they are refused would mean little. Tried are those that only leave a file."""
    tried = (
        "os.system|builtins.eval|builtins.open for writing|numpy runstring|INST opcode|OBJ opcode|names from the memo|a name of Python 2|"
        "a call before a sound model|deep in a sound pipeline|sqlite3|numpy memmap|shutil.copyfile"
    ).split("|")
    ran = []
    for number, name in enumerate(tried):
        mark = tmp_path / str(number)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                pickle.loads(SAMPLES[name](mark))
            except (TypeError, AttributeError, OSError, ValueError):
                pass  # some fail once they have run
        ran += [name] if mark.exists() else []
    assert ran == tried


@pytest.mark.row("U7")
def test_every_fitted_model_of_every_known_library_is_accepted_and_loads() -> None:
    refused: dict[str, Any] = {}
    count = 0
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore")
        for models in (fitted_sklearn(), fitted_together(), fitted_boosters(), values()):
            for name, model in models:
                count += 1
                content = _joblib(model) if count % 2 else pickle.dumps(model)
                wrong = unknown(content)
                if wrong:
                    refused[name] = wrong
                elif type(unpickle(content)) is not type(model):
                    refused[name] = "loaded as something else"
    assert refused == {}
    assert count > 350


@pytest.mark.parametrize("pack", [pickle.dumps, cloudpickle.dumps, *[lambda m, p=p: pickle.dumps(m, p) for p in range(5)]])
def test_every_protocol_is_read(pack: Any) -> None:
    content = pack(LinearRegression().fit([[1.0], [2.0]], [1.0, 3.0]))
    assert unknown(content) == []
    assert unpickle(content).predict([[3.0]]).tolist() == pytest.approx([5.0])


@pytest.mark.parametrize("compress", [0, ("zlib", 1), ("gzip", 3), ("bz2", 3), ("lzma", 3), ("xz", 3)])
def test_every_packing_of_joblib_is_read_with_its_arrays_as_they_were(compress: Any) -> None:
    value = [np.arange(6.0).reshape(2, 3), np.asfortranarray(np.arange(6).reshape(2, 3)), np.array(["a", None], dtype=object), np.zeros(0)]
    value += [
        np.float32(2),
        np.array(["ab", "c"]),
        np.zeros(2, dtype=[("a", "<f8"), ("b", "<i4")]),
        np.array(["2024-01-01"], dtype="M8[D]"),
    ]
    value += [np.array(5.0)]
    content = _joblib(value, compress=compress)
    assert unknown(content) == []
    for loaded, given in zip(unpickle(content), value, strict=True):
        np.testing.assert_array_equal(loaded, given)
        assert loaded.dtype == given.dtype


def test_a_name_is_listed_with_the_most_that_is_done_with_it() -> None:
    found = scan_pickle(pickle.dumps(LinearRegression().fit([[1.0], [2.0]], [1.0, 3.0])))
    assert found.names["sklearn.linear_model._base", "LinearRegression"] is Use.MADE
    assert found.names["numpy", "ndarray"] is Use.REFERRED
    assert found.names["numpy", "dtype"] is Use.CALLED


def test_every_unknown_name_is_listed_at_once() -> None:
    content = b"\x80\x04(cos\nsystem\ncbuiltins\neval\ncnumpy\nndarray\nt."
    assert unknown(content) == ["builtins.eval", "os.system"]


def test_a_known_name_that_is_only_referred_to_elsewhere_may_not_be_called() -> None:
    assert unknown(b"\x80\x04cnumpy\nndarray\n(tR.") == ["numpy.ndarray (called)"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "ends in the middle"),
        (b"plain text", "ValueError"),
        (b"\x80\x04\xff.", "no pickle opcode"),
        (b"PK\x03\x04rest", "zip archive"),
        (b"\x93NUMPY\x01", "array of numpy"),
        (b"\x04\x22\x4d\x18x", "lz4"),
        (gzip.compress(b"abc" * 99, mtime=0)[:-9], "damaged"),
        (zlib.compress(b"abc")[:-3], "damaged"),
        (pickle.dumps(1) + b"x", "1 bytes follow"),
        (b"\x80\x04K\x01K\x02tb.", "IndexError"),
    ],
)
def test_what_is_no_pickle_is_told(content: bytes, says: str) -> None:
    (fault,) = scan_pickle(content).faults
    assert re.search(says, fault), fault


def test_a_file_that_unpacks_to_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("farero.serving.scan.LARGEST", 1000)
    for packed in (gzip.compress(bytes(2000)), zlib.compress(bytes(2000))):
        with pytest.raises(Malformed, match=r"too large|larger"):
            unpacked(packed)


@pytest.mark.parametrize("seed", range(40))
def test_a_damaged_file_is_refused_or_read_and_never_raises_anything_else(seed: int) -> None:
    random = np.random.default_rng(seed)
    content = bytearray(_joblib(LinearRegression().fit([[1.0], [2.0]], [1.0, 3.0])))
    for _ in range(3):
        content[random.integers(len(content))] = random.integers(256)
    assert isinstance(scan_pickle(bytes(content)), Scan)


def _joblib(value: object, **options: Any) -> bytes:
    file = io.BytesIO()
    joblib.dump(value, file, **options)
    return file.getvalue()
