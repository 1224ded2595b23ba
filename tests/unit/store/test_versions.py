from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.store.values import T0, move, to_production, version

from farero.core.version import LEGAL_MOVES, State, is_legal
from farero.errors import Conflict, IllegalMove, StaleDecision, VersionNotFound
from farero.store import versions
from farero.store.database import Store


@pytest.mark.row("R1")
def test_a_version_is_read_back_as_it_was_stored(store: Store) -> None:
    with store.write() as conn:
        added = versions.add(conn, version())
    assert added == version()
    with store.read() as conn:
        assert versions.get(conn, "churn", "1.0.0") == version()


def test_a_new_version_is_a_candidate_whatever_it_says_of_itself(store: Store) -> None:
    with store.write() as conn:
        assert versions.add(conn, replace(version(), state="production")).state == "candidate"
        assert versions.production(conn, "churn") is None


def test_a_version_without_metrics_and_training_time_is_read_back(store: Store) -> None:
    bare = replace(version(), metrics={}, environment={}, tags={}, git_commit=None, trained_until=None)
    with store.write() as conn:
        assert versions.add(conn, bare) == bare


def test_adding_the_same_origin_again_returns_the_version_that_is_there(store: Store) -> None:
    with store.write() as conn:
        versions.add(conn, version("1.0.0", origin="loop/2024-05-01"))
        again = versions.add(conn, version("1.1.0", origin="loop/2024-05-01"))
        assert again.number == "1.0.0"
        assert [known.number for known in versions.all(conn, "churn")] == ["1.0.0"]
        assert len(versions.moves(conn, "churn")) == 1


def test_two_origins_cannot_share_a_number(store: Store) -> None:
    with store.write() as conn:
        versions.add(conn, version("1.0.0", origin="a"))
        with pytest.raises(Conflict, match=r"1\.0\.0 exists"):
            versions.add(conn, version("1.0.0", origin="b"))


def test_models_do_not_see_each_others_versions(store: Store) -> None:
    with store.write() as conn:
        to_production(conn, "1.0.0", model="churn")
        to_production(conn, "1.0.0", model="risk")
        assert [known.model for known in versions.all(conn, "risk")] == ["risk"]
        assert versions.production_stamp(conn) == {"churn": ("1.0.0", 1), "risk": ("1.0.0", 1)}


def test_versions_are_listed_newest_number_first(store: Store) -> None:
    with store.write() as conn:
        for number in ("1.9.0", "1.10.0", "2.0.0", "1.0.0"):
            versions.add(conn, version(number))
        assert [known.number for known in versions.all(conn, "churn")] == ["2.0.0", "1.10.0", "1.9.0", "1.0.0"]


def test_an_unknown_version_names_the_near_ones(store: Store) -> None:
    with store.write() as conn:
        for minor in range(5):
            versions.add(conn, version(f"1.{minor}.0"))
        with pytest.raises(VersionNotFound) as missing:
            versions.get(conn, "churn", "1.2")
    assert "1.2.0" in str(missing.value)


def test_an_unknown_version_of_a_model_without_any_says_how_to_make_one(store: Store) -> None:
    with store.read() as conn, pytest.raises(VersionNotFound, match="farero train"):
        versions.get(conn, "churn", "1.0.0")


@pytest.mark.row("R1")
def test_a_promotion_archives_the_version_before_and_deletes_nothing(store: Store) -> None:
    with store.write() as conn:
        to_production(conn, "1.0.0")
        to_production(conn, "1.1.0")
        assert [(known.number, known.state) for known in versions.all(conn, "churn")] == [("1.1.0", "production"), ("1.0.0", "archived")]
        production = versions.production(conn, "churn")
        assert production is not None
        assert production.number == "1.1.0"


@pytest.mark.row("R1", "R3")
def test_every_move_is_on_record_with_who_when_and_why(store: Store) -> None:
    with store.write() as conn:
        to_production(conn, "1.0.0")
        to_production(conn, "1.1.0")
        move(conn, "1.0.0", "archived", "production", because="1.1.0 was worse")
        history = versions.moves(conn, "churn")
        own = versions.moves(conn, "churn", "1.0.0")
    assert [(step.number, step.source, step.target) for step in history[-2:]] == [
        ("1.1.0", "production", "archived"),
        ("1.0.0", "archived", "production"),
    ]
    assert history[-2].because == "replaced by 1.0.0: 1.1.0 was worse"
    assert [step.target for step in own] == ["candidate", "staging", "production", "archived", "production"]
    assert {(step.by, step.at) for step in own} == {("farero", T0), ("ana", T0)}
    assert own[-1].because == "1.1.0 was worse"


@pytest.mark.row("R3")
def test_going_back_to_an_earlier_version_changes_the_stamp(store: Store) -> None:
    with store.write() as conn:
        to_production(conn, "1.0.0")
        to_production(conn, "1.1.0")
        move(conn, "1.0.0", "archived", "production")
        assert versions.production_stamp(conn) == {"churn": ("1.0.0", 3)}


def test_taking_production_out_leaves_no_stamp(store: Store) -> None:
    with store.write() as conn:
        to_production(conn, "1.0.0")
        move(conn, "1.0.0", "production", "archived")
        assert versions.production_stamp(conn) == {}
        move(conn, "1.0.0", "archived", "production")
        assert versions.production_stamp(conn) == {"churn": ("1.0.0", 3)}


def test_a_move_from_a_state_that_it_has_left_is_stale(store: Store) -> None:
    with store.write() as conn:
        versions.add(conn, version())
        move(conn, "1.0.0", "candidate", "staging")
        with pytest.raises(StaleDecision, match="staging by now, not candidate"):
            move(conn, "1.0.0", "candidate", "rejected")


def test_a_promotion_that_was_judged_against_another_version_is_stale(store: Store) -> None:
    with store.write() as conn:
        to_production(conn, "1.0.0")
        to_production(conn, "1.1.0")
        versions.add(conn, version("1.2.0"))
        move(conn, "1.2.0", "candidate", "staging")
        with pytest.raises(StaleDecision, match=r"1\.1\.0 is in production by now"):
            versions.move(
                conn, "churn", "1.2.0", source="staging", target="production", at=T0, by="ana", because="better", replacing="1.0.0"
            )
        assert versions.get(conn, "churn", "1.1.0").state == "production"


@pytest.mark.parametrize(("source", "target"), [(a, b) for a in LEGAL_MOVES for b in LEGAL_MOVES if not is_legal(a, b)])
def test_an_illegal_move_is_refused_and_changes_nothing(store: Store, source: State, target: State) -> None:
    with store.write() as conn:
        versions.add(conn, version())
        with pytest.raises(IllegalMove, match=f"from {source} to {target}"):
            move(conn, "1.0.0", source, target)
        assert len(versions.moves(conn, "churn")) == 1


def test_moving_a_version_that_is_not_there_says_so(store: Store) -> None:
    with store.write() as conn, pytest.raises(VersionNotFound):
        move(conn, "9.9.9", "candidate", "staging")


def test_nothing_of_a_failed_transaction_stays(store: Store) -> None:
    with store.write() as conn:
        to_production(conn, "1.0.0")
    with pytest.raises(StaleDecision):
        _promote_and_fail(store)
    with store.read() as conn:
        assert [known.number for known in versions.all(conn, "churn")] == ["1.0.0"]
        assert versions.production_stamp(conn) == {"churn": ("1.0.0", 1)}


def test_metrics_and_tags_can_be_written_anew(store: Store) -> None:
    with store.write() as conn:
        versions.add(conn, version())
        assert versions.set_metrics(conn, "churn", "1.0.0", {"roc_auc": float("inf")}).metrics == {"roc_auc": float("inf")}
        assert versions.set_tags(conn, "churn", "1.0.0", {}).tags == {}


def test_the_version_in_production_cannot_be_deleted(store: Store) -> None:
    with store.write() as conn:
        to_production(conn, "1.0.0")
        with pytest.raises(IllegalMove, match="cannot be deleted"):
            versions.delete(conn, "churn", "1.0.0", at=T0, by="ana", because="tidy")


@pytest.mark.row("R1")
def test_a_deleted_version_is_gone_but_its_number_and_history_are_not(store: Store) -> None:
    with store.write() as conn:
        versions.add(conn, version("1.0.0", origin="a"))
        versions.delete(conn, "churn", "1.0.0", at=T0, by="ana", because="tidy")
        with pytest.raises(VersionNotFound):
            versions.get(conn, "churn", "1.0.0")
        assert versions.find_by_origin(conn, "churn", "a") is None
        assert versions.all(conn, "churn") == []
        assert versions.numbers(conn, "churn") == ["1.0.0"]
        assert len(versions.moves(conn, "churn", "1.0.0")) == 1
        with pytest.raises(Conflict, match="a number is given once"):
            versions.add(conn, version("1.0.0", origin="a"))
        assert versions.add(conn, version("1.1.0", origin="a")).number == "1.1.0"


def _promote_and_fail(store: Store) -> None:
    with store.write() as conn:
        to_production(conn, "1.1.0")
        raise StaleDecision("something later in the same transaction")
