"""The versions that are in memory. Readers never wait: a swap loads first and then changes one reference."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

from farero.core.label import LabelSpec
from farero.core.schema import Schema
from farero.core.version import Version
from farero.errors import Corrupt, NotFound, NotReady
from farero.ports import ModelFiles
from farero.serving.checked import Choice, moved_because
from farero.serving.engine import Engine, chosen
from farero.serving.layout import REFERENCE, read_contract
from farero.serving.memory import give_back
from farero.telemetry import log

KEPT = 4
"""Versions kept in memory beside those in production: a candidate is judged, then promoted, without loading it twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A version that answers.

    Attributes:
        reference: the packed profile of what it was trained on; None where it has none.
        folder: where its files lie, verified when it was last asked for; `serving.frozen` reads the rest of them.
        moved: that the model answers differently from when it was trained, in words; empty where it does not.
        gated: a compiled engine serves if there is one that equals the original. Otherwise nobody looked for one.
    """

    version: Version
    engine: Engine
    label: LabelSpec
    schema: Schema
    reference: bytes | None
    folder: Path
    moved: str = ""
    gated: bool = True


class Pool:
    """One version in production a model, and a few more.

    Args:
        kept: versions kept beside those in production.
        max_loaded: models whose version in production is in memory at a time; 0 = no limit. The one unused for longest makes room.
        compiled: let compiled engines serve. A replay promotes often and asks each version seldom: it does without.
    """

    def __init__(self, files: ModelFiles, *, kept: int = KEPT, max_loaded: int = 0, compiled: bool = True) -> None:
        self._files = files
        self._compiled = compiled
        self._kept = kept
        self._max_loaded = max_loaded
        self._loading = threading.Lock()
        self._production: dict[str, Loaded] = {}  # never changed in place, so that readers need no lock
        self._expected: dict[str, Version] = {}  # in production, and loaded with the first request
        self._used: dict[str, int] = {}
        self._turn = count()
        self._recent: OrderedDict[str, Loaded] = OrderedDict()

    @property
    def loaded(self) -> Mapping[str, Loaded]:
        """What is in memory and in production, by model."""
        return self._production

    def ready(self, model: str) -> Loaded | None:
        """The version that answers for this model, if it is in memory; never waits."""
        if self._max_loaded:
            self._used[model] = next(self._turn)
        return self._production.get(model)

    def expected(self, model: str) -> Version | None:
        """The version in production that its next request loads; None where it is loaded, or there is none."""
        return self._expected.get(model)

    def production(self, model: str) -> Loaded:
        """The version that answers for this model, loaded first where it was only expected.

        Raises:
            NotReady: there is none.
            Corrupt: its files are not what was stored, or gone.
            PredictFailed: its model cannot be loaded.
        """
        loaded = self.ready(model)
        if loaded is not None:
            return loaded
        expected = self._expected.get(model)
        if expected is None:
            raise NotReady(
                f"No version of {model} is in production.",
                hint="Train one and promote it: farero train, then farero promote V.",
                model=model,
            )
        return self._put(model, expected, only_if_expected=True)

    def expect(self, model: str, version: Version) -> None:
        """Let this version answer from its first request on, and be loaded with that. A model in memory is swapped at once.

        Raises:
            Corrupt: its files are not what was stored, or gone.
            PredictFailed: its model cannot be loaded.
        """
        with self._loading:
            if model not in self._production:
                self._expected[model] = version
                return
        self.swap(model, version)

    def swap(self, model: str, version: Version) -> Loaded:
        """Let this version answer from now on. Where it cannot be loaded, the one before it goes on.

        Raises:
            Corrupt: its files are not what was stored, or gone.
            PredictFailed: its model cannot be loaded.
        """
        return self._put(model, version)

    def _put(self, model: str, version: Version, *, only_if_expected: bool = False) -> Loaded:
        with self._loading:
            before = self._production.get(model)
            if only_if_expected and before is not None:  # another request was first
                return before
            loaded = self._load(version, fresh=False)
            self._expected.pop(model, None)
            self._used[model] = next(self._turn)
            self._production = self._within_limit({**self._production, model: loaded})
        if before is None or before.version.number != version.number:
            log("model_loaded", model=model, version=version.number, engine=loaded.engine.kind)
        return loaded

    def _within_limit(self, production: dict[str, Loaded]) -> dict[str, Loaded]:
        while 0 < self._max_loaded < len(production):
            idle = min(production, key=lambda model: self._used.get(model, -1))
            self._expected[idle] = production.pop(idle).version
            log("model_unloaded", model=idle, version=self._expected[idle].number)
        return production

    def drop(self, model: str) -> None:
        """Let nothing answer for this model."""
        with self._loading:
            self._expected.pop(model, None)
            self._production = {name: loaded for name, loaded in self._production.items() if name != model}

    def rest(self, model: str) -> bool:
        """Let a model's version in production leave memory until its next request. Whether it was there."""
        with self._loading:
            loaded = self._production.get(model)
            if loaded is None:
                return False
            self._expected[model] = loaded.version
            self._production = {name: other for name, other in self._production.items() if name != model}
            for digest in [digest for digest, recent in self._recent.items() if recent.version.model == model]:
                del self._recent[digest]
        log("model_unloaded", model=model, version=loaded.version.number)
        return True

    def release(self, digests: Collection[str]) -> None:
        """Keep these no longer, unless they are in production."""
        with self._loading:
            serving = {loaded.version.digest for loaded in self._production.values()}
            for digest in set(digests) - serving:
                self._recent.pop(digest, None)

    def discard(self, digest: str) -> None:
        """Forget these files, and remove them from the disk."""
        with self._loading:
            self._recent.pop(digest, None)
            self._files.delete(digest)

    def get(self, version: Version, *, fresh: bool = False, gate: bool = True) -> Loaded:
        """This version, loaded if need be; its files are verified each time.

        Args:
            fresh: load it anew.
            gate: False where its model is only judged: then the original will do, and nothing is compiled.

        Raises:
            Corrupt: its files are not what was stored, or gone.
            PredictFailed: its model cannot be loaded.
        """
        with self._loading:
            return self._load(version, fresh=fresh, gate=gate)

    def _held(self, digest: str) -> Loaded | None:
        serving = (loaded for loaded in self._production.values() if loaded.version.digest == digest)
        return self._recent.get(digest) or next(serving, None)

    def _load(self, version: Version, *, fresh: bool, gate: bool = True) -> Loaded:
        gate = gate and self._compiled
        try:
            folder = self._files.open(version.digest)
        except NotFound as failure:  # no wrong name given by a caller: a stored version says that they are there
            raise Corrupt(
                f"The files of {version.model} {version.number} are gone: {failure.message}",
                hint="Restore them from a backup, or put another version back with: farero rollback.",
                digest=version.digest,
            ) from failure
        loaded = None if fresh else self._held(version.digest)
        if loaded is None or (gate and not loaded.gated):
            contract = read_contract(folder)
            reference = folder / REFERENCE
            choice = chosen(folder, contract.label, contract.schema, gate=gate, reopen=lambda: self._files.open(version.digest))
            loaded = Loaded(
                version=version,
                engine=choice.engine,
                label=contract.label,
                schema=contract.schema,
                reference=reference.read_bytes() if reference.exists() else None,
                folder=folder,
                moved=moved_because(choice.moved, version.environment),
                gated=gate,
            )
            _tell(loaded, choice)
            del choice
            give_back()
        loaded = replace(loaded, version=version)  # equal files may serve as two versions, and a version's state changes
        self._recent[version.digest] = loaded
        self._recent.move_to_end(version.digest)
        while len(self._recent) > self._kept:
            self._recent.popitem(last=False)
        return loaded


def _tell(loaded: Loaded, choice: Choice) -> None:
    """Log what was found when the engines were compared; a refusal and a model that moved never go by in silence."""
    model, version = loaded.version.model, loaded.version.number
    found = choice.parity
    if found is not None:
        log(
            "engine.checked", model=model, version=version, passed=found.passed, rows=found.rows, left=found.left, flips=found.flips,
            worst=found.worst, covered=round(found.covered, 3), seconds=round(found.seconds, 3),
        )  # fmt: skip
    if choice.refused:
        log("engine.refused", level="warning", model=model, version=version, because=choice.refused)
    if loaded.moved:
        log("engine.moved", level="warning", model=model, version=version, because=loaded.moved, worst=choice.moved)
