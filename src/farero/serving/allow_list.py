"""Which names a model file may hold: exactly those that a fitted model of a known library holds, and only used in the way they are there.

The lists in `allowed/` are generated (`tools/allow_list.py`): one JSON file a library and version, with the names that its models call,
those of which they only make an instance without running its `__init__`, and those that they only refer to. There is no list of bad names:
such a list is never complete.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Final

import msgspec

FOLDER: Final = Path(__file__).parent / "allowed"
_DISTRIBUTIONS: Final = {"sklearn": "scikit-learn"}


class Use(IntEnum):
    """What a file does with a name. Whoever may do more may do less."""

    REFERRED = 0
    MADE = 1
    CALLED = 2


class Listed(msgspec.Struct, forbid_unknown_fields=True):
    """One file of `allowed/`: module -> names, by what they may be used for."""

    library: str
    version: str
    called: dict[str, list[str]]
    made: dict[str, list[str]]
    referred: dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class AllowList:
    """What may be done with each (module, name) here and now. `notes` says where a list of another version had to do."""

    uses: Mapping[tuple[str, str], Use]
    notes: tuple[str, ...]

    def allows(self, module: str, name: str, use: Use) -> bool:
        """Whether a file may use this name so."""
        return self.uses.get((module, name), -1) >= use

    def trusting(self, names: Collection[str]) -> AllowList:
        """These names as well, as "module.name", for any use."""
        return AllowList({**self.uses, **{_parted(text): Use.CALLED for text in names}}, self.notes) if names else self


@lru_cache(maxsize=1)
def installed() -> AllowList:
    """The lists for the versions of the libraries that are installed; the newest list where there is none for that version."""
    uses: dict[tuple[str, str], Use] = {}
    notes = []
    for library, files in sorted(_files().items()):
        here = version_here(library)
        chosen = files.get(here) or files[max(files, key=_order)]
        if here and chosen.version != here:
            notes.append(f"there is no list for {library} {here}: the one for {chosen.version} was used")
        for use, listed in ((Use.REFERRED, chosen.referred), (Use.MADE, chosen.made), (Use.CALLED, chosen.called)):
            uses.update({(module, name): use for module, names in listed.items() for name in names})
    return AllowList(uses, tuple(notes))


def _parted(text: str) -> tuple[str, str]:
    module, _, name = text.rpartition(".")
    return module, name


def library_of(module: str) -> str:
    """The library that a module belongs to: "python" for what comes with Python.

    >>> library_of("sklearn.pipeline"), library_of("copyreg"), library_of("xgboost.core")
    ('scikit-learn', 'python', 'xgboost')
    """
    top = module.partition(".")[0]
    return "python" if top in sys.stdlib_module_names else _DISTRIBUTIONS.get(top, top)


def _files() -> dict[str, dict[str, Listed]]:
    found: dict[str, dict[str, Listed]] = {}
    for path in sorted(FOLDER.glob("*.json")):
        listed = msgspec.json.decode(path.read_bytes(), type=Listed)
        found.setdefault(listed.library, {})[listed.version] = listed
    return found


def version_here(library: str) -> str:
    """The installed version; nothing where it is not installed."""
    if library == "python":
        return f"{sys.version_info.major}.{sys.version_info.minor}"
    for name in (library, f"{library}-cpu"):  # xgboost comes under two names
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return ""


def _order(version: str) -> tuple[int, ...]:
    """Versions by their numbers.

    >>> max(["1.10.0", "1.9.1"], key=_order)
    '1.10.0'
    """
    return tuple(int("".join(digit for digit in part if digit.isdigit()) or 0) for part in version.split("."))
