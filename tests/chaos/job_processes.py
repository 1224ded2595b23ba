"""Workers that can be killed inside any step of a run, each forked from one process that has everything imported.

Reads one JSON order a line and answers each with one line: "setup" makes an installation with a day that asks for a retraining,
"worker" runs a worker until no run is open (or until it dies), "start" does so without waiting, "wait" waits for all of those.
"""

from __future__ import annotations

import faulthandler
import json
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.benches import PROJECT, T0, WON, FailingChild, Installation, day

import farero.wiring
from farero.adapters.inline_child import InlineChild
from farero.adapters.manual_clock import ManualClock
from farero.core.job import JobRun
from farero.errors import FareroError
from farero.flow.jobs import Queue
from farero.replay import Bench
from farero.wiring import open_app
from farero.worker import Worker

PATIENCE_S = 150.0

# Trainings are counted where they happen, and wait while the test wants them to.
COUNTED = """
def train(data: fa.TrainingSet) -> fa.Regressor:
    import os
    import time
    from pathlib import Path

    root = Path(os.environ["FARERO_TEST_ROOT"])
    with (root / "trainings.txt").open("a") as file:
        file.write(f"{len(data.y)}\\n")
    while (root / "hold").exists():
        time.sleep(0.02)
"""


def write_project(root: Path, *, url: str, engine: str, webhook: str) -> None:
    """The project folder of a scenario."""
    root.mkdir()
    (root / "farero.toml").write_text(
        f'project = "project.py:project"\n[state]\nurl = "{url}"\n[worker]\njobs = "{engine}"\n'
        f'[[channels]]\nname = "hook"\nkind = "webhook"\nurl = "{webhook}"\n'
        '[[jobs]]\nname = "tidy"\nverb = "compact"\nafter = "points-retrain"\n'
    )
    text = PROJECT.replace("def train(data: fa.TrainingSet) -> fa.Regressor:\n", COUNTED.lstrip("\n"))
    policy = 'policy=fa.Policy(trigger="always", cooldown="1s", min_rows=1, holdout_share=0.5, budget=1.0, candidates=[fa.Candidate()],'
    (root / "project.py").write_text(text.replace('policy=fa.Policy(cooldown="1d", min_rows=10,', policy))


def setup(order: dict[str, Any]) -> int:
    """Version 1.0.0 in production, and a day on which the world has changed."""
    root = Path(order["root"])
    write_project(root, url=order["url"], engine=order["engine"], webhook=order["webhook"])
    clock = ManualClock(T0)
    app = open_app(root, clock=clock)
    loop = app._loops["points"]
    bench = Bench(model="points", label=loop.label.label, metric="mae", loop=loop, clock=clock, store=app._store, hand_over=app._hand_over)
    here = Installation(bench=bench, child=FailingChild())
    here.start()
    here.predict(0)
    here.label(0, WON)
    clock.set(day(0).end)
    app.close()
    (root / "trainings.txt").unlink()
    return 0


def work(order: dict[str, Any]) -> int:
    """A worker, until no run is open."""
    app = open_app(Path(order["root"]), keeping=True)
    if order.get("kill"):
        _die_in(*order["kill"])
    app.refresh()
    worker = Worker(app, 0.1)
    worker.start()
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        time.sleep(0.05)
        try:
            runs = app.job_runs()
        except FareroError:
            continue  # the database is gone: that is what the test is about
        if _all_over(runs):
            break
    else:
        print("still open:", app.job_runs(), file=sys.stderr)
        faulthandler.dump_traceback()
        return 3
    time.sleep(0.3)  # messages are delivered with a turn
    ended = worker.stop(10.0)
    app.close()
    return 0 if ended else 4


def _all_over(runs: list[JobRun]) -> bool:
    done = {run.job for run in runs if not run.is_open}
    return not any(run.is_open for run in runs) and "points-retrain" in done and ("tidy" in done or runs[0].status != "succeeded")


def _die_in(name: str, when: str) -> None:
    """SIGKILL before the step is taken, while it is, or after it was and before that is noted."""
    inner = Queue.step

    def step(queue: Queue, id: str, taken: str, do: Callable[[], object], say: Callable[[object], str]) -> object:
        def take() -> object:
            if when == "before":
                os.kill(os.getpid(), signal.SIGKILL)
            if when == "during":
                threading.Timer(0.02, os.kill, (os.getpid(), signal.SIGKILL)).start()
            value = do()
            if when == "after":
                os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(1)
            return value

        return inner(queue, id, taken, take if taken == name else do, say)

    Queue.step = step  # type: ignore[method-assign,assignment]


def _forked(action: Callable[[dict[str, Any]], int], order: dict[str, Any]) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 9
    try:
        os.environ["FARERO_TEST_ROOT"] = order["root"]
        if order.get("child") != "process":
            farero.wiring.ChildProcess = lambda *args, **kwargs: InlineChild()  # type: ignore[misc,assignment]
        code = action(order)
    except BaseException:  # noqa: BLE001 (the fork must never come back)
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def main() -> None:
    if "dbos" in sys.argv:
        import dbos  # noqa: F401 (once for all that are forked)
    started: list[int] = []
    print("ready", flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        if order["do"] == "wait":
            codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in started]
            started.clear()
            print(json.dumps(codes), flush=True)
            continue
        pid = _forked(setup if order["do"] == "setup" else work, order)
        if order["do"] == "start":
            started.append(pid)
            print(pid, flush=True)
        else:
            print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


if __name__ == "__main__":
    main()
