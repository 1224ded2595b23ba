"""CPU of a drift report on two Parquet files: `farero drift`, its reference sorted before or not, beside the reports of others.

    python benchmarks/reports.py [--rows 1000000] [--current 100000 1000000] [--only evidently scipy alibi] [--markdown FILE]

20 columns: 14 numbers (one shifted by a quarter of its deviation), 3 whole numbers, 2 choices, 1 flag. Each contestant is a fresh
process that reads both files and makes its report; CPU is user + system of that process and its children, so that threads do not
hide work. "Report alone" leaves out the start of the process and its imports, and is taken inside it after one report on small
files, so that nothing is charged for what happens once. Peers run in virtual environments of their own.

- Evidently: its default report (DataDriftPreset), as JSON.
- scipy: ks_2samp and wasserstein_distance a number, chi2_contingency a choice, in a loop: less than a report.
- alibi-detect: TabularDrift with its defaults (KS and chi-squared, Bonferroni): p-values only.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from serving.report import machine, put_between

BEGIN = "<!-- figures: python benchmarks/reports.py --markdown docs/steps/monitor.md -->"
CACHE = Path.home() / ".cache" / "farero-benchmarks"
PACKAGES = {
    "evidently": ("evidently==0.7.23", "pandas==2.3.3", "pyarrow"),  # it imports a name that pandas 3 no longer has
    "scipy": ("scipy", "pandas", "pyarrow"),
    "alibi": ("alibi-detect", "pandas", "pyarrow<21"),  # it wants numpy 1
}

# Each defines report(reference, current); the rest is the same for all.
EVIDENTLY = """
import pandas as pd
from evidently import Report
from evidently.presets import DataDriftPreset

def report(reference, current):
    return Report([DataDriftPreset()]).run(pd.read_parquet(current), pd.read_parquet(reference)).json()
"""

SCIPY = """
import numpy as np
import pandas as pd
from scipy import stats

def report(reference, current):
    a, b = pd.read_parquet(reference), pd.read_parquet(current)
    found = {}
    for name in a:
        if a[name].dtype.kind in "fi":
            x, y = a[name].to_numpy(), b[name].to_numpy()
            found[name] = (stats.ks_2samp(x, y), stats.wasserstein_distance(x, y))
        else:
            counts = pd.concat([a[name].value_counts(), b[name].value_counts()], axis=1).fillna(0)
            found[name] = stats.chi2_contingency(counts.T.to_numpy(), correction=False).pvalue
    return found
"""

ALIBI = """
import pandas as pd
from alibi_detect.cd import TabularDrift

def report(reference, current):
    a, b = pd.read_parquet(reference), pd.read_parquet(current)
    text = [name for name in a if a[name].dtype.kind not in "fi"]
    for name in text:
        a[name] = a[name].astype("category")
        b[name] = pd.Categorical(b[name], categories=a[name].cat.categories).codes.astype(float)
        a[name] = a[name].cat.codes.astype(float)
    places = {list(a).index(name): None for name in text}
    detector = TabularDrift(a.to_numpy(float), p_val=0.05, categories_per_feature=places)
    return detector.predict(b.to_numpy(float), drift_type="feature")
"""

FARERO = """
import os
from contextlib import ExitStack
from pathlib import Path
import msgspec
from farero.core.compare import compare_tables
from farero.project.columns import open_source
from farero.project.sorted_cache import open_cached

def report(reference, current):
    kept = os.environ.get("KEPT")
    with ExitStack() as stack:
        before = open_cached(Path(reference), Path(kept)) if kept else open_source(Path(reference))
        pair = [stack.enter_context(side) for side in (before, open_source(Path(current)))]
        return msgspec.json.encode(compare_tables(*pair).to_dict())
"""

TIMED = """
import sys, time
report(*sys.argv[3:5])
started = time.process_time()
report(*sys.argv[1:3])
print("CPU", time.process_time() - started)
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000, help="of the reference")
    parser.add_argument("--current", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--columns", type=int, default=0, help="instead of the 20: so many numbers")
    parser.add_argument("--only", nargs="*", default=["evidently", "scipy", "alibi"], help="peers")
    parser.add_argument("--repeats", type=int, default=3, help="of Farero; the least CPU counts. Peers run once")
    parser.add_argument("--markdown", type=Path, help="write the tables here, between the marks if it has some")
    wanted = parser.parse_args()
    parts = [section(wanted, rows) for rows in wanted.current]
    text = "\n\n".join(parts) + "\n"
    print(text)
    if wanted.markdown:
        measured_on = "\n".join(f"- {name}: {value}" for name, value in machine().items())
        put_between(wanted.markdown, BEGIN, f"{text}\n{measured_on}\n")


def section(wanted: argparse.Namespace, rows: int) -> str:
    """All contestants on one pair of files."""
    reference, current = table("reference", wanted.rows, wanted.columns), table("current", rows, wanted.columns)
    small = [table(name, 1000, wanted.columns) for name in ("reference", "current")]
    figures: dict[str, dict[str, float] | str] = {}
    with tempfile.TemporaryDirectory(prefix="farero-reports-") as folder:
        kept = Path(folder) / "kept"
        files = [reference, current, *small]
        command = [sys.executable, "-m", "farero", "drift", str(reference), str(current), "--json"]
        figures["`farero drift`, cold"] = best(wanted.repeats, command, FARERO, files, {})
        figures["`farero drift --cache`, first time"] = best(
            wanted.repeats, [*command, "--cache", str(kept)], FARERO, files, {"KEPT": str(kept)}, before=lambda: forget(kept)
        )  # fmt: skip
        measure([*command, "--cache", str(kept)], {})
        time.sleep(2.5)  # a file as young as this is not trusted by its times alone
        measure([*command, "--cache", str(kept)], {})
        figures["`farero drift --cache`, again"] = best(
            wanted.repeats, [*command, "--cache", str(kept)], FARERO, files, {"KEPT": str(kept)}
        )  # fmt: skip
    titles = {"evidently": ("Evidently, default report", EVIDENTLY), "scipy": ("scipy in a loop", SCIPY), "alibi": ("alibi-detect", ALIBI)}
    for peer in wanted.only:
        title, code = titles[peer]
        try:
            python = environment(peer)
        except subprocess.CalledProcessError as fault:
            figures[title] = f"cannot be installed: {fault.stderr.decode(errors='replace').strip()[-120:]}"
            continue
        figures[title] = best(1, [str(python), "-c", code + "\nimport sys\nreport(*sys.argv[1:3])", str(reference), str(current)], code,
                              files, {}, python=str(python))  # fmt: skip
    return shown(figures, f"{wanted.rows:,} rows against {rows:,}, {wanted.columns or 20} columns")


def shown(figures: dict[str, dict[str, float] | str], title: str) -> str:
    """A markdown table; ratios are Evidently's CPU (else the first peer's) over each."""
    peers = [figure for name, figure in figures.items() if not name.startswith("`") and isinstance(figure, dict)]
    lines = [
        f"{title}\n",
        "| | CPU s | report alone, CPU s | wall s | peak MiB | ratio | ratio, report alone |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, figure in figures.items():
        if isinstance(figure, str):
            lines.append(f"| {name} | {figure} | | | | | |")
            continue
        ratios = [f"{peers[0][key] / figure[key]:,.1f}" if peers else "" for key in ("cpu_s", "alone_s")]
        cells = [f"{figure['cpu_s']:.2f}", f"{figure['alone_s']:.3f}", f"{figure['wall_s']:.2f}", f"{figure['peak_mib']:.0f}", *ratios]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def best(
    times: int, command: list[str], code: str, files: list[Path], extra: dict[str, str], *, python: str = sys.executable, before: Any = None
) -> dict[str, float]:
    """The least CPU of some runs of a command, and of its report alone."""
    whole, alone = [], []
    for _ in range(times):
        if before:
            before()
        whole.append(measure(command, extra))
        if before:
            before()
        alone.append(measure([python, "-c", code + TIMED, *map(str, files)], extra)["alone_s"])
    return {**min(whole, key=lambda figure: figure["cpu_s"]), "alone_s": min(alone)}


def forget(kept: Path) -> None:
    """Empty the cache."""
    shutil.rmtree(kept, ignore_errors=True)


def table(name: str, rows: int, columns: int) -> Path:
    """A Parquet file, made once."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder = CACHE / "reports"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{rows}-{columns}.parquet"
    if path.exists():
        return path
    shifted = name == "current"
    random = np.random.default_rng(rows + shifted)
    made: dict[str, object] = {f"number_{i}": random.normal(0.25 * (shifted and i == 0), 1, rows) for i in range(columns or 8)}
    if not columns:
        made |= {f"amount_{i}": random.lognormal(3, 1, rows) for i in range(6)}
        made |= {f"count_{i}": random.poisson(3 + 20 * i, rows) for i in range(3)}
        made |= {f"choice_{k}": np.array([f"level {i}" for i in range(k)])[random.integers(0, k, rows)] for k in (5, 50)}
        made["flag"] = random.random(rows) < 0.3
    pq.write_table(pa.table(made), path)
    return path


def environment(name: str, packages: Sequence[str] = ()) -> Path:
    """The Python of a peer's virtual environment, made on the first run."""
    home = CACHE / "venvs" / f"reports-{name}"
    python = home / "bin" / "python"
    made = home / "made"
    wanted = tuple(packages) or PACKAGES[name]
    if not made.exists() or made.read_text() != " ".join(wanted):
        uv = shutil.which("uv", path=f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}") or "uv"
        print(f"installing {name}", file=sys.stderr)
        subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(home)], check=True, capture_output=True)
        subprocess.run([uv, "pip", "install", "--quiet", "--python", str(python), *wanted], check=True, capture_output=True)
        made.write_text(" ".join(wanted))
    return python


def measure(command: list[str], extra: dict[str, str]) -> dict[str, float]:
    """CPU [s], wall clock [s] and peak memory [MiB] of one fresh process; `alone_s` where it says so itself."""
    values = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"} | {"DO_NOT_TRACK": "1"} | extra
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as wrong:
        started = time.perf_counter()
        child = subprocess.Popen(command, stdout=said, stderr=wrong, env=values)
        _, status, used = os.wait4(child.pid, 0)
        wall = time.perf_counter() - started
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode not in ((0, 1) if "drift" in command else (0,)):  # 1 = drift found
            wrong.seek(0)
            raise SystemExit(f"{command[0]} failed:\n{wrong.read().decode(errors='replace')[-3000:]}")
        said.seek(0)
        alone = [line.split()[1] for line in said.read().decode(errors="replace").splitlines() if line.startswith("CPU ")]
    made = {"cpu_s": used.ru_utime + used.ru_stime, "wall_s": wall, "peak_mib": peak(used)}
    return {**made, "alone_s": float(alone[0])} if alone else made


def peak(used: resource.struct_rusage) -> float:
    """Peak resident memory [MiB]; Linux counts KiB, macOS bytes."""
    return used.ru_maxrss / (1024**2 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    main()
