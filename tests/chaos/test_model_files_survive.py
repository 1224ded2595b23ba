"""A store of model files under kill -9 and on a full disk: what was acknowledged opens, and nothing half written is ever served."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest

from farero.adapters.folder_models import FolderModels

ROUNDS = 12
PUT_FOREVER = """
import sys
from pathlib import Path
from farero.adapters.folder_models import FolderModels
models, source = Path(sys.argv[1]), Path(sys.argv[2])
source.mkdir()
number = 0
while True:
    (source / "model.pkl").write_bytes(sys.argv[3].encode() + number.to_bytes(8, "big") * 100_000)
    (source / "result.json").write_text("{}")
    print(FolderModels(models).put(source), flush=True)
    number += 1
"""
PUT_WITH_LITTLE_SPACE = """
import resource, sys
from pathlib import Path
from farero.adapters.folder_models import FolderModels
from farero.errors import ModelsUnavailable
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))  # as a full disk does, writing fails half-way
try:
    FolderModels(Path(sys.argv[1])).put(Path(sys.argv[2]))
except ModelsUnavailable as error:
    print(error)
"""


@pytest.mark.row("R1")
def test_after_kill_9_every_stored_model_is_whole_and_every_acknowledged_one_is_there(tmp_path: Path) -> None:
    moments = random.Random(7)
    acknowledged: set[str] = set()
    for number in range(ROUNDS):
        writer = subprocess.Popen(
            [sys.executable, "-c", PUT_FOREVER, str(tmp_path / "models"), str(tmp_path / f"source-{number}"), str(number)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert writer.stdout is not None
        with writer.stdout:
            for _ in range(moments.randint(1, 6)):
                acknowledged.add(writer.stdout.readline().strip())
            writer.kill()
            writer.wait()
    files = FolderModels(tmp_path / "models")
    stored = set(files.digests())
    assert acknowledged <= stored
    for digest in stored:
        assert (files.open(digest) / "result.json").read_text() == "{}"


def test_a_full_disk_is_a_clear_error_and_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "model.pkl").write_bytes(b"x" * 100_000)
    command = [sys.executable, "-c", PUT_WITH_LITTLE_SPACE, str(tmp_path / "models"), str(tmp_path / "source")]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "Cannot write model files" in said
    assert "free space" in said
    assert list((tmp_path / "models").iterdir()) == []
