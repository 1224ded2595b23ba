"""Runs a project's own code for `farero check`, in processes that may hang, end themselves or eat memory: `check` says so."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from farero.core.schema import Fault

LOOK_TIMEOUT_S = 30.0
TRIAL_TIMEOUT_S = 120.0
TRIAL_ROWS = 200
TRIAL_MEMORY_MB = 2048
_MOST_OUTPUT = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a look at a project folder found: its faults, and what is to be tried: for each sound project its recipe and train's place."""

    faults: list[Fault]
    trials: list[Mapping[str, Any]]


def look(root: Path, *, timeout_s: float = LOOK_TIMEOUT_S) -> Seen:
    """Run the project files of a folder in a process of its own, and hear what it found."""
    with tempfile.TemporaryDirectory(prefix="farero-check-") as name:
        folder = Path(name)
        ended = _run("from farero.project.load import look_process; look_process()", [str(root), name, f"{timeout_s}"], folder, timeout_s)
        if not (folder / "seen.json").exists():
            return Seen(
                faults=[Fault(path=str(root), code="no-look", message=f"could not be looked at: {ended.words}; try again")], trials=[]
            )
        seen = json.loads((folder / "seen.json").read_text(encoding="utf-8"))
        faults = [Fault(**fault) for fault in seen["faults"]]
        if seen["running"] is not None:
            at = _hanging(folder, root) if ended.timed_out else None
            faults.append(
                Fault(path=at or f"{seen['running']}:1", code="no-end" if ended.timed_out else "ended", message=_how(ended, timeout_s))
            )
        return Seen(faults=faults, trials=seen["trials"])


def trial(
    recipe: Mapping[str, str], root: Path, at: str, *, memory_mb: int = TRIAL_MEMORY_MB, timeout_s: float = TRIAL_TIMEOUT_S
) -> list[Fault]:
    """Train on a made-up sample in a process of its own; the fault that shows, if any. `at` is where train stands."""
    with tempfile.TemporaryDirectory(prefix="farero-trial-") as name:
        folder = Path(name)
        (folder / "recipe.json").write_text(json.dumps({**recipe}), encoding="utf-8")
        code = "from farero.project.trial import trial_process; trial_process()"
        ended = _run(code, [name, str(root), str(min(memory_mb, TRIAL_MEMORY_MB))], folder, timeout_s, cwd=root)
        if ended.timed_out:
            message = f"did not end within {timeout_s:g} s on {TRIAL_ROWS} made-up rows; make it quicker on small data"
            return [Fault(path=at, code="trial-timeout", message=message)]
        verdict = folder / "fault.json"
        if verdict.exists():
            told = json.loads(verdict.read_text(encoding="utf-8"))
            return [Fault(path=f"{told['at']} train" if told["at"] else at, code="trial-failed", message=told["message"])]
        if ended.code != 0 or not (folder / "result.json").exists():
            how = f"was killed by signal {-ended.code}" if ended.code < 0 else "ended its process before it returned"
            if ended.code < 0 and re.search(r"memory|bad_alloc", ended.words):
                how = "ran out of memory"
            return [Fault(path=at, code="trial-died", message=f"{how} on a made-up sample; its last words: {ended.words or 'none'}")]
    return []


def limit_memory(more_mb: int) -> tuple[int, int]:
    """Let this process's address space grow by so much; gives the limits before. Where the system has no such figure, there is none."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    except FileNotFoundError:
        return before
    wanted = pages * resource.getpagesize() + (more_mb << 20)
    most = before[1]
    resource.setrlimit(resource.RLIMIT_AS, (wanted if most == resource.RLIM_INFINITY else min(wanted, most), most))
    return before


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ended:
    code: int
    timed_out: bool
    words: str


def _run(code: str, words: list[str], folder: Path, timeout_s: float, cwd: Path | None = None) -> _Ended:
    """Run Python code and wait for that process alone: what it started and left behind does not count, and is ended with it."""
    output = folder / "output.txt"
    timed_out = False
    with output.open("wb") as stream:  # a file: the end of a pipe would come only when the last process that has it ends
        child = subprocess.Popen(
            [sys.executable, "-c", code, *words], stdin=subprocess.DEVNULL, stdout=stream, stderr=subprocess.STDOUT, start_new_session=True,
            cwd=cwd, env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )  # fmt: skip
        try:
            with _ended_with_us(child):
                child.wait(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            timed_out = True
        finally:
            _end_group(child)
            child.wait()
    with output.open("rb") as stream:
        stream.seek(max(0, output.stat().st_size - 4096))
        tail = stream.read().decode(errors="replace")
    return _Ended(code=child.returncode, timed_out=timed_out, words=" ".join(tail.split()[-40:]))


@contextmanager
def _ended_with_us(child: subprocess.Popen[bytes]) -> Iterator[None]:
    """A signal that ends this process ends the child's group first."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may say what a signal does
        return

    def end(number: int, _frame: FrameType | None) -> None:
        _end_group(child)
        signal.signal(number, before[signal.Signals(number)] or signal.SIG_DFL)
        os.kill(os.getpid(), number)

    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    for number in before:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler or signal.SIG_DFL)


def _end_group(child: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):  # macOS: a group of which only the dead are left
        pass


def _how(ended: _Ended, timeout_s: float) -> str:
    if ended.timed_out:
        return f"did not end within {timeout_s:g} s: a project file declares, and nothing more; move what takes long into train"
    how = "ended the process" if ended.code >= 0 else f"ended the process by signal {-ended.code}"
    last = f"; its last words: {ended.words}" if ended.words else ""
    return f"{how} when it was run: a project file must run to its end; remove what ends it, such as os._exit{last}"


def _hanging(folder: Path, root: Path) -> str | None:
    """The project's line that was being run when the time was up."""
    stack = folder / "stack.txt"
    if not stack.exists():
        return None
    for file, line in re.findall(r'File "(.*)", line (\d+)', stack.read_text(encoding="utf-8", errors="replace")):
        if Path(file).is_relative_to(root) and "site-packages" not in file:
            return f"{Path(file).relative_to(root)}:{line}"
    return None


def limit_output() -> None:
    """No file of this process grows without end: what it prints goes to one."""
    most = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (_MOST_OUTPUT if most == resource.RLIM_INFINITY else min(_MOST_OUTPUT, most), most))
