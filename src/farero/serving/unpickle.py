"""Loads a model file that came from outside: only allowed names are imported, only allowed ones are called, and nothing else changes.

The same machine as the scan's, so that what was scanned is what is loaded. Beyond the list of names it refuses what a list cannot: a call
of something that the file did not name, a state given to a class or a function, items put into what is no container.
"""

from __future__ import annotations

import builtins
import copyreg
import importlib
import warnings
from collections.abc import Mapping, Sequence
from io import BytesIO
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

import numpy as np

from farero.serving import allow_list
from farero.serving.allow_list import AllowList, Use
from farero.serving.pickle_machine import ARRAY, PLAIN, Machine, Malformed, RawArray, Refused
from farero.serving.scan import makes_code, unpacked

_PLAIN = tuple(getattr(builtins, name) for _, name in PLAIN)
_reconstructor: Any = vars(copyreg)["_reconstructor"]


def unpickle(content: bytes, trusted: tuple[str, ...] = ()) -> Any:
    """The object of a pickle or joblib file.

    Raises:
        Refused: it names, calls or changes what it may not.
        Malformed: it is no whole pickle, or is followed by something else.
        Exception: whatever an allowed class raises for a state that does not fit it.
    """
    stream = BytesIO(unpacked(content))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a model of another version of its library says so; the scan's notes do too
        model = _Loader(stream, allow_list.installed().trusting(trusted), lax=makes_code(trusted)).load()
    if stream.read(1):
        raise Malformed("bytes follow the end of the pickle")
    return model


class _ArrayOf:
    """Stands for joblib's own class, which would read an array of objects with an unpickler that allows everything."""

    shape: tuple[int, ...]
    order: str
    dtype: np.dtype[Any]
    subclass: type
    allow_mmap: bool
    numpy_array_alignment_bytes: int | None = None


class _Loader(Machine):
    def __init__(self, content: BytesIO, allowed: AllowList, depth: int = 0, *, lax: bool = False) -> None:
        super().__init__(content, depth)
        self._lax = lax
        self._allowed = allowed
        self._named: dict[int, tuple[object, Use]] = {}  # what the file named, by id, and the most that it may do with it

    def named(self, module: str, name: str) -> object:
        if not self._allowed.allows(module, name, Use.REFERRED):
            raise Refused(f"{module}.{name} is not on the list of names that a model file may hold")
        found = _ArrayOf if (module, name) == ARRAY else getattr(importlib.import_module(module), name)
        before = self._named.get(id(found), (None, Use.REFERRED))[1]
        self._named[id(found)] = (found, max(before, self._allowed.uses[module, name]))
        return found

    def made(self, called: Any, args: Sequence[Any], options: Mapping[str, Any], /, *, new: bool) -> object:
        self._check(called, Use.MADE if new else Use.CALLED)
        if called is _reconstructor:
            self._check(args[0], Use.MADE)
            if args[1] not in _PLAIN:  # it would run that class's __init__
                self.odd(f"it makes an object by {args[1]}")
        return called.__new__(called, *args, **options) if new else called(*args, **options)

    def odd(self, deed: str) -> None:
        if not self._lax:
            raise Refused(deed)

    def _check(self, called: Any, use: Use) -> None:
        known, most = self._named.get(id(called), (None, Use.REFERRED))
        if known is not called or most < use:
            self.odd(f"it calls {getattr(called, '__qualname__', type(called).__name__)}, which a model file may not")

    def built(self, target: Any, state: object, /) -> None:
        if isinstance(target, (type, FunctionType, BuiltinFunctionType, ModuleType, np.ufunc)) or id(target) in self._named:
            self.odd(f"it changes {getattr(target, '__qualname__', target)} itself")
        setstate = getattr(target, "__setstate__", None)
        if setstate is not None:
            setstate(state)
            return
        parts: tuple[Any, Any] = state if type(state) is tuple and len(state) == 2 else (state, None)
        plain, slots = parts
        for part in parts:
            if part is not None and (type(part) is not dict or not all(type(key) is str for key in part)):
                raise Malformed("a state that is none")
        if plain:
            vars(target).update(plain)
        for key, value in (slots or {}).items():
            if key.startswith("__"):
                raise Refused(f"it sets {key}")
            setattr(target, key, value)

    def raw_array(self, target: object, /) -> RawArray | None:
        if not isinstance(target, _ArrayOf):
            return None
        aligned = target.numpy_array_alignment_bytes is not None
        return RawArray(target.shape, target.order, None if target.dtype.hasobject else target.dtype.itemsize, aligned)

    def cells(self, target: Any, raw: RawArray, content: bytes | None, inner: object, /) -> object:
        if content is None:
            if not isinstance(inner, np.ndarray):
                raise Malformed("an array of objects that is none")
            return inner
        flat = np.frombuffer(bytearray(content), dtype=target.dtype)
        return flat.reshape(raw.shape[::-1]).transpose() if raw.order == "F" else flat.reshape(raw.shape)

    def again(self) -> Machine:
        return _Loader(self.content, self._allowed, self.depth + 1, lax=self._lax)
