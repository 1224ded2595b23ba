"""Looks through a model file without running any of it: which names it holds, which of them it calls, and which it may not.

The pickle machine runs with inert things in place of everything that the file names or makes, so that nothing is imported or called.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import re
import zlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any, BinaryIO, Final, cast

from farero.serving.allow_list import AllowList, Use
from farero.serving.pickle_machine import ARRAY, PLAIN, RECONSTRUCTOR, Machine, Malformed, RawArray, Refused

LARGEST: Final = 4 << 30
"""A model file that is larger than this once it is unpacked is refused [B]."""
_DTYPE: Final = re.compile(r"[<>|=]?([?bBhHiIlLqQefdgFDGSUVOmM]|[biufcSUVOmM])(\d*)(\[\w+\])?")
_ONE_CELL: Final = dict(zip("?bBhHiIlLqQefdgFDG", (1, 1, 1, 2, 2, 4, 4, 8, 8, 8, 8, 2, 4, 8, 16, 8, 16, 32), strict=True))
_PICKLE: Final = re.compile(rb"\x80[\x02-\x05]")
_PACKED: Final[Mapping[bytes, Callable[[BytesIO], BinaryIO]]] = {
    b"\x1f\x8b": lambda content: cast(BinaryIO, gzip.GzipFile(fileobj=content)),
    b"BZ": lambda content: cast(BinaryIO, bz2.BZ2File(content)),
    b"\xfd7zXZ": lambda content: cast(BinaryIO, lzma.LZMAFile(content)),  # noqa: SIM115  # over bytes: nothing to close
    b"\x5d\x00": lambda content: cast(BinaryIO, lzma.LZMAFile(content)),  # noqa: SIM115
}


@dataclass(slots=True)
class Scan:
    """What a file holds.

    Attributes:
        names: (module, name) -> the most that is done with it.
        deeds: what it does that no model of a known library does, whatever the names.
        faults: what else is wrong with the file; empty for a sound one.
        fitted_with: versions of scikit-learn that its estimators say they were fitted with.
    """

    names: dict[tuple[str, str], Use] = field(default_factory=dict)
    deeds: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    fitted_with: set[str] = field(default_factory=set)

    def unknown(self, allowed: AllowList) -> list[str]:
        """The names that the list has not, or has for less than what is done with them; sorted."""
        found = []
        for (module, name), use in self.names.items():
            if not allowed.allows(module, name, use):
                less = allowed.allows(module, name, Use.REFERRED)
                found.append(f"{module}.{name}" + (" (called)" if less else ""))
        return sorted(found)


def scan_pickle(content: bytes) -> Scan:
    """Scan a pickle or joblib file, packed or not. Never raises: what is wrong is among the faults."""
    found = Scan()
    try:
        stream = BytesIO(unpacked(content))
        _Scanner(stream, found).load()
        rest = stream.read()
        if rest:
            found.faults.append(f"{len(rest)} bytes follow the end of the pickle")
    except (Refused, Malformed, RecursionError) as error:
        found.faults.append(str(error) or type(error).__name__)
    return found


def makes_code(trusted: Collection[str]) -> bool:
    """Whether names that somebody vouched for make code of what the file holds: rules about what it does then protect nobody.

    >>> makes_code(["cloudpickle.cloudpickle._make_function"]), makes_code(["mine.Scaler"])
    (True, False)
    """
    return any(name.startswith("cloudpickle.") for name in trusted)


def unpacked(content: bytes) -> bytes:
    """The pickle itself, where joblib or the user compressed it.

    Raises:
        Malformed: it is packed in a way that no model file is, damaged, or too large.
    """
    if content[:4] == b"PK\x03\x04":
        raise Malformed("it is a zip archive, such as torch.save and numpy.savez write, and no pickle of one model")
    if content[:6] == b"\x93NUMPY":
        raise Malformed("it is an array of numpy, and no model")
    if content[:4] == b"\x04\x22\x4d\x18":
        raise Malformed("it is packed with lz4; store it with another compression, or none")
    try:
        if content[:1] == b"\x78":  # zlib, as joblib writes it
            packed = zlib.decompressobj()
            plain = packed.decompress(content, LARGEST)
            if packed.unconsumed_tail or not packed.eof or packed.unused_data:
                raise Malformed("its compressed content is damaged, too large, or followed by something else")
            return plain
        for mark, opener in _PACKED.items():
            if content.startswith(mark):
                plain = opener(BytesIO(content)).read(LARGEST + 1)
                if len(plain) > LARGEST:
                    raise Malformed(f"it is larger than {LARGEST >> 30} GiB once it is unpacked")
                return plain
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise Malformed(f"its compressed content is damaged: {error}") from error
    return content


class _Inert:
    """Stands for whatever a name is or a call makes, and does nothing."""

    __slots__ = ("args", "global_", "maker", "state")

    def __init__(self, global_: tuple[str, str] | None, maker: tuple[str, str] | None = None, args: Sequence[Any] = ()) -> None:
        self.global_ = global_
        self.maker = maker
        self.args = args
        self.state: object = None


class _Scanner(Machine):
    def __init__(self, content: BytesIO, found: Scan, depth: int = 0) -> None:
        super().__init__(content, depth)
        self._found = found

    def named(self, module: str, name: str) -> object:
        self._found.names.setdefault((module, name), Use.REFERRED)
        return _Inert((module, name))

    def made(self, called: Any, args: Sequence[Any], _options: Mapping[str, Any], /, *, new: bool) -> object:
        if not isinstance(called, _Inert) or called.global_ is None:
            self.odd("it calls something that has no name")
            return _Inert(None)
        self._use(called.global_, Use.MADE if new else Use.CALLED)
        maker = called.global_
        if maker == ("_codecs", "encode") and args and type(args[0]) is str:  # how protocol 2 writes bytes
            self.saw(args[0].encode("latin-1", "replace"))
        if maker == RECONSTRUCTOR:
            maker = self._reconstructed(args)
        return _Inert(None, maker, args)

    def _reconstructed(self, args: Sequence[Any]) -> tuple[str, str]:
        """What protocol 0 and 1 make an instance of, by its base's `__new__` and `__init__`."""
        kind, base = (arg.global_ if isinstance(arg, _Inert) else None for arg in (*args, None, None)[:2])
        if kind is None or base is None:
            raise Malformed("an object of no class")
        if base not in PLAIN:
            self.odd(f"it makes an object by {'.'.join(base)}, whose __init__ would run")
        self._use(kind, Use.MADE)
        return kind

    def odd(self, deed: str) -> None:
        if deed not in self._found.deeds:
            self._found.deeds.append(deed)

    def _use(self, name: tuple[str, str], use: Use) -> None:
        self._found.names[name] = max(self._found.names.get(name, Use.REFERRED), use)

    def built(self, target: Any, state: object, /) -> None:
        if not isinstance(target, _Inert):
            raise Malformed("a state for nothing")
        if target.global_ is not None:
            self.odd(f"it changes {'.'.join(target.global_)} itself")
        target.state = state
        version = state.get("_sklearn_version") if type(state) is dict else None
        if type(version) is str:
            self._found.fitted_with.add(version[:40])

    def _fill(self, items: list[Any], kind: type) -> None:
        if isinstance(self.stack[-1], _Inert):
            if self.stack[-1].global_ is not None:
                self.odd(f"it puts items into {'.'.join(self.stack[-1].global_)} itself")
            return
        super()._fill(items, kind)

    def raw_array(self, target: object, /) -> RawArray | None:
        if not isinstance(target, _Inert) or target.maker != ARRAY:
            return None
        state = target.state
        if type(state) is not dict or type(state.get("shape")) is not tuple or not all(type(n) is int and n >= 0 for n in state["shape"]):
            raise Malformed("an array without a shape")
        aligned = state.get("numpy_array_alignment_bytes") is not None
        return RawArray(state["shape"], str(state.get("order")), _cell_bytes(state.get("dtype")), aligned)

    def cells(self, _target: Any, _raw: RawArray, _content: bytes | None, _inner: object, /) -> object:
        return _Inert(None, ("numpy", "ndarray"))

    def again(self) -> Machine:
        return _Scanner(self.content, self._found, self.depth + 1)

    def saw(self, value: bytes) -> None:
        """Look into bytes that are themselves a pickle: nothing here unpacks them, but no model needs them either."""
        if _PICKLE.match(value) and value.endswith(b"."):
            inner = Scan()
            try:
                _Scanner(BytesIO(value), inner, self.depth + 1).load()
            except (Refused, Malformed) as error:
                if isinstance(error, Refused):
                    self._found.faults.append(f"a pickle inside: {error}")
                elif not inner.names:
                    return
            for name, use in inner.names.items():
                self._use(name, use)
            self._found.deeds += inner.deeds
            self._found.faults += inner.faults


def _cell_bytes(dtype: object) -> int | None:
    """Bytes of one cell [B], None where cells are objects."""
    if not isinstance(dtype, _Inert) or dtype.maker != ("numpy", "dtype") or not dtype.args or type(dtype.args[0]) is not str:
        raise Malformed("an array of an unknown type")
    written = _DTYPE.fullmatch(dtype.args[0])
    if written is None:
        raise Malformed(f"an array of an unknown type {dtype.args[0]!r}")
    if written[1] == "O" or _holds_objects(dtype.state):
        return None
    size = int(written[2]) if written[2] else _ONE_CELL.get(written[1], 8 if written[1] in "mM" else 0)
    if size == 0 and written[1] not in "SUV":
        raise Malformed(f"an array of an unknown type {dtype.args[0]!r}")
    return size * (4 if written[1] == "U" else 1)


def _holds_objects(state: object) -> bool:
    """Whether the state of a structured type has a field of objects."""
    if type(state) is not tuple or len(state) < 5:
        return False
    subarray, fields = state[2], state[4]
    inner = [field[0] for field in fields.values() if type(field) is tuple and field] if type(fields) is dict else []
    inner += [subarray[0]] if type(subarray) is tuple and subarray else []
    return any(isinstance(one, _Inert) and (one.args[:1] in (("O8",), ("O",), ("|O",)) or _holds_objects(one.state)) for one in inner)
