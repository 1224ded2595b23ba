"""Runs the opcodes of a pickle, or of a joblib file, and asks what a name is and what calling it makes: a scan and a load are one machine.

Python's own unpickler in Python does the walking, so that the scan sees exactly what the load does: names put together on the stack or
fetched from the memo, frames, protocol 0 to 5. What a scan cannot look into is refused: extension codes, persistent ids, buffers from
outside the file. Joblib writes the bytes of an array raw into the stream, behind the object that describes it; an array of objects is a
pickle of its own there.
"""

from __future__ import annotations

import _compat_pickle
import pickle
from collections.abc import Callable, Mapping, Sequence
from io import BytesIO
from typing import Any, ClassVar, Final, NamedTuple, NoReturn

import numpy as np

ARRAY: Final = ("joblib.numpy_pickle", "NumpyArrayWrapper")
_ARRAY_OLD: Final = ("sklearn.externals.joblib.numpy_pickle", "NumpyArrayWrapper")
RECONSTRUCTOR: Final = ("copyreg", "_reconstructor")
PLAIN: Final = frozenset(("builtins", name) for name in "object dict list set frozenset tuple str bytes int float complex".split())
"""Bases that an object of protocol 0 and 1 may be made by."""
DEEPEST: Final = 8
_LONGEST_NAME: Final = 300


class Refused(Exception):
    """The pickle does what no model file needs."""


class Malformed(Exception):
    """The bytes are no whole pickle."""


class RawArray(NamedTuple):
    """The array whose bytes come next. `cell_bytes` None: it holds objects, and they are a pickle of their own."""

    shape: tuple[int, ...]
    order: str
    cell_bytes: int | None
    aligned: bool


def canonical(module: str, name: str, proto: int) -> tuple[str, str]:
    """The name as this Python and this numpy know it."""
    if proto < 3:
        module, name = _compat_pickle.NAME_MAPPING.get((module, name), (module, name))
        module = _compat_pickle.IMPORT_MAPPING.get(module, module)
    if module == "numpy.core" or module.startswith("numpy.core."):  # before numpy 2
        module = f"numpy._core{module[len('numpy.core') :]}"
    if (module, name) == _ARRAY_OLD:
        return ARRAY
    return module, name


class Machine(pickle._Unpickler):
    """The walk. A subclass says what a name is (`named`), what a call makes (`made`) and what a state does (`built`)."""

    dispatch: ClassVar[dict[int, Callable[[Any], None]]] = dict(pickle._Unpickler.dispatch)

    stack: list[Any]  # the stock machine's own
    append: Callable[[Any], None]
    proto: int
    pop_mark: Callable[[], list[Any]]
    read: Callable[[int], bytes]
    _unframer: Any

    def __init__(self, content: BytesIO, depth: int = 0) -> None:
        super().__init__(content)
        self.content = content
        self.depth = depth

    def odd(self, deed: str) -> None:
        """What no model of a known library does, though it may be done by one whose names somebody vouched for.

        Raises:
            Refused: it is not to be done here.
        """
        raise Refused(deed)

    # ── What a subclass says ──────────────────────────────────────────────

    def named(self, module: str, name: str) -> object:
        """What this global is."""
        raise NotImplementedError

    def made(self, called: Any, args: Sequence[Any], options: Mapping[str, Any], /, *, new: bool) -> object:
        """What calling it makes; with `new`, its `__new__` alone."""
        raise NotImplementedError

    def built(self, target: Any, state: object, /) -> None:
        """Give an object its state."""
        raise NotImplementedError

    def raw_array(self, target: object, /) -> RawArray | None:
        """The array that this object describes, if it does."""
        raise NotImplementedError

    def cells(self, target: Any, raw: RawArray, content: bytes | None, inner: object, /) -> object:
        """The array itself: of the cells' bytes, or, where it holds objects, what the pickle inside made."""
        raise NotImplementedError

    def again(self) -> Machine:
        """A machine of the same kind for a pickle inside this one, on the same content."""
        raise NotImplementedError

    def saw(self, value: bytes) -> None:
        """Bytes that the file holds as a value."""

    # ── The walk ──────────────────────────────────────────────────────────

    def load(self) -> Any:
        """Walk to the end of the pickle.

        Raises:
            Malformed: the bytes are no whole pickle.
            Refused: it does what no model file needs.
        """
        if self.depth > DEEPEST:
            raise Refused(f"pickles inside pickles, more than {DEEPEST} deep")
        try:
            return super().load()
        except (Refused, Malformed):
            raise
        except EOFError as error:
            raise Malformed("it ends in the middle") from error
        except KeyError as error:
            raise Malformed(f"it holds what is no pickle opcode or was never stored: {error}") from error
        except (pickle.UnpicklingError, IndexError, ValueError, OverflowError, AttributeError, TypeError, MemoryError) as error:
            raise Malformed(f"{type(error).__name__}: {error}") from error

    def find_class(self, module: str, name: str) -> Any:
        if len(module) + len(name) > _LONGEST_NAME:
            raise Refused(f"a name of {len(module) + len(name)} characters: {module[:40]}…")
        return self.named(*canonical(module, name, self.proto))

    def persistent_load(self, pid: Any) -> NoReturn:  # noqa: ARG002  # as the stock machine names it
        raise Refused("a persistent id, which names something outside the file")

    def get_extension(self, code: int) -> NoReturn:
        raise Refused(f"extension code {code}, which stands for a name that is not in the file")

    def load_next_buffer(self) -> NoReturn:
        raise Refused("a buffer outside the file")

    def load_reduce(self) -> None:
        args = self.stack.pop()
        self.stack[-1] = self.made(self.stack[-1], _args(args), {}, new=False)

    def load_newobj(self) -> None:
        args = self.stack.pop()
        self.stack[-1] = self.made(self.stack[-1], _args(args), {}, new=True)

    def load_newobj_ex(self) -> None:
        options = self.stack.pop()
        args = self.stack.pop()
        if type(options) is not dict or not all(type(name) is str for name in options):
            raise Malformed("named arguments that are none")
        self.stack[-1] = self.made(self.stack[-1], _args(args), options, new=True)

    def _instantiate(self, klass: Any, args: Any) -> None:
        self.append(self.made(klass, tuple(args), {}, new=not args))

    def load_append(self) -> None:
        value = self.stack.pop()
        self._fill([value], list)

    def load_appends(self) -> None:
        self._fill(self.pop_mark(), list)

    def load_setitem(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self._fill([key, value], dict)

    def load_setitems(self) -> None:
        self._fill(self.pop_mark(), dict)

    def load_additems(self) -> None:
        self._fill(self.pop_mark(), set)

    def _fill(self, items: list[Any], kind: type) -> None:
        """Put items into the container on top. Only into one: `append` of anything else would be a call in disguise."""
        target = self.stack[-1]
        if not isinstance(target, kind):
            raise Refused(f"items are put into a {type(target).__name__}")
        if isinstance(target, list):
            list.extend(target, items)
        elif isinstance(target, set):
            set.update(target, items)
        elif isinstance(target, dict):
            for key, value in zip(items[::2], items[1::2], strict=True):
                target[key] = value  # a defaultdict or a Counter fills itself by its own __setitem__

    def load_build(self) -> None:
        state = self.stack.pop()
        target = self.stack[-1]
        self.built(target, state)
        raw = self.raw_array(target)
        if raw is not None:
            self.stack[-1] = self._array(target, raw)

    def _array(self, target: object, raw: RawArray) -> object:
        frame = self._unframer.current_frame
        if frame is not None and frame.read(1):
            raise Malformed("an array inside a frame")
        if raw.cell_bytes is None:
            return self.cells(target, raw, None, self.again().load())
        if raw.aligned:
            self._exactly(self._exactly(1)[0])
        return self.cells(target, raw, self._exactly(int(np.prod([1, *raw.shape], dtype=object)) * raw.cell_bytes), None)

    def _exactly(self, size: int) -> bytes:
        if not 0 <= size <= len(self.content.getbuffer()) - self.content.tell():
            raise Malformed("it ends in the middle of an array")
        return self.content.read(size)

    def load_bytearray8(self) -> None:
        size = int.from_bytes(self._whole(8), "little")
        self.append(bytearray(self._whole(size)))  # the stock machine takes the memory first
        self.saw(bytes(self.stack[-1]))

    def load_short_binbytes(self) -> None:
        self._bytes(1)

    def load_binbytes(self) -> None:
        self._bytes(4)

    def load_binbytes8(self) -> None:
        self._bytes(8)

    def _bytes(self, width: int) -> None:
        size = int.from_bytes(self._whole(width), "little")
        self.append(self._whole(size))
        self.saw(self.stack[-1])

    def _whole(self, size: int) -> bytes:
        if size > len(self.content.getbuffer()):
            raise Malformed("it ends in the middle")
        value = bytes(self.read(size))
        if len(value) < size:
            raise Malformed("it ends in the middle")
        return value


def _args(args: object) -> tuple[Any, ...]:
    if type(args) is not tuple:
        raise Malformed("arguments that are none")
    return args


_OURS = "reduce newobj newobj_ex append appends setitem setitems additems build bytearray8 short_binbytes binbytes binbytes8 next_buffer"
for _name in _OURS.split():
    Machine.dispatch[getattr(pickle, _name.upper())[0]] = getattr(Machine, f"load_{_name}")
