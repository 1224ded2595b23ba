"""Farero and its peers serve the same fitted models to the same requests: throughput, CPU, latency, and what recording costs.

    python benchmarks/serving.py                                                        everything, 25 minutes
    python benchmarks/serving.py --only farero,mlflow,fastapi --parts peers --rounds 1 --seconds 4       two minutes
    python benchmarks/serving.py --parts record,workers,half-load,memory                Farero beside itself

Each contender has one core; the load generator (wrk) has another. Peers live in environments of their own, made on the first run
(--venvs). In a round every contender is started, checked against scikit-learn's own answers, warmed up and measured once; figures
are medians over the rounds, so that a noisy minute falls on all. What Farero acknowledged is counted in its log afterwards.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from dataclasses import asdict
from pathlib import Path

from serving import load, modes, report
from serving.contenders import CONTENDERS
from serving.report import Table, count, ms, times
from serving.rounds import Bench, medians, run, versions_of

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "farero-benchmarks"
PEERS = ("farero", "bare", "mlflow", "fastapi", "bentoml", "mlserver", "litserve")
PARTS = ("peers", "record", "telemetry", "workers", "half-load", "memory")


def main() -> None:
    """Measure and print."""
    wanted = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # so that no server outlives this
    load.install_wrk()
    machine = report.machine() | {"load generator": load.generator()}
    bench = Bench(
        venvs=wanted.venvs, work=wanted.work, seconds=wanted.seconds, warm_up=wanted.warm_up, rounds=wanted.rounds,
        connections=wanted.connections,
    )  # fmt: skip
    if float(machine["load before"]) > 0.5:
        print(f"this machine is busy (load {machine['load before']}); figures will be noisy", file=sys.stderr)
    tables: list[Table] = []
    if "peers" in wanted.parts:
        run(bench, wanted.only, wanted.models, wanted.rows)
        every = [compared(bench, model, rows) for model in wanted.models for rows in wanted.rows]
        tables += [table for table in every if table.rows]
    first = wanted.models[-1]
    if "record" in wanted.parts:
        tables.append(modes.records(bench, first))
    if "telemetry" in wanted.parts:
        tables.append(modes.telemetry(bench, first))
    if "workers" in wanted.parts:
        tables.append(modes.workers(bench, first))
    if "half-load" in wanted.parts:
        tables.append(modes.half_load(bench, ["farero"], wanted.models))
    if "memory" in wanted.parts:
        tables.append(modes.memories(bench, wanted.models))
    tables.append(contenders(bench, wanted.only))
    heading = "; ".join(f"{name} {value}" for name, value in machine.items())
    notes = kept(bench) + method(bench)
    for table in tables:
        print("\n" + report.text(table))
    print(f"{heading}\n" + "\n".join(notes))
    if wanted.markdown:
        report.put_into(wanted.markdown, tables, [heading, *notes])
    if wanted.json:
        figures = [
            {"model": model, "rows": rows, "contender": name, "rounds": [asdict(figure) | {"rate": figure.rate} for figure in found]}
            for (model, rows, name), found in bench.figures.items()
        ]
        whole = {
            "machine": machine,
            "figures": figures,
            "left_out": bench.left_out,
            "log": bench.kept,
            "tables": [asdict(t) for t in tables],
        }
        wanted.json.write_text(json.dumps(whole, indent=1))
    if not all(map(holds, bench.kept.values())):
        sys.exit("the log does not hold what was acknowledged")
    if "farero" in bench.left_out:
        sys.exit(f"Farero was not measured to the end: {bench.left_out['farero']}")
    if bench.failed:
        sys.exit(f"{bench.failed} requests were not answered with 200")


def arguments() -> argparse.Namespace:
    """What is wanted."""

    def names(text: str) -> list[str]:
        return [name.strip() for name in text.split(",") if name.strip()]

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", type=names, default=list(PEERS), help=f"of {', '.join(CONTENDERS)}")
    parser.add_argument("--models", type=names, default=["forest", "logistic"])
    parser.add_argument("--rows", type=lambda text: [int(one) for one in names(text)], default=[1, 100], help="rows a request")
    parser.add_argument("--parts", type=names, default=list(PARTS), help=f"of {', '.join(PARTS)}")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=6, help="measured time of each contender in a round")
    parser.add_argument("--warm-up", type=int, default=2, help="seconds of load before that")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--venvs", type=Path, default=CACHE / "venvs", help="where the peers' environments are or will be")
    parser.add_argument("--work", type=Path, default=CACHE / "work", help="where models and projects are made")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every single figure")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the tables for a document, or into one, between its marks")
    wanted = parser.parse_args()
    for given, known in ((wanted.only, CONTENDERS), (wanted.models, ("forest", "logistic")), (wanted.parts, PARTS)):
        if unknown := sorted(set(given) - set(known)):
            parser.error(f"there is no {', '.join(unknown)}; there are {', '.join(known)}")
    if not 0 < max(wanted.rows) <= 100:
        parser.error("--rows: 1 to 100")
    return wanted


def compared(bench: Bench, model: str, rows: int) -> Table:
    """One model, one size of request, all contenders."""
    found = {name: medians(figures) for (m, r, name), figures in bench.figures.items() if (m, r) == (model, rows)}
    ours = found.get("farero", {}).get("rate")
    lines = []
    for name, figure in found.items():
        measured = [one.rate for one in bench.figures[model, rows, name]]
        lines.append(
            [
                name,
                count(figure["rate"]),
                f"{count(min(measured))} – {count(max(measured))}",
                times(ours / figure["rate"]) if ours else "–",
                count(figure["cpu_us"]),
                times(figure["cpu_us"] / found["farero"]["cpu_us"]) if ours else "–",
                ms(figure["p50_ms"]),
                ms(figure["p99_ms"]),
                str(sum(one.failed for one in bench.figures[model, rows, name])),
            ]
        )
    asked = "one row a request" if rows == 1 else f"{rows} rows a request"
    return Table(
        title=f"{model.capitalize()}, {asked}, {bench.connections} connections",
        header=["", "requests/s", "lowest – highest", "Farero is", "CPU µs/request", "of Farero's", "p50", "p99", "failed"],
        rows=lines,
    )


def contenders(bench: Bench, names: list[str]) -> Table:
    """Who they are."""
    lines = [
        [
            name,
            versions_of(CONTENDERS[name], bench.venvs) if name not in bench.left_out else "–",
            bench.left_out.get(name) or CONTENDERS[name].note,
        ]
        for name in names
    ]
    return Table(title="Contenders", header=["", "versions", "how"], rows=lines)


def holds(sums: list[int]) -> bool:
    """Whether the log holds every acknowledged row, and no more than those under way when the load generator hung up."""
    acknowledged, logged, under_way = sums
    return acknowledged <= logged <= acknowledged + under_way


def kept(bench: Bench) -> list[str]:
    """What the log held beside what was acknowledged."""
    return [
        f"{name}: {acknowledged:,} rows acknowledged, {logged:,} in its log afterwards; up to {under_way:,} more may have been under way "
        f"when the load generator hung up. {'None was lost or doubled.' if holds([acknowledged, logged, under_way]) else 'THIS IS WRONG.'}"
        for name, (acknowledged, logged, under_way) in bench.kept.items()
    ]


def method(bench: Bench) -> list[str]:
    """How it was measured, in a few lines."""
    apart = {
        True: "Farero's processes that answer requests had the server's core; its supervisor and keeper ran beside the load generator.",
        False: "All of Farero's processes had the server's core.",
        None: "",
    }[bench.split]
    return [
        f"Medians of {bench.rounds} rounds of {bench.seconds} s after {bench.warm_up} s of warm-up; 64 different bodies in turn; every "
        "contender answered scikit-learn's own probabilities within 1e-6 before it was timed.",
        "Every server had one core and one thread for numeric libraries; the load generator had another core. CPU is user + system of all "
        "of a server's processes, wherever they ran.",
        *([apart] if apart else []),
    ]


if __name__ == "__main__":
    main()
