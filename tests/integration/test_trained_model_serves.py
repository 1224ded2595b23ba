"""From a training in a child process to answers: stored by content, verified, loaded; and never again once a file was touched."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from tests.contract import jobs

from farero.adapters.child_process import ChildProcess
from farero.adapters.folder_models import FolderModels
from farero.core.label import LabelSpec
from farero.core.schema import Field, Schema
from farero.core.version import Version
from farero.errors import Corrupt
from farero.ports import Limits
from farero.serving.layout import write_contract
from farero.serving.pool import Pool

SCHEMA = Schema(fields=(Field(name="hour", kind="number"),))
LABEL = LabelSpec(name="cnt", kind="number", arrives_within=timedelta(hours=1))


@pytest.fixture
def child() -> Iterator[ChildProcess]:
    made = ChildProcess()
    yield made
    made.close()


def _train(child: ChildProcess, folder: Path, files: FolderModels, number: str) -> Version:
    folder.mkdir()
    told: list[str] = []
    child.run(jobs.fit_a_regressor, folder, Limits(timeout_s=120, memory_bytes=2 << 30), told.append)
    assert told == ["fitted 2400 rows"]
    (folder / "output.txt").unlink()
    (folder / "number.txt").write_text(number)
    write_contract(folder, SCHEMA, LABEL)
    digest = files.put(folder)
    return Version(
        model="bikes", number=number, state="staging", digest=digest, size_bytes=files.size(digest), trained_rows=2400, origin=number,
        created_at=datetime(2024, 1, 1, tzinfo=UTC), trained_until=None, data_fingerprint="", schema_digest=SCHEMA.digest(), because="",
    )  # fmt: skip


@pytest.mark.row("R1", "R5")
def test_a_model_trained_in_a_child_serves_until_its_file_is_touched(child: ChildProcess, tmp_path: Path) -> None:
    files = FolderModels(tmp_path / "models")
    pool = Pool(files)
    first, second = (_train(child, tmp_path / number, files, number) for number in ("1.0.0", "1.1.0"))
    pool.swap("bikes", first)
    answers = pool.production("bikes").engine.predict({"hour": np.array([0.0, 12.0, 23.0])}, 3).value
    assert answers.tolist() == pytest.approx([0, 120, 230], abs=5)

    model = tmp_path / "models" / second.digest / "model.pkl"
    content = bytearray(model.read_bytes())
    content[len(content) // 2] ^= 1
    model.chmod(0o644)
    model.write_bytes(content)
    with pytest.raises(Corrupt, match=r"model\.pkl was changed"):
        pool.swap("bikes", second)
    with pytest.raises(Corrupt):
        Pool(FolderModels(tmp_path / "models")).swap("bikes", second)
    assert pool.production("bikes").version.number == "1.0.0"
