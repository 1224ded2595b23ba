"""Model files in memory: the fake of a store of model files, and what a replay uses."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Iterator
from pathlib import Path

from farero.core.manifest import NAME, Manifest, facts
from farero.errors import BadInput, Corrupt, NotFound


class MemoryModels:
    """Keeps every file's bytes; `open` writes them to a folder that lives as long as this object."""

    def __init__(self) -> None:
        self.files: dict[str, dict[str, bytes]] = {}
        self._manifests: dict[str, Manifest] = {}
        self._shelf = Path(tempfile.mkdtemp(prefix="farero-models-"))
        weakref.finalize(self, shutil.rmtree, self._shelf, ignore_errors=True)

    def put(self, folder: Path) -> str:
        """Keep a copy of the folder's files; see `ports.ModelFiles`."""
        content = {path: (folder / path).read_bytes() for path in _paths(folder)}
        if not content:
            raise BadInput(f"{folder} holds no files to store as a model.")
        manifest = Manifest(files={path: facts(data) for path, data in content.items()})
        self.files[manifest.digest()] = content
        self._manifests[manifest.digest()] = manifest
        return manifest.digest()

    def open(self, digest: str) -> Path:
        """A folder with the files, every one verified; see `ports.ModelFiles`."""
        content = self._content(digest)
        wrong = self._manifests[digest].differences({path: facts(data) for path, data in content.items()})
        if wrong:
            raise Corrupt(f"The model files {digest[:12]} are not what was stored: {'; '.join(wrong)}.", digest=digest, files=wrong)
        folder = self._shelf / digest
        if not folder.exists():
            copy = Path(tempfile.mkdtemp(dir=self._shelf))
            for path, data in content.items():
                (copy / path).parent.mkdir(parents=True, exist_ok=True)
                (copy / path).write_bytes(data)
            (copy / NAME).write_bytes(self._manifests[digest].to_json())
            copy.rename(folder)
        return folder

    def size(self, digest: str) -> int:
        """Bytes of all files but the manifest."""
        return sum(len(data) for data in self._content(digest).values())

    def digests(self) -> Iterator[str]:
        """Every stored digest, sorted."""
        return iter(sorted(self.files))

    def delete(self, digest: str) -> None:
        """Forget the files."""
        self.files.pop(digest, None)
        self._manifests.pop(digest, None)
        shutil.rmtree(self._shelf / digest, ignore_errors=True)

    def _content(self, digest: str) -> dict[str, bytes]:
        if digest not in self.files:
            raise NotFound(f"There are no model files {digest[:12]!r}.")
        return self.files[digest]


def _paths(folder: Path) -> list[str]:
    if not folder.is_dir():
        raise BadInput(f"{folder} is not a folder of model files.")
    for path in folder.rglob("*"):
        if path.is_symlink():
            raise BadInput(f"{path} is neither a file nor a folder.", hint="Put the file itself where the link is.")
    return [name for path in folder.rglob("*") if path.is_file() and (name := path.relative_to(folder).as_posix()) != NAME]
