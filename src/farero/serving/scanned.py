"""What the scan says of a stored version's model: on record for a file that was brought in, made here for one that was trained here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from farero.errors import counted
from farero.serving import allow_list
from farero.serving.blend import model_files
from farero.serving.scan import scan_pickle

_LISTED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Scanned:
    """What was found; `passed` None = there is nothing that could be scanned."""

    passed: bool | None
    because: str


def scanned(folder: Path, tags: Mapping[str, str]) -> Scanned:
    """Whether the model in a version's folder holds anything that it must not.

    A file that was brought in was scanned then, and its bytes are the same ever since. A model that was trained here is made by the
    project's own code and may hold that code: names beyond known libraries are told and stop nothing; a file that is no sound pickle does.
    """
    if "scan" in tags:
        return Scanned(passed=True, because=f"scanned when it was brought in: {tags['scan']}")
    paths = [folder / name for name in model_files(folder)]
    if not all(path.is_file() for path in paths):
        return Scanned(passed=None, because="there is no pickle to scan")
    names: set[tuple[str, str]] = set()
    beyond: dict[str, None] = {}
    for path in paths:
        found = scan_pickle(path.read_bytes())
        if found.faults:
            return Scanned(passed=False, because=f"the model's file is no sound pickle: {'; '.join(found.faults)}")
        names.update(found.names)
        beyond |= dict.fromkeys(found.unknown(allow_list.installed()))
    if not beyond:
        return Scanned(passed=True, because=f"{counted(len(names), 'name')}, all of known libraries")
    listed = ", ".join(list(beyond)[:_LISTED]) + (f" and {len(beyond) - _LISTED} more" if len(beyond) > _LISTED else "")
    because = f"{counted(len(names), 'name')}, {len(beyond)} of them of the project's own code: {listed}"
    return Scanned(passed=True, because=because)
