"""Looks at a model file that somebody brought, in a limited child: first the scan, then the loading, then questions on made-up rows."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from farero.errors import CallerError, PredictFailed, TrainFailed
from farero.project import trial
from farero.project.frame import frame
from farero.serving import allow_list, mlflow_folder
from farero.serving.engine import Original
from farero.serving.kinds import Source, load_model, pickles_in, read_source
from farero.serving.layout import read_contract
from farero.serving.scan import Scan, makes_code, scan_pickle

VERDICT: Final = "verdict.json"
_ROWS = 100


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What was found.

    Attributes:
        unknown: names that the list has not; faults: what else is wrong with the file; `problem`: why it does not fit the project.
        names: how many names it holds; notes: with which lists they were compared, where not with the right ones.
    """

    unknown: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    problem: str | None = None
    names: int = 0
    notes: tuple[str, ...] = ()
    made: str = ""


def admit_job(folder: Path) -> None:
    """Judge the model in the folder, and leave `verdict.json` there. Runs in a child."""
    source = read_source(folder)
    assert source is not None
    (folder / VERDICT).write_bytes(msgspec.json.encode(_judge(folder, source)))


def read_verdict(folder: Path) -> Verdict:
    """What `admit_job` left."""
    return msgspec.json.decode((folder / VERDICT).read_bytes(), type=Verdict)


def _judge(folder: Path, source: Source) -> Verdict:
    path = folder / source.file
    try:
        scans = [(file, scan_pickle(file.read_bytes())) for file in pickles_in(path, source.kind)]
        module = mlflow_folder.loader(path) if source.kind == "mlflow" else None
    except CallerError as error:
        return Verdict(problem=str(error))
    allowed = allow_list.installed().trusting(source.trusted)
    unknown = sorted(
        {name for _, scan in scans for name in scan.unknown(allowed)} | ({module} if module and module not in source.trusted else set())
    )
    waived = makes_code(source.trusted)
    faults = tuple(
        f"{file.relative_to(path) if file != path else 'the file'}: {fault}"
        for file, scan in scans
        for fault in (*scan.faults, *(() if waived or unknown else scan.deeds))
    )
    found = Verdict(unknown=tuple(unknown), faults=faults, names=_count(scans), notes=(*allowed.notes, *_versions(scans)))
    if unknown or faults:
        return found
    contract = read_contract(folder)
    try:
        model = load_model(folder, contract.label, contract.schema)
        columns, _ = trial.sample(contract.schema, contract.label, seed=0, rows=_ROWS)
        made = f"it is a {type(getattr(model, 'model', model)).__name__}"
        trial.check_model(model, contract.label, frame(contract.schema, columns), made=made)
        Original(model, contract.label, contract.schema).predict(columns, _ROWS)
    except TrainFailed as error:
        return msgspec.structs.replace(found, problem=error.message)
    except PredictFailed as error:
        return msgspec.structs.replace(found, problem=str(error))
    return msgspec.structs.replace(found, made=type(getattr(model, "model", model)).__name__)


def _versions(scans: list[tuple[Path, Scan]]) -> list[str]:
    """A word on models that were fitted with another scikit-learn than the one that is here."""
    here = allow_list.version_here("scikit-learn")
    others = sorted({version for _, scan in scans for version in scan.fitted_with} - {here})
    return [f"fitted with scikit-learn {', '.join(others)}, and here is {here}"] if others else []


def _count(scans: list[tuple[Path, Scan]]) -> int:
    return len({name for _, scan in scans for name in scan.names})
