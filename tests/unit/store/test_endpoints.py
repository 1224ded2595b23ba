from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.unit.store.values import DAY, T0

from farero.core.endpoint import PRODUCTION, Endpoint, Route
from farero.errors import EndpointNotFound, IllegalMove, StaleDecision
from farero.store import endpoints
from farero.store.database import Connection, Store

SPLIT = Endpoint(
    name="churn-ab",
    model="churn",
    routes=(Route(version=PRODUCTION, share=89.5), Route(version="1.1.0", share=10.5, name="challenger")),
    shadow=("1.2.0",),
    sticky=True,
    idle=timedelta(minutes=15),
)


def put(conn: Connection, endpoint: Endpoint, expected: int | None = None) -> Endpoint:
    return endpoints.put(conn, endpoint, at=T0, by="ana", because="a contest", expected=expected)


@pytest.mark.row("S4")
def test_an_endpoint_comes_back_as_it_was_stored(store: Store) -> None:
    with store.write() as conn:
        stored = put(conn, SPLIT)
        assert stored == replace(SPLIT, revision=1, changed_at=T0)
        assert endpoints.get(conn, "churn-ab") == endpoints.find(conn, "churn-ab") == stored
        assert endpoints.all(conn) == endpoints.all(conn, "churn") == [stored]
        assert endpoints.all(conn, "risk") == []


def test_a_models_own_endpoint_is_there_without_being_stored(store: Store) -> None:
    with store.write() as conn:
        assert endpoints.find(conn, "churn") is None
        assert endpoints.own(conn, "churn") == Endpoint(name="churn", model="churn")
        stored = put(conn, Endpoint(name="churn", model="churn", routes=SPLIT.routes), expected=0)
        assert endpoints.own(conn, "churn") == stored


@pytest.mark.row("S4")
def test_a_change_replaces_the_revision_that_was_seen_and_no_other(store: Store) -> None:
    with store.write() as conn:
        first = put(conn, SPLIT, expected=0)
        second = put(conn, replace(first, sticky=False), expected=1)
        assert (second.revision, second.sticky) == (2, False)
        with pytest.raises(StaleDecision, match="at revision 2, not 1"):
            put(conn, first, expected=1)
        with pytest.raises(StaleDecision, match="already"):
            put(conn, SPLIT, expected=0)
        with pytest.raises(StaleDecision, match="no endpoint other any more"):
            put(conn, replace(SPLIT, name="other"), expected=3)
        assert endpoints.get(conn, "churn-ab") == second


def test_every_change_is_kept_with_who_made_it_and_why(store: Store) -> None:
    with store.write() as conn:
        first = put(conn, SPLIT)
        second = endpoints.put(conn, replace(SPLIT, shadow=()), at=T0 + DAY, by="ben", because="it was slow")
        endpoints.delete(conn, "churn-ab", at=T0 + 2 * DAY, by="ana", because="decided")
        told = [(c.revision, c.at, c.by, c.because, c.endpoint) for c in endpoints.changes(conn, "churn-ab")]
        assert told == [
            (1, T0, "ana", "a contest", first),
            (2, T0 + DAY, "ben", "it was slow", second),
            (3, T0 + 2 * DAY, "ana", "decided", None),
        ]


def test_a_deleted_endpoint_is_gone_and_its_revisions_go_on(store: Store) -> None:
    with store.write() as conn:
        put(conn, SPLIT)
        with pytest.raises(StaleDecision):
            endpoints.delete(conn, "churn-ab", at=T0, by="ana", because="", expected=7)
        assert endpoints.delete(conn, "churn-ab", at=T0, by="ana", because="", expected=1).routes == SPLIT.routes
        assert endpoints.all(conn) == []
        with pytest.raises(EndpointNotFound):
            endpoints.delete(conn, "churn-ab", at=T0, by="ana", because="")
        assert put(conn, SPLIT, expected=0).revision == 3


def test_a_models_own_endpoint_cannot_be_deleted(store: Store) -> None:
    with store.write() as conn:
        put(conn, Endpoint(name="churn", model="churn"))
        with pytest.raises(IllegalMove, match="model churn itself"):
            endpoints.delete(conn, "churn", at=T0, by="ana", because="")


def test_the_stamp_differs_after_every_change(store: Store) -> None:
    seen = []
    with store.write() as conn:
        seen.append(endpoints.stamp(conn))
        put(conn, SPLIT)
        seen.append(endpoints.stamp(conn))
        put(conn, SPLIT)
        seen.append(endpoints.stamp(conn))
        endpoints.delete(conn, "churn-ab", at=T0, by="ana", because="")
        seen.append(endpoints.stamp(conn))
        put(conn, SPLIT)
        seen.append(endpoints.stamp(conn))
    assert seen == [{}, {"churn-ab": 1}, {"churn-ab": 2}, {}, {"churn-ab": 4}]


def test_the_endpoints_that_need_a_version_are_found(store: Store) -> None:
    with store.write() as conn:
        put(conn, SPLIT)
        put(conn, replace(SPLIT, name="other", shadow=()))
        assert endpoints.using(conn, "churn", "1.1.0") == ["churn-ab", "other"]
        assert endpoints.using(conn, "churn", "1.2.0") == ["churn-ab"]
        assert endpoints.using(conn, "risk", "1.2.0") == endpoints.using(conn, "churn", "1.0.0") == []


def test_a_wrong_name_is_answered_with_the_nearest(store: Store) -> None:
    with store.write() as conn:
        put(conn, SPLIT)
        with pytest.raises(EndpointNotFound, match="Did you mean churn-ab"):
            endpoints.get(conn, "churn-ba")
