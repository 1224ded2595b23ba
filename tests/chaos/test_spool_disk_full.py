"""A full disk: what was acknowledged stays, what was refused leaves no trace, and all goes on when there is room again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Both scripts do the same to another kind of end: fill, be refused, hand over without room, make room, go on.
LIMITED_FILES = """
import resource
def shrink(size): resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
def no_room(): shrink(3_000)
def none_at_all(): shrink(0)
def room(): shrink(resource.RLIM_INFINITY)
"""
SMALL_DISK = """
ballast = folder / "ballast"
def no_room():
    with ballast.open("ab") as file:
        file.write(bytes(350_000))
def none_at_all():
    with ballast.open("ab", buffering=0) as file:
        try:
            while file.write(bytes(512)): pass
        except OSError: pass
def room(): ballast.unlink()
"""
STORY = """
import json, sys
from pathlib import Path
from farero.adapters.delta_log import DeltaLog
from farero.errors import LogUnavailable
from farero.flow.record import hand_over
from farero.serving.segment import read_segment, segments
from farero.serving.spool import Spool
from tests.records import SHAPES, record

folder = Path(sys.argv[1])
KIND
spool, log = Spool(folder / "spool", "w", mode=sys.argv[2]), DeltaLog(folder / "log", SHAPES)
acknowledged, refused, unreadable = [], [], []

def write(numbers):
    for number in numbers:
        try:
            spool.write(record(number))
            acknowledged.append(number)
        except LogUnavailable as error:
            assert error.retryable
            refused.append(number)

log.append("churn", [record(100_000)], {})
no_room()
write(range(2_000))
none_at_all()
write(range(2_000, 2_010))
spool.rotate()
kept = [int(each[2:]) for path in segments(folder / "spool") for each in read_segment(path).rows["churn"].request_id]
torn = sum(read_segment(path).torn_bytes for path in segments(folder / "spool"))
try:
    hand_over(folder / "spool", log)
    failed = False
except LogUnavailable:
    failed = True
waiting = len(segments(folder / "spool"))
room()
handed = hand_over(folder / "spool", log).rows
write(range(3_000, 3_010))
spool.close()
handed += hand_over(folder / "spool", log).rows
stored = [int(each[2:]) for each in log.read("churn")["request_id"].to_pylist()]
names = ("acknowledged", "refused", "kept", "torn", "failed", "waiting", "stored", "handed")
print(json.dumps({name: globals()[name] for name in names}))
"""


def run(folder: Path, kind: str, mode: str, *before: str) -> dict[str, list[int]]:
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])}
    done = subprocess.run(
        [*before, sys.executable, "-c", STORY.replace("KIND", kind), str(folder), mode],
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    story: dict[str, list[int]] = json.loads(done.stdout)
    return story


def check(story: dict[str, list[int]]) -> None:
    early = [number for number in story["acknowledged"] if number < 3_000]
    assert early, "some fitted"
    assert set(story["refused"]) >= set(range(2_000, 2_010)), "and some did not"
    assert not set(story["acknowledged"]) & set(story["refused"])
    assert story["kept"] == early
    assert story["torn"] == 0
    assert story["failed"]
    assert story["waiting"]
    assert story["stored"] == [*early, *range(3_000, 3_010), 100_000]
    assert story["handed"] == len(early) + 10


@pytest.mark.row("L1")
@pytest.mark.parametrize("mode", ["write", "fsync"])
def test_where_files_may_not_grow_nothing_acknowledged_is_lost(tmp_path: Path, mode: str) -> None:
    check(run(tmp_path, LIMITED_FILES, mode))


@pytest.mark.row("L1")
@pytest.mark.parametrize("mode", ["write", "fsync"])
def test_on_a_full_disk_nothing_acknowledged_is_lost(tmp_path: Path, mode: str) -> None:
    mount = 'mount -t tmpfs -o size=512k tmpfs "$0" && exec "$@"'
    mounting = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount, str(tmp_path)]
    try:
        tried = subprocess.run([*mounting, "true"], capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no `unshare` on this machine, so no small disk can be made")
    if tried.returncode != 0:
        pytest.skip(f"this machine lets nobody mount a small disk: {tried.stderr.decode().strip()}")
    check(run(tmp_path, SMALL_DISK, mode, *mounting))
