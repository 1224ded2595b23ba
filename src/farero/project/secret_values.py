"""Every value of an installation that must not be shown: what farero.toml names as a secret, and what the environment calls one."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from farero.errors import ConfigInvalid
from farero.project.settings import HOME, Secret, Settings

_SOUNDS_SECRET = re.compile(r"(?i)(password|passwd|secret|token|api_?key|access_?key|private_?key|credentials?)$")
_LEAST = 8
"""Variables that only sound secret count from so many characters on: TOKEN=no is none."""


def secret_values(settings: Settings, root: Path, environment: Mapping[str, str]) -> tuple[str, ...]:
    """All of them, each once. A secret that cannot be read here is passed over: nobody can print it either.

    Args:
        root: the folder with farero.toml.
        environment: variables of this process, which the project's own code sees too.
    """
    found: list[str] = []
    for secret in _secrets(settings):
        try:
            found.append(secret.read(root))
        except ConfigInvalid:
            continue
    key = root / HOME / "secret"
    if key.is_file():
        found.append(key.read_text(encoding="ascii", errors="replace").strip())
    found += [value for name, value in environment.items() if _SOUNDS_SECRET.search(name) and len(value) >= _LEAST]
    return tuple(dict.fromkeys(found))


def _secrets(value: object) -> Iterator[Secret]:
    """Every secret that is named anywhere in the settings."""
    if isinstance(value, Secret):
        yield value
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from _secrets(getattr(value, field.name))
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from _secrets(item)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _secrets(item)
