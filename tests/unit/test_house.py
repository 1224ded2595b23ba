"""The house rules that a machine can hold: one reason a file, small files, mirrored tests, a light import, nothing of one machine."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "farero"
FILES = sorted(path for path in SOURCE.rglob("*.py") if "__pycache__" not in path.parts)
NAMES = [path.relative_to(SOURCE).as_posix() for path in FILES]

# Source files without a unit test file of the same name, and what tests them instead.
TESTED_ELSEWHERE: dict[str, str] = {
    "__init__.py": "names only; tests/typing and every project file use them",
    "__main__.py": "one call of cli.main; tests/integration starts it as a process",
    "ports.py": "protocols; tests/contract runs each of them on every adapter and its fake",
    "store/tables.py": "table definitions; tests/contract runs them on both databases",
}
TESTED_ELSEWHERE_FOLDERS: dict[str, str] = {
    "store/migrations/": "tests/contract migrates both databases from nothing and compares them with tables.py",
    "adapters/": "tests/contract: one suite a port, on every adapter and its fake",
}

ROWS = ["S1", "S2", "S3", "S4", "S5", "S6", "S10", "S11", "L1", "L2", "L3", "L4", "L5", "U7"]
ROWS += ["M1", "M2", "M3", "M4", "M5", "M6", "M7", "M8", "M9", "M10", "M11"]
ROWS += ["A2", "A4", "A6", "R1", "R2", "R3", "R4", "R5", "R6", "R7", "R8", "R9", "R10", "R11", "R12", "R13"]
ROW_ID = re.compile(r"[SLMARUP]\d{1,2}")


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_a_file_says_in_its_first_line_why_it_exists(path: Path) -> None:
    tree = ast.parse(path.read_text())
    if path.name == "__init__.py" and not tree.body:
        return
    docstring = ast.get_docstring(tree)
    assert docstring, f"{path.name} begins with no docstring"
    assert tree.body[0].lineno == 1, "the docstring is the first line"
    first = docstring.splitlines()[0]
    assert first.endswith((".", ":")), f"not a sentence: {first!r}"


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_a_file_has_at_most_400_lines(path: Path) -> None:
    lines = len(path.read_text().splitlines())
    assert lines <= 400, f"{lines} lines: what second thing lives here?"


def test_unit_tests_mirror_the_source_file_for_file() -> None:
    missing = []
    for name in NAMES:
        path = Path(name)
        if name in TESTED_ELSEWHERE or name.startswith(tuple(TESTED_ELSEWHERE_FOLDERS)) or not _does_anything(SOURCE / name):
            continue
        noun = path.parent.name if path.name == "__init__.py" else path.stem
        if not (ROOT / "tests" / "unit" / path.parent / f"test_{noun}.py").exists():
            missing.append(name)
    assert missing == []


@pytest.mark.parametrize("name", TESTED_ELSEWHERE)
def test_an_exception_from_the_mirror_names_a_file_that_exists(name: str) -> None:
    assert (SOURCE / name).exists()


def test_importing_farero_loads_no_heavy_library() -> None:
    loaded = _modules_after("import farero")
    assert loaded.isdisjoint({"numpy", "pandas", "sklearn", "scipy", "polars", "pyarrow", "deltalake", "sqlalchemy"})


def test_the_command_line_starts_without_a_heavy_library() -> None:
    loaded = _modules_after("import farero.cli.main")
    assert loaded.isdisjoint({"numpy", "pandas", "sklearn", "scipy", "polars", "pyarrow", "deltalake", "sqlalchemy", "fastapi"})


def test_every_required_row_is_marked_by_a_test() -> None:
    missing = sorted(set(ROWS) - set(_marked_rows()))
    assert missing == [], f"no test is marked with {missing}"


def test_every_marked_row_is_written_as_an_id() -> None:
    marked = _marked_rows()
    assert [f"{row} in {marked[row]}" for row in marked if not ROW_ID.fullmatch(row)] == []


def test_no_tracked_file_names_a_package_index_or_a_path_of_one_machine() -> None:
    forbidden = re.compile(r"https?://[^\s\"']*/simple\b|pypi\.org|registry = \"http|/(?:root|home|work)/[a-z]")
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listing.returncode != 0:
        pytest.skip("not a git checkout: no list of tracked files")
    found = []
    for name in filter(None, listing.stdout.decode().split("\0")):
        path = ROOT / name
        if not path.is_file() or path == Path(__file__):
            continue
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue  # a picture or a Parquet file
        found += [f"{name}:{number}: {line[:100]}" for number, line in enumerate(text.splitlines(), 1) if forbidden.search(line)]
    assert found == []


def _does_anything(path: Path) -> bool:
    """Whether a file has a function or method of more than a docstring; one that only names values has nothing to test."""
    functions = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    bodies = [[line for line in function.body if not _says_nothing(line)] for function in functions]
    return any(bodies)


def _says_nothing(line: ast.stmt) -> bool:
    return isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant)


def _modules_after(statement: str) -> set[str]:
    """Top-level modules that a fresh interpreter holds after the statement."""
    script = f"import sys; {statement}; print(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def _marked_rows() -> dict[str, str]:
    """Row id -> one test file with a `row` mark that names it."""
    rows: dict[str, str] = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "row":
                for argument in node.args:
                    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                        rows.setdefault(argument.value, path.relative_to(ROOT).as_posix())
    return rows
