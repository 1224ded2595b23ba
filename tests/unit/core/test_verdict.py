"""The rules, one by one: what they look at, and what they leave alone."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from farero.core.distance import jensen_shannon
from farero.core.observation import ColumnDrift
from farero.core.verdict import RULES, Limit, chance_distance, false_alarm_rate, judge, own_limit, stepped_limit


def column(name: str = "a", *, ks: float = 0.0, p: float = 1.0, psi: float = 0.0, missing: tuple[float, float] = (0.0, 0.0)) -> ColumnDrift:
    return ColumnDrift(name=name, kind="number", drift=False, ks=ks, p_value=p, psi=psi, missing=missing, mean=(0.0, 0.0))


def alarm(rule: str, *columns: ColumnDrift, rows: tuple[int, int] = (1000, 1000), limits: dict[str, Limit] | None = None) -> bool:
    return judge(rule, columns, rows=rows, limits=limits or {})[0].alarm


@pytest.mark.row("M2")
def test_the_textbook_rule_alarms_on_any_p_below_a_twentieth() -> None:
    assert alarm("textbook", column(p=0.049), column("b"))
    assert not alarm("textbook", column(p=0.05), column("b"))


@pytest.mark.row("M2")
def test_the_share_rule_asks_for_three_tenths_of_the_columns() -> None:
    calm = [column(str(i)) for i in range(7)]
    assert alarm("share", *calm, *[column(f"d{i}", p=0.01) for i in range(3)])
    assert not alarm("share", *calm, *[column(f"d{i}", p=0.01) for i in range(2)])


def test_a_verdict_below_the_share_tells_which_columns_and_what_was_asked() -> None:
    verdict, judged = judge("share", [column(str(i), p=0.01 if i == 3 else 0.5) for i in range(10)], rows=(100, 100), limits={})
    assert (verdict.alarm, verdict.score, verdict.features) == (False, 0.1, ("3",))
    assert "the rule asks for 30%" in verdict.because
    assert [c.name for c in judged if c.drift] == ["3"]


@pytest.mark.row("M2")
def test_bonferroni_divides_by_columns_and_by_the_days_of_a_year() -> None:
    limit = 0.05 / (2 * 365)
    assert alarm("bonferroni", column(p=limit * 0.99), column("b"))
    assert not alarm("bonferroni", column(p=limit), column("b"))


@pytest.mark.row("M2")
def test_the_psi_rule_alarms_from_a_quarter_up() -> None:
    assert alarm("psi", column(psi=0.25))
    assert not alarm("psi", column(psi=0.2499))


@pytest.mark.row("M2")
def test_the_fdr_rule_keeps_what_benjamini_and_hochberg_keep() -> None:
    random = np.random.default_rng(0)
    for _ in range(50):
        p_values = np.append(random.random(15), random.random(5) ** 6)
        kept = stats.false_discovery_control(p_values) <= 0.05
        judged = judge("fdr", [column(str(i), p=float(p)) for i, p in enumerate(p_values)], rows=(500, 500), limits={})[1]
        assert [c.drift for c in judged] == kept.tolist()
    assert stepped_limit([]) is None
    assert alarm("fdr", column(p=0.0))


@pytest.mark.row("M2")
def test_the_effect_rule_asks_for_more_where_rows_are_few() -> None:
    assert alarm("effect", column(ks=0.13, p=1e-9), rows=(1_000_000, 100_000))
    assert not alarm("effect", column(ks=0.13, p=1e-9), rows=(1_000_000, 300))
    assert alarm("effect", column(ks=0.35, p=1e-9), rows=(1_000_000, 300))
    assert not alarm("effect", column(ks=0.099, p=0.0), rows=(10**9, 10**9))


@pytest.mark.row("M2")
def test_the_effect_rule_counts_the_rows_that_hold_a_value() -> None:
    assert alarm("effect", column(ks=0.2, p=1e-9, missing=(0.0, 0.0)), rows=(100_000, 3000))
    assert not alarm("effect", column(ks=0.2, p=1e-9, missing=(0.0, 0.98)), rows=(100_000, 3000))


def test_chance_passes_the_distance_of_chance_no_more_often_than_said() -> None:
    random, chance = np.random.default_rng(1), 0.02
    n, m, times = 900, 400, 400
    ks = sum(
        stats.ks_2samp(random.normal(size=n), random.normal(size=m), method="asymp").statistic > chance_distance("number", (n, m), chance)
        for _ in range(times)
    )
    js = sum(
        jensen_shannon(np.bincount(random.integers(0, 20, n), minlength=20), np.bincount(random.integers(0, 20, m), minlength=20))
        > chance_distance("choice", (n, m), chance)
        for _ in range(times)
    )
    # 29 or more of 400 at a chance of 0.02 come once in ten million runs; the seed is fixed all the same.
    assert max(ks, js) < 29
    assert chance_distance("flag", (n, m), chance) < chance_distance("choice", (n, m), chance)


@pytest.mark.row("M2")
def test_the_guarded_rule_wants_both_a_sure_and_a_large_difference() -> None:
    assert alarm("guarded", column(ks=0.2, p=1e-9))
    assert not alarm("guarded", column(ks=0.2, p=1e-3))
    assert not alarm("guarded", column(ks=0.09, p=1e-30))


@pytest.mark.row("M2")
def test_the_guarded_rule_leaves_alone_what_the_reference_does_itself() -> None:
    limits = {"a": Limit(distance=0.3)}
    assert not alarm("guarded", column(ks=0.29, p=1e-30), limits=limits)
    assert alarm("guarded", column(ks=0.31, p=1e-30), limits=limits)


def test_the_guarded_rule_sees_values_go_missing() -> None:
    assert alarm("guarded", column(missing=(0.01, 0.3)))
    assert not alarm("guarded", column(missing=(0.01, 0.3)), limits={"a": Limit(missing=0.5)})
    assert not alarm("guarded", column(missing=(0.01, 0.05)))


def test_with_few_rows_the_guarded_rule_judges_by_ks_alone() -> None:
    levels = ColumnDrift(name="a", kind="choice", drift=False, chi2_p=1e-9, jensen_shannon=0.9)
    assert not alarm("guarded", levels, rows=(1000, 19))
    assert alarm("guarded", levels, rows=(1000, 20))
    assert alarm("guarded", column(ks=0.99, p=1e-9), rows=(1000, 10))


@pytest.mark.parametrize("rule", RULES)
def test_a_column_that_lost_every_value_has_drifted_by_every_rule(rule: str) -> None:
    gone = ColumnDrift(name="a", kind="number", drift=False, missing=(0.02, 1.0), mean=(1.0, None))
    infinite = ColumnDrift(name="a", kind="number", drift=False, missing=(0.02, 0.02), mean=(1.0, None))
    assert alarm(rule, gone)
    assert alarm(rule, infinite)


def test_a_few_empty_rows_of_a_column_that_is_often_empty_are_no_news() -> None:
    often = ColumnDrift(name="a", kind="number", drift=False, missing=(0.9, 1.0), mean=(1.0, None))
    assert not alarm("guarded", often, rows=(1000, 3))


@pytest.mark.parametrize("rule", RULES)
def test_no_columns_and_no_rows_are_no_alarm(rule: str) -> None:
    assert not alarm(rule)
    assert not alarm(rule, column(p=0.0, ks=1.0, psi=9.0), rows=(1000, 0))


def test_the_own_limit_grows_with_noise_and_with_smallness_and_never_passes_1() -> None:
    assert own_limit(0.0, 60, 1000, 1000) == 0.1
    assert own_limit(0.2, 1, 1000, 1000) == 0.1  # one window tells nothing
    assert own_limit(0.2, 60, 1000, 1000) < own_limit(0.2, 4, 1000, 1000)
    assert own_limit(0.2, 60, 1000, 1000) < own_limit(0.2, 60, 1000, 50)
    assert own_limit(0.8, 60, 1000, 1000) == pytest.approx(0.9)


@pytest.mark.row("M2")
@pytest.mark.parametrize("rule", RULES)
def test_every_rule_states_its_false_alarms(rule: str) -> None:
    assert "false alarms per model-year" in false_alarm_rate(rule)


def test_an_unknown_rule_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="no drift rule 'gaurded'; the rules are guarded, bonferroni, textbook, share, fdr, effect, psi"):
        alarm("gaurded", column())
    with pytest.raises(ValueError, match="no drift rule"):
        false_alarm_rate("ks")
