from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.unit.store.values import DAY, T0, label

from farero.core.label import LabelRow
from farero.store import labels
from farero.store.database import Store

HOUR = timedelta(hours=1)


@pytest.mark.row("L5")
def test_labels_are_read_back_by_the_time_of_their_prediction(store: Store) -> None:
    with store.write() as conn:
        result = labels.put(
            conn,
            "churn",
            [label("b", value=0.25, predicted_at=T0 + HOUR), label("a", 1, 1.0), label("a", 0, 0.0), label("z", predicted_at=T0 + DAY)],
        )
        found = labels.between(conn, "churn", T0, T0 + DAY, T0 + 9 * DAY)
    assert result.stored == [0, 1, 2, 3]
    assert list(found.request_ids) == ["a", "a", "b"]
    assert list(found.rows) == [0, 1, 0]
    assert list(found.values) == [0.0, 1.0, 0.25]
    first = 1714566615123456
    assert list(found.predicted_us) == [first, first, first + 3_600_000_000]
    assert list(found.known_us) == [moment + 86_400_000_000 for moment in found.predicted_us]


@pytest.mark.row("L5", "M11")
def test_a_label_that_was_not_known_yet_is_not_seen(store: Store) -> None:
    with store.write() as conn:
        labels.put(conn, "churn", [label("early", later=HOUR), label("late", later=3 * DAY)])
        assert list(labels.between(conn, "churn", None, T0 + DAY, T0 + DAY).request_ids) == ["early"]
        assert list(labels.between(conn, "churn", None, T0 + DAY, T0 + HOUR).request_ids) == ["early"]
        assert list(labels.between(conn, "churn", None, T0 + DAY, T0 + HOUR - timedelta(microseconds=1)).request_ids) == []
        assert labels.count_known(conn, "churn", since=None, known_by=T0 + DAY) == 1
        assert labels.count_known(conn, "churn", since=T0, known_by=T0 + 3 * DAY) == 2
        assert labels.count_known(conn, "churn", since=T0 + HOUR, known_by=T0 + 3 * DAY) == 0
        assert labels.count_known(conn, "churn", since=T0 + HOUR, known_by=T0 + 3 * DAY, learnt_at=T0 + DAY) == 1
        assert labels.count_known(conn, "churn", since=T0, known_by=T0 + 3 * DAY, learnt_at=T0 + DAY) == 2
        assert labels.count_known(conn, "churn", since=T0 + HOUR, known_by=T0 + 2 * DAY, learnt_at=T0 + DAY) == 0


@pytest.mark.row("L5")
def test_the_same_label_again_is_a_duplicate_and_another_value_a_contradiction(store: Store) -> None:
    with store.write() as conn:
        labels.put(conn, "churn", [label("a", value=1.0), label("b", value=0.0)])
    with store.write() as conn:
        result = labels.put(conn, "churn", [label("a", value=1.0), label("c"), label("b", value=1.0), label("a", 1)])
        kept = labels.between(conn, "churn", None, T0 + DAY, T0 + 9 * DAY)
    assert (result.stored, result.duplicates, result.contradictions) == ([1, 3], [0], [(2, 0.0)])
    assert dict(zip(zip(kept.request_ids, kept.rows, strict=True), kept.values, strict=True)) == {
        ("a", 0): 1.0,
        ("a", 1): 1.0,
        ("b", 0): 0.0,
        ("c", 0): 1.0,
    }


def test_a_batch_can_contradict_itself_and_the_first_stays(store: Store) -> None:
    with store.write() as conn:
        result = labels.put(conn, "churn", [label("a", value=1.0), label("a", value=0.0), label("a", value=1.0)])
        assert (result.stored, result.duplicates, result.contradictions) == ([0], [2], [(1, 1.0)])
        assert labels.counts(conn, "churn").stored == 1


def test_the_same_request_id_of_another_model_is_another_row(store: Store) -> None:
    with store.write() as conn:
        labels.put(conn, "churn", [label("a", value=1.0)])
        assert labels.put(conn, "risk", [label("a", value=0.0)]).stored == [0]
        assert labels.counts(conn, "risk") == labels.LabelCounts(stored=1, waiting=0)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_label_that_is_no_number_is_refused_and_nothing_is_stored(store: Store, value: float) -> None:
    with pytest.raises(ValueError, match="label 1 is"), store.write() as conn:
        labels.put(conn, "churn", [label("a"), label("b", value=value)])
    with store.read() as conn:
        assert labels.counts(conn, "churn").stored == 0


def test_no_labels_are_no_trouble(store: Store) -> None:
    with store.write() as conn:
        assert labels.put(conn, "churn", []).stored == []
        found = labels.between(conn, "churn", None, T0, T0)
        assert (list(found.request_ids), list(found.known_us)) == ([], [])
        labels.forget(conn, [])


def test_thousands_of_labels_with_odd_request_ids_go_in_at_once(store: Store) -> None:
    many = [label(f"día/{number} \"'%s?", number % 3, number / 7, predicted_at=T0 + timedelta(seconds=number)) for number in range(3000)]
    with store.write() as conn:
        assert len(labels.put(conn, "churn", many).stored) == 3000
        assert len(labels.put(conn, "churn", many).duplicates) == 3000
        found = labels.between(conn, "churn", T0, T0 + DAY, T0 + 9 * DAY)
    assert list(found.request_ids) == [row.request_id for row in many]
    assert list(found.values) == [row.value for row in many]


@pytest.mark.row("L5")
def test_late_labels_name_the_earliest_prediction_that_they_reach_back_to(store: Store) -> None:
    with store.write() as conn:
        labels.put(conn, "churn", [label("a", predicted_at=T0), label("b", predicted_at=T0 + 5 * DAY)])
        assert labels.earliest_touched(conn, "churn", T0) == T0
        assert labels.earliest_touched(conn, "churn", T0 + 2 * DAY) == T0 + 5 * DAY
        assert labels.earliest_touched(conn, "churn", T0 + 9 * DAY) is None
        # Received long after it was known: what counts is when it could be used.
        labels.put(conn, "churn", [replace(label("c", predicted_at=T0 - DAY), received_at=T0 + 9 * DAY)])
        assert labels.earliest_touched(conn, "churn", T0 + 9 * DAY) == T0 - DAY


@pytest.mark.row("L5")
def test_labels_without_a_prediction_wait_once_and_are_forgotten_by_id(store: Store) -> None:
    by_request = LabelRow(raw=1.0, known_at=T0, request_id="a", row=2)
    by_key = LabelRow(raw=0.5, known_at=T0, key="c7", time=T0 - HOUR)
    with store.write() as conn:
        assert labels.wait(conn, "churn", [by_request, by_key, by_request], T0 + HOUR) == 2
        assert labels.wait(conn, "churn", [by_key], T0 + DAY) == 0
        assert labels.wait(conn, "churn", [], T0 + DAY) == 0
        waiting = labels.waiting(conn, "churn")
        assert [entry.label for entry in waiting] == [by_request, by_key]
        assert [entry.received_at for entry in waiting] == [T0 + HOUR, T0 + HOUR]
        assert labels.counts(conn, "churn") == labels.LabelCounts(stored=0, waiting=2)
        labels.forget(conn, [waiting[0].id])
        assert [entry.label for entry in labels.waiting(conn, "churn", limit=5)] == [by_key]
        assert labels.waiting(conn, "risk") == []
