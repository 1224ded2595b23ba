"""The error tree: drawn truly, told apart by stable codes, and saying what to do next."""

from __future__ import annotations

import re

import pytest

from farero import errors
from farero.errors import BadInput, FareroError, NotReady, StoreUnavailable

CLASSES = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, FareroError)]


def test_every_error_has_a_code_of_its_own() -> None:
    codes = [error.code for error in CLASSES]
    assert sorted(codes) == sorted(set(codes))


@pytest.mark.parametrize("error", CLASSES)
def test_a_code_is_kebab_case(error: type[FareroError]) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", error.code)


@pytest.mark.parametrize("error", [error for error in CLASSES if error is not errors.FaultList])
def test_the_tree_drawn_at_the_top_names_every_error(error: type[FareroError]) -> None:
    assert re.search(rf"\b{error.__name__}\b", errors.__doc__ or "")


@pytest.mark.parametrize("error", CLASSES)
def test_the_docstring_is_the_default_message(error: type[FareroError]) -> None:
    assert str(error()) == (error.__doc__ or "").splitlines()[0]


def test_an_error_says_what_happened_and_what_to_do_next() -> None:
    error = NotReady("bikes has no production version.", hint="Run `farero train`.", model="bikes")
    assert str(error) == "bikes has no production version. Run `farero train`."
    assert error.context == {"model": "bikes"}


def test_a_list_of_faults_shows_all_of_them() -> None:
    error = BadInput("3 rows cannot be read.", faults=["rows[0]", "rows[2]"])
    assert str(error).splitlines() == ["3 rows cannot be read.", "  rows[0]", "  rows[2]"]


def test_an_outside_error_is_worth_another_try_unless_it_says_otherwise() -> None:
    assert StoreUnavailable().retryable
    assert not StoreUnavailable(retryable=False).retryable
