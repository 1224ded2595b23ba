"""register: a model file made elsewhere, scanned, tried in a limited child, and stored as a candidate version."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from farero.core import performance
from farero.core.label import LabelSpec
from farero.core.schema import Schema
from farero.core.version import Version, next_number
from farero.core.window import WindowSize
from farero.errors import BadInput, TrainFailed, counted
from farero.ports import Child, Clock, Limits, ModelFiles
from farero.serving import engine, frozen
from farero.serving.admission import VERDICT, Verdict, admit_job, read_verdict
from farero.serving.kinds import Source, kind_of, stored_name, write_source
from farero.serving.layout import write_contract
from farero.serving.stored import Labelled
from farero.store import versions
from farero.store.database import Store
from farero.telemetry import log

_LISTED = 20
_ENDINGS: Mapping[object, str] = {
    "timeout": "did not end within the time that a training has",
    "memory": "took more memory than a training may",
    "signal": "crashed the process",
    "vanished": "ended the process",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Register:
    """Brings versions of one model in."""

    model: str
    schema: Schema
    label: LabelSpec
    metric: str
    window_size: WindowSize
    environment: Mapping[str, str]
    limits: Limits
    store: Store
    files: ModelFiles
    child: Child
    clock: Clock

    def bring(
        self, path: Path, *, origin: str, by: str, because: str, trusted: Sequence[str] = (), reference: Labelled | None = None
    ) -> Version:
        """The file as a candidate. With `reference`, labelled rows that it is measured on and whose distributions are remembered.

        Raises:
            BadInput: it is no kind of model file that is known, holds names that are not allowed, is damaged, or does not fit the project.
        """
        if trusted and not because:
            raise BadInput("A name is trusted for a reason.", hint="Say it with: --because TEXT.")
        kind = kind_of(path)
        with tempfile.TemporaryDirectory(prefix="farero-register-") as name:
            folder = Path(name)
            file = stored_name(path, kind)
            _copy(path, folder / file)
            write_contract(folder, self.schema, self.label)
            write_source(folder, Source(kind=kind, file=file, trusted=tuple(trusted)))
            verdict = self._judged(path, folder)
            digest_of_file = _sha256(folder / file)
            metrics = self._measured(folder, reference)
            tags = {
                "kind": kind, "file": path.name, "sha256": digest_of_file, "class": verdict.made,
                "scan": f"{counted(verdict.names, 'name')}, none unknown{''.join(f'; {note}' for note in verdict.notes)}",
            }  # fmt: skip
            if trusted:
                tags |= {"trusted": ", ".join(sorted(trusted)), "trusted_by": by}
            return self._stored(folder, origin, by, because or f"brought in from {path.name}", metrics, tags)

    def _judged(self, path: Path, folder: Path) -> Verdict:
        try:
            self.child.run(admit_job, folder, self.limits)
        except TrainFailed as failure:
            how = _ENDINGS.get(failure.context.get("ending"), f"failed: {failure.message}")
            raise BadInput(
                f"Loading {path.name} {how}, so it was not brought in.", hint="Look at the file, or save the model again."
            ) from failure
        verdict = read_verdict(folder)
        for left in (VERDICT, "output.txt"):
            (folder / left).unlink(missing_ok=True)
        if verdict.unknown or verdict.faults:
            log("register.refused", level="warning", model=self.model, unknown=len(verdict.unknown), faults=len(verdict.faults))
        if verdict.faults:
            raise BadInput(f"{path.name} is no sound model file, and nothing of it was run.", faults=[*verdict.faults, *verdict.unknown])
        if verdict.unknown:
            more = len(verdict.unknown) - _LISTED
            raise BadInput(
                f"{path.name} holds {counted(len(verdict.unknown), 'name')} that no model of a known library holds; nothing of it was run.",
                faults=[*verdict.unknown[:_LISTED], *([f"and {more} more"] if more > 0 else [])],
                hint="If you know who made the file, and each of these, vouch for it: --trust NAME for each, and --because TEXT.",
            )
        if verdict.problem is not None:
            raise BadInput(f"{path.name} does not fit {self.model}: {verdict.problem}")
        return verdict

    def _measured(self, folder: Path, rows: Labelled | None) -> dict[str, float]:
        """Ask the model about the reference rows; leave their profile in the folder."""
        if rows is None:
            return {}
        outputs = engine.load(folder, self.label, self.schema, gate=False).predict(rows.columns, rows.count)
        frozen.freeze(folder, self.schema, self.label, self.window_size, rows, frozen.with_outputs(rows, outputs))
        return performance.baseline(self.label.kind, self.metric, rows.labels, outputs)

    def _stored(self, folder: Path, origin: str, by: str, because: str, metrics: Mapping[str, float], tags: Mapping[str, str]) -> Version:
        digest = self.files.put(folder)
        now = self.clock.now()
        with self.store.write() as conn:
            known = versions.all(conn, self.model)
            changed = bool(known) and known[0].schema_digest != self.schema.digest()
            version = versions.add(
                conn,
                Version(
                    model=self.model, number=next_number(versions.numbers(conn, self.model), schema_changed=changed), state="candidate",
                    digest=digest, size_bytes=self.files.size(digest), created_at=now,
                    trained_until=now,  # nobody says what it learnt from, but nothing that is later than now
                    trained_rows=0, data_fingerprint="", schema_digest=self.schema.digest(), origin=origin, because=because,
                    metrics=metrics, environment=self.environment, tags=tags,
                ),
                by=by,
            )  # fmt: skip
        log("register.finished", model=self.model, version=version.number, kind=tags["kind"])
        return version


def _copy(path: Path, target: Path) -> None:
    if path.is_dir():
        if any(part.is_symlink() for part in path.rglob("*")):
            raise BadInput(f"{path} holds links.", hint="Put the files themselves where the links are.")
        shutil.copytree(path, target)
    else:
        shutil.copyfile(path, target)


def _sha256(path: Path) -> str:
    """Of a file its digest; of a folder that of its files' names and digests."""
    hashed = hashlib.sha256()
    if path.is_dir():
        for file in sorted(path.rglob("*")):
            if file.is_file():
                hashed.update(f"{file.relative_to(path).as_posix()} {_sha256(file)}\n".encode())
        return hashed.hexdigest()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            hashed.update(block)
    return hashed.hexdigest()
