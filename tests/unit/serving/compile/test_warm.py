"""Warming makes every kernel ready."""

from farero.core import counting
from farero.serving.compile import linear, trees
from farero.serving.compile.warm import warm


def test_every_kernel_is_ready_afterwards() -> None:
    warm()
    assert trees.kernel() is trees.kernel()
    assert linear.kernel() is linear.kernel()
    assert trees.kernel().signatures and linear.kernel().signatures and counting.kernel().signatures
