from __future__ import annotations

import pytest

from farero.core.masking import Mask


@pytest.mark.row("R5")
@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("connecting with s3cr3t-value now", "connecting with *** now"),
        ("postgresql://ana:p4ss@host/db", "postgresql://ana:***@host/db"),
        ("https://:p4ss@host", "https://:***@host"),
        ("DB_PASSWORD=letmein now", "DB_PASSWORD=*** now"),
        ('{"api_key": "abc def", "n": 3}', '{"api_key": ***, "n": 3}'),
        ("token: abc", "token: ***"),
        ("Authorization: Bearer abcdefgh.ijkl", "Authorization: Bearer ***"),
        ("epoch 3: loss 0.25 at http://host:80/a", "epoch 3: loss 0.25 at http://host:80/a"),
        ("300 tokens a row", "300 tokens a row"),
    ],
)
def test_secrets_are_taken_out_and_nothing_else(text: str, shown: str) -> None:
    assert Mask.of(["s3cr3t-value"])(text) == shown


@pytest.mark.row("R5")
def test_the_password_within_a_secret_url_is_a_secret_by_itself() -> None:
    mask = Mask.of(["postgresql://ana:p%40ssw0rd@host/db"])
    assert mask("p%40ssw0rd and p@ssw0rd") == "*** and ***"


@pytest.mark.row("R5")
def test_each_line_of_a_secret_of_several_lines_is_one() -> None:
    mask = Mask.of(["-----BEGIN-----\nabcdefgh\nijklmnop\n-----END-----\n"])
    assert mask("first ijklmnop then abcdefgh") == "first *** then ***"


def test_a_secret_inside_a_longer_one_does_not_leave_the_rest() -> None:
    assert Mask.of(["pass", "password-long"])("password-long") == "***"


def test_values_of_a_few_characters_are_not_looked_for() -> None:
    assert Mask.of(["ab", "", " "])("about") == "about"
    assert Mask.of([]).known is None
