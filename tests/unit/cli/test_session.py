from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
import typer
from tests.benches import make_project, write_csv

from farero.cli import session
from farero.errors import BadInput, NotReady


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2012-01-31", datetime(2012, 1, 31, tzinfo=UTC)),
        ("2012-01-31T12:00Z", datetime(2012, 1, 31, 12, tzinfo=UTC)),
        ("2012-01-31T12:00+02:00", datetime(2012, 1, 31, 10, tzinfo=UTC)),
        (None, None),
    ],
)
def test_a_time_is_utc_where_it_names_no_zone(text: str | None, moment: datetime | None) -> None:
    assert session.moment(text) == moment


def test_what_is_no_time_is_refused() -> None:
    with pytest.raises(BadInput, match="'soon' is not a time"):
        session.moment("soon")


def test_an_error_becomes_its_exit_code_and_a_bug_is_not_caught() -> None:
    with pytest.raises(typer.Exit) as caught, session.errors():
        raise NotReady("No version.")
    assert caught.value.exit_code == 75
    with pytest.raises(ZeroDivisionError), session.errors():
        _ = 1 / 0


def test_ctrl_c_ends_with_130() -> None:
    with pytest.raises(typer.Exit) as caught, session.errors():
        raise KeyboardInterrupt
    assert caught.value.exit_code == 130


def test_a_folder_without_a_project_is_a_mistake_of_the_caller(tmp_path: Path) -> None:
    with pytest.raises(typer.Exit) as caught, session.opened(tmp_path):
        pass
    assert caught.value.exit_code == 2


def test_a_replay_without_a_project_infers_one_and_says_which(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = write_csv(tmp_path / "data.csv", days=3)
    with session.opened_for_replay(tmp_path, data, time="ts", label="y", as_json=False) as (app, inferred):
        assert inferred and len(app.models) == 1
    err = capsys.readouterr().err
    assert "x: number" in err and "shape: choice" in err


def test_a_replay_in_a_project_uses_it(tmp_path: Path) -> None:
    make_project(tmp_path)
    with session.opened_for_replay(tmp_path, tmp_path / "data.csv", time="ts", label="y", as_json=False) as (app, inferred):
        assert (inferred, app.models) == (False, ("points",))


def test_somebody_asks() -> None:
    assert session.whoami() != ""
