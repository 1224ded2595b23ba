"""Pickles that would run code: one maker for each way that is known to us. Each would leave a mark in a file if it ran."""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import marshal
import pickle
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

Maker = Callable[[Path], bytes]
SAMPLES: dict[str, Maker] = {}
MARKED = "MARKED"


class Call:
    """Pickles as a call of something that is only named."""

    def __init__(self, module: str, name: str, *args: object) -> None:
        self.named, self.args = (module, name), args


def _text(value: str) -> bytes:
    raw = value.encode()
    return b"X" + len(raw).to_bytes(4, "little") + raw


def _name(module: str, name: str) -> bytes:
    return _text(module) + _text(name) + b"\x93"


def _value(value: object) -> bytes:
    if isinstance(value, Call):
        return _call(value)
    return pickle.dumps(value, 2)[2:-1]


def _call(call: Call) -> bytes:
    return _name(*call.named) + b"(" + b"".join(_value(arg) for arg in call.args) + b"tR"


def stream(body: bytes, proto: int = 4) -> bytes:
    return b"\x80" + bytes([proto]) + body + b"."


def made(maker: Maker) -> Maker:
    SAMPLES[maker.__name__.strip("_").replace("_", " ")] = maker
    return maker


def _calls(label: str, build: Callable[[str, Path], Call]) -> None:
    """A sample that is a call; `build` gets a shell command that leaves the mark, and the file it leaves it in."""
    SAMPLES[label] = lambda mark: stream(_value(build(f"touch {mark}", mark)))


def _python(mark: Path) -> str:
    return f"open({str(mark)!r}, 'w').close()"


# ── Calls of what runs a command or a text ────────────────────────────────
_calls("os.system", lambda shell, mark: Call("os", "system", shell))
_calls("posix.system", lambda shell, mark: Call("posix", "system", shell))
_calls("os.popen", lambda shell, mark: Call("os", "popen", shell))
_calls("os.execvp", lambda shell, mark: Call("os", "execvp", "touch", ["touch", str(mark)]))
_calls("subprocess.Popen", lambda shell, mark: Call("subprocess", "Popen", ["touch", str(mark)]))
_calls("subprocess.check_output", lambda shell, mark: Call("subprocess", "check_output", ["touch", str(mark)]))
_calls("_posixsubprocess", lambda shell, mark: Call("_posixsubprocess", "fork_exec", ["touch", str(mark)]))
_calls("builtins.eval", lambda shell, mark: Call("builtins", "eval", _python(mark)))
_calls("builtins.exec", lambda shell, mark: Call("builtins", "exec", _python(mark)))
_calls("builtins.compile and exec", lambda shell, mark: Call("builtins", "exec", Call("builtins", "compile", _python(mark), "x", "exec")))
_calls("builtins.open for writing", lambda shell, mark: Call("builtins", "open", str(mark), "w"))
_calls("builtins.__import__ and getattr", lambda shell, mark: Call("builtins", "getattr", Call("builtins", "__import__", "os"), "system"))
_calls("importlib.import_module", lambda shell, mark: Call("importlib", "import_module", "antigravity"))
_calls("runpy.run_path", lambda shell, mark: Call("runpy", "run_path", str(mark.with_suffix(".py"))))
_calls("runpy._run_code", lambda shell, mark: Call("runpy", "_run_code", _python(mark), {}))
_calls("pty.spawn", lambda shell, mark: Call("pty", "spawn", ["touch", str(mark)]))
_calls("ctypes.CDLL", lambda shell, mark: Call("ctypes", "CDLL", "libc.so.6"))
_calls("webbrowser.open", lambda shell, mark: Call("webbrowser", "open", f"file://{mark}"))
_calls("timeit.timeit", lambda shell, mark: Call("timeit", "timeit", _python(mark), "pass", Call("time", "time"), 1))
_calls("cProfile.run", lambda shell, mark: Call("cProfile", "run", _python(mark)))
_calls("profile.run", lambda shell, mark: Call("profile", "run", _python(mark)))
_calls("bdb.Bdb.run", lambda shell, mark: Call("bdb", "Bdb.run", Call("bdb", "Bdb"), _python(mark)))
_calls("pdb.run", lambda shell, mark: Call("pdb", "run", _python(mark)))
_calls("trace.Trace.run", lambda shell, mark: Call("trace", "Trace.run", Call("trace", "Trace"), _python(mark)))
_calls("doctest.debug_script", lambda shell, mark: Call("doctest", "debug_script", _python(mark)))
_calls(
    "code.InteractiveInterpreter",
    lambda shell, mark: Call("code", "InteractiveInterpreter.runcode", Call("code", "InteractiveInterpreter"), _python(mark)),
)
_calls(
    "logging.config",
    lambda shell, mark: Call("logging.config", "dictConfig", {"version": 1, "handlers": {"h": {"()": "os.system", "command": shell}}}),
)
_calls("logging.FileHandler", lambda shell, mark: Call("logging", "FileHandler", str(mark)))
_calls("pip main", lambda shell, mark: Call("pip", "main", ["install", str(mark)]))
_calls("socket", lambda shell, mark: Call("socket", "create_connection", ("127.0.0.1", 9)))
_calls("urllib", lambda shell, mark: Call("urllib.request", "urlretrieve", f"file://{__file__}", str(mark)))
_calls("shutil.copyfile", lambda shell, mark: Call("shutil", "copyfile", __file__, str(mark)))
_calls("pathlib write", lambda shell, mark: Call("pathlib", "Path.write_text", Call("pathlib", "Path", str(mark)), "x"))
_calls("zipfile", lambda shell, mark: Call("zipfile", "ZipFile", str(mark), "w"))
_calls("sqlite3", lambda shell, mark: Call("sqlite3", "connect", str(mark)))
_calls(
    "multiprocessing", lambda shell, mark: Call("multiprocessing.util", "spawnv_passfds", b"/bin/touch", [b"touch", str(mark).encode()], [])
)
_calls("asyncio", lambda shell, mark: Call("asyncio.unix_events", "_UnixSubprocessTransport", shell))

# ── Ways round a list of bad names ────────────────────────────────────────
_calls("operator.attrgetter", lambda shell, mark: Call("operator", "attrgetter", "system"))
_calls("operator.methodcaller", lambda shell, mark: Call("operator", "methodcaller", "system", shell))
_calls(
    "functools.partial of os.system", lambda shell, mark: Call("functools", "partial", Call("builtins", "getattr", "os", "system"), shell)
)
_calls("functools.reduce", lambda shell, mark: Call("functools", "reduce", Call("operator", "attrgetter", "x"), [1]))
_calls(
    "codecs and eval",
    lambda shell, mark: Call("builtins", "eval", Call("_codecs", "decode", codecs.encode(_python(mark), "rot13"), "rot13")),
)
_calls(
    "sys.modules",
    lambda shell, mark: Call("operator", "getitem", Call("builtins", "getattr", Call("builtins", "__import__", "sys"), "modules"), "os"),
)
_calls(
    "types.FunctionType of marshal",
    lambda shell, mark: Call("types", "FunctionType", Call("marshal", "loads", marshal.dumps(compile(_python(mark), "x", "exec"))), {}),
)
_calls("pickle.loads of bytes", lambda shell, mark: Call("_pickle", "loads", stream(_call(Call("os", "system", shell)))))
_calls("copyreg._reconstructor", lambda shell, mark: Call("copyreg", "_reconstructor", Call("subprocess", "Popen", shell), object, None))
_calls(
    "cloudpickle makes a function", lambda shell, mark: Call("cloudpickle.cloudpickle", "_make_function", Call("marshal", "loads", b""), {})
)
_calls("cloudpickle subimport", lambda shell, mark: Call("cloudpickle.cloudpickle", "subimport", "antigravity"))

# ── Through the very libraries that models come from ──────────────────────
_calls("numpy.load", lambda shell, mark: Call("numpy", "load", str(mark.with_suffix(".npy")), None, True))
_calls("numpy runstring", lambda shell, mark: Call("numpy.testing._private.utils", "runstring", _python(mark), {}))
_calls("numpy rundocs", lambda shell, mark: Call("numpy.testing._private.utils", "rundocs", str(mark)))
_calls("numpy.f2py", lambda shell, mark: Call("numpy.f2py.crackfortran", "myeval", _python(mark)))
_calls("numpy.f2py.diagnose", lambda shell, mark: Call("numpy.f2py.diagnose", "run_command", shell))
_calls("numpy memmap", lambda shell, mark: Call("numpy", "memmap", str(mark), "u1", "w+", 0, (1,)))
_calls("numpy savetxt", lambda shell, mark: Call("numpy", "savetxt", str(mark), [1.0]))
_calls("numpy.core alias", lambda shell, mark: Call("numpy.core", "_ufunc_reconstruct", "os", "system"))
_calls("numpy distutils exec_command", lambda shell, mark: Call("numpy.distutils.exec_command", "exec_command", shell))
_calls("pandas.read_pickle", lambda shell, mark: Call("pandas", "read_pickle", str(mark.with_suffix(".pkl"))))
_calls("pandas.eval", lambda shell, mark: Call("pandas", "eval", f"@pd.io.common.os.system('{shell}')", "pandas", "python"))
_calls("pandas to_pickle", lambda shell, mark: Call("pandas.io.pickle", "to_pickle", 1, str(mark)))
_calls("joblib.load", lambda shell, mark: Call("joblib", "load", str(mark.with_suffix(".pkl"))))
_calls("joblib.dump", lambda shell, mark: Call("joblib", "dump", 1, str(mark)))
_calls("joblib executor", lambda shell, mark: Call("joblib.externals.loky", "get_reusable_executor", 1))
_calls("sklearn dataset fetch", lambda shell, mark: Call("sklearn.datasets", "fetch_openml", "iris"))
_calls("torch.load", lambda shell, mark: Call("torch.serialization", "load", str(mark)))
_calls("scipy.io.loadmat", lambda shell, mark: Call("scipy.io", "savemat", str(mark), {"a": 1}))
_calls("lightgbm reads a file in __init__", lambda shell, mark: Call("lightgbm.basic", "Booster", None, None, str(mark)))
_calls("sklearn reaches os by a dotted name", lambda shell, mark: Call("sklearn.utils", "os.system", shell))
_calls("an allowed module reaches os by a dotted name", lambda shell, mark: Call("numpy", "ndarray.__class__.__base__", shell))
_calls("joblib reaches os by a dotted name", lambda shell, mark: Call("joblib.numpy_pickle", "os.system", shell))
_calls("look-alike letters", lambda shell, mark: Call("ѕklearn.pipeline", "Pipeline", shell))
_calls("full-width letters", lambda shell, mark: Call("ｏｓ", "system", shell))


@made
def _a_scipy_distribution_that_runs_its_template(mark: Path) -> bytes:
    # rv_generic.__setstate__ runs the text of its state; the class is in a library that models come from.
    state = _value({"_parse_arg_template": _python(mark), "_ctor_param": ()})
    return stream(_name("scipy.stats._distn_infrastructure", "rv_continuous") + b")\x81" + state + b"b")


@made
def _INST_opcode(mark: Path) -> bytes:
    return b"(S'touch " + str(mark).encode() + b"'\nios\nsystem\n."


@made
def _OBJ_opcode(mark: Path) -> bytes:
    return stream(b"(" + b"cos\nsystem\n" + _text(f"touch {mark}") + b"o", 2)


@made
def _NEWOBJ_EX_opcode(mark: Path) -> bytes:
    return stream(_name("subprocess", "Popen") + _value((f"touch {mark}",)) + _value({"shell": True}) + b"\x92")


@made
def _EXT1_opcode(mark: Path) -> bytes:
    return stream(b"\x82\xf0(" + _text(f"touch {mark}") + b"tR")


@made
def _EXT2_opcode(mark: Path) -> bytes:
    return stream(b"\x83\xf0\x00(" + _text(f"touch {mark}") + b"tR")


@made
def _EXT4_opcode(mark: Path) -> bytes:
    return stream(b"\x84\xf0\x00\x00\x00(" + _text(f"touch {mark}") + b"tR")


@made
def _PERSID_opcode(mark: Path) -> bytes:
    return b"Pos.system\n."


@made
def _BINPERSID_opcode(mark: Path) -> bytes:
    return stream(_text("os.system") + b"Q")


@made
def _a_buffer_outside_the_file(mark: Path) -> bytes:
    return stream(b"\x97", 5)


@made
def _names_from_the_memo(mark: Path) -> bytes:
    # "system" and "os" are stored first, and fetched behind something harmless.
    body = _text("os") + b"q\x010" + _text("system") + b"q\x020" + _text("sklearn.pipeline") + b"0" + b"h\x01h\x02\x93"
    return stream(body + b"(" + _text(f"touch {mark}") + b"tR")


@made
def _names_swapped_in_the_memo(mark: Path) -> bytes:
    body = _text("sklearn.pipeline") + b"q\x010" + _text("os") + b"q\x010" + b"h\x01" + _text("system") + b"\x93"
    return stream(body + b"(" + _text(f"touch {mark}") + b"tR")


@made
def _names_made_by_a_call(mark: Path) -> bytes:
    made_name = _name("_codecs", "encode") + b"(" + _text("os") + _text("latin1") + b"tR"
    return stream(made_name + _text("system") + b"\x93(" + _text(f"touch {mark}") + b"tR")


@made
def _a_name_of_Python_2(mark: Path) -> bytes:
    return b"\x80\x02c__builtin__\neval\n(X" + len(_python(mark)).to_bytes(4, "little") + _python(mark).encode() + b"tR."


@made
def _a_second_pickle_behind_the_first(mark: Path) -> bytes:
    return pickle.dumps(LinearRegression().fit([[1.0], [2.0]], [1.0, 2.0])) + stream(_call(Call("os", "system", f"touch {mark}")))


@made
def _a_call_before_a_sound_model(mark: Path) -> bytes:
    sound = pickle.dumps(LinearRegression().fit([[1.0], [2.0]], [1.0, 2.0]), 3)
    return stream(_call(Call("os", "system", f"touch {mark}")) + b"0" + sound[2:-1], 3)


@made
def _deep_in_a_sound_pipeline(mark: Path) -> bytes:
    class Hidden:
        def __reduce__(self) -> Any:
            return eval, (_python(mark),)

    model = make_pipeline(StandardScaler(), LinearRegression()).fit([[1.0], [2.0]], [1.0, 2.0])
    model.steps[0][1].extra_ = {"a": [{1: Hidden()}]}
    return pickle.dumps(model)


@made
def _behind_the_bytes_of_an_array(mark: Path) -> bytes:
    class Hidden:
        def __reduce__(self) -> Any:
            return eval, (_python(mark),)

    return _joblib([np.arange(1000.0), Hidden()])


@made
def _in_an_array_of_objects(mark: Path) -> bytes:
    class Hidden:
        def __reduce__(self) -> Any:
            return eval, (_python(mark),)

    return _joblib({"coef": np.arange(5.0), "classes": np.array([Hidden(), None], dtype=object)})


def _packed_by(name: str, pack: Callable[[bytes], bytes]) -> None:
    SAMPLES[f"packed by {name}"] = lambda mark: pack(stream(_call(Call("os", "system", f"touch {mark}"))))


_packed_by("gzip", gzip.compress)
_packed_by("zlib", zlib.compress)
_packed_by("bz2", bz2.compress)
_packed_by("xz", lzma.compress)
_packed_by("lzma", lambda content: lzma.compress(content, lzma.FORMAT_ALONE))


@made
def _an_array_of_objects_packed_by_joblib(mark: Path) -> bytes:
    class Hidden:
        def __reduce__(self) -> Any:
            return eval, (_python(mark),)

    return _joblib(np.array([Hidden()], dtype=object), compress=("xz", 3))


@made
def _a_gzip_member_behind_the_first(mark: Path) -> bytes:
    return gzip.compress(pickle.dumps(LinearRegression())) + gzip.compress(stream(_call(Call("os", "system", f"touch {mark}"))))


@made
def _npz_with_an_array_of_objects(mark: Path) -> bytes:
    class Hidden:
        def __reduce__(self) -> Any:
            return eval, (_python(mark),)

    file = io.BytesIO()
    np.savez(file, a=np.array([Hidden()], dtype=object), allow_pickle=True)
    return file.getvalue()


@made
def _npy_with_an_array_of_objects(mark: Path) -> bytes:
    class Hidden:
        def __reduce__(self) -> Any:
            return eval, (_python(mark),)

    file = io.BytesIO()
    np.save(file, np.array([Hidden()], dtype=object), allow_pickle=True)
    return file.getvalue()


@made
def _a_pickle_in_bytes(mark: Path) -> bytes:
    return pickle.dumps({"weights": stream(_call(Call("os", "system", f"touch {mark}")))}, 4)


@made
def _a_state_for_a_class(mark: Path) -> bytes:
    # (None, {...}) sets attributes of the class itself, for every model in the process.
    return stream(_name("sklearn.pipeline", "Pipeline") + _value((None, {"predict": "x"})) + b"b")


@made
def _a_state_for_a_function(mark: Path) -> bytes:
    return stream(_name("sklearn.metrics._ranking", "roc_auc_score") + _value((None, {"__defaults__": ()})) + b"b")


@made
def _a_setstate_made_by_the_file(mark: Path) -> bytes:
    state = b"}(" + _text("__setstate__") + _name("os", "system") + b"u"
    return stream(_name("sklearn.pipeline", "Pipeline") + b")\x81" + state + b"b" + _text(f"touch {mark}") + b"b")


@made
def _items_put_into_a_class(mark: Path) -> bytes:
    return stream(_name("sklearn.pipeline", "Pipeline") + b"(" + _text("x") + b"e")


@made
def _a_call_of_what_is_only_referred_to(mark: Path) -> bytes:
    return stream(_call(Call("sklearn.utils.validation", "check_array", [[1.0]])))


@made
def _a_call_of_what_a_call_made(mark: Path) -> bytes:
    inner = Call("functools", "partial", Call("builtins", "set"))
    return stream(_value(inner) + b"(" + _text("x") + b"tR")


@made
def _the_init_of_a_class_by_reconstructor(mark: Path) -> bytes:
    body = _name("copyreg", "_reconstructor") + b"(" + _name("lightgbm.basic", "Booster") + _name("lightgbm.basic", "Booster") + b"}tR"
    return stream(body)


@made
def _registered_by_copyreg(mark: Path) -> bytes:
    return stream(_call(Call("copyreg", "add_extension", "os", "system", 240)))


@made
def _a_pickle_that_is_cut_off(mark: Path) -> bytes:
    return pickle.dumps(LinearRegression().fit([[1.0], [2.0]], [1.0, 2.0]))[:-20]


@made
def _pickles_without_end_inside_each_other(mark: Path) -> bytes:
    content = stream(_call(Call("os", "system", f"touch {mark}")))
    for _ in range(12):
        content = pickle.dumps(content, 4)
    return content


@made
def _a_frame_that_lies_about_its_length(mark: Path) -> bytes:
    inner = _call(Call("os", "system", f"touch {mark}")) + b"."
    return b"\x80\x04\x95" + (len(inner) + 99).to_bytes(8, "little") + inner


@made
def _bytes_that_claim_to_be_huge(mark: Path) -> bytes:
    return b"\x80\x05\x96" + (1 << 60).to_bytes(8, "little") + b"x."


def _joblib(value: object, **options: Any) -> bytes:
    file = io.BytesIO()
    joblib.dump(value, file, **options)
    return file.getvalue()
