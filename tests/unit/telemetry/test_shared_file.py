from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from farero.telemetry import shared_file
from farero.telemetry.shared_file import SharedFile

LINE = b"0123456789\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def file(path: Path) -> Iterator[SharedFile]:
    handler = SharedFile(path, max_bytes=100, kept=2)
    yield handler
    handler.close()


def sizes(folder: Path) -> dict[str, int]:
    return {found.name: found.stat().st_size for found in sorted(folder.iterdir())}


def test_a_file_is_renamed_before_it_would_grow_too_big(file: SharedFile, tmp_path: Path) -> None:
    for _ in range(10):
        file.append(LINE)
    assert sizes(tmp_path) == {"log": 11, "log.1": 99}


def test_only_the_newest_full_ones_stay(file: SharedFile, tmp_path: Path) -> None:
    for number in range(40):
        file.append(b"%09d\n" % number)
    assert sizes(tmp_path) == {"log": 100, "log.1": 100, "log.2": 100}
    assert (tmp_path / "log.2").read_bytes().startswith(b"000000010\n")


def test_a_line_longer_than_a_file_has_one_to_itself(file: SharedFile, tmp_path: Path) -> None:
    file.append(LINE)
    file.append(b"x" * 300 + b"\n")
    file.append(LINE)
    assert sizes(tmp_path) == {"log": 11, "log.1": 301, "log.2": 11}


def test_many_lines_at_once_are_cut_between_lines(file: SharedFile, tmp_path: Path) -> None:
    file.append(LINE * 20)
    assert sizes(tmp_path) == {"log": 22, "log.1": 99, "log.2": 99}


def test_a_writer_follows_when_another_one_has_renamed_the_file(file: SharedFile, path: Path) -> None:
    other = SharedFile(path, max_bytes=100, kept=2)
    for _ in range(10):
        other.append(LINE)
    file.append(b"follows\n")
    other.close()
    assert path.read_bytes() == LINE + b"follows\n"


def test_a_file_that_was_removed_is_made_again(file: SharedFile, path: Path) -> None:
    file.append(LINE)
    path.unlink()
    file.append(b"again\n")
    assert path.read_bytes() == b"again\n"


def test_whoever_waited_for_the_lock_while_the_file_was_renamed_renames_nothing(
    file: SharedFile, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(9):
        file.append(LINE)

    def others_were_first(number: int, kind: int) -> None:
        path.rename(tmp_path / "log.1")
        path.write_bytes(b"of the other\n")

    monkeypatch.setattr(shared_file.fcntl, "flock", others_were_first)
    file.append(LINE)
    assert sizes(tmp_path) == {"log": 13 + 11, "log.1": 99}


def test_a_line_that_the_disk_cut_short_does_not_swallow_the_next(file: SharedFile, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    with monkeypatch.context() as patch:
        patch.setattr(shared_file.os, "write", lambda number, data: write(number, data[:4]))
        with pytest.raises(OSError, match="Only 4 of 11 bytes"):
            file.append(LINE)
    file.append(b"whole\n")
    file.append(b"more\n")
    assert path.read_bytes() == b"0123\nwhole\nmore\n"


@pytest.mark.row("L3")
def test_processes_forked_from_one_that_logs_rotate_together_and_lose_no_line(tmp_path: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path; from farero import telemetry\n"
        "telemetry.log_to_file(Path(sys.argv[1]), max_bytes=4000, kept=100)\n"
        "children = []\n"
        "for writer in range(3):\n"
        "    child = os.fork()\n"
        "    if not child:\n"
        "        lines = telemetry.PredictionLines()\n"
        "        for number in range(300):\n"
        "            lines.add('churn', '1.0.0', number, 'predict', str(writer), 1)\n"
        "            if number % 7 == 0: lines.flush(); telemetry.log('worker.tick', level='warning')\n"
        "        lines.flush(); os._exit(0)\n"
        "    children.append(child)\n"
        "sys.exit(sum(os.waitpid(child, 0)[1] for child in children))\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path / "log")], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    lines = [line for found in tmp_path.iterdir() for line in found.read_text().splitlines()]
    assert len([line for line in lines if "worker.tick" in line]) == 3 * 43
    assert len({line.partition("request_id")[2] for line in lines if "prediction" in line}) == 900
    grown = sorted(sizes(tmp_path).values())
    assert len(grown) > 20
    assert grown[-1] < 4000 + 3 * 1200  # whoever looked at the size just before another one wrote adds one group more
