"""One command's way to the App: opens it, names the model, turns errors into exits."""

from __future__ import annotations

import getpass
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from farero import telemetry
from farero.cli import output
from farero.errors import BadInput, CallerError, FareroError, LogUnavailable

if TYPE_CHECKING:
    from farero.app import App
    from farero.core.window import WindowSize

ProjectOption = Annotated[Path, typer.Option("--project", help="The folder with farero.toml.", show_default="the current folder")]
HERE = Path()
Because = Annotated[str, typer.Option("--because", help="Why; kept in the record.")]


@contextmanager
def errors(*, as_json: bool = False) -> Iterator[None]:
    """Turn Farero's errors into a message and an exit code. A bug is not caught."""
    try:
        yield
    except FareroError as failure:
        raise output.fail(failure, as_json=as_json) from None
    except KeyboardInterrupt:
        output.stderr().print("Stopped.")
        raise typer.Exit(130) from None


@contextmanager
def opened(project: Path, *, as_json: bool = False, tracked: bool = False) -> Iterator[App]:
    """The App of a project folder, closed afterwards.

    Args:
        tracked: at the end, a tracker that is named in farero.toml is told what is new.
    """
    with errors(as_json=as_json):
        from farero.wiring import open_app

        app = open_app(project)
        with _logged(app.root / telemetry.LOG_FILE):
            try:
                app.refresh()
                try:
                    yield app
                except typer.Exit:  # an answer of "no", such as a candidate that lost, is done work, too
                    _track(app, tracked)
                    raise
                _track(app, tracked)
            finally:
                _close(app)


def _track(app: App, wanted: bool) -> None:
    """What a tracker does not take now waits; the command has done its work all the same."""
    if not wanted or not app.track_pending():
        return
    app.track()
    waiting = sum(app.track_waiting(name) for name in app.models)
    if waiting:
        output.stderr().print(f"MLflow was not told of everything ({waiting} waiting): see farero tracking.", markup=False)


def _close(app: App) -> None:
    """What the command was about is done: a log that takes nothing now is told and no failure. The next command hands over."""
    try:
        app.close()
    except LogUnavailable as failure:
        telemetry.log("record.waiting", level="error", error=failure)
        output.stderr().print(f"Recorded predictions wait for the log: {failure}", markup=False)


@contextmanager
def _logged(path: Path) -> Iterator[None]:
    """While it lasts, events go to the installation's log file. A log that cannot be written keeps nobody from working."""
    try:
        handler = telemetry.log_to_file(path)
    except OSError as fault:
        output.stderr().print(f"Nothing is logged: {path} cannot be written: {fault.strerror}.", markup=False)
        yield
        return
    try:
        yield
    except FareroError as failure:
        if not isinstance(failure, CallerError):
            telemetry.log("error", level="error", error=failure)
        raise
    finally:
        telemetry.stop_logging(handler)


@contextmanager
def opened_for_replay(project: Path, data: Path, *, time: str, label: str | None, as_json: bool) -> Iterator[tuple[App, bool]]:
    """The App of a project folder, or, where there is none, one with a project inferred from the data."""
    if (project / "farero.toml").is_file() or label is None:
        with opened(project, as_json=as_json) as app:
            yield app, False
        return
    with errors(as_json=as_json), tempfile.TemporaryDirectory(prefix="farero-inferred-") as name:
        from farero.wiring import open_inferred

        app = open_inferred(data, time=time, label=label, root=Path(name))
        output.stderr().print(f"No farero.toml in {project.resolve()}: inferred from the data:", markup=False)
        for field in app.project(app.models[0]).schema.features:
            output.stderr().print(f"  {field.name}: {field.kind}", markup=False)
        try:
            yield app, True
        finally:
            app.close()


def models(app: App, model: str | None) -> list[str]:
    """The model named, or all of them."""
    return list(app.models) if model is None else [app.only_model(model)]


def whoami() -> str:
    """Who asks, for the record."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "cli"


def moment(text: str | None) -> datetime | None:
    """A time given on the command line, UTC where it names no zone.

    Raises:
        BadInput: it is no ISO time.
    """
    from datetime import UTC

    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise BadInput(f"{text!r} is not a time.", hint="Write it like 2012-01-31 or 2012-01-31T12:00Z.") from None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def window(text: str | None) -> WindowSize | None:
    """The size of windows given on the command line.

    Raises:
        BadInput: it is neither a duration nor a number of rows.
    """
    from farero.core.window import parse_window

    try:
        return parse_window(text) if text else None
    except ValueError as fault:
        raise BadInput(str(fault)) from None
