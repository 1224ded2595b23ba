from __future__ import annotations

from collections.abc import Callable

from typer.testing import Result

from farero import __version__


def test_the_version_is_printed(type_: Callable[..., Result]) -> None:
    assert type_("--version").stdout == f"farero {__version__}\n"


def test_help_lists_every_command(type_: Callable[..., Result]) -> None:
    shown = type_("-h").stdout
    commands = "new check demo up train versions promote rollback retrain runs predict label monitor drift decisions incidents replay"
    assert [name for name in commands.split() if f"  {name} " not in shown] == []


def test_a_command_that_is_not_there_ends_with_2(type_: Callable[..., Result]) -> None:
    type_("fly", code=2)
