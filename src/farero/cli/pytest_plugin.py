"""`pytest --farero`: the checks of `farero check` and `farero versions check` as test items, for CI in the user's own repository.

Every pytest in an environment with Farero loads this file, so it imports nothing but pytest until `--farero` is given.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from farero.core.guards import Check


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of this plugin."""
    group = parser.getgroup("farero", "regression checks of models that Farero keeps")
    group.addoption("--farero", action="store_true", help="Check the project and the versions of its models.")
    group.addoption("--farero-project", metavar="DIR", default=None, help="The folder with farero.toml; default: pytest's root folder.")
    group.addoption("--farero-model", metavar="NAME", action="append", default=[], help="Only this model; may be given several times.")
    group.addoption("--farero-version", metavar="V", default=None, help="The version to check; default: the one in production.")
    group.addoption(
        "--farero-against", metavar="V", default=None, help="The version whose stored rows are the baseline; default: production."
    )


def pytest_collection(session: pytest.Session) -> None:
    """With `--farero`, collect the checks beside whatever else there is to collect."""
    if session.config.getoption("--farero"):
        session.config.pluginmanager.register(_Collects(), "farero-collects")


class _Collects:
    """Adds the items once everything else is collected."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, session: pytest.Session, items: list[pytest.Item]) -> None:
        root = Path(session.config.getoption("--farero-project") or session.config.rootpath).resolve()
        collector = _Checks.from_parent(session, name="farero", root=root)
        items.extend(collector.collect())


class _Checks(pytest.Collector):
    """Everything that is checked of the installation in one folder."""

    def __init__(self, *, root: Path, **rest: Any) -> None:
        super().__init__(**rest)
        self.root = root

    def collect(self) -> Iterator[pytest.Item]:
        """An item for the project, and one for each check of each model's version."""
        # Only now: whoever does not say --farero shall not wait for numpy.
        from farero.project.load import check

        faults = check(self.root)
        yield _Item.from_parent(
            self, name="project", failure="\n".join(f"{fault.path}: {fault.message}" for fault in faults), keyword="project"
        )
        yield from self._models()

    def _models(self) -> Iterator[pytest.Item]:
        from farero.errors import ConfigInvalid, FareroError
        from farero.wiring import open_app

        options = self.config.getoption
        try:
            app = open_app(self.root)
        except ConfigInvalid:
            return  # the item of the project says so
        try:
            for model in [app.only_model(name) for name in options("--farero-model") or ()] or app.models:
                try:
                    yield from self._version(app, model, options("--farero-version"), options("--farero-against"))
                except FareroError as failure:
                    yield _Item.from_parent(self, name=model, failure=str(failure), keyword=model)
        except FareroError as failure:
            yield _Item.from_parent(self, name="models", failure=str(failure), keyword="models")
        finally:
            app.close()

    def _version(self, app: Any, model: str, number: str | None, against: str | None) -> Iterator[pytest.Item]:
        number = number or next((version.number for version in app.versions(model) if version.state == "production"), None)
        if number is None:
            yield _Item.from_parent(self, name=model, skipped=f"no version of {model} is in production", keyword=model)
            return
        found = app.check_version(model, number, against=against)
        beside = f"{model} {number}" + (f", beside {found.against}" if found.against != number else "")
        for check in found.checks:
            yield self._item(check, f"{model}-{number}-{check.name.replace(' ', '-')}", beside, model)

    def _item(self, check: Check, name: str, beside: str, keyword: str) -> pytest.Item:
        failure = f"{beside}: {check.name}: {check.because}" if check.passed is False else ""
        skipped = f"{check.name}: {check.because}" if check.passed is None else ""
        item: pytest.Item = _Item.from_parent(self, name=name, failure=failure, skipped=skipped, keyword=keyword)
        return item


class _Item(pytest.Item):
    """One check, already made; it reports how it ended."""

    def __init__(self, *, failure: str = "", skipped: str = "", keyword: str, **rest: Any) -> None:
        super().__init__(**rest)
        self.failure = failure
        self.skipped = skipped
        self.extra_keyword_matches.add(keyword)

    def runtest(self) -> None:
        """Say how it ended."""
        if self.skipped:
            pytest.skip(self.skipped)
        if self.failure:
            raise CheckFailed(self.failure)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The reason alone: a traceback of ours says nothing to the user."""
        return str(excinfo.value) if excinfo.errisinstance(CheckFailed) else super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Where it stands, for reports."""
        return self.path, None, f"farero: {self.name}"


class CheckFailed(Exception):
    """A version does not do what it did."""
