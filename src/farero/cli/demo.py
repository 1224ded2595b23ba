"""`farero demo`: a year of history under four policies, and then a service with two versions on their way, a good one and a bad one."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from farero.cli import output, replaying, session
from farero.errors import BadInput, OutsideError

if TYPE_CHECKING:
    from farero.app import App
    from farero.core.rollout import Rollout, RolloutRule
    from farero.project.examples import Example

ROWS_A_REQUEST = 4
CONNECTIONS = 2
PAUSE_S = 0.004
LABELS_A_REQUEST = 400
MOST_S = 120.0
STOP_S = 30.0
_ADDRESS = re.compile(r"http://([\d.]+):(\d+)")


def demo(
    example: Annotated[str, typer.Option(help="bikes, flights or energy.")] = "bikes",
    fast: Annotated[bool, typer.Option("--fast", help="Leave no server running.")] = False,
    folder: Annotated[Path | None, typer.Option("--dir", help="Where the demo's project goes; default: ./farero-demo/EXAMPLE.")] = None,
    port: Annotated[int, typer.Option(help="Where the console opens.")] = 8002,
    as_json: output.JsonOption = False,
) -> None:
    """The whole story on real data: a model serves a changing world, and what happens with and without Farero."""
    with session.errors(as_json=as_json):
        from farero.project.examples import EXAMPLES, copy

        chosen = EXAMPLES.get(example)
        if chosen is None or chosen.time is None:
            able = [name for name, known in EXAMPLES.items() if known.time is not None]
            raise BadInput(f"There is no demo {example!r}.", hint=f"There are: {', '.join(able)}.")
        home = folder or Path("farero-demo") / example
        if (home / ".farero").is_dir():
            shutil.rmtree(home / ".farero")
        if not (home / "farero.toml").is_file():
            copy(example, home)
    with session.opened(home, as_json=as_json) as app:
        _first_act(app, chosen, home, as_json=as_json)
    with session.errors(as_json=as_json):
        second_act(chosen, home, quiet=as_json)
    if fast:
        if not as_json:
            output.stdout().print(f"See the console with: farero up --project {home}", markup=False)
        return
    output.stderr().print("Opening the console (Ctrl-C stops it) ...", markup=False)
    # A server forks its processes off a clean one; this one has threads and open files by now.
    os.execv(sys.executable, [sys.executable, "-m", "farero", "up", "--project", str(home), "--host", "127.0.0.1", "--port", str(port)])


def _first_act(app: App, example: Example, home: Path, *, as_json: bool) -> None:
    name = app.only_model(None)
    output.stderr().print(f"{example.title}. Data: {example.source}.", markup=False)
    rules = [replaying.rule(app, name, words) for words in replaying.ALL_POLICIES]
    with output.progress("Living the history under four policies: farero, never retrain, always retrain, the textbook rule") as move:
        result = app.replay(
            name, home / example.data, time=example.time or "", label=example.label, train_until=example.train_until, rules=rules,
            keep=True, progress=move,
        )  # fmt: skip
    report = home / "report.html"
    replaying.write_report(result, report)
    if as_json:
        output.emit(result.to_dict())
    else:
        replaying.tell(result)
        replaying.show(result)
        output.stdout().print(f"Report with charts: {report}", markup=False)


# ── The second act ───────────────────────────────────────────────────────


def second_act(example: Example, home: Path, *, quiet: bool) -> None:
    """A canary that is promoted, and one that learnt from wrong labels and is rolled back, under real requests to a real server."""
    from farero.project.shown import with_wrong_labels

    say = output.stderr() if quiet else output.stdout()
    say.print("\nSecond act: a server runs, requests come in, and two new versions go to production by stages.", markup=False)
    rows, labels = _requests(example, home)
    wrong = with_wrong_labels(home / example.data, example.label, home / ".farero" / "wrong-labels.parquet")
    with session.opened(home, as_json=quiet) as app, serving(home) as address, Traffic(address, rows, labels):
        name = app.only_model(None)
        good = app.train(name, None, time=None, until=None, because="the demo: the newest labels")
        _watch(app, name, good.number, "has learnt anew, from the labels there are by now", say.print)
        bad = app.train(name, wrong, time=example.time, until=None, because="the demo: labels that were joined the wrong way round")
        _watch(app, name, bad.number, "learnt from labels that were joined the wrong way round", say.print)
    say.print(f"Why, a year from now as well: farero decisions --project {home}", markup=False)


def _stages() -> RolloutRule:
    from datetime import timedelta

    from farero.core.rollout import RolloutRule

    return RolloutRule(steps=(10.0, 50.0), least_rows=150, least_time=timedelta(seconds=1))


def _watch(app: App, model: str, number: str, what: str, say: Callable[[str], object]) -> None:
    """Send a version on its way and tell what becomes of it."""
    say(f"  {number} {what}; it begins with 10 % of the requests.")
    app.promote(model, number, by="demo", because=f"the demo: {what}", stages=_stages())
    told = 1
    until = time.monotonic() + MOST_S
    while time.monotonic() < until:
        rollout = app.rollout(model)
        for passage in rollout.history[told:]:
            say(f"    {passage.stage}: {passage.action}, {'; '.join(passage.because)}")
        told = len(rollout.history)
        if not rollout.is_open:
            say(f"  {number} {_fate(rollout)}")
            return
        time.sleep(0.3)
    raise OutsideError(f"The rollout of {model} {number} did not end within {MOST_S:.0f} s.", hint="See: farero rollouts show.")


def _fate(rollout: Rollout) -> str:
    took = (rollout.finished - rollout.started).total_seconds() if rollout.finished else 0.0
    ends: Mapping[str, str] = {
        "promoted": "is in production",
        "rolled-back": f"was rolled back by itself, and {rollout.against} answers every request again",
    }
    return f"{ends.get(rollout.status, rollout.status)} ({took:.0f} s)."


def _requests(example: Example, home: Path) -> tuple[list[dict[str, Any]], list[Any]]:
    """The newest rows of the data as a client would send them, and what came of each."""
    from farero.project.load import load
    from farero.project.shown import plain_rows

    project = next(iter(load(home).projects.values()))
    return plain_rows(home / example.data, [field.name for field in project.schema.features], example.label, last=4000)


@contextmanager
def serving(home: Path) -> Iterator[tuple[str, int]]:
    """A server of its own on a free port, as long as this lasts."""
    command = [sys.executable, "-m", "farero", "up", "--project", str(home), "--host", "127.0.0.1", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        lines: list[str] = []
        reader = threading.Thread(target=lines.extend, args=(process.stderr,), daemon=True)
        try:
            for line in process.stderr:
                lines.append(line)
                if found := _ADDRESS.search(line) if "Farero is up" in line else None:
                    reader.start()  # what it logs from here on must not fill the pipe
                    yield found[1], int(found[2])
                    return
            raise OutsideError(f"The server did not start: {''.join(lines[-3:]).strip()}", hint=f"Try: farero up --project {home}")
        finally:
            process.terminate()
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
            if reader.is_alive():
                reader.join()


class Traffic:
    """Clients that ask about rows and tell the truth of each soon after, until they are stopped."""

    def __init__(self, address: tuple[str, int], rows: Sequence[Mapping[str, Any]], labels: Sequence[Any]) -> None:
        self._address, self._rows, self._labels = address, rows, labels
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(random.Random(seed),), daemon=True) for seed in range(CONNECTIONS)]

    def __enter__(self) -> Traffic:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, chance: random.Random) -> None:
        connection = HTTPConnection(*self._address, timeout=10)
        told: list[dict[str, Any]] = []
        try:
            while not self._stopping.wait(PAUSE_S):
                chosen = [chance.randrange(len(self._rows)) for _ in range(ROWS_A_REQUEST)]
                answer = self._post(connection, "/predict", {"rows": [self._rows[place] for place in chosen]})
                if "request_id" in answer:
                    asked = answer["request_id"]
                    told += [{"request_id": asked, "row": row, "label": self._labels[place]} for row, place in enumerate(chosen)]
                if len(told) >= LABELS_A_REQUEST:
                    self._post(connection, "/v1/labels", {"labels": told})
                    told = []
        finally:
            connection.close()

    def _post(self, connection: HTTPConnection, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        try:
            connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
            return dict(json.loads(connection.getresponse().read()))
        except (OSError, ValueError):  # the server stops, or a connection was cut: the next request opens another
            connection.close()
            return {}
