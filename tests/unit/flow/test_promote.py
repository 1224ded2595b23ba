from __future__ import annotations

import threading
from pathlib import Path

import pytest
from tests.benches import LOST, T0, WON, Installation

from farero.core.gate import Verdict
from farero.core.version import Version
from farero.errors import Corrupt, IllegalMove, NotReady, StaleDecision, VersionNotFound
from farero.serving.layout import MODEL
from farero.store import outbox

YES = Verdict(accepted=True, metric={"current": 2.0, "candidate": 1.0}, because=("a gain of 1",))
NO = Verdict(accepted=False, metric={"current": 1.0, "candidate": 2.0}, because=("a loss of 1",))


def another(here: Installation, slope: float = 3.0) -> Version:
    """One more candidate."""
    origin = f"train/{slope}"
    return here.loop.retrain.first(here.base(slope), until=T0, origin=origin, because="asked for", tags={}).version


def spoil(here: Installation, version: Version) -> None:
    path = here.loop.retrain.files.open(version.digest) / MODEL
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1] + b"?")


@pytest.mark.row("M5")
def test_a_promotion_archives_the_version_before_and_is_announced_once(here: Installation) -> None:
    candidate = another(here)
    moved = here.loop.promote.apply(candidate, YES, by="farero")
    assert moved.state == "production"
    assert here.states() == {"1.0.0": "archived", "1.1.0": "production"}
    assert here.loop.promote.apply(candidate, YES, by="farero").state == "production"
    with here.bench.store.read() as conn:
        told = [d.message.title for d in outbox.all(conn) if d.message.event == "version.promoted"]
    assert told == ["points 1.1.0 is in production", "points 1.0.0 is in production"]


@pytest.mark.row("M10")
def test_a_lost_contest_rejects_with_the_reason_and_again_changes_nothing(here: Installation) -> None:
    candidate = another(here)
    assert here.loop.promote.apply(candidate, NO, by="farero").state == "rejected"
    moves = here.moves()
    assert here.loop.promote.apply(candidate, NO, by="farero").state == "rejected"
    assert here.moves() == moves
    assert moves[-1].because == "a loss of 1"


@pytest.mark.row("S4", "M5")
def test_a_corrupt_version_is_never_promoted_and_production_goes_on_answering(here: Installation) -> None:
    candidate = another(here)
    spoil(here, candidate)
    with pytest.raises(Corrupt, match=MODEL):
        here.loop.promote.to_production(candidate.number, by="ana", because="better")
    assert here.states() == {"1.0.0": "production", "1.1.0": "candidate"}
    assert here.loop.predict.pool.production("points").version.number == "1.0.0"


@pytest.mark.row("S4")
def test_a_version_that_became_corrupt_is_not_put_back(here: Installation) -> None:
    first = here.versions()[0]
    here.loop.promote.to_production(another(here).number, by="ana", because="better")
    spoil(here, first)
    with pytest.raises(Corrupt, match=r"No earlier version of points .* 1\.0\.0 was skipped"):
        here.loop.promote.back(to=None, by="ana", because="worse")
    assert here.production() == "1.1.0"


@pytest.mark.row("S4", "M5")
@pytest.mark.parametrize("damage", ["changed", "gone", "deleted"])
def test_a_rollback_passes_over_what_cannot_serve_and_says_so(here: Installation, damage: str) -> None:
    middle = another(here)
    here.loop.promote.to_production(middle.number, by="ana", because="better")
    here.loop.promote.to_production(another(here, 4.0).number, by="ana", because="better still")
    if damage == "changed":
        spoil(here, middle)
    elif damage == "gone":
        here.loop.retrain.files.delete(middle.digest)
    else:
        here.loop.promote.delete(middle.number, by="ana", because="too old")
    assert here.loop.promote.back(to=None, by="ana", because="worse").number == here.production() == "1.0.0"
    words = {"changed": f"{MODEL} was changed", "gone": "are gone", "deleted": "it was deleted"}
    because = here.moves()[-1].because
    assert because.startswith("worse; 1.1.0 was skipped: ") and words[damage] in because


@pytest.mark.row("M5")
def test_a_rollback_goes_to_the_last_good_version_and_not_to_one_that_was_rolled_back_from(here: Installation) -> None:
    for slope in (3.0, 4.0):
        here.loop.promote.to_production(another(here, slope).number, by="ana", because="better")
    assert here.production() == "1.2.0"
    assert here.loop.promote.back(to=None, by="ana", because="worse").number == "1.1.0"
    assert here.loop.promote.back(to=None, by="ana", because="worse still").number == "1.0.0"
    with pytest.raises(VersionNotFound, match="before this one"):
        here.loop.promote.back(to=None, by="ana", because="more")
    assert here.production() == "1.0.0"


@pytest.mark.row("M5")
def test_a_rollback_to_a_version_that_never_served_is_refused_and_says_what_to_do(here: Installation) -> None:
    candidate = another(here)
    with pytest.raises(IllegalMove, match=f"farero promote {candidate.number}"):
        here.loop.promote.back(to=candidate.number, by="ana", because="hm")
    with pytest.raises(VersionNotFound):
        here.loop.promote.back(to="9.9.9", by="ana", because="hm")


@pytest.mark.row("M5")
def test_a_promotion_that_was_decided_against_another_version_is_refused(here: Installation) -> None:
    candidate, rival = another(here, 3.0), another(here, 4.0)
    here.loop.promote.to_production(rival.number, by="ana", because="mine first")
    with pytest.raises(StaleDecision):
        here.loop.promote.to_production(candidate.number, by="farero", because="won", replacing="1.0.0")
    assert here.production() == rival.number


@pytest.mark.row("M10")
def test_a_rejected_version_goes_to_production_by_force_and_with_a_reason_only(here: Installation) -> None:
    here.day(0, LOST)
    with pytest.raises(IllegalMove, match="--force --because"):
        here.loop.promote.asked("1.1.0", to="production", by="ana", because="I like it", force=False)
    with pytest.raises(IllegalMove, match="needs a reason"):
        here.loop.promote.asked("1.1.0", to="production", by="ana", because="", force=True)
    assert here.production() == "1.0.0"
    moved = here.loop.promote.asked("1.1.0", to="production", by="ana", because="I like it", force=True)
    assert (moved.number, here.production(), here.moves()[-1].because) == ("1.1.0", "1.1.0", "forced: I like it")


def test_staging_changes_nothing_in_production(here: Installation) -> None:
    candidate = another(here)
    assert here.loop.promote.to_staging(candidate.number, by="ana", because="to try").state == "staging"
    assert here.loop.promote.to_staging(candidate.number, by="ana", because="again").state == "staging"
    assert here.production() == "1.0.0"


@pytest.mark.row("R4")
def test_a_turn_taken_again_does_not_undo_a_rollback(here: Installation) -> None:
    turn = here.day(0, WON)
    assert turn.candidate is not None and turn.verdict is not None
    here.loop.promote.back(to=None, by="ana", because="worse")
    again = here.loop.promote.apply(turn.candidate, turn.verdict, by="farero")
    assert (again.state, here.production()) == ("archived", "1.0.0")


def test_a_deleted_version_is_no_version_to_go_back_to_and_its_files_are_gone(here: Installation) -> None:
    first = here.versions()[0]
    here.loop.promote.to_production(another(here).number, by="ana", because="better")
    with pytest.raises(IllegalMove):
        here.loop.promote.delete(first.number, by="ana", because="")
    here.loop.promote.delete(first.number, by="ana", because="too old")
    assert first.digest not in set(here.loop.retrain.files.digests())
    with pytest.raises(VersionNotFound):
        here.loop.promote.back(to=None, by="ana", because="worse")


def test_nothing_answers_while_nothing_was_promoted(here: Installation, tmp_path: Path) -> None:
    here.loop.predict.pool.drop("points")
    with pytest.raises(NotReady):
        here.predict(0)


@pytest.mark.row("R7")
def test_of_two_promotions_at_once_one_wins_and_the_other_is_told_of_it(here: Installation) -> None:
    numbers = [another(here, slope).number for slope in (3.0, 4.0)]
    met, refused = threading.Barrier(2), list[StaleDecision]()

    def promote(number: str) -> None:
        met.wait()
        try:
            here.loop.promote.to_production(number, by="ana", because="better", replacing="1.0.0")
        except StaleDecision as failure:
            refused.append(failure)

    threads = [threading.Thread(target=promote, args=(number,)) for number in numbers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 1
    assert "is in production by now, not 1.0.0" in refused[0].message
    assert sorted(here.states().values()) == ["archived", "production", "staging"]
