"""A version whose model is the mean of several: how they lie in its folder, and how they answer together."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from farero.core.label import LabelSpec
from farero.errors import Corrupt
from farero.serving.answers import class_order, numbers, shares, values, width
from farero.serving.layout import MODEL, RESULT

BLEND: Final = "blend.json"


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One model of a blend: its file beside `blend.json`, its share of the mean [0-1], and the way that it was trained."""

    file: str
    share: float
    way: str


def assemble(folder: Path, parts: Sequence[tuple[Path, float, str]]) -> None:
    """Make a version's folder from those of trained models: (folder, share, way) each. One alone is that model, and no blend."""
    if len(parts) == 1:
        shutil.copytree(parts[0][0], folder, dirs_exist_ok=True)
        return
    told: list[Part] = []
    results: list[dict[str, Any]] = []
    for number, (source, share, way) in enumerate(parts, start=1):
        part = Part(file=f"model-{number}.pkl", share=share, way=way)
        shutil.copyfile(source / MODEL, folder / part.file)
        told.append(part)
        results.append(json.loads((source / RESULT).read_text(encoding="utf-8")))
    (folder / BLEND).write_bytes(msgspec.json.format(msgspec.json.encode(told), indent=1))
    kinds = dict.fromkeys(str(result["model"]) for result in results)
    whole = {"model": f"mean of {len(parts)}: {', '.join(kinds)}", "rows": max(int(result["rows"]) for result in results),
        "cpu_s": sum(float(result["cpu_s"]) for result in results)}  # fmt: skip
    (folder / RESULT).write_text(json.dumps(whole), encoding="utf-8")


def read_parts(folder: Path) -> tuple[Part, ...]:
    """What a version's model is the mean of; nothing where it is one model.

    Raises:
        Corrupt: `blend.json` is no such thing.
    """
    path = folder / BLEND
    if not path.exists():
        return ()
    try:
        return msgspec.json.decode(path.read_bytes(), type=tuple[Part, ...])
    except msgspec.MsgspecError as error:
        raise Corrupt(f"{path} does not say what the model is made of: {error}.", hint="Restore the folder from a backup.") from error


def model_files(folder: Path) -> tuple[str, ...]:
    """The pickles of a model that was trained here."""
    return tuple(part.file for part in read_parts(folder)) or (MODEL,)


class Blend:
    """Several models that answer together: the mean of their numbers, or of their probabilities.

    Attributes:
        members: the models, each with `predict` or `predict_proba`.
        shares: of each in the mean; they add up to 1.
    """

    def __init__(self, members: Sequence[Any], shares: Sequence[float], label: LabelSpec) -> None:
        self.members = tuple(members)
        self.shares = tuple(shares)
        self._label = label
        if label.kind != "number":
            self.classes_ = np.arange(width(label))

    def get_params(self) -> dict[str, str]:
        """What it is made of, in words, under the name by which scikit-learn's models tell it."""
        return {"members": " + ".join(f"{share:g} {type(one).__name__}" for one, share in zip(self.members, self.shares, strict=True))}

    def predict(self, frame: Any) -> NDArray[Any]:
        """(n,) the mean of the numbers, or the positions of the likeliest classes."""
        if self._label.kind != "number":
            return np.asarray(self.predict_proba(frame).argmax(axis=1))
        return self._mean(lambda model: values(numbers(model.predict(frame), "predict"), len(frame)))

    def predict_proba(self, frame: Any) -> NDArray[Any]:
        """(n, k) the mean of the probabilities of the label's classes, in their declared order; 0 for a class that a model never saw."""

        def asked(model: Any) -> NDArray[np.float64]:
            order = class_order(getattr(model, "classes_", None), self._label)
            assert order is not None
            return shares(numbers(model.predict_proba(frame), "predict_proba"), len(frame), order, self._label)

        return self._mean(asked)

    def _mean(self, ask: Callable[[Any], NDArray[np.float64]]) -> NDArray[np.float64]:
        answers = ask(self.members[0]) * self.shares[0]
        for model, share in zip(self.members[1:], self.shares[1:], strict=True):
            answers += ask(model) * share
        return answers
