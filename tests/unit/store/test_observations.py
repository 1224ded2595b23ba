from __future__ import annotations

import numpy as np
from tests.unit.store.values import day, observation

from farero.store import observations
from farero.store.database import Store


def test_an_observation_is_read_back_as_it_was_stored_infinities_included(store: Store) -> None:
    with store.write() as conn:
        observations.put(conn, "churn", observation(0))
        assert observations.get(conn, "churn", day(0)) == observation(0)


def test_metrics_that_come_from_numpy_are_stored_as_numbers(store: Store) -> None:
    with store.write() as conn:
        observations.put(conn, "churn", observation(0, metrics={"mae": np.float64(2.5)}))
        found = observations.get(conn, "churn", day(0))
    assert found is not None
    assert found.metrics == {"mae": 2.5}


def test_late_labels_write_the_observation_of_their_window_anew(store: Store) -> None:
    with store.write() as conn:
        observations.put(conn, "churn", observation(0))
        observations.put(conn, "churn", observation(0, labelled=99, metrics={"roc_auc": 0.8}))
        assert observations.latest(conn, "churn") == [observation(0, labelled=99, metrics={"roc_auc": 0.8})]


def test_the_latest_are_listed_oldest_first(store: Store) -> None:
    with store.write() as conn:
        for number in (1, 3, 0, 2):
            observations.put(conn, "churn", observation(number))
        assert [found.window for found in observations.latest(conn, "churn", last=2)] == [day(2), day(3)]
        assert [found.window for found in observations.latest(conn, "churn")] == [day(0), day(1), day(2), day(3)]
        assert observations.latest(conn, "risk") == []


def test_since_begins_with_the_window_that_holds_the_moment(store: Store) -> None:
    with store.write() as conn:
        for number in range(3):
            observations.put(conn, "churn", observation(number))
        middle = day(1).start + (day(1).end - day(1).start) / 2
        assert [found.window for found in observations.since(conn, "churn", middle)] == [day(1), day(2)]
        assert [found.window for found in observations.since(conn, "churn", day(1).end)] == [day(2)]
        assert len(observations.since(conn, "churn", None)) == 3
