"""Finds the project that a recipe names: runs a project file, or builds the one that stands in where none is written."""

from __future__ import annotations

import builtins
import hashlib
import inspect
import json
import re
import sys
import sysconfig
import traceback
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from types import CodeType, ModuleType

import farero
from farero.core.schema import Fault
from farero.errors import ConfigInvalid
from farero.project import stand_in
from farero.project.calls import collecting
from farero.project.declare import Project

# Thousands of loaded files lie here; resolving each of them would take longer than many a training.
_LIBRARIES = tuple(f"{sysconfig.get_paths()[kind]}/" for kind in ("stdlib", "platstdlib", "purelib", "platlib"))


def recipe(root: Path, reference: str) -> Mapping[str, str]:
    """What a child process needs to find a project: `reference` is "file.py:name" under `root`."""
    return {"root": str(root), "reference": reference}


def find(recipe: Mapping[str, str]) -> Project:
    """The project of a recipe.

    Raises:
        ConfigInvalid: its file cannot be run, or holds no such project.
    """
    if "stand_in" in recipe:
        return stand_in.build(json.loads(recipe["stand_in"]))
    root, reference = Path(recipe["root"]), recipe["reference"]
    file, _, name = reference.rpartition(":")
    loaded = sys.modules.get(_module_name(root / file))
    return pick(loaded or run(root, file), root, reference, name)


def run(root: Path, file: str, wrong: list[Fault] | None = None) -> ModuleType:
    """Run a project file as a module; the project's folder is where its own imports are found first.

    With `wrong`, wrong calls of declarations are added to it, and the file runs on with something in their place.

    Raises:
        ConfigInvalid: the file is not there, is no Python, or raised; names the line of the project's own code.
    """
    path = root / file
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    try:
        text = path.read_bytes()
    except OSError as error:
        raise _invalid(file, "", "no-file", f"cannot be read ({error.strerror}); create it, or correct the name in farero.toml") from error
    module = ModuleType(_module_name(path))
    module.__file__ = str(path)
    sys.modules[module.__name__] = module
    try:
        code = compile(text, str(path), "exec")
        if wrong is None:
            exec(code, module.__dict__)
        else:
            _run_on(code, module, root, wrong)
    except (Exception, SystemExit) as error:
        del sys.modules[module.__name__]
        raise _explained(error, root, path) from error
    return module


def _run_on(code: CodeType, module: ModuleType, root: Path, wrong: list[Fault]) -> None:
    with collecting() as calls:
        try:
            exec(code, module.__dict__)
        finally:
            for call in calls:
                at = f"{_shown(Path(call.place.file), root)}:{call.place.line} {call.subject}"
                wrong.append(Fault(path=at, code="wrong-call", message=call.message))


def pick(module: ModuleType, root: Path, reference: str, name: str) -> Project:
    """The project of that name in a module.

    Raises:
        ConfigInvalid: there is nothing of that name, or it is no project.
    """
    file = Path(str(module.__file__)).relative_to(root)
    if not hasattr(module, name):
        able = [other for other, value in vars(module).items() if isinstance(value, Project)]
        remedy = f"did you mean {file}:{able[0]}?" if able else f"write {name} = fa.Project(...)"
        raise _invalid(f"{file}:1", name, "no-project", f"farero.toml names {reference}, and there is no {name!r}; {remedy}")
    found = getattr(module, name)
    if not isinstance(found, Project):
        raise _invalid(f"{file}:1", name, "no-project", f"is a {type(found).__name__}; write {name} = fa.Project(...)")
    return found


def own_modules(recipe: Mapping[str, str]) -> list[ModuleType]:
    """Every loaded module whose file lies in the project's folder: those that a model file must carry itself."""
    if "root" not in recipe:
        return []
    root = Path(recipe["root"]).resolve()
    inside = []
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if not isinstance(file, str) or module.__name__ == "__main__" or file.startswith(_LIBRARIES):
            continue
        if Path(file).resolve().is_relative_to(root):
            parts = Path(file).resolve().relative_to(root).parts
            if "site-packages" not in parts and module.__name__.split(".")[0] != "farero":
                inside.append(module)
    return inside


def place_in(error: BaseException, root: Path, fallback: Path) -> str:
    """file:line of the deepest frame of the project's own code."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{_shown(Path(error.filename), root)}:{error.lineno or 1}"
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename).is_relative_to(root)]
    own = [frame for frame in own if "site-packages" not in frame.filename] or own
    return f"{_shown(Path(own[-1].filename), root)}:{own[-1].lineno}" if own else f"{_shown(fallback, root)}:1"


def _explained(error: BaseException, root: Path, path: Path) -> ConfigInvalid:
    at = place_in(error, root, path)
    if isinstance(error, SyntaxError):
        return _invalid(at, "", "no-python", f"is no Python: {error.msg}")
    if isinstance(error, ModuleNotFoundError):
        return _invalid(at, "", "import-failed", f"{error}; install it into this environment: pip install {error.name}")
    if isinstance(error, TypeError):
        return _invalid(at, "", "wrong-call", f"{error}{_option_near(str(error))}")
    return _invalid(at, "", "raised", f"raised {type(error).__name__}: {error}; `python {path.name}` shows the same")


def _option_near(message: str) -> str:
    """For a misspelt option of a declaration, the option that was meant."""
    found = re.match(r"(?:(\w+)\.)?(\w+)\(\) got an unexpected keyword argument '(\w+)'", message)
    if not found:
        return ""
    called = getattr(farero, found[1] or found[2], None)
    if called is None or hasattr(builtins, found[1] or ""):
        return ""
    options = list(inspect.signature(called).parameters)
    near = get_close_matches(found[3], options, n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; it takes {', '.join(options)}"


def _invalid(at: str, subject: str, code: str, message: str) -> ConfigInvalid:
    fault = Fault(path=f"{at} {subject}".strip(), code=code, message=message)
    return ConfigInvalid("The project file has a fault.", faults=[fault])


def _shown(file: Path, root: Path) -> Path:
    return file.relative_to(root) if file.is_relative_to(root) else file


def _module_name(path: Path) -> str:
    """The same for the same file, so that a model can refer to it, and another for a file of that name elsewhere."""
    mark = hashlib.sha256(str(path).encode()).hexdigest()[:8]
    return f"farero_project_{path.stem}_{mark}"
