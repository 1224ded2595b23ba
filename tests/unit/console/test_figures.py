"""Observations become figures, lines and maps."""

from __future__ import annotations

from tests.standin import lived

from farero.console import charts, figures
from farero.console.i18n import Words

SEEN = lived(30).seen["bikes"]
EN = Words("en")


def test_the_newest_known_value_is_shown() -> None:
    assert figures.newest(SEEN, "mae") == SEEN[-1].metrics["mae"]
    assert figures.newest(SEEN, "roc_auc") is None


def test_worse_means_lower_or_higher_by_the_kind_of_metric() -> None:
    assert figures.is_worse("mae", 60.0, 50.0, 0.05)
    assert not figures.is_worse("mae", 40.0, 50.0, 0.05)
    assert figures.is_worse("roc_auc", 0.6, 0.8, 0.05)
    assert not figures.is_worse("roc_auc", None, 0.8, 0.05)


def test_measured_metrics_are_listed_the_models_own_first() -> None:
    assert figures.metric_names(SEEN, ("r2", "rmse", "mae", "mape"), "mae") == ("mae", "r2", "rmse", "mape")


def test_no_values_give_no_drawing() -> None:
    assert figures.metric_line(SEEN, "roc_auc", "x", None, [], charts.WIDE, EN) == ""
    assert figures.drift_map([], EN, width=390, label_width=90, columns=10) == ""


def test_a_cell_tells_every_distance_and_whether_it_was_flagged() -> None:
    drawing = figures.drift_map(SEEN, EN, width=1120, label_width=130, columns=30)
    assert "temp · 4 Jul 2011 · JS" in drawing
    assert "KS" in drawing
    assert "mean 15.1 →" in drawing
