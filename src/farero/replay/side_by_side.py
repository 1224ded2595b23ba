"""Policies beside each other: each in a process of its own, so that none disturbs another's clock, state or CPU account."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from queue import Queue

from farero.core.policy import PolicyRule
from farero.core.replayed import PolicyResult
from farero.core.window import WindowSize
from farero.errors import FareroError


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All that one process needs to replay one policy.

    `home` = a project folder whose own state the replay writes; None = nothing is kept.
    """

    root: Path
    model: str
    data: Path
    time: str
    label: str | None
    label_time: str | None
    until: datetime
    size: WindowSize
    rule: PolicyRule
    home: Path | None = None
    inferred: bool = False


ProgressOf = Callable[[str, float, str], None]
"""Called with the policy's name, the share done [0-1] and a word on where it is."""


def run_all(plans: Sequence[Plan], command: str, *, at_once: int, progress: ProgressOf) -> list[PolicyResult]:
    """Run every plan through `command`, Python source that calls `serve` with the function to run; results in the plans' order.

    Raises:
        FareroError: the first error of any policy; the others are stopped.
    """
    results: dict[int, PolicyResult] = {}
    waiting = list(enumerate(plans))
    threads = max(1, (os.cpu_count() or 1) // min(at_once, len(plans)))
    running: dict[int, subprocess.Popen[str]] = {}
    events: Queue[tuple[int, str]] = Queue()
    with tempfile.TemporaryDirectory(prefix="farero-replay-") as name:
        folder = Path(name)
        try:
            while waiting or running:
                while waiting and len(running) < at_once:
                    index, plan = waiting.pop(0)
                    running[index] = _start(index, plan, command, folder, events, threads)
                index, line = events.get()
                if line:
                    share, _, words = line.partition(" ")
                    progress(plans[index].rule.name, float(share), words.strip())
                    continue
                running.pop(index).wait()
                results[index] = _collect(folder / f"{index}.out", plans[index])
        finally:
            for process in running.values():
                process.kill()
                process.wait()
    return [results[index] for index in range(len(plans))]


def serve(run: Callable[[Plan, Callable[[float, str], None]], PolicyResult]) -> None:
    """The other side: read a plan from the file named, run it, leave the result or the error beside it."""
    source, target = Path(sys.argv[1]), Path(sys.argv[2])
    plan: Plan = pickle.loads(source.read_bytes())

    def progress(share: float, words: str) -> None:
        sys.stdout.write(f"{share:.4f} {words}\n")
        sys.stdout.flush()

    try:
        outcome: PolicyResult | FareroError = run(plan, progress)
    except FareroError as failure:
        outcome = failure
    target.write_bytes(pickle.dumps(outcome))


def _start(index: int, plan: Plan, command: str, folder: Path, events: Queue[tuple[int, str]], threads: int) -> subprocess.Popen[str]:
    source = folder / f"{index}.in"
    source.write_bytes(pickle.dumps(plan))
    # Policies run beside each other; libraries that spin threads over every core would only get in each other's way.
    environment = {**dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS"), str(threads)), **os.environ}
    with (folder / f"{index}.err").open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-c", command, str(source), str(folder / f"{index}.out")], stdout=subprocess.PIPE, stderr=errors, text=True,
            env=environment,
        )  # fmt: skip

    def listen() -> None:
        if process.stdout is not None:
            with process.stdout as lines:
                for line in lines:
                    if line[:1] in "01" and line.strip():
                        events.put((index, line.strip()))
        events.put((index, ""))

    threading.Thread(target=listen, daemon=True).start()
    return process


def _collect(path: Path, plan: Plan) -> PolicyResult:
    if not path.is_file():
        words = path.with_suffix(".err").read_text(errors="replace").strip()
        raise FareroError(f"The replay of policy {plan.rule.name!r} ended without a result: {words[-2000:] or 'it was killed'}")
    outcome = pickle.loads(path.read_bytes())
    if isinstance(outcome, FareroError):
        raise outcome
    if not isinstance(outcome, PolicyResult):
        raise FareroError(f"The replay of policy {plan.rule.name!r} left something that is no result.")
    return outcome
