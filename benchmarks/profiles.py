"""What profiles cost: counting, from a Parquet file, in bytes, in certainty, and a report over a month of them.

    python benchmarks/profiles.py [--rows 1000000] [--without-peer] [--markdown FILE]

One thread everywhere; times are CPU seconds (`process_time`), the least of several. The file has 20
columns: 8 normal numbers, 6 lognormal amounts, 3 whole numbers, 2 choices, 1 flag; the reference 200,000 rows. whylogs reads the same
file and makes its own profile (`why.log`) in a virtual environment of its own, in a fresh process, after one on a small file.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from serving.report import Table, machine, markdown, put_between, text

from farero.core import drift
from farero.core.arrow_columns import Reader
from farero.core.counting import Bins
from farero.core.pairs import MOST_PAIRS
from farero.core.profile import BLOCK_ROWS, Builder, Profile, build, build_reference, total
from farero.core.profiled import merge
from farero.core.reference import Reference, freeze_values
from farero.core.schema import Field, Schema
from farero.core.sorted_samples import ks_distance

BEGIN = "<!-- figures: python benchmarks/profiles.py --markdown docs/steps/profile.md -->"
CACHE = Path.home() / ".cache" / "farero-benchmarks"
PEER = ("whylogs==1.6.4", "numpy<2", "pandas<3", "pyarrow<21")  # it names what numpy 2 no longer has
NUMBERS = [*(f"number_{i}" for i in range(8)), *(f"amount_{i}" for i in range(6)), *(f"count_{i}" for i in range(3))]
CHOICES = {"choice_5": 5, "choice_50": 50}
SCHEMA = Schema(
    fields=(
        *(Field(name=name, kind="number", missing=True) for name in NUMBERS),
        *(Field(name=name, kind="choice", levels=tuple(f"level {i}" for i in range(k))) for name, k in CHOICES.items()),
        Field(name="flag", kind="flag"),
    )
)
REFERENCE_ROWS = 200_000
DAYS, DAY_ROWS, MONTH_RUNS = 30, 10_000, 300
STEPS = ("read", "batches", "profile", "bare")

WHYLOGS = """
import sys, time, warnings
warnings.filterwarnings("ignore")
import pandas as pd
import whylogs as why
why.log(pandas=pd.read_parquet(sys.argv[1])).profile().view()
started = time.process_time()
view = why.log(pandas=pd.read_parquet(sys.argv[2])).profile().view()
print(time.process_time() - started, len(view.serialize()))
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--without-peer", action="store_true", help="leave whylogs out")
    parser.add_argument("--markdown", type=Path, help="write the tables here, between the marks if it has some")
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    wanted = parser.parse_args()
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    if wanted.step:
        print(step(wanted.step, wanted.rows))
        return
    reference = reference_of_rows()
    tables = [
        counting(wanted.rows), from_parquet(wanted.rows, peer=not wanted.without_peer), bytes_of(reference), certainty(),
        month(reference),
    ]  # fmt: skip
    print("\n".join(text(table) for table in tables))
    print("\n".join(f"{name}: {value}" for name, value in machine().items()))
    if wanted.markdown:
        said = [*map(markdown, tables), *(f"- {name}: {value}" for name, value in machine().items())]
        put_between(wanted.markdown, BEGIN, "\n".join(said))


def least(times: int, **contestants: Callable[[], object]) -> dict[str, float]:
    """CPU seconds of each, the least of so many runs, taken in turn."""
    found = dict.fromkeys(contestants, float("inf"))
    for _ in range(times):
        for name, run in contestants.items():
            started = time.process_time()
            run()
            found[name] = min(found[name], time.process_time() - started)
    return found


def drawn(rows: int, seed: int, shift: float = 0.0) -> dict[str, np.ndarray]:
    """Checked columns, one of them shifted."""
    random = np.random.default_rng(seed)
    made: dict[str, np.ndarray] = {f"number_{i}": random.normal(shift * (i == 0), 1, rows) for i in range(8)}
    made |= {f"amount_{i}": random.lognormal(3, 1, rows) for i in range(6)}
    made |= {f"count_{i}": random.poisson(3 + 20 * i, rows).astype(np.float64) for i in range(3)}
    made |= {name: random.integers(0, k, rows).astype(np.int32) for name, k in CHOICES.items()}
    made["flag"] = (random.random(rows) < 0.3).astype(np.int8)
    return made


def parquet(rows: int) -> Path:
    """The same as a file, written once."""
    folder = CACHE / "work" / "profiles"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"rows-{rows}.parquet"
    if not path.exists():
        columns = drawn(rows, 2, 0.1)
        named = {name: np.array([f"level {i}" for i in range(k)])[columns[name]] for name, k in CHOICES.items()}
        counts = {name: columns[name].astype(np.int64) for name in columns if name.startswith("count")}
        pq.write_table(pa.table({**columns, **counts, **named, "flag": columns["flag"].astype(bool)}), path)
    return path


def counting(rows: int) -> Table:
    """One column into 1,024 bins: numpy's search, and the kernel with all of its sums."""
    random = np.random.default_rng(0)
    shapes = {
        "normal": random.normal(size=rows), "lognormal, sigma 1": random.lognormal(3, 1, rows), "Cauchy": random.standard_cauchy(rows),
        "whole numbers": random.poisson(43, rows).astype(np.float64),
        "one value in 60 %": np.where(random.random(rows) < 0.6, 0.0, random.exponential(1, rows)),
        "a tenth missing": np.where(random.random(rows) < 0.1, np.nan, random.normal(size=rows)),
    }  # fmt: skip
    lines = []
    for name, values in shapes.items():
        held = values[~np.isnan(values)][:REFERENCE_ROWS]
        ref = freeze_values("x", "number", np.sort(held), 0)
        bins = Bins(ref.edges, mean=ref.mean, low=ref.low, high=ref.high)
        bins.count_fast(values[:1000])

        def search(values: np.ndarray = values, edges: np.ndarray = ref.edges) -> object:
            return np.bincount(np.searchsorted(edges, values, side="left"), minlength=len(edges) + 1)

        def fast(values: np.ndarray = values, bins: Bins = bins) -> object:
            return bins.count_fast(values)

        def plain(values: np.ndarray = values, bins: Bins = bins) -> object:
            return bins.count_plainly(values)

        figure = least(7, search=search, plain=plain, fast=fast)
        each = [f"{figure[way] / rows * 1e9:.1f}" for way in ("search", "plain", "fast")]
        lines.append([name, *each, f"{figure['search'] / figure['fast']:.1f}×", f"{figure['plain'] / figure['fast']:.1f}×"])
    return Table(
        title=f"Counting {rows:,} values in 1,024 bins [ns a value]",
        header=["values", "searchsorted + bincount", "numpy, all figures", "kernel, all figures", "against search", "against numpy"],
        rows=lines,
        notes=["All figures: counts, missing, infinite, both sums, smallest, largest, and the sums outside the reference."],
    )  # fmt: skip


def profile_of(reference: Reference, path: Path, *, copies: bool = True) -> Profile:
    """A file's profile, one batch in memory at a time."""
    reader, builder = Reader(SCHEMA), Builder(reference, copies=copies)
    for batch in batches(path):
        columns, names = reader.read(batch)
        builder.add(columns, None, names)
    return builder.finish()


def batches(path: Path) -> Iterator[pa.RecordBatch]:
    """A file, one batch in memory at a time."""
    with pq.ParquetFile(path, read_dictionary=list(CHOICES), pre_buffer=False) as file:
        yield from file.iter_batches(batch_size=BLOCK_ROWS, use_threads=False)


def from_parquet(rows: int, *, peer: bool) -> Table:
    """A whole file, beside reading it; each in fresh processes, for the memory of one read is not to be had again for nothing."""
    parquet(100_000), parquet(rows)
    figure = {what: min((alone(what, rows) for _ in range(5)), key=lambda found: found[0]) for what in STEPS}
    read = figure["read"][0]
    words = {
        "read": "read the file into an Arrow table", "batches": "read it batch by batch, keeping nothing",
        "profile": "read it and make the profile", "bare": "the same without duplicates",
    }  # fmt: skip
    lines = [
        [words[what], f"{cpu_s:.3f}", f"{cpu_s / read:.2f}×", f"{held / 20:,.0f}" if held else "–"]
        for what, (cpu_s, held) in figure.items()
    ]  # fmt: skip
    if peer:
        whole, held = (float(word) for word in whylogs(parquet(rows)).split())
        lines.append(["whylogs, read and profile", f"{whole:.3f}", f"{whole / read:.0f}×", f"{held / 20:,.0f}"])
        lines.append(["whylogs / Farero", f"{whole / figure['profile'][0]:.0f}×", "", ""])
    title = f"Parquet to profile, {rows:,} rows × 20 columns"
    return Table(title=title, header=["", "CPU s", "of reading", "stored bytes a column"], rows=lines)


def alone(what: str, rows: int) -> tuple[float, float]:
    """CPU seconds and stored bytes of one step in a process of its own."""
    done = subprocess.run([sys.executable, __file__, "--step", what, "--rows", str(rows)], capture_output=True, text=True, check=True)
    cpu_s, held = (float(word) for word in done.stdout.split())
    return cpu_s, held


def step(what: str, rows: int) -> str:
    """What such a process does: the step on a small file, so that nothing is charged for what happens once, and then on the large one."""
    reference = reference_of_rows()

    def run(path: Path) -> Profile | None:
        if what == "read":
            pq.read_table(path, use_threads=False)
        elif what == "batches":
            for _ in batches(path):
                pass
        if what in ("read", "batches"):
            return None
        return profile_of(reference, path, copies=what == "profile")

    run(parquet(100_000))
    started = time.process_time()
    made = run(parquet(rows))
    cpu_s = time.process_time() - started
    return f"{cpu_s} {len(made.to_bytes()) if made else 0}"


def reference_of_rows() -> Reference:
    """The reference, as it comes from a version's folder."""
    return Reference.from_bytes(build_reference(SCHEMA, drawn(REFERENCE_ROWS, 1)).to_bytes())


def bytes_of(reference: Reference) -> Table:
    """Stored profiles, with the 190 pairs."""
    lines = []
    for rows in (200, 1_000, 10_000, 100_000, 1_000_000):
        stored = build(reference, drawn(rows, 3)).to_bytes()
        lines.append([f"{rows:,}", f"{len(stored):,}", f"{len(stored) / 20:,.0f}"])
    return Table(
        title="Stored profiles of 20 columns [B]", header=["rows in the window", "profile", "a column"], rows=lines,
        notes=[f"{len(reference.pairs) // 2} pairs are in it; there are at most {MOST_PAIRS}."],
    )  # fmt: skip


def certainty() -> Table:
    """How far KS on the counts lies from KS on the rows, and how far it could."""
    lines = []
    random = np.random.default_rng(4)
    draws: dict[str, Callable[[int, float], np.ndarray]] = {
        "normal": lambda n, shift: random.normal(shift, 1, n), "lognormal": lambda n, shift: random.lognormal(shift, 1, n),
        "whole numbers": lambda n, shift: random.poisson(20 + shift, n).astype(np.float64),
    }  # fmt: skip
    for name, draw in draws.items():
        before = np.sort(draw(REFERENCE_ROWS, 0.0))
        ref = freeze_values("x", "number", before, 0)
        one = Reference(rows=len(before), columns=(ref,), prediction=None, windows=0, window_rows=0, edges_hash="")
        for shift in (0.0, 0.1, 1.0):
            off, width = [], []
            for _ in range(20):
                after = np.sort(draw(DAY_ROWS, shift))
                now = build(one, {"x": after}).columns[0]
                found = drift.ks_interval(ref, now)
                assert found is not None
                exact = ks_distance(before, after)
                assert found[0] - 1e-12 <= exact <= found[1] + 1e-12
                off.append(exact - found[0] if exact - found[0] > 1e-15 else 0.0)  # sums of shares end in another last bit
                width.append(found[1] - found[0])
            lines.append(
                [f"{name}, shift {shift:g}", f"{np.median(width):.1e}", f"{max(width):.1e}", f"{np.median(off):.1e}", f"{max(off):.1e}"]
            )
    return Table(
        title=f"KS from counts: {DAY_ROWS:,} rows against {REFERENCE_ROWS:,}, 20 windows each",
        header=["", "certified, median", "certified, largest", "actual error, median", "largest"], rows=lines,
        notes=["Certified: how far apart the bounds lie. The distance of the rows lay between them every time."],
    )  # fmt: skip


def month(reference: Reference) -> Table:
    """The report over many days from their stored profiles."""
    bodies = [build(reference, drawn(DAY_ROWS, 10 + day, 0.1)).to_bytes() for day in range(DAYS)]
    profiles = [Profile.from_bytes(body) for body in bodies]
    whole = total(bodies)
    figures = drift.compare(reference, whole)

    def merged() -> Profile:
        made = profiles[0]
        for other in profiles[1:]:
            made = merge(made, other)
        return made

    contestants: dict[str, Callable[[], object]] = {
        "report": lambda: drift.compare(reference, total(bodies)), "total": lambda: total(bodies), "merge": merged,
        "figures": lambda: drift.compare(reference, whole), "judged": lambda: drift.verdict("guarded", reference, figures, whole.rows),
    }  # fmt: skip
    figure = {name: least(MONTH_RUNS, run=run)["run"] for name, run in contestants.items()}
    words = {
        "report": "report from stored bytes: sum of 30 days, all figures of 20 columns", "total": "of which: reading and adding 30 days",
        "figures": "of which: KS, p, PSI, JS, Wasserstein, chi² of 20 columns", "judged": "a verdict on them",
        "merge": "for comparison: adding 30 profiles in memory one by one",
    }  # fmt: skip
    lines = [[word, f"{figure[name] * 1e3:.2f}"] for name, word in words.items()]
    return Table(
        title=f"{DAYS} daily profiles of {DAY_ROWS:,} rows × 20 columns [CPU ms]", header=["", "ms"], rows=lines,
        notes=[f"The least of {MONTH_RUNS} single runs of each, one after the other."],
    )  # fmt: skip


def whylogs(path: Path) -> str:
    """What the peer prints: CPU seconds, and bytes."""
    home = CACHE / "venvs" / "whylogs"
    python = home / "bin" / "python"
    if not (home / "made").exists():
        uv = shutil.which("uv", path=f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}") or "uv"
        print("installing whylogs", file=sys.stderr)
        subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(home)], check=True)
        subprocess.run([uv, "pip", "install", "--quiet", "--python", str(python), *PEER], check=True)
        (home / "made").touch()
    one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "ARROW_NUM_THREADS"), "1")
    done = subprocess.run(
        [str(python), "-c", WHYLOGS, str(parquet(100_000)), str(path)], capture_output=True, text=True, check=False,
        env={**os.environ, **one, "WHYLOGS_NO_ANALYTICS": "True"},
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"whylogs failed:\n{done.stderr[-2000:]}")
    return done.stdout.strip().splitlines()[-1]


if __name__ == "__main__":
    main()
