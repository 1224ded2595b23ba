from __future__ import annotations

import pytest

from farero.core.finding import SEVERITIES, Severity, worst


@pytest.mark.parametrize("severity", SEVERITIES)
def test_the_gravest_severity_speaks_for_all(severity: Severity) -> None:
    milder = list(SEVERITIES[: SEVERITIES.index(severity) + 1])
    assert worst(milder) == worst(milder[::-1]) == severity
