"""Schedules name the right moments: by rules written out here, and by the same answers as another reader of cron on odd expressions."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim, CronSimError

from farero.core.schedule import Schedule, falls_on, last_between, next_after, parse
from farero.errors import BadInput

MADRID = ZoneInfo("Europe/Madrid")  # clocks went from 02:00 to 03:00 on 31 March 2024, and from 03:00 back to 02:00 on 27 October
T0 = datetime(2024, 1, 1, tzinfo=UTC)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def moments(schedule: Schedule, after: datetime, count: int) -> list[datetime]:
    found: list[datetime] = []
    for _ in range(count):
        following = next_after(schedule, found[-1] if found else after)
        if following is None:
            break
        found.append(following)
    return found


@pytest.mark.row("R13")
@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("0 9 L * *", ["2024-01-31", "2024-02-29", "2024-03-31"]),
        ("0 9 LW * *", ["2024-01-31", "2024-02-29", "2024-03-29"]),
        ("0 9 15W * *", ["2024-01-15", "2024-02-15", "2024-03-15"]),
        ("0 0 9 15W 6,9 ?", ["2024-06-14", "2024-09-16", "2025-06-16"]),
        ("0 0 9 1W * ?", ["2024-01-01", "2024-02-01", "2024-03-01"]),
        ("0 0 9 1W 6 ?", ["2024-06-03", "2025-06-02", "2026-06-01"]),  # never back into May
        ("0 0 9 31W 3 ?", ["2024-03-29", "2025-03-31", "2026-03-31"]),  # never on into April
        ("0 0 9 L-3 2 ?", ["2024-02-26", "2025-02-25", "2026-02-25"]),
        ("0 0 9 ? * 6L", ["2024-01-26", "2024-02-23", "2024-03-29"]),
        ("0 9 * * 5L", ["2024-01-26", "2024-02-23", "2024-03-29"]),
        ("0 0 9 ? * 2#1", ["2024-01-01", "2024-02-05", "2024-03-04"]),
        ("0 9 * * MON#5", ["2024-01-29", "2024-04-29", "2024-07-29"]),
        ("0 0 9 ? * L", ["2024-01-06", "2024-01-13", "2024-01-20"]),
        ("0 0 9 ? * FRI-MON", ["2024-01-01", "2024-01-05", "2024-01-06"]),
        ("0 0 9 29 2 ? 2025-2033", ["2028-02-29", "2032-02-29"]),
        ("0 9 29 2 *", ["2024-02-29", "2028-02-29", "2032-02-29"]),
        ("0 9 13 * FRI", ["2024-01-05", "2024-01-12", "2024-01-13"]),  # either is enough
    ],
)
def test_days_are_chosen_as_the_expression_says(text: str, days: list[str]) -> None:
    assert [f"{moment:%Y-%m-%d}" for moment in moments(parse(text), T0, 3)] == days


def test_seconds_years_and_wrapped_ranges_are_read_as_quartz_does() -> None:
    assert moments(parse("30 0/20 22-1 ? * * 2024"), at("2024-06-01T23:30"), 3) == [
        at("2024-06-01T23:40:30"), at("2024-06-02T00:00:30"), at("2024-06-02T00:20:30"),
    ]  # fmt: skip
    assert next_after(parse("0 0 0 1 1 ? 2023"), T0) is None


@pytest.mark.row("R13")
def test_a_time_that_does_not_exist_comes_at_the_end_of_the_gap_and_one_that_occurs_twice_comes_once() -> None:
    nightly = parse("30 2 * * *", MADRID)
    assert moments(nightly, at("2024-03-30T00:00"), 3) == [at("2024-03-30T01:30"), at("2024-03-31T01:00"), at("2024-04-01T00:30")]
    assert moments(nightly, at("2024-10-26T12:00"), 2) == [at("2024-10-27T00:30"), at("2024-10-28T01:30")]
    several = parse("0,30 2 * * *", MADRID)  # both fall into the gap: one moment
    assert moments(several, at("2024-03-31T00:00"), 2) == [at("2024-03-31T01:00"), at("2024-04-01T00:00")]


def test_a_schedule_of_elapsed_time_leaves_the_gap_out_and_counts_the_doubled_hour_twice() -> None:
    often = parse("*/30 2 * * *", MADRID)
    assert moments(often, at("2024-03-30T12:00"), 1) == [at("2024-04-01T00:00")]
    assert moments(often, at("2024-10-27T00:00"), 3) == [at("2024-10-27T00:30"), at("2024-10-27T01:00"), at("2024-10-27T01:30")]


@pytest.mark.row("R13")
def test_moments_are_the_same_as_those_of_another_reader_of_cron() -> None:
    chance = random.Random(7)
    zones = ["UTC", "Europe/Madrid", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "America/Sao_Paulo", "Pacific/Apia"]

    def field(low: int, high: int) -> str:
        first = chance.randint(low, high - 1)
        last = chance.randint(first + 1, high)
        every = chance.randint(1, 12)
        return chance.choice(
            ["*", f"{first}", f"{first}-{last}", f"{first}-{last}/{every}", f"{first}/{every}", f"*/{every}", f"{first},{last}"]
        )

    compared = 0
    while compared < 400:
        day, weekday = chance.choice([field(1, 31), "*", "L", "LW"]), chance.choice([field(0, 7), "*", "MON-FRI", "1#2", "5L"])
        text = f"{field(0, 59)} {field(0, 23)} {day} {chance.choice(['*', field(1, 12)])} {weekday}"
        zone = ZoneInfo(chance.choice(zones))
        start = T0 + timedelta(seconds=chance.randint(0, 86400 * 1000))
        try:
            other = CronSim(text, start.astimezone(zone))
            expected = [next(other).astimezone(UTC) for _ in range(4)]
        except (CronSimError, StopIteration):
            continue
        assert moments(parse(text, zone), start, 4) == expected, text
        compared += 1


@pytest.mark.row("R13")
@pytest.mark.parametrize(
    ("text", "position", "said"),
    [
        ("60 2 * * *", 1, "The minute '60' at position 1 of '60 2 * * *' is wrong: wanted are whole numbers from 0 to 59."),
        ("0 2 * * MON,XXX", 13, "The weekday 'XXX' at position 13"),
        ("0 2 31 2 *", 5, "none of the months has such a day"),
        ("0 2-1 * * *", 3, "a range goes from the smaller to the larger"),
        ("*/0 * * * *", 1, "after / comes a step"),
        ("0 2 * * 1#6", 9, "after # comes which one of the month"),
        ("0 2 32W * *", 5, "the month has no such day"),
        ("0 0 2 * * *", 7, "exactly one of day and weekday must be ?"),
        ("0 0 2 ? * ?", 7, "exactly one of day and weekday must be ?"),
        ("0 0 2 ? * 8", 11, "wanted are whole numbers from 1 to 7"),
        ("0 0 2 1 1 ? 1969", 13, "wanted are whole numbers from 1970 to 2199"),
        ("0 ² * * *", 3, "wanted are whole numbers"),
    ],
)
def test_a_fault_says_where_it_is_and_what_is_wanted(text: str, position: int, said: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse(text)
    assert said in str(caught.value)
    assert caught.value.context["position"] == position


@pytest.mark.parametrize("text", ["", "0 2 * *", "0 0 2 * * ? 2024 1", "every day", "@reboot"])
def test_what_has_another_number_of_fields_is_no_schedule(text: str) -> None:
    with pytest.raises(BadInput, match="fields; a schedule has 5"):
        parse(text)


def test_nicknames_stand_for_their_expressions() -> None:
    assert next_after(parse("@weekly"), T0) == at("2024-01-07T00:00")
    assert next_after(parse("@Hourly"), T0) == at("2024-01-01T01:00")


@pytest.mark.row("R13")
def test_what_was_missed_between_two_moments_is_counted_and_the_last_is_named() -> None:
    nightly = parse("0 2 * * *", MADRID)
    assert last_between(nightly, T0, T0 + timedelta(days=3)) == (at("2024-01-03T01:00"), 3)
    assert last_between(nightly, T0, T0 + timedelta(minutes=30)) == (None, 0)
    assert last_between(nightly, at("2024-01-03T01:00"), at("2024-01-04T01:00")) == (at("2024-01-04T01:00"), 1)  # (after, until]
    every_second = parse("* * * * * ?")
    assert last_between(every_second, T0, T0 + timedelta(days=365)) == (T0 + timedelta(days=365), 1000)


def test_the_last_moment_before_now_is_found_however_long_nothing_ran() -> None:
    assert last_between(parse("*/5 * * * *"), T0, at("2031-07-01T12:34"))[0] == at("2031-07-01T12:30")
    assert last_between(parse("0 0 1 * *"), T0, at("2124-07-01T12:34"))[0] == at("2124-07-01T00:00")


def test_a_day_falls_on_the_schedule_or_does_not() -> None:
    schedule = parse("0 2 * * MON-FRI")
    assert falls_on(schedule, date(2024, 1, 5))
    assert not falls_on(schedule, date(2024, 1, 6))
