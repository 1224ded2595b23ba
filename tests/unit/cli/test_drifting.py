"""`farero drift`: two files of any sort, an exit code that a pipeline can trust, and a page."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import Result

from farero.cli.drifting import size_bytes, split
from farero.core.verdict import RULES
from farero.errors import BadInput

Type = Callable[..., Result]
RANDOM = np.random.default_rng(9)


def table(path: Path, shift: float = 0.0) -> str:
    path.write_text("x\n" + "\n".join(str(n % 50 + shift) for n in range(400)) + "\n")
    return str(path)


def written(path: Path, **columns: Any) -> str:
    pq.write_table(pa.table(columns), path)
    return str(path)


@pytest.fixture
def three(tmp_path: Path) -> tuple[str, str, str]:
    return table(tmp_path / "a.csv"), table(tmp_path / "b.csv"), table(tmp_path / "c.csv", 100.0)


@pytest.mark.row("M2")
def test_two_files_are_compared_without_a_project(type_: Type, three: tuple[str, str, str]) -> None:
    reference, same, moved = three
    calm = json.loads(type_("drift", reference, same, "--json").stdout)
    assert (calm["drift"], [column["name"] for column in calm["columns"]]) == (False, ["x"])
    assert json.loads(type_("drift", reference, moved, "--json", code=1).stdout)["drift"] is True
    assert "Drift found" in type_("drift", reference, moved, code=1).stdout
    assert "No drift found" in type_("drift", reference, same).stdout


@pytest.mark.row("M2")
@pytest.mark.parametrize("rule", RULES)
def test_every_rule_has_a_name_on_the_command_line(type_: Type, three: tuple[str, str, str], rule: str) -> None:
    found = json.loads(type_("drift", three[0], three[2], "--rule", rule, "--json", code=1).stdout)
    assert found["rule"] == rule
    assert "false alarms" in found["false_alarm_rate"]
    assert rule in type_("drift", "--help").stdout


@pytest.mark.row("M10")
def test_a_pipeline_says_from_which_gravity_on_it_fails(type_: Type, tmp_path: Path) -> None:
    values = RANDOM.normal(0, 1, 2000)
    reference = written(tmp_path / "ref.parquet", a=values)
    more = written(tmp_path / "more.parquet", a=values, b=values)
    nudged = written(tmp_path / "nudged.parquet", a=values + 0.5)
    for current, level, code in [
        (more, None, 0), (more, "low", 1), (more, "medium", 0), (nudged, None, 1), (nudged, "medium", 1), (nudged, "high", 0),
        (nudged, "never", 0), (reference, "low", 0),
    ]:  # fmt: skip
        words = ["--fail-on", level] if level else []
        type_("drift", reference, current, "--json", *words, code=code)
    assert json.loads(type_("drift", reference, nudged, "--json", code=1).stdout)["severity"] == "medium"
    type_("drift", reference, nudged, "--fail-on", "sometimes", code=2)


def test_columns_are_chosen_and_left_out(type_: Type, tmp_path: Path) -> None:
    values = RANDOM.normal(0, 1, 300)
    reference = written(tmp_path / "ref.parquet", **{"a": values, "b": values, "c,d": values})
    moved = written(tmp_path / "now.parquet", **{"a": values, "b": values + 9, "c,d": values})

    def names(*words: str, code: int = 0) -> list[str]:
        found = json.loads(type_("drift", reference, moved, "--json", *words, code=code).stdout)
        return [column["name"] for column in found["columns"]]

    assert names("--ignore", "b") == ["a", "c,d"]
    assert names("--columns", "a,b", code=1) == ["a", "b"]
    assert names("--columns", "c,d", "--columns", "a") == ["a", "c,d"]
    failed = json.loads(type_("drift", reference, moved, "--columns", "z", "--json", code=2).stdout)
    assert failed["error"]["detail"] == "Neither table has a column 'z'."


@pytest.mark.row("M9")
def test_with_little_memory_columns_are_counted_and_said_to_be(type_: Type, tmp_path: Path) -> None:
    files = [written(tmp_path / f"{n}.parquet", a=RANDOM.normal(0, 1, 9000)) for n in (1, 2)]
    exact = json.loads(type_("drift", *files, "--json").stdout)["columns"][0]
    counted = json.loads(type_("drift", *files, "--memory", "20kB", "--json").stdout)["columns"][0]
    assert exact["within"] is None
    assert counted["ks"] <= exact["ks"] <= counted["ks"] + counted["within"]
    assert "right within" in type_("drift", *files, "--memory", "20kB").stdout
    assert "is not a size" in type_("drift", *files, "--memory", "much", code=2).stderr


@pytest.mark.row("M9")
def test_a_cached_reference_gives_the_same_answer(type_: Type, tmp_path: Path, three: tuple[str, str, str]) -> None:
    answers = [
        type_("drift", three[0], three[2], "--json", *words, code=1).stdout for words in ([], *[["--cache", str(tmp_path / "kept")]] * 2)
    ]
    assert len(set(answers)) == 1


@pytest.mark.row("M10")
def test_a_page_is_written(type_: Type, tmp_path: Path, three: tuple[str, str, str]) -> None:
    type_("drift", three[0], three[2], "--html", str(tmp_path / "x.html"), code=1)
    assert "<b>Drift found</b>" in (tmp_path / "x.html").read_text()
    assert "<figure" in (tmp_path / "x.html").read_text()
    type_("drift", three[0], three[2], "--html", str(tmp_path / "no" / "x.html"), code=2)


@pytest.mark.row("M4")
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("none.csv", None),
        ("empty.csv", ""),
        ("header.csv", "x\n"),
        ("ragged.csv", "x\n1,2\n"),
        ("x.parquet", "text"),
        ("twice.csv", "x,x\n1,2\n"),
    ],
)
def test_what_cannot_be_read_ends_with_2_on_either_side(
    type_: Type, tmp_path: Path, three: tuple[str, str, str], name: str, content: str | None
) -> None:
    if content is not None:
        (tmp_path / name).write_text(content)
    for files in ((three[0], str(tmp_path / name)), (str(tmp_path / name), three[0])):
        failed = type_("drift", *files, "--json", code=2)
        assert json.loads(failed.stdout)["error"]["code"] == "bad-input"
        assert json.loads(failed.stdout)["error"]["hint"]


ODD: dict[str, tuple[Any, Any, int, str]] = {
    "all missing": (RANDOM.normal(0, 1, 300), pa.nulls(300), 1, "a has no value in any of 300 rows"),
    "was missing": (pa.nulls(300), RANDOM.normal(0, 1, 300), 1, "a has no value in the reference table"),
    "all equal": (RANDOM.normal(0, 1, 300), np.full(300, 1.0), 1, "all 300 values of a are 1"),
    "infinite": (RANDOM.normal(0, 1, 300), np.full(300, np.inf), 1, "300 of 300 values of a are infinite"),
    "mixed": (
        RANDOM.normal(0, 1, 300),
        [str(v) if n % 3 else "oops" for n, v in enumerate(RANDOM.normal(0, 1, 300))],
        0,
        "100 of 300 values of a",
    ),
    "text": (RANDOM.normal(0, 1, 300), ["x"] * 300, 1, "a was number and is choice"),
    "huge": (RANDOM.normal(0, 1, 300), np.full(300, 1e300), 1, "lies outside"),
    "dates as text": (
        [f"2024-01-{1 + n % 28:02}" for n in range(300)],
        [f"2025-01-{1 + n % 28:02}" for n in range(300)],
        1,
        "lies outside 2024-01-01",
    ),
    "ten rows": (RANDOM.normal(0, 1, 10), RANDOM.normal(0, 1, 300), 0, "the reference table has only 10 rows"),
    "lists": ([[1]] * 300, [[2]] * 300, 0, "cannot be compared"),
    "names": ([f"u{n}" for n in range(300)], [f"v{n}" for n in range(300)], 0, "looks like an identifier"),
}


@pytest.mark.row("M4")
@pytest.mark.parametrize("case", ODD)
@pytest.mark.parametrize("memory", ["1GB", "1kB"])
def test_odd_columns_are_told_and_never_crash(type_: Type, tmp_path: Path, case: str, memory: str) -> None:
    before, after, code, said = ODD[case]
    files = written(tmp_path / "ref.parquet", a=before), written(tmp_path / "now.parquet", a=after)
    found = json.loads(type_("drift", *files, "--json", "--memory", memory, code=code).stdout)
    assert said in " ".join(finding["because"] for finding in found["quality"])
    assert type_("drift", *files, "--memory", memory, "--html", str(tmp_path / "x.html"), code=code).stdout


@pytest.mark.row("M4")
def test_columns_gone_new_and_in_another_order_are_told(type_: Type, tmp_path: Path) -> None:
    values = RANDOM.normal(0, 1, 300)
    reference = written(tmp_path / "ref.parquet", a=values, b=values + 5)
    assert not json.loads(type_("drift", reference, written(tmp_path / "o.parquet", b=values + 5, a=values), "--json").stdout)["drift"]
    found = json.loads(type_("drift", reference, written(tmp_path / "n.parquet", a=values, c=values), "--json", code=1).stdout)
    assert [finding["because"] for finding in found["quality"]] == [
        "b is in the reference and not in the current table",
        "c is new in the current table",
    ]
    nothing = type_("drift", reference, written(tmp_path / "z.parquet", z=values), "--json", code=2)
    assert "no column in common" in json.loads(nothing.stdout)["error"]["detail"]


def test_moments_in_a_zone_and_without_one_are_the_same_moments(type_: Type, tmp_path: Path) -> None:
    seconds = RANDOM.integers(0, 10**6, 300)
    plain = written(tmp_path / "ref.parquet", a=pa.array(seconds, pa.timestamp("s")))
    zoned = written(tmp_path / "now.parquet", a=pa.array(seconds, pa.timestamp("s", "America/New_York")))
    found = json.loads(type_("drift", plain, zoned, "--json").stdout)
    assert found["columns"][0]["ks"] == 0.0
    assert "times of a are without a zone" in found["quality"][0]["because"]


def test_of_many_columns_the_worst_are_shown_first(type_: Type, tmp_path: Path) -> None:
    before = {f"c{n}": RANDOM.normal(0, 1, 60) for n in range(300)}
    files = written(tmp_path / "ref.parquet", **before), written(tmp_path / "now.parquet", **{**before, "c277": before["c277"] + 9})
    shown = type_("drift", *files, "--html", str(tmp_path / "x.html"), code=1).stdout
    assert shown.splitlines()[2].startswith("c277")
    assert "200 more columns" in shown
    assert (tmp_path / "x.html").stat().st_size < 1_000_000


def test_sizes_and_lists_are_read() -> None:
    assert [size_bytes(text) for text in ("512", "1kB", "1.5 MB", "2g", "1TiB")] == [512, 1024, 1572864, 2 << 30, 1 << 40]
    for text in ("", "0", "-1GB", "GB", "1 parsec"):
        with pytest.raises(BadInput, match="is not a size"):
            size_bytes(text)
    assert split([" a , b ", "c"], []) == ["a", "b", "c"]
