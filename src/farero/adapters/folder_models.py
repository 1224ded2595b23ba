"""Model files in a folder of this machine, one folder a model, named by what is in it."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from farero.core.manifest import NAME, FileFacts, Manifest, parse
from farero.errors import BadInput, Corrupt, ModelsUnavailable, NotFound

_BLOCK = 1 << 20


class FolderModels:
    """`<folder>/<digest>/` holds the files and `manifest.json`. A folder appears whole, by a rename, and is never written again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, folder: Path) -> str:
        """Store a copy of the folder's files; see `ports.ModelFiles`."""
        with _outside("write", self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
            copy = Path(tempfile.mkdtemp(prefix=".new-", dir=self._folder))
            try:
                manifest = Manifest(files={path: _copy(folder / path, copy / path) for path in _paths(folder)})
                if not manifest.files:
                    raise BadInput(f"{folder} holds no files to store as a model.")
                _write(copy / NAME, manifest.to_json())
                self._place(copy, manifest)
            finally:
                shutil.rmtree(copy, ignore_errors=True)
        return manifest.digest()

    def open(self, digest: str) -> Path:
        """The stored folder, every file verified; see `ports.ModelFiles`."""
        folder = self._stored(digest)
        with _outside("read", folder):
            wrong = _faults(folder, digest)
        if wrong:
            raise Corrupt(
                f"The model files {digest[:12]} are not what was stored: {'; '.join(wrong)} ({folder}).",
                hint="Restore the folder from a backup, or roll back to another version.",
                digest=digest,
                files=wrong,
            )
        return folder

    def size(self, digest: str) -> int:
        """Bytes of all files but the manifest."""
        folder = self._stored(digest)
        with _outside("read", folder):
            return sum((folder / path).stat().st_size for path in _paths(folder))

    def digests(self) -> Iterator[str]:
        """Every stored digest, sorted."""
        with _outside("read", self._folder):
            names = sorted(entry.name for entry in self._folder.iterdir() if entry.is_dir()) if self._folder.is_dir() else []
        return (name for name in names if _is_digest(name))

    def delete(self, digest: str) -> None:
        """Remove the folder; a reader sees it whole or not at all."""
        if not _is_digest(digest) or not (self._folder / digest).exists():
            return
        with _outside("delete", self._folder / digest):
            grave = Path(tempfile.mkdtemp(prefix=".old-", dir=self._folder))
            try:
                (self._folder / digest).rename(grave / digest)
            except FileNotFoundError:
                pass  # another process was faster
            finally:
                shutil.rmtree(grave, ignore_errors=True)

    def _stored(self, digest: str) -> Path:
        folder = self._folder / digest
        if not _is_digest(digest) or not folder.is_dir():
            raise NotFound(
                f"There are no model files {digest[:12]!r} in {self._folder}.",
                hint="Restore them from a backup, or roll back to another version.",
            )
        return folder

    def _place(self, copy: Path, manifest: Manifest) -> None:
        """Give the finished copy its name. An equal folder that is whole stays; one that is damaged makes room, kept aside."""
        target = self._folder / manifest.digest()
        if target.is_dir() and _faults(target, manifest.digest()):
            target.rename(tempfile.mkdtemp(prefix=f".damaged-{target.name[:12]}-", dir=self._folder))
        _sync(copy)
        try:
            copy.rename(target)
        except OSError:
            if not target.is_dir():  # otherwise another process stored the same files first
                raise
        _sync(self._folder)


def _is_digest(name: str) -> bool:
    return len(name) == 64 and set(name) <= set("0123456789abcdef")


def _paths(folder: Path) -> list[str]:
    """Every file below the folder but its manifest; a link or device is refused, since its content is elsewhere."""
    if not folder.is_dir():
        raise BadInput(f"{folder} is not a folder of model files.")
    paths = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise BadInput(f"{path} is neither a file nor a folder.", hint="Put the file itself where the link is.")
        if path.is_file() and name != NAME:
            paths.append(name)
    return paths


def _faults(folder: Path, digest: str) -> tuple[str, ...]:
    """What differs between the folder and what was stored under this digest."""
    try:
        manifest = parse((folder / NAME).read_bytes(), digest)
    except FileNotFoundError:
        return (f"{NAME} is missing",)
    except ValueError as error:
        return (str(error),)
    try:
        found = {path: _facts(folder / path) for path in _paths(folder)}
    except BadInput as error:
        return (error.message,)
    return manifest.differences(found)


def _facts(path: Path) -> FileFacts:
    hashed, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            hashed.update(block)
            size += len(block)
    return FileFacts(sha256=hashed.hexdigest(), size=size)


def _copy(source: Path, target: Path) -> FileFacts:
    """Copy one file to the disk, and hash exactly the bytes that were copied."""
    target.parent.mkdir(parents=True, exist_ok=True)
    hashed, size = hashlib.sha256(), 0
    with source.open("rb") as reader, target.open("wb") as writer:
        while block := reader.read(_BLOCK):
            hashed.update(block)
            size += len(block)
            writer.write(block)
        writer.flush()
        os.fsync(writer.fileno())
    target.chmod(0o444)
    return FileFacts(sha256=hashed.hexdigest(), size=size)


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    path.chmod(0o444)


def _sync(folder: Path) -> None:
    """Make names in the folder survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _outside(verb: str, path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ModelsUnavailable(
            f"Cannot {verb} model files in {path}: {error.strerror or error}.", hint="Check the disk's free space and the folder's owner."
        ) from error
