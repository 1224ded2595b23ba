from __future__ import annotations

import pytest
from threadpoolctl import threadpool_info

from farero.project.threads import CELLS_A_THREAD, limited, threads


@pytest.mark.parametrize(("cells", "cores", "expected"), [(0, 8, 1), (CELLS_A_THREAD * 3, 8, 3), (CELLS_A_THREAD * 99, 4, 4), (1, 1, 1)])
def test_small_work_gets_one_thread_and_large_work_all_cores(cells: int, cores: int, expected: int) -> None:
    assert threads(cells, cores) == expected


def test_libraries_are_limited_inside_and_as_before_outside() -> None:
    import sklearn.ensemble  # noqa: F401  # loads the libraries that are limited

    before = [library["num_threads"] for library in threadpool_info()]
    with limited(10):
        assert {library["num_threads"] for library in threadpool_info()} == {1}
    assert [library["num_threads"] for library in threadpool_info()] == before
