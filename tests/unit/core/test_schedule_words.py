from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from farero.core.schedule import parse
from farero.core.schedule_words import words


@pytest.mark.row("R13")
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0 2 * * *", "every day at 02:00 UTC"),
        ("0 2,14 * * *", "every day at 02:00 and 14:00 UTC"),
        ("* * * * *", "every minute UTC"),
        ("*/15 * * * MON-FRI", "every 15 minutes on weekdays UTC"),
        ("0 */2 * * *", "every 2 hours UTC"),
        ("20 * * * *", "every hour at minute 20 UTC"),
        ("0 9 1 * *", "at 09:00 on day 1 of the month UTC"),
        ("0 9 1,15 * MON", "at 09:00 on days 1 and 15 of the month and on Mondays UTC"),
        ("0 9 * * 1#2", "at 09:00 on the second Monday of the month UTC"),
        ("0 9 * * 5L", "at 09:00 on the last Friday of the month UTC"),
        ("0 0 8 LW * ?", "at 08:00 on the last weekday of the month UTC"),
        ("0 0 8 15W 1,7 ? 2027", "at 08:00 on the weekday nearest to day 15 of the month in January and July in 2027 UTC"),
        ("0 0/5 8-17 ? * 2-6", "every 5 minutes in hours 8 to 17 on weekdays UTC"),
        ("*/10 * * * * ?", "every 10 seconds UTC"),
        ("3,7,20 1-5 * * *", "at minutes 3, 7 and 20 in hours 1 to 5 UTC"),
        ("30 0 9 L-3 * ?", "at 09:00:30 on the day 3 before the last of the month UTC"),
    ],
)
def test_a_schedule_is_told_in_plain_words(text: str, said: str) -> None:
    assert words(parse(text)) == said


def test_the_zone_is_named() -> None:
    assert words(parse("0 2 * * *", ZoneInfo("Europe/Madrid"))) == "every day at 02:00 Europe/Madrid"
