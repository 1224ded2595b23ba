from __future__ import annotations

from datetime import timedelta

import pytest
from tests.benches import T0, Installation, day

from farero.core.label import LabelRow
from farero.store import labels

KNOWN = T0 + timedelta(hours=1)


def row(raw: object, request_id: str | None = "day-0", number: int = 0, **more: object) -> LabelRow:
    return LabelRow(raw=raw, known_at=KNOWN, request_id=request_id, row=number, **more)  # type: ignore[arg-type]


@pytest.mark.row("M1")
def test_the_same_label_twice_is_a_duplicate_and_changes_nothing(here: Installation) -> None:
    here.predict(0)
    assert here.loop.label.take([row(3.0)]).stored == 1
    receipt = here.loop.label.take([row(3.0)])
    assert (receipt.stored, receipt.duplicates, receipt.contradictions) == (0, 1, ())


@pytest.mark.row("M1")
def test_another_value_for_a_labelled_row_is_a_contradiction_and_the_first_one_stays(here: Installation) -> None:
    here.predict(0)
    here.loop.label.take([row(3.0)])
    receipt = here.loop.label.take([row(2.0, number=1), row(4.0)], prefix="file.csv")
    assert receipt.stored == 1
    assert receipt.contradictions == ("file.csv[1]: 4 contradicts the label 3 that is stored; the stored one stays",)
    with here.bench.store.read() as conn:
        found = labels.between(conn, "points", None, day(1).end, day(1).end)
    assert dict(zip(found.rows, found.values, strict=True)) == {0: 3.0, 1: 2.0}


@pytest.mark.row("M1")
def test_a_label_that_is_none_is_invalid_and_the_others_are_taken(here: Installation) -> None:
    here.predict(0)
    receipt = here.loop.label.take([row("many"), row(5.0, number=1), row(None, number=2)])
    assert receipt.stored == 1
    assert [text.split(":")[0] for text in receipt.invalid] == ["labels[0]", "labels[2]"]
    assert receipt.invalid[1] == "labels[2]: the label is missing"


@pytest.mark.row("M1")
def test_a_label_before_its_prediction_is_reported_and_placed_when_the_prediction_appears(here: Installation) -> None:
    receipt = here.loop.label.take([row(3.0), row(7.0, number=99)])
    assert receipt.stored == 0
    assert receipt.unknown[0] == "labels[0]: no prediction 'day-0' row 0 is recorded; kept, in case the prediction appears"
    assert here.loop.label.retry_waiting() == 0
    here.predict(0)
    assert here.loop.label.retry_waiting() == 1
    with here.bench.store.read() as conn:
        assert labels.counts(conn, "points") == labels.LabelCounts(stored=1, waiting=1)


@pytest.mark.row("M1")
def test_a_label_for_a_key_finds_the_newest_prediction_before_its_time(here: Installation) -> None:
    here.predict(0)
    here.predict(1)
    at = day(1).start + timedelta(hours=23)
    receipt = here.loop.label.take([LabelRow(raw=9.0, known_at=at, key="c3", time=at)])
    assert receipt.stored == 1
    with here.bench.store.read() as conn:
        found = labels.between(conn, "points", None, day(2).end, day(2).end)
    assert (list(found.request_ids), list(found.rows)) == (["day-1"], [3])


@pytest.mark.row("M1")
@pytest.mark.parametrize(
    ("key", "hours", "reason"),
    [
        ("stranger", 23, "no prediction for that key is recorded in the time before it"),
        ("c3", 24 * 4, "no prediction for that key is recorded in the time before it"),
        ("c39", 1, "no prediction for that key is recorded in the time before it"),
        (None, 23, "a label needs a request_id, or a key and a time"),
    ],
    ids=["another key", "later than labels may take", "before the prediction", "no key"],
)
def test_a_label_that_fits_no_prediction_says_why(here: Installation, key: str | None, hours: int, reason: str) -> None:
    here.predict(0)
    at = T0 + timedelta(hours=hours)
    receipt = here.loop.label.take([LabelRow(raw=9.0, known_at=at, key=key, time=at)])
    assert receipt.unknown == (f"labels[0]: {reason}; kept, in case the prediction appears",)


def test_no_labels_are_no_work(here: Installation) -> None:
    receipt = here.loop.label.take([])
    assert (receipt.stored, receipt.duplicates, receipt.unknown) == (0, 0, ())
