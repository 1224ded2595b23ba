from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.benches import T0, day
from tests.standin import version

from farero.core.competition import Heat
from farero.core.contest import Difference
from farero.core.document import markdown
from farero.core.document_page import page
from farero.core.gate import Verdict
from farero.core.guards import Check
from farero.core.measured import Measured
from farero.core.policy import Decision
from farero.core.run import RunStep
from farero.core.run_report import RunReport, how_judged, run_document

MADE = replace(version("points", "1.1.0", "production", T0), origin="loop/a/b")
REPORT = RunReport(
    id="points-loop/a/b",
    model="points",
    kind="retrain",
    status="succeeded",
    because="drift in x",
    started=T0,
    finished=T0 + timedelta(seconds=90),
    made_at=T0 + timedelta(days=1),
    steps=(RunStep(name="fit", started=T0, finished=T0 + timedelta(seconds=2)),),
    output="\n".join(f"line {n}" for n in range(60)),
    left_out=7,
    number="1.1.0",
    version=MADE,
    parameters={"class": "Line", "depth": "3"},
    metrics=(Measured(name="mae", value=1.0, low=0.5, high=1.5, rows=40),),
    decision=Decision(
        at=T0, action="retrain", because=("drift in x", "mae fell"), policy="farero", window=day(0), inputs={"mae": 2.0, "lost": None}
    ),
    verdict=Verdict(
        accepted=True,
        metric={},
        because=("mae 1 against 2",),
        rows=40,
        against="1.0.0",
        metrics={"mae": {"current": 2.0, "candidate": 1.0}},
        checks=(Check(name="rows", passed=True, because="40 rows"), Check(name="pace", passed=None, because="not timed")),
        differences=(Difference(metric="mae", current=2.0, candidate=1.0, gain=1.0, low=0.4, high=1.6),),
    ),
)


@pytest.mark.row("R8")
def test_a_report_tells_the_whole_story() -> None:
    text = markdown(run_document(REPORT))
    for part in (
        "# Training of points: 1.1.0",
        "The run made 1.1.0, which was accepted.",
        "- drift in x\n- mae fell\n- Decided at 2024-01-01 00:00 UTC",
        "mae 2.",
        "| fit | 2024-01-01 00:00 UTC | 2.0 s |",
        "| all of it | 2024-01-01 00:00 UTC | 90.0 s |",
        "- **learnt from**: 4,344 rows",
        "On 40 rows that it had not learnt from.",
        "| mae | 1 | 0.5 to 1.5 | 40 |",
        "Accepted against 1.0.0 on 40 held-out rows.",
        "| mae | 2 | 1 |",
        "| mae | 1 | 0.4 to 1.6 |",
        "| pace | not asked | not timed |",
        "- **depth**: 3",
        "7 characters before it were not kept. Its last 40 of 60 lines.",
        "    line 59",
    ):
        assert part in text, part
    assert "    line 19\n" not in text


@pytest.mark.row("R8")
def test_the_page_draws_the_gains_with_their_intervals() -> None:
    made = page(run_document(REPORT))
    assert '<svg class="whisker"' in made
    assert "<td>pace</td><td>not asked</td>" in made


def test_a_failed_run_says_so_first() -> None:
    failed = RunReport(
        id="r",
        model="points",
        kind="train",
        status="failed",
        because="asked for",
        started=T0,
        finished=T0,
        made_at=T0,
        error="train raised",
    )
    text = markdown(run_document(failed))
    assert "> **It failed: train raised**" in text
    assert failed.fate == "failed"
    assert replace(failed, status="running", finished=None, error=None).fate == "is under way, or was cut off"


@pytest.mark.parametrize(
    ("origin", "says"),
    [
        ("loop/a", "had not learnt from."),
        ("loop/a/refit", "learnt from them, too"),
        ("train/1", "By a rehearsal"),
        ("register/1", "nobody says"),
    ],
)
def test_where_figures_come_from_is_said_by_how_the_version_came_to_be(origin: str, says: str) -> None:
    assert says in how_judged(replace(MADE, origin=origin), "40 rows")


@pytest.mark.row("R8", "R5")
def test_where_several_ways_competed_each_is_told_best_first() -> None:
    made = replace(MADE, tags={"trained_by": "1/2 all history + 1/2 90d"})
    ways = (Heat(entrant="all history", rows=2000, loss=3.5, cpu_s=1.25), Heat(entrant="3d", rows=4, failed="too few rows"),
        Heat(entrant="90d", rows=900, loss=2.25, cpu_s=0.5))  # fmt: skip
    text = markdown(run_document(replace(REPORT, heats=ways, version=made)))
    lines = [line for line in text.splitlines() if line.startswith(("| 90d", "| all history", "| 3d"))]
    assert [line.split("|")[1].strip() for line in lines] == ["90d", "all history", "3d"]
    assert "2,000" in lines[1] and "3.5" in lines[1] and "too few rows" in lines[2]
    assert "Won by 1/2 all history + 1/2 90d." in text
    assert "Which way to train" not in markdown(run_document(REPORT))
