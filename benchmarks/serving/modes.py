"""Farero beside itself: what the record costs, what a second worker adds, latency at half load, memory of a worker."""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack

from serving import load
from serving.contenders import CONTENDERS
from serving.load import Figure
from serving.processes import Server, memory
from serving.report import Table, count, ms, times
from serving.rounds import LOAD_CORE, SERVER_CORE, Bench

CONNECTIONS = (1, 16, 64, 256)
HALF = 0.5
IDLE_S = 0.05
"""CPU time within half a second that servers without requests take."""


def records(bench: Bench, model: str) -> Table:
    """Throughput with no record, with one `write` before the answer, and with `fsync` before the answer.

    All three servers are up and take turns, so that what is compared is seconds apart. Each begins when the others have handed over what
    they recorded, which would take the load generator's core.
    """
    modes = {"not recorded": ("unrecorded", "write"), "write": ("farero", "write"), "fsync": ("farero", "fsync")}
    found: dict[tuple[str, int], list[Figure]] = {}
    folder = bench.model("farero", model)
    with ExitStack() as stack:
        servers = {mode: stack.enter_context(bench.running(name, folder, record=record)) for mode, (name, record) in modes.items()}
        for turn in range(bench.rounds):
            for connections in CONNECTIONS:
                for mode in (*modes, *modes)[turn % len(modes) :][: len(modes)]:
                    _rest(list(servers.values()))
                    figure = bench.measure(servers[mode], modes[mode][0], folder, 1, connections=connections, warm=turn > 0, urgent=True)
                    found.setdefault((mode, connections), []).append(figure)
                    _say(f"record: {mode}", connections, figure)
    rate = {key: statistics.median(figure.rate for figure in figures) for key, figures in found.items()}
    cpu = {key: statistics.median(_spent_us(figure) for figure in figures) for key, figures in found.items()}
    rows = [[mode, *(f"{count(rate[mode, c])} ({rate[mode, c] / rate['not recorded', c]:.2f})" for c in CONNECTIONS)] for mode in modes]
    rows += [[f"{mode}, CPU µs of the worker", *(f"{cpu[mode, c]:.1f}" for c in CONNECTIONS)] for mode in modes]
    return Table(
        title=f"What the record costs ({model}, one row a request)",
        header=["requests/s (share of not recorded)", *(f"{c} connections" for c in CONNECTIONS)],
        rows=rows,
        notes=[
            "not recorded: the same server whose frames go to /dev/null (benchmarks/serving/unrecorded.py); Farero has no such switch.",
            f"Medians of {bench.rounds} rounds; {sum(f.failed for figures in found.values() for f in figures)} requests failed.",
        ],
    )


def telemetry(bench: Bench, model: str) -> Table:
    """Throughput with log lines and figures, and without."""
    names = {"as it comes": "farero", "without log lines and figures": "untold"}
    found: dict[str, list[Figure]] = {mode: [] for mode in names}
    folder = bench.model("farero", model)
    with ExitStack() as stack:
        servers = {mode: stack.enter_context(bench.running(name, folder)) for mode, name in names.items()}
        for turn in range(bench.rounds):
            for mode in list(names)[:: 1 if turn % 2 else -1]:
                figure = bench.measure(servers[mode], names[mode], folder, 1, warm=turn > 0)
                found[mode].append(figure)
                _say(f"telemetry: {mode}", bench.connections, figure)
    rate = {mode: statistics.median(figure.rate for figure in figures) for mode, figures in found.items()}
    cpu = {mode: statistics.median(_spent_us(figure) for figure in figures) for mode, figures in found.items()}
    silent = rate["without log lines and figures"]
    return Table(
        title=f"What telemetry costs ({model}, one row a request)",
        header=["", "requests/s", "share", "CPU µs of the worker"],
        rows=[[mode, count(rate[mode]), f"{rate[mode] / silent:.2f}", f"{cpu[mode]:.1f}"] for mode in names],
        notes=["Without: benchmarks/serving/untold.py; Farero has no such switch, and every other figure here is with telemetry."],
    )


def workers(bench: Bench, model: str) -> Table:
    """One process that answers, and two. The load generator needs a core too, so the CPU time tells more than the clock."""
    folder = bench.model("farero", model)
    every = sorted(os.sched_getaffinity(0))
    two = ",".join(map(str, every[:2]))
    settings = {1: (str(SERVER_CORE), str(LOAD_CORE)), 2: (two, ",".join(map(str, every[2:])) or two)}
    found: dict[int, list[Figure]] = {}
    with ExitStack() as stack:
        servers = {n: stack.enter_context(bench.running("farero", folder, workers=n, cores=cores)) for n, (cores, _) in settings.items()}
        for turn in range(bench.rounds):
            for number, (_, generator) in settings.items():
                figure = bench.measure(servers[number], "farero", folder, 1, connections=64, cores=generator, warm=turn > 0)
                found.setdefault(number, []).append(figure)
                _say(f"{number} workers", 64, figure)
    rate = {number: statistics.median(figure.rate for figure in figures) for number, figures in found.items()}
    spent = {number: statistics.median(_spent_us(figure) for figure in figures) for number, figures in found.items()}
    rows = [
        [str(n), count(rate[n]), times(rate[n] / rate[1]), f"{spent[n]:.1f}", count(n * 1e6 / spent[n]), times(n * spent[1] / spent[n])]
        for n in settings
    ]
    return Table(
        title=f"A second worker ({model}, one row a request, 64 connections)",
        header=["workers", "requests/s here", "of one", "CPU µs of the workers", "requests/s by CPU time", "of one"],
        rows=rows,
        notes=[
            f"{len(every)} cores. Where there are only two, the load generator and Farero's other processes take their share of the second "
            "core. By CPU time: what the workers would answer if each had a core for itself.",
        ],
    )


def _rest(servers: Sequence[Server]) -> None:
    """Wait until these servers have nothing left to do, for ten seconds at most."""
    for _ in range(20):
        before = sum(server.cpu_s() for server in servers)
        time.sleep(0.5)
        if sum(server.cpu_s() for server in servers) - before < IDLE_S:
            return


def half_load(bench: Bench, names: Sequence[str], models: Sequence[str]) -> Table:
    """Latency when requests come at half the rate that the server can take."""
    rows = []
    for model in models:
        for name in names:
            if name in bench.left_out or CONTENDERS[name].name == "bare":
                continue
            folder = bench.model(name, model)
            with bench.running(name, folder) as server:
                path, bodies = CONTENDERS[name].path(model), bench.bodies(name, folder, 1)[0]
                found = []
                for _ in range(bench.rounds):
                    most = bench.measure(server, name, folder, 1).rate
                    at = load.measure(
                        server, path, bodies, rate=most * HALF, connections=64, seconds=bench.seconds, cores=str(LOAD_CORE), urgent=True
                    )
                    bench.count_more(name, at.requests)
                    bench.failed += at.failed
                    _say(f"half load: {name} {model}", 64, at)
                    found.append(at)
                rate, p50, p99 = (statistics.median(getattr(at, column) for at in found) for column in ("rate", "p50_ms", "p99_ms"))
                rows.append([f"{name}, {model}", count(rate), ms(p50), ms(p99), times(p99 / p50), str(sum(at.failed for at in found))])
    return Table(
        title="Latency at half load (one row a request)",
        header=["", "requests/s", "p50", "p99", "p99 of p50", "failed"],
        rows=rows,
        notes=[
            "About half the rate that was measured just before, over 64 connections: each pauses for a random time, 0 to twice the mean, "
            "between an answer and its next request. The generator runs with real-time priority where it may: it shares its core with "
            "Farero's keeper, and would else measure its own waiting.",
        ],
    )


def memories(bench: Bench, models: Sequence[str]) -> Table:
    """What further workers take, with pages that they share counted once."""
    rows = []
    for model in models:
        folder = bench.model("farero", model)
        whole, own = {}, {}
        for number in (1, 3):
            with bench.running("farero", folder, workers=number) as server:
                bench.check(server, "farero", folder, 1)
                bench.measure(server, "farero", folder, 1, connections=64, seconds=2)
                used = {pid: memory(pid) for pid in server.pids()}
                whole[number] = sum(one["pss"] for one in used.values())
                own[number] = max(used[pid]["uss"] for pid in server.answering or [server.process.pid])
        more = (whole[3] - whole[1]) / 2
        rows.append([model, f"{whole[1]:.0f} MiB", f"{whole[3]:.0f} MiB", f"{more:.0f} MiB", f"{own[3]:.0f} MiB"])
    return Table(
        title="Memory of a further worker",
        header=["model", "all processes, 1 worker (PSS)", "3 workers", "each further worker", "a worker's own pages (USS)"],
        rows=rows,
        notes=["From /proc/PID/smaps_rollup after some seconds of load. Each further worker: half of what two more add to all processes."],
    )


def _spent_us(figure: Figure) -> float:
    """CPU time of the processes that answer, per request [µs]."""
    return 1e6 * (figure.answering_cpu_s or figure.cpu_s) / max(figure.requests, 1)


def _say(what: str, connections: int, figure: Figure) -> None:
    print(
        f"{what:28} {connections:4} connections  {figure.rate:10,.1f}/s  p99 {figure.p99_ms:8.2f} ms  {figure.failed} failed",
        file=sys.stderr,
    )
