"""Every decision has its reasons, "no" included."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from farero.core.competition import Entrant
from farero.core.policy import MOST_SAVED, NAMED, Evidence, PolicyRule, again, choose, outdated, read_rule, saved
from farero.core.window import Window
from farero.errors import ConfigInvalid, Corrupt

AT = datetime(2024, 3, 1, tzinfo=UTC)
QUIET = Evidence(
    window=Window(start=AT - timedelta(days=1), end=AT), production="1.0.0", drift_alarm=False, drift_because="", drift_share=0.1,
    metric="mae", higher_is_better=False, performance=50.0, baseline=49.0, performance_fell=False, new_labelled=500, last_training=None,
)  # fmt: skip


@pytest.mark.row("R4")
def test_nothing_wrong_keeps_the_version_and_says_so() -> None:
    decision = choose(QUIET, PolicyRule(name="farero"), AT)
    assert decision.action == "keep"
    assert decision.because == ("no drift alarm, and mae of 50 is within the limit of the surest baseline",)


@pytest.mark.row("R4")
def test_a_fall_of_performance_retrains_and_names_both_figures() -> None:
    decision = choose(replace(QUIET, performance=80.0, performance_fell=True), PolicyRule(name="farero"), AT)
    assert decision.action == "retrain"
    assert decision.because == ("mae is 80 on the newest labelled rows, the surest baseline is 49",)


@pytest.mark.row("R4")
def test_drift_retrains() -> None:
    decision = choose(replace(QUIET, drift_alarm=True, drift_because="temp moved"), PolicyRule(name="farero"), AT)
    assert (decision.action, decision.because) == ("retrain", ("temp moved",))


@pytest.mark.row("R4")
def test_the_cooldown_holds_a_training_back_and_both_reasons_are_kept() -> None:
    evidence = replace(QUIET, drift_alarm=True, drift_because="temp moved", last_training=AT - timedelta(days=2))
    decision = choose(evidence, PolicyRule(name="farero"), AT)
    assert decision.action == "keep"
    assert decision.because == ("temp moved", "but the last training was on 2024-02-28, inside the cool-down of 1w")
    assert choose(replace(evidence, last_training=AT - timedelta(days=7)), PolicyRule(name="farero"), AT).action == "retrain"


@pytest.mark.row("R4")
@pytest.mark.parametrize(("lost", "days"), [(0, 7), (1, 14), (2, 28), (3, 56), (9, 56)])
def test_every_lost_contest_doubles_the_cooldown_up_to_a_limit(lost: int, days: int) -> None:
    evidence = replace(QUIET, drift_alarm=True, drift_because="temp moved", lost=lost)
    waiting = replace(evidence, last_training=AT - timedelta(days=days) + timedelta(minutes=1))
    assert choose(waiting, PolicyRule(name="farero"), AT).action == "keep"
    assert choose(replace(evidence, last_training=AT - timedelta(days=days)), PolicyRule(name="farero"), AT).action == "retrain"


@pytest.mark.row("R4")
def test_drift_that_fresh_labels_show_to_be_harmless_is_no_reason_and_is_told() -> None:
    drifted = replace(QUIET, drift_alarm=True, drift_because="temp moved")
    assert choose(drifted, PolicyRule(name="farero"), AT).action == "retrain"
    unharmed = choose(replace(drifted, performance_fresh=True), PolicyRule(name="farero"), AT)
    assert unharmed.action == "keep"
    assert unharmed.because == ("inputs drifted (temp moved), but mae of 50 is within the limit of the surest baseline",)
    losing = replace(drifted, performance_fresh=True, loss_because="the loss rose")
    assert choose(losing, PolicyRule(name="farero"), AT).because == ("the loss rose", "temp moved")
    assert choose(replace(drifted, performance_fresh=True, performance_fell=True), PolicyRule(name="farero"), AT).action == "retrain"


@pytest.mark.row("R4")
def test_nothing_is_trained_without_new_labels() -> None:
    evidence = replace(QUIET, drift_alarm=True, drift_because="temp moved", new_labelled=49)
    assert choose(evidence, PolicyRule(name="farero"), AT).action == "keep"


@pytest.mark.row("R4")
def test_the_named_policies_do_what_their_names_say() -> None:
    alarmed = replace(QUIET, drift_alarm=True, drift_because="x", drift_share=0.3, performance_fell=True)
    assert choose(alarmed, NAMED["never"], AT).action == "keep"
    assert choose(QUIET, NAMED["always"], AT).action == "retrain"
    assert choose(alarmed, NAMED["textbook"], AT).action == "retrain"
    assert choose(replace(alarmed, drift_share=0.29), NAMED["textbook"], AT).action == "keep"


@pytest.mark.row("R4")
def test_a_decision_keeps_the_figures_it_was_made_from() -> None:
    inputs = choose(QUIET, PolicyRule(name="farero"), AT).inputs
    assert inputs["performance"] == 50.0 and inputs["new_labelled"] == 500 and inputs["production"] == "1.0.0"


@pytest.mark.row("M11")
def test_a_policy_file_reports_every_fault_at_once() -> None:
    wrong = {"triger": "always", "share": 3, "cooldown": "soon", "gated": 1, "blend": "no", "min_rows": 0, "trigger": "sometimes"}
    with pytest.raises(ConfigInvalid) as caught:
        read_rule("mine", wrong)
    assert [str(fault).split(":")[0] for fault in caught.value.faults] == list(wrong)
    assert "did you mean trigger?" in str(caught.value)


@pytest.mark.row("M11")
def test_a_policy_file_sets_what_it_names_and_leaves_the_rest() -> None:
    rule = read_rule("mine", {"trigger": "drift-share", "share": 0.5, "look_back": "90d"})
    assert (rule.name, rule.trigger, rule.share, rule.look_back, rule.gated) == ("mine", "drift-share", 0.5, timedelta(days=90), True)


@pytest.mark.row("R4")
def test_what_the_last_retraining_gained_is_a_reason_for_another_with_fewer_new_rows() -> None:
    rule, gained = PolicyRule(name="farero"), replace(QUIET, gained=0.12, growth_needed=1.25, learnt_from=400)
    because = (
        "the last retraining took away 12% of what was wrong, so another may: production has learnt from 400 rows, and 100 new ones have"
    )
    assert choose(replace(gained, new_labelled=100), rule, AT).because == (f"{because} labels by now",)
    assert choose(replace(gained, new_labelled=99), rule, AT).action == "keep"
    assert choose(replace(gained, new_labelled=400, gained=-0.01, growth_needed=8.0), rule, AT).action == "keep"


@pytest.mark.row("R4")
def test_performance_below_target_is_a_reason_and_makes_drift_no_harmless_one() -> None:
    below = replace(
        QUIET, below_target="mae is 120, the project's limit is 100", drift_alarm=True, drift_because="x moved", performance_fresh=True
    )
    assert choose(below, PolicyRule(name="farero"), AT).because == ("mae is 120, the project's limit is 100", "x moved")


@pytest.mark.row("R4")
def test_the_budget_holds_a_retraining_back_until_enough_is_saved() -> None:
    alarmed = replace(QUIET, drift_alarm=True, drift_because="x moved", saved=0.75)
    decision = choose(alarmed, PolicyRule(name="farero"), AT)
    assert decision.because == ("x moved", "but the budget of 24% of the windows is spent: 0.75 of a retraining is saved")
    assert choose(replace(alarmed, saved=1.0), PolicyRule(name="farero"), AT).action == "retrain"
    assert choose(alarmed, PolicyRule(name="farero", budget=1.0), AT).action == "retrain"
    assert choose(alarmed, NAMED["always"], AT).action == "retrain"


@pytest.mark.row("R4")
def test_a_budget_never_spends_more_than_its_share_of_the_windows_with_labels() -> None:
    rule, left, spent = PolicyRule(name="farero", budget=0.24), None, 0
    retrained = False
    for window in range(1, 201):
        left = saved(left, retrained=retrained, labelled=window % 2 == 0, rule=rule)
        retrained = left >= 1 - 1e-9
        spent += retrained
        assert spent <= 0.24 * window / 2 + 0.5
    assert spent == 24
    assert saved(MOST_SAVED, retrained=False, labelled=True, rule=rule) == MOST_SAVED


@pytest.mark.row("R4", "R13")
def test_a_retraining_falls_due_whatever_the_evidence_says() -> None:
    monthly = PolicyRule(name="monthly", every=timedelta(days=30))
    since = replace(QUIET, trained_until=AT - timedelta(days=30))
    assert choose(since, monthly, AT).because == ("the policy retrains every 30d, and the last training was on 2024-01-31",)
    assert choose(replace(since, last_training=AT - timedelta(days=10)), monthly, AT).action == "keep"
    assert choose(QUIET, monthly, AT).action == "keep"


@pytest.mark.row("R4")
def test_a_training_that_lies_ahead_because_a_clock_was_set_back_holds_nothing_back() -> None:
    ahead = replace(QUIET, drift_alarm=True, drift_because="x moved", last_training=AT + timedelta(days=400))
    assert choose(ahead, PolicyRule(name="farero"), AT).action == "retrain"
    assert choose(replace(ahead, saved=0.25), PolicyRule(name="farero"), AT).action == "keep"


@pytest.mark.row("R4")
@pytest.mark.parametrize(
    "evidence",
    [QUIET, replace(QUIET, drift_alarm=True, drift_because="x moved", last_training=AT - timedelta(days=3), trained_until=AT, gained=0.2,
        growth_needed=1.1),
     replace(QUIET, performance=None, baseline=None, saved=0.5, loss_because="losses rose", lost=2)],
)  # fmt: skip
def test_a_decision_is_made_again_from_its_stored_inputs(evidence: Evidence) -> None:
    rule = PolicyRule(name="farero")
    decision = choose(evidence, rule, AT)
    assert again(decision, rule) == decision
    assert again(decision, NAMED["never"]).action == "keep"


def test_a_decision_without_its_inputs_cannot_be_made_again() -> None:
    with pytest.raises(Corrupt, match="cannot be made again"):
        again(replace(choose(QUIET, NAMED["never"], AT), inputs={}), NAMED["never"])


@pytest.mark.row("R5")
def test_a_policy_file_names_candidates() -> None:
    rule = read_rule("mine", {"candidates": [{"look_back": "90d", "params": {"depth": 3}}, {"half_life": "30d"}], "budget": 1.0})
    assert rule.candidates == (Entrant(look_back=timedelta(days=90), params={"depth": 3}), Entrant(half_life=timedelta(days=30)))
    with pytest.raises(ConfigInvalid) as caught:
        read_rule(
            "mine", {"candidates": [{"lookback": "90d"}, {"look_back": "soon"}, {"params": {"a": []}}], "leakage": "maybe", "budget": 2}
        )
    assert [str(fault).split(":")[0] for fault in caught.value.faults] == [
        "candidates[0]", "candidates[1].look_back", "candidates[2].params", "leakage", "budget",
    ]  # fmt: skip


@pytest.mark.row("R4")
def test_lost_contests_make_nobody_wait_longer_where_labels_show_that_the_model_does_worse() -> None:
    lost = replace(QUIET, drift_alarm=True, drift_because="x moved", lost=3, last_training=AT - timedelta(days=10))
    assert choose(lost, PolicyRule(name="farero"), AT).action == "keep"
    for worse in (replace(lost, performance_fell=True), replace(lost, loss_because="losses rose"), replace(lost, below_target="mae is 9")):
        assert choose(worse, PolicyRule(name="farero"), AT).action == "retrain"
    inside = choose(replace(lost, loss_because="losses rose", last_training=AT - timedelta(days=6)), PolicyRule(name="farero"), AT)
    assert inside.because[-1] == "but the last training was on 2024-02-24, inside the cool-down of 1w"


@pytest.mark.row("R4")
def test_as_many_new_labels_as_production_learnt_from_are_a_reason() -> None:
    because = "production has learnt from 400 rows, and 400 new ones have labels by now"
    rule = PolicyRule(name="farero")
    assert choose(replace(QUIET, new_labelled=400, learnt_from=400), rule, AT).because == (because,)
    assert choose(replace(QUIET, new_labelled=399, learnt_from=400), rule, AT).action == "keep"
    assert choose(replace(QUIET, new_labelled=400, learnt_from=0), rule, AT).action == "keep"


@pytest.mark.row("R6")
@pytest.mark.parametrize(
    ("evidence", "told"),
    [(QUIET, False), (replace(QUIET, performance_fell=True), True), (replace(QUIET, below_target="mae is 9"), True),
     (replace(QUIET, loss_because="losses rose"), True), (replace(QUIET, gained=0.2, growth_needed=1.1), True),
     (replace(QUIET, gained=0.001, growth_needed=8.0), False), (replace(QUIET, drift_alarm=True, drift_because="x"), False)],
)  # fmt: skip
def test_production_is_outdated_where_labels_complain_of_it_or_models_age(evidence: Evidence, told: bool) -> None:
    assert outdated(choose(evidence, PolicyRule(name="farero"), AT)) is told
