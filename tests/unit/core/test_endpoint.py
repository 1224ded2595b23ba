from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from math import sqrt

import pytest

from farero.core.endpoint import MOST_ROUTES, PRODUCTION, Endpoint, Route, Split, faults_of, own_endpoint

IDS = [f"3f9a2b1c4d5e6f70{number:016x}" for number in range(20_000)]


def routes(**shares: float) -> tuple[Route, ...]:
    return tuple(Route(version=name, share=share) for name, share in shares.items())


def codes(endpoint: Endpoint, *, versions: tuple[str, ...] = ("a", "b", "c"), keyed: bool = True) -> list[tuple[str, str]]:
    return [(fault.path, fault.code) for fault in faults_of(endpoint, versions=versions, models=("churn", "risk"), keyed=keyed)]


@pytest.mark.row("S4")
@pytest.mark.parametrize("names", [IDS, [f"C-{number}" for number in range(20_000)], [str(number) for number in range(20_000)]])
@pytest.mark.parametrize("shares", [{"a": 90.0, "b": 10.0}, {"a": 50.0, "b": 30.0, "c": 20.0}, {"a": 99.5, "b": 0.5}])
def test_requests_come_in_the_shares_that_were_asked_for(names: list[str], shares: dict[str, float]) -> None:
    split = Split("churn", routes(**shares))
    picked = [split.pick(name) for name in names]
    for at, share in enumerate(shares.values()):
        expected = share / 100
        assert abs(picked.count(at) / len(names) - expected) < 4 * sqrt(expected * (1 - expected) / len(names))


@pytest.mark.row("S4")
def test_a_growing_share_keeps_the_requests_that_it_had() -> None:
    had: set[str] = set()
    for share in (0.5, 5, 25, 50, 90, 100):
        split = Split("churn", routes(a=100 - share, b=share))
        has = {name for name in IDS if split.pick(name) == 1}
        assert had <= has
        had = has
    assert had == set(IDS)


def test_only_requests_of_the_grown_route_move_where_there_are_three() -> None:
    before, after = Split("churn", routes(a=60, b=30, c=10)), Split("churn", routes(a=50, b=25, c=25))
    moved = {(before.pick(name), after.pick(name)) for name in IDS if before.pick(name) != after.pick(name)}
    assert moved == {(0, 2), (1, 2)}


def test_the_order_of_the_routes_does_not_matter() -> None:
    one, other = Split("churn", routes(a=70, b=30)), Split("churn", routes(b=30, a=70))
    assert all(one.pick(name) == 1 - other.pick(name) for name in IDS[:2000])


def test_two_endpoints_draw_independently() -> None:
    one, other = Split("one", routes(a=50, b=50)), Split("other", routes(a=50, b=50))
    both = sum(one.pick(name) and other.pick(name) for name in IDS)
    assert abs(both / len(IDS) - 0.25) < 4 * sqrt(0.25 * 0.75 / len(IDS))


def test_a_route_without_a_share_is_never_picked() -> None:
    split = Split("churn", routes(a=0, b=100))
    assert {split.pick(name) for name in IDS[:100]} == {1}


def test_a_pick_is_the_same_everywhere_and_for_ever() -> None:
    split = Split("churn", routes(a=50, b=50))
    assert {split.pick(name) for name in ("", "C-17", "A\xf1\ud800", "x" * 1000)} <= {0, 1}
    assert "".join(str(split.pick(str(number))) for number in range(24)) == "011010001100010000011010"


def test_a_models_own_endpoint_sends_everything_to_production() -> None:
    assert own_endpoint("churn") == Endpoint(name="churn", model="churn", revision=0)
    assert own_endpoint("churn").is_own
    assert own_endpoint("churn").versions == ()


def test_the_versions_of_an_endpoint_are_named_once_and_production_not_at_all() -> None:
    endpoint = Endpoint(name="ab", model="churn", routes=routes(**{PRODUCTION: 50, "b": 50}), shadow=("c", "b"))
    assert endpoint.versions == ("b", "c")
    assert [Route(version="b", share=1, name="challenger").called, Route(version="b", share=1).called] == ["challenger", "b"]


def test_a_sound_endpoint_has_no_faults() -> None:
    sound = Endpoint(
        name="ab", model="churn", routes=routes(**{PRODUCTION: 33.33, "a": 33.33, "b": 33.34}), shadow=("c",), sticky=True,
        idle=timedelta(minutes=15),
    )  # fmt: skip
    assert codes(sound) == codes(own_endpoint("churn")) == []


@pytest.mark.row("S4")
def test_every_fault_is_named_with_its_place() -> None:
    wrong = Endpoint(
        name="risk",
        model="churn",
        routes=(
            Route(version="a", share=50, name="x y"),
            Route(version="a", share=50.005),
            Route(version="z", share=-1),
            Route(version="b", share=float("nan")),
        ),
        shadow=("a", "z", "z"),
        sticky=True,
        idle=timedelta(0),
    )
    assert codes(wrong, keyed=False) == [
        ("name", "taken"),
        ("routes[0].name", "bad-name"),
        ("routes[1].share", "too-fine"),
        ("routes[2].version", "unknown-version"),
        ("routes[2].share", "out-of-range"),
        ("routes[3].share", "out-of-range"),
        ("routes[1].version", "twice"),
        ("routes", "shares"),
        ("shadow[0]", "serves-already"),
        ("shadow[1]", "unknown-version"),
        ("shadow[2]", "unknown-version"),
        ("shadow[2]", "twice"),
        ("sticky", "no-key"),
        ("idle", "out-of-range"),
    ]


@pytest.mark.parametrize("name", ["", "-a", "a b", "ä", "a/b", "x" * 65])
def test_a_name_that_no_address_could_hold_is_refused(name: str) -> None:
    assert codes(Endpoint(name=name, model="churn")) == [("name", "bad-name")]


def test_a_limit_guards_against_too_many_versions_in_memory() -> None:
    many = (*(Route(version=str(number), share=0) for number in range(MOST_ROUTES)), Route(version="a", share=100))
    assert codes(Endpoint(name="ab", model="churn", routes=many), versions=("a", *map(str, range(MOST_ROUTES)))) == [
        ("routes", "too-many-routes")
    ]


def test_one_name_for_two_routes_is_refused() -> None:
    twice = (Route(version="a", share=50, name="x"), Route(version="b", share=50, name="x"))
    assert codes(replace(own_endpoint("churn"), routes=twice)) == [("routes[1].name", "twice")]
