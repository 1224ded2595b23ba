"""Estimated performance beside NannyML's, on its own data and on data that drifts; and parts of a fall whose truth is known.

    python benchmarks/estimates.py [--rows 1000000] [--markdown FILE]

NannyML runs in a virtual environment of its own, made on the first run. Both sides get the same rows in memory; CPU is user + system of
learning from the reference and estimating every chunk, without reading files or importing libraries; the least of three runs of each.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.serving.report import Table, machine, markdown, put_between, text, times  # noqa: E402

from farero.core.calibrated import calibrate  # noqa: E402
from farero.core.estimate import estimator  # noqa: E402
from farero.core.explain import explain  # noqa: E402
from farero.core.field import Field  # noqa: E402
from farero.core.performance import evaluate, loss  # noqa: E402
from farero.core.prediction import Outputs  # noqa: E402
from farero.core.shift_game import Side  # noqa: E402

BEGIN = "<!-- figures: python benchmarks/estimates.py --markdown docs/explanation/estimates.md -->"
VENV = Path.home() / ".cache" / "farero-benchmarks" / "venvs" / "nannyml"
PACKAGES = ("nannyml==0.13.1", "statsmodels")  # which it imports and does not ask for
CHUNK = 5000
REPEATS = 3
SHARED = ("accuracy", "precision", "recall", "f1", "roc_auc")
DIRECT = ("mae", "rmse")

PEER = """
import json, sys, time, warnings
warnings.filterwarnings("ignore")
import numpy as np, pandas as pd, nannyml as nml
job = json.loads(sys.argv[1])
if job["do"] == "data":
    reference, analysis, targets = nml.load_synthetic_car_loan_dataset()
    analysis = analysis.merge(targets, left_on="id", right_on="id") if "id" in analysis else analysis.join(targets)
    names = ["y_pred_proba", "y_pred", "repaid"]
    for name, frame in (("reference", reference), ("analysis", analysis)):
        np.savez(f"{job['folder']}/{name}.npz", **{key: frame[key].to_numpy(dtype=float) for key in names})
    sys.exit()
load = lambda name: pd.DataFrame(dict(np.load(f"{job['folder']}/{name}.npz")))
reference, analysis = load(job["reference"]), load(job["analysis"])
used = time.process_time()
if job["do"] == "cbpe":
    for frame in (reference, analysis):
        frame["y_pred"] = frame["y_pred"].astype(int)
    reference["repaid"] = reference["repaid"].astype(int)
    made = nml.CBPE(y_pred_proba="y_pred_proba", y_pred="y_pred", y_true="repaid", problem_type="classification_binary",
                    metrics=job["metrics"], chunk_size=job["chunk"])
else:
    inputs = [name for name in reference if name not in ("y_pred", "y_true", "window")]
    made = nml.DLE(feature_column_names=inputs, y_pred="y_pred", y_true="y_true", metrics=job["metrics"], chunk_size=job["chunk"])
    made.fit(reference)
    values = {name: [] for name in job["metrics"]}
    for _, part in analysis.groupby("window"):
        again = pd.concat([part] * 2, ignore_index=True)  # a chunk must be full: the month, and the month once more
        made.chunker = nml.chunk.SizeBasedChunker(chunk_size=len(part))
        frame = made.estimate(again).filter(period="analysis").to_df()
        for name in values:
            values[name].append(float(frame[(name, "value")].iloc[0]))
    print(json.dumps({"values": values}))
    sys.exit()
made.fit(reference)
result = made.estimate(analysis)
used = time.process_time() - used
frame = result.filter(period="analysis").to_df()
print(json.dumps({"cpu_s": used, "values": {name: frame[(name, "value")].astype(float).tolist() for name in job["metrics"]}}))
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="analysis rows for the CPU figures")
    parser.add_argument("--markdown", type=Path, help="write the tables here, between the marks if it has some")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        peer({"do": "data", "folder": name})
        tables = [equal(folder), cost(folder, wanted.rows), drifting(folder), known_truth(), bikes_explained()]
    for table in tables:
        print(text(table))
    if wanted.markdown:
        said = [*map(markdown, tables), *(f"- {key}: {value}" for key, value in machine().items())]
        put_between(wanted.markdown, BEGIN, "\n".join(said))


def peer(job: dict[str, Any]) -> dict[str, Any]:
    """What NannyML makes of a job."""
    python = VENV / "bin" / "python"
    if not python.exists():
        uv = Path(sys.executable).with_name("uv")
        subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, str(VENV)], check=True)
        print(f"installing {', '.join(PACKAGES)}", file=sys.stderr)
        subprocess.run([uv, "pip", "install", "--quiet", "--python", str(python), *PACKAGES], check=True)
    done = subprocess.run([python, "-c", PEER, json.dumps(job)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"NannyML failed: {done.stderr[-2000:]}")
    last = done.stdout.strip().splitlines()
    found: dict[str, Any] = json.loads(last[-1]) if last else {}
    return found


def scores(path: Path) -> tuple[np.ndarray, Outputs]:
    """Labels and answers of a file that both sides read."""
    read = np.load(path)
    return read["repaid"], Outputs(value=read["y_pred"], probability=read["y_pred_proba"])


def ours(reference: tuple[np.ndarray, Outputs], now: Outputs, chunk: int) -> tuple[float, dict[str, list[float]]]:
    """CPU [s], and metric -> the estimate of each chunk."""
    used = time.process_time()
    made = calibrate("binary", *reference)
    found: dict[str, list[float]] = {name: [] for name in SHARED}
    for begin in range(0, len(now.value), chunk):
        part = Outputs(value=now.value[begin : begin + chunk], probability=now.probability[begin : begin + chunk])  # type: ignore[index]
        for name, estimate in made.estimates(made.tally(part), SHARED).items():
            found[name].append(estimate.value)
    return time.process_time() - used, found


def equal(folder: Path) -> Table:
    """How far our estimates lie from NannyML's on its own data set."""
    theirs = peer(
        {"do": "cbpe", "folder": str(folder), "reference": "reference", "analysis": "analysis", "metrics": SHARED, "chunk": CHUNK}
    )
    reference, analysis = scores(folder / "reference.npz"), scores(folder / "analysis.npz")
    _, found = ours(reference, analysis[1], CHUNK)
    judged = evaluate("binary", *reference, SHARED)
    labels, answers = analysis
    parts = [slice(begin, begin + CHUNK) for begin in range(0, len(labels), CHUNK)]
    realized = [evaluate("binary", labels[part], _cut(answers, part), SHARED) for part in parts]
    rows = []
    for name in SHARED:
        own, real = np.array(found[name]), np.array([one[name] for one in realized])
        apart = np.abs(own - np.array(theirs["values"][name]))
        rows.append([name, str(len(apart)), f"{apart.max():.1e}", f"{_rms(real - own):.4f}", f"{_rms(real - judged[name]):.4f}"])
    notes = [
        f"The car loan data that NannyML ships: {len(reference[0]):,} reference rows, chunks of {CHUNK:,}; its inputs drift half-way.",
        "Missed: root mean square of realized minus estimated; beside it, had one assumed that nothing changed.",
    ]
    header = ["metric", "chunks", "farthest from NannyML's", "missed", "nothing changed"]
    return Table(title="Our estimates and NannyML's, on its own data", header=header, rows=rows, notes=notes)


def cost(folder: Path, rows: int) -> Table:
    """CPU of both on many rows."""
    analysis = dict(np.load(folder / "analysis.npz"))
    again = -(-rows // len(analysis["y_pred"]))
    random = np.random.default_rng(0)
    many = {key: np.tile(values, again)[:rows] for key, values in analysis.items()}
    many["y_pred_proba"] = np.clip(many["y_pred_proba"] + random.normal(0, 1e-4, rows), 0, 1)
    np.savez(folder / "many.npz", **many)
    job = {"do": "cbpe", "folder": str(folder), "reference": "reference", "analysis": "many", "metrics": SHARED, "chunk": CHUNK}
    theirs = min(peer(job)["cpu_s"] for _ in range(REPEATS))
    now = Outputs(value=many["y_pred"], probability=many["y_pred_proba"])
    reference = scores(folder / "reference.npz")
    used = min(ours(reference, now, CHUNK)[0] for _ in range(REPEATS))
    rows_of = [["Farero", f"{used:.3f}", "1.00×"], ["NannyML CBPE", f"{theirs:.2f}", times(theirs / used)]]
    note = (
        f"{len(reference[0]):,} reference rows, {rows:,} rows in chunks of {CHUNK:,}, {len(SHARED)} metrics; user + system of one process,"
        f" the least of {REPEATS} runs of each."
    )
    return Table(title="CPU of learning and estimating", header=["", "CPU s", "beside Farero"], rows=rows_of, notes=[note])


def drifting(folder: Path) -> Table:
    """What estimates are worth where the world changes: root mean square of realized minus estimated, by window."""
    rows = []
    for name, kind, frame, inputs, label, windows in (_bikes(), _flights()):
        metrics = DIRECT if kind == "number" else ("accuracy", "log_loss", "brier", "roc_auc")
        first, judged = int(len(frame) * 0.25), int(len(frame) * 0.35)
        outputs = _model(kind, frame, inputs, label, first)
        truth, matrix = frame[label].to_numpy(dtype=float), frame[inputs].to_numpy(dtype=float)
        fields = [Field(name=each, kind="number", missing=True) for each in inputs]
        held = slice(first, judged)
        made = estimator(kind, truth[held], _cut(outputs, held), fields=fields, matrix=matrix[held], metrics=metrics)
        theirs = _direct(folder, frame, inputs, outputs, truth, first, judged) if kind == "number" else {}
        errors: dict[str, list[list[float]]] = {metric: [[], [], []] for metric in metrics}
        numbers = windows[judged:]
        for at, number in enumerate(np.unique(numbers)):
            part = judged + np.flatnonzero(numbers == number)
            if len(part) < 100:
                continue
            realized = evaluate(kind, truth[part], _cut(outputs, part))
            estimated = made.estimates(made.tally(_cut(outputs, part), matrix[part])).metrics
            for metric in metrics:
                errors[metric][0].append(realized[metric] - estimated[metric].value)
                errors[metric][1].append(realized[metric] - made.judged[metric])
                if metric in theirs:
                    errors[metric][2].append(realized[metric] - theirs[metric][at])
        for metric, (own, unchanged, direct) in errors.items():
            peers = f"{_rms(direct):.3g}" if direct else "–"
            rows.append([f"{name}, {metric}", str(len(own)), f"{_rms(own):.3g}", f"{_rms(unchanged):.3g}", peers])
    notes = [
        "Model: histogram boosting on the first quarter of the rows, judged by the next tenth, then frozen; windows are months.",
        "“Nothing changed” takes the figure of the judged rows for every window. Where the relation changes, no estimate sees it.",
    ]
    header = ["data, metric", "windows", "estimate", "nothing changed", "NannyML DLE"]
    return Table(title="Root mean square of realized minus estimated", header=header, rows=rows, notes=notes)


def _rms(errors: Sequence[float] | np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(errors))))


def _cut(outputs: Outputs, part: Any) -> Outputs:
    return Outputs(value=outputs.value[part], probability=None if outputs.probability is None else outputs.probability[part])


def _months(at: pd.Series) -> np.ndarray:
    return (at.dt.year * 12 + at.dt.month).to_numpy()


def _bikes() -> tuple[str, str, pd.DataFrame, list[str], str, np.ndarray]:
    frame = pd.read_parquet(ROOT / "examples" / "bikes" / "hours.parquet").sort_values("ts").reset_index(drop=True)
    return "bikes 2011-12", "number", frame, [name for name in frame if name not in ("ts", "cnt")], "cnt", _months(frame["ts"])


def _flights() -> tuple[str, str, pd.DataFrame, list[str], str, np.ndarray]:
    frame = pd.read_parquet(ROOT / "examples" / "flights" / "flights.parquet")
    at = next(name for name in frame if pd.api.types.is_datetime64_any_dtype(frame[name]))
    frame = frame.dropna(subset=["late"]).sort_values(at, kind="stable").reset_index(drop=True)
    for name in ("carrier", "origin", "dest"):
        frame[name] = frame[name].astype("category").cat.codes
    inputs = ["carrier", "origin", "dest", "distance", "sched_dep_time", "sched_arr_time", "dow"]
    return "flights 2013", "binary", frame, inputs, "late", _months(frame[at])


def _model(kind: str, frame: pd.DataFrame, inputs: list[str], label: str, first: int) -> Outputs:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    x, y = frame[inputs].to_numpy(dtype=float), frame[label].to_numpy(dtype=float)
    if kind == "number":
        return Outputs(value=HistGradientBoostingRegressor(max_iter=60, random_state=0).fit(x[:first], y[:first]).predict(x))
    score = (
        HistGradientBoostingClassifier(max_iter=60, min_samples_leaf=100, random_state=0).fit(x[:first], y[:first]).predict_proba(x)[:, 1]
    )
    return Outputs(value=(score >= 0.5).astype(float), probability=score)


def _direct(
    folder: Path, frame: pd.DataFrame, inputs: list[str], outputs: Outputs, truth: np.ndarray, first: int, judged: int
) -> dict[str, list[float]]:
    """NannyML's direct loss estimation, month by month."""
    table = {name: frame[name].to_numpy(dtype=float) for name in inputs}
    table |= {"y_pred": outputs.value, "y_true": truth, "window": _months(frame["ts"]).astype(float)}
    np.savez(folder / "judged.npz", **{key: values[first:judged] for key, values in table.items()})
    np.savez(folder / "later.npz", **{key: values[judged:] for key, values in table.items()})
    job = {"do": "dle", "folder": str(folder), "reference": "judged", "analysis": "later", "metrics": DIRECT, "chunk": 300}
    found: dict[str, list[float]] = peer(job)["values"]
    return found


def known_truth(trials: int = 40) -> Table:
    """Parts of simulated falls beside what they are, over many trials."""
    fields = [Field(name=name, kind="number") for name in "abcde"]

    def side(random: np.random.Generator, shift: float, harder: float) -> Side:
        matrix = random.normal(size=(3000, 5))
        matrix[:, 1] = 0.6 * matrix[:, 0] + 0.8 * matrix[:, 1] + shift
        losses = 1 + np.maximum(matrix[:, 1], 0) + harder * (matrix[:, 2] > 0) + random.exponential(0.5, 3000)
        return Side(matrix=matrix, losses=losses, windows=np.arange(3000) // 100)

    def truth(shift: float, harder: float) -> tuple[float, float]:
        z = np.random.default_rng(0).normal(size=1_000_000)
        return float(np.maximum(z + shift, 0).mean() - np.maximum(z, 0).mean()), harder / 2

    rows = []
    for name, shift, harder in (("nothing", 0.0, 0.0), ("inputs", 0.7, 0.0), ("relation", 0.0, 0.6), ("both", 0.7, 0.6)):
        real = truth(shift, harder)
        parts = []
        for trial in range(trials):
            random = np.random.default_rng(trial)
            found = explain(fields, side(random, 0.0, 0.0), side(random, shift, harder), seed=trial)
            moved = max(found.features, key=lambda one: one.part.value).feature if found.features else "–"
            within = [part.low <= value <= part.high for part, value in zip((found.inputs, found.relation), real, strict=True)]
            parts.append((found.inputs.value, found.relation.value, *within, moved == "b"))
        mean = np.mean(parts, axis=0)
        rows.append(
            [name, f"{real[0]:.3f}", f"{mean[0]:.3f}", f"{mean[2]:.0%}", f"{real[1]:.3f}", f"{mean[1]:.3f}", f"{mean[3]:.0%}",
             f"{mean[4]:.0%}" if shift else "–"]
        )  # fmt: skip
    header = [
        "what changed",
        "inputs: truth",
        "found",
        "in the interval",
        "relation: truth",
        "found",
        "in the interval",
        "right feature first",
    ]
    note = f"Means of {trials} simulations of 3,000 + 3,000 rows with 5 features, two of them correlated; the loss is near 1.9."
    return Table(title="Parts of simulated falls", header=header, rows=rows, notes=[note])


def bikes_explained() -> Table:
    """Why a model of the first half of 2011 fell in 2012."""
    _, kind, frame, inputs, label, windows = _bikes()
    first = int((frame["ts"] < "2011-10-01").sum())
    outputs = _model(kind, frame, inputs, label, first)
    losses = loss("number", "mae", frame[label].to_numpy(dtype=float), outputs)
    fields = [Field(name=name, kind="number") for name in inputs]
    matrix = frame[inputs].to_numpy(dtype=float)

    def side(begin: str, end: str) -> Side:
        part = ((frame["ts"] >= begin) & (frame["ts"] < end)).to_numpy()
        return Side(matrix=matrix[part], losses=losses[part], windows=windows[part])

    autumn = side("2011-10-01", "2012-01-01")
    rows = []
    spans = [
        ("winter 2012", "2012-01-01", "2012-04-01"),
        ("summer 2012", "2012-06-01", "2012-09-01"),
        ("autumn 2012", "2012-10-01", "2013-01-01"),
    ]
    for name, begin, end in spans:
        used = time.process_time()
        found = explain(fields, autumn, side(begin, end))
        used = time.process_time() - used
        worst = found.by_segment[0]
        rows.append(
            [name, f"{found.total.value:+.1f}", f"{found.inputs.value:+.1f} ({found.inputs.low:+.1f} to {found.inputs.high:+.1f})",
             f"{found.relation.value:+.1f} ({found.relation.low:+.1f} to {found.relation.high:+.1f})", f"{found.overlap:.2f}",
             worst.feature, f"{used:.1f}"]
        )  # fmt: skip
    header = ["span", "change of MAE", "other inputs", "another relation", "inputs alike", "most uneven by", "CPU s"]
    note = "Beside October to December 2011, which the model had not learnt from; rentals per hour."
    return Table(title="Bikes: why a model of 2011 fell in 2012", header=header, rows=rows, notes=[note])


if __name__ == "__main__":
    main()
