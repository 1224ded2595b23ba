"""CPU of `farero drift` on two files of 1M x 20, beside Evidently's default report on the same files.

    python benchmarks/drift.py [--rows 1000000] [--again]

Evidently runs in a virtual environment of its own, made under `.cache/bench-evidently` on the first run. Each contestant is
a fresh process that reads both Parquet files and makes its report; CPU is user + system of that process and its children, so
that threads do not hide work. Both run once before, on two small files, so that neither is charged for compiling its
imports. Evidently's figure is kept beside its files and used again without `--again`.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache"
VENV = CACHE / "bench-evidently"
PACKAGES = ("evidently==0.7.23", "pandas==2.3.3", "pyarrow")  # it imports a name that pandas 3 no longer has

EVIDENTLY = """
import sys
import pandas as pd
from evidently import Report
from evidently.presets import DataDriftPreset
reference, current = (pd.read_parquet(path) for path in sys.argv[1:3])
result = Report([DataDriftPreset()]).run(current, reference)
result.json()
"""

IN_PROCESS = """
import sys
from pathlib import Path
from farero.core.compare import compare_tables
from farero.project.table import read_table
reference, current = (read_table(Path(path), typed=True) for path in sys.argv[1:3])
print(compare_tables(reference, current).drift)
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--again", action="store_true", help="measure Evidently again")
    wanted = parser.parse_args()
    files = tables(wanted.rows)
    runs = {
        "farero drift (whole command)": [sys.executable, "-m", "farero", "drift", *files, "--json"],
        "farero, read + compare": [sys.executable, "-c", IN_PROCESS, *files],
    }
    small = tables(1000)
    for command in runs.values():
        measure([small[files.index(word)] if word in files else word for word in command])
    figures = {name: min((measure(command) for _ in range(3)), key=lambda figure: figure["cpu_s"]) for name, command in runs.items()}
    peer = evidently(files, wanted.rows, again=wanted.again)
    print(f"{wanted.rows:,} x 20, two files; CPU is user + system\n")
    print(f"{'':<32}{'CPU s':>9}{'wall s':>9}{'peak MiB':>10}{'ratio':>8}")
    for name, figure in {**figures, "Evidently, default report": peer}.items():
        ratio = peer["cpu_s"] / figure["cpu_s"]
        print(f"{name:<32}{figure['cpu_s']:>9.2f}{figure['wall_s']:>9.2f}{figure['peak_mib']:>10.0f}{ratio:>7.1f}x")


def tables(rows: int) -> list[str]:
    """Two Parquet files: 14 numbers (one shifted by a quarter of its deviation), 3 whole numbers, 2 choices, 1 flag."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder = CACHE / "bench-drift"
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for seed, name in enumerate(("reference", "current")):
        path = folder / f"{name}-{rows}.parquet"
        paths.append(str(path))
        if path.exists():
            continue
        random = np.random.default_rng(seed)
        columns: dict[str, object] = {f"number_{i}": random.normal(0.25 * seed * (i == 0), 1, rows) for i in range(8)}
        columns |= {f"amount_{i}": random.lognormal(3, 1, rows) for i in range(6)}
        columns |= {f"count_{i}": random.poisson(3 + 20 * i, rows) for i in range(3)}
        columns |= {f"choice_{k}": np.array([f"level {i}" for i in range(k)])[random.integers(0, k, rows)] for k in (5, 50)}
        columns["flag"] = random.random(rows) < 0.3
        pq.write_table(pa.table(columns), path)
    return paths


def evidently(files: list[str], rows: int, *, again: bool) -> dict[str, float]:
    """The peer's figure, measured once for these files."""
    kept = CACHE / "bench-drift" / f"evidently-{rows}.json"
    if kept.exists() and not again:
        figure: dict[str, float] = json.loads(kept.read_text())
        return figure
    python = VENV / "bin" / "python"
    if not python.exists():
        uv = Path(sys.executable).with_name("uv")
        subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, VENV], check=True)
        subprocess.run([uv, "pip", "install", "--quiet", "--python", python, *PACKAGES], check=True)
    measure([str(python), "-c", EVIDENTLY, *tables(1000)])
    figure = measure([str(python), "-c", EVIDENTLY, *files])
    kept.write_text(json.dumps(figure))
    return figure


def measure(command: list[str]) -> dict[str, float]:
    """CPU [s], wall clock [s] and peak memory [MiB] of one fresh process."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"} | {"DO_NOT_TRACK": "1"}
    started = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment)
    assert child.stderr is not None
    said = child.stderr.read()
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode not in (0, 1):  # 1 = drift found
        raise SystemExit(f"{command[0]} failed:\n{said.decode(errors='replace')[-3000:]}")
    return {"cpu_s": used.ru_utime + used.ru_stime, "wall_s": time.perf_counter() - started, "peak_mib": peak(used)}


def peak(used: resource.struct_rusage) -> float:
    """Peak resident memory [MiB]; Linux counts KiB, macOS bytes."""
    return used.ru_maxrss / (1024**2 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    main()
