"""The list of a model's files with their checksums: it names the model, and it tells whether a copy is still what was stored."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

NAME = "manifest.json"
_FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFacts:
    """What is remembered of one file: SHA-256 in hex and size [B]."""

    sha256: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """Every file of a model by its path, `/` between folders."""

    files: Mapping[str, FileFacts]

    def to_json(self) -> bytes:
        """The one way to write it: equal files give equal bytes.

        >>> Manifest(files={"a": facts(b"x")}).to_json()[:42]
        b'{"files":{"a":{"sha256":"2d711642b726b0440'
        """
        files = {path: {"sha256": file.sha256, "size": file.size} for path, file in self.files.items()}
        return json.dumps({"files": files, "format": _FORMAT}, sort_keys=True, separators=(",", ":")).encode()

    def digest(self) -> str:
        """SHA-256 of `to_json`: the model's name in a store of model files."""
        return hashlib.sha256(self.to_json()).hexdigest()

    def size(self) -> int:
        """Bytes of all files, the manifest itself left out."""
        return sum(file.size for file in self.files.values())

    def differences(self, found: Mapping[str, FileFacts]) -> tuple[str, ...]:
        """What is wrong with these files, one sentence a file; empty where they are the stored ones.

        >>> Manifest(files={"a": facts(b"x"), "b": facts(b"")}).differences({"a": facts(b"y"), "c": facts(b"")})
        ('a was changed', 'b is missing', 'c was added')
        """
        wrong = []
        for path in sorted({*self.files, *found}):
            if path not in found:
                wrong.append(f"{path} is missing")
            elif path not in self.files:
                wrong.append(f"{path} was added")
            elif self.files[path] != found[path]:
                wrong.append(f"{path} was changed")
        return tuple(wrong)


def facts(content: bytes) -> FileFacts:
    """The facts of a file with this content."""
    return FileFacts(sha256=hashlib.sha256(content).hexdigest(), size=len(content))


def parse(content: bytes, digest: str) -> Manifest:
    """Read a stored manifest back.

    Raises:
        ValueError: it is not the manifest that `digest` names.
    """
    if hashlib.sha256(content).hexdigest() != digest:
        raise ValueError(f"{NAME} was changed")
    files = json.loads(content)["files"]
    return Manifest(files={path: FileFacts(sha256=file["sha256"], size=file["size"]) for path, file in files.items()})
