from __future__ import annotations

import collections
import io
import pickle
from pathlib import Path
from typing import Any

import cloudpickle
import joblib
import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from farero.serving.pickle_machine import Malformed, Refused
from farero.serving.unpickle import unpickle

FITTED = LinearRegression().fit([[1.0], [2.0]], [1.0, 3.0])


@pytest.mark.row("U7")
def test_a_name_that_is_not_listed_is_not_even_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "leaves_a_mark.py").write_text(f"open({str(tmp_path / 'mark')!r}, 'w').close()\nclass Model: pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    content = b"\x80\x04cleaves_a_mark\nModel\n)\x81."
    with pytest.raises(Refused, match=r"leaves_a_mark\.Model is not on the list"):
        unpickle(content)
    assert not (tmp_path / "mark").exists()
    assert type(unpickle(content, ("leaves_a_mark.Model",))).__name__ == "Model"
    assert (tmp_path / "mark").exists()


@pytest.mark.row("U7")
@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"\x80\x04csklearn.pipeline\nPipeline\n(tR.", "calls Pipeline"),
        (b"\x80\x04csklearn.pipeline\nPipeline\nN}X\x07\0\0\0predictK\x01s\x86b.", "changes Pipeline itself"),
        (b"\x80\x04cnumpy\nlog1p\nN}X\x01\0\0\0aK\x01s\x86b.", "changes log1p itself"),
        (b"\x80\x04csklearn.compose._column_transformer\nmake_column_selector\n)\x81N}X\x09\0\0\0__class__K\x01s\x86b.", "sets __class__"),
        (b"\x80\x04csklearn.pipeline\nPipeline\nq\x00)\x81(K\x01e.", "items are put into a Pipeline"),
    ],
)
def test_an_allowed_name_may_only_be_used_as_models_use_it(content: bytes, says: str) -> None:
    with pytest.raises(Refused, match=says):
        unpickle(content)


def test_containers_of_their_own_kind_are_filled() -> None:
    value = [collections.OrderedDict(a=1), collections.defaultdict(list, b=[2]), collections.Counter("aab"), {1, 2}, frozenset({3})]
    assert unpickle(pickle.dumps(value)) == value


def test_arrays_of_joblib_can_be_written_to_as_those_of_a_pickle_can() -> None:
    file = io.BytesIO()
    joblib.dump(np.arange(3.0), file)
    loaded = unpickle(file.getvalue())
    loaded[0] = 9.0
    assert loaded.tolist() == [9.0, 1.0, 2.0]


def test_a_model_of_code_loads_only_when_somebody_vouched_for_what_makes_code() -> None:
    def halved(value: float) -> float:
        return value / 2

    content = cloudpickle.dumps(halved)
    with pytest.raises(Refused, match="cloudpickle"):
        unpickle(content)
    names: list[str] = []
    for _ in range(12):
        try:
            made: Any = unpickle(content, tuple(names))
            break
        except Refused as error:
            names.append(str(error).split()[0])
    assert made(3.0) == 1.5


def test_what_follows_the_end_is_refused() -> None:
    with pytest.raises(Malformed, match="follow the end"):
        unpickle(pickle.dumps(FITTED) + b"x")
