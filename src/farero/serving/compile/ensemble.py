"""Trees of any library, packed into the memory that the kernel of `trees` walks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from farero.serving.compile import trees
from farero.serving.compile.columns import Numeric, Seen, numeric
from farero.serving.compile.links import IDENTITY
from farero.serving.compile.memory import address
from farero.serving.compile.program import Program
from farero.serving.compile.refused import NotCompiled
from farero.serving.compile.trees import LANES, LARGE, SMALL

_SMALL_FEATURES = 1 << 11
_SMALL_NODES = 1 << 20
_LARGE_FEATURES = 1 << 16
_BLOCK_BYTES = 1 << 18


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tree:
    """One tree with its nodes in any order, the root first.

    Attributes:
        left: (n,) the child for "at most the threshold"; -1 at a leaf.
        right: (n,) the other child.
        feature: (n,) column.
        threshold: (n,) float64.
        missing_left: (n,) whether NaN goes left.
        value: (n, k) what a leaf says.
        weight: (n,) how many rows came by in training; places the likelier child first.
        bits: for each node that splits categories, which codes from -2 on go right; else absent.
        output: the first score that its leaves add to.
    """

    left: NDArray[np.int64]
    right: NDArray[np.int64]
    feature: NDArray[np.int64]
    threshold: NDArray[np.float64]
    missing_left: NDArray[np.bool_]
    value: NDArray[np.float64]
    weight: NDArray[np.float64]
    bits: dict[int, NDArray[np.bool_]]
    output: int = 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ensemble:
    """Trees and what becomes of their sum.

    Attributes:
        columns: what the trees read.
        start: (k,) the scores before the first tree.
        divisor: of the sum, where the link is a mean.
        float32: the library rounds every value to float32 before it compares.
        single: the library sums in float32.
        gaps: NaN is a value like any other; otherwise the library raises.
    """

    seen: Seen
    trees: Sequence[Tree]
    start: NDArray[np.float64]
    link: int = IDENTITY
    divisor: float = 1.0
    float32: bool = False
    single: bool = False
    gaps: bool = True
    what: str = ""


class Packed:
    """The memory of an ensemble, and how to call the kernel on it. Nothing in it changes, so any number of threads may."""

    def __init__(self, ensemble: Ensemble, places: NDArray[np.int64], wide: int) -> None:
        columns: list[Numeric] = [numeric(column) for column in ensemble.seen.columns]
        program = Program(columns, ensemble.seen.guards)
        small = ensemble.float32 and _fits_small(ensemble, program.total)
        # One row meets sixteen trees at a time, so trees that say nothing fill up the last sixteen.
        given = [*ensemble.trees, *[_silent(ensemble.trees[0].value.shape[1])] * (-len(ensemble.trees) % LANES)]
        nodes, leaves, roots, bits = _pack(given, small, ensemble.float32)
        self._arrays: dict[str, NDArray[Any]] = {
            "instructions": program.instructions,
            "tables": program.tables,
            "nodes": nodes,
            "leaves": leaves,
            "roots": roots,
            "outputs": np.array([tree.output for tree in given], dtype=np.int64),
            "bits": bits,
            "start": np.ascontiguousarray(ensemble.start, dtype=np.float64),
            "divisor": np.array([ensemble.divisor]),
            "places": places,
        }
        stride = len(ensemble.start)
        block = int(np.clip(_BLOCK_BYTES // (4 * max(program.total, 1)), 64, 1024)) // 16 * 16
        self.scratch_bytes = block * (16 * program.total + 8 * stride) + 8 * LANES
        words = {
            "small": small, "columns": program.width, "total": program.total, "instruction_count": len(program.instructions),
            "table_count": len(program.tables), "node_count": len(nodes), "leaf_count": leaves.size, "trees": len(ensemble.trees),
            "leaf_width": leaves.shape[1], "bit_count": len(bits), "link": ensemble.link, "shares": stride, "wide": wide,
            "single": ensemble.single, "gaps_refused": not ensemble.gaps, "block": block, "float32": ensemble.float32,
            "padded": len(given),
        }  # fmt: skip
        self._words = {name: int(word) for name, word in words.items()}
        self.kernel = trees.kernel()

    def state(self, features: int) -> NDArray[np.int64]:
        """The kernel's state for rows of so many features."""
        words = {**self._words, "features": features} | {name: address(array) for name, array in self._arrays.items()}
        return np.array([words[name] for name in trees.STATE], dtype=np.int64)


def _silent(width: int) -> Tree:
    nothing = np.full(1, -1)
    one = np.ones(1)
    return Tree(
        left=nothing, right=nothing, feature=np.zeros(1, np.int64), threshold=one, missing_left=one > 0, value=np.zeros((1, width)),
        weight=one, bits={},
    )  # fmt: skip


def _fits_small(ensemble: Ensemble, total: int) -> bool:
    return total <= _SMALL_FEATURES and all(len(tree.left) <= _SMALL_NODES and not tree.bits for tree in ensemble.trees)


def float32_at_most(thresholds: NDArray[np.float64]) -> NDArray[np.float32]:
    """The largest float32 that is at most each threshold: a float32 is at most the one where it is at most the other."""
    with np.errstate(over="ignore"):
        near = thresholds.astype(np.float32)
        return np.where(near.astype(np.float64) > thresholds, np.nextafter(near, np.float32(-np.inf)), near)


def decides_alike(thresholds: NDArray[np.float64], packed: NDArray[Any]) -> bool:
    """Whether, for each threshold and its float32 neighbours on both sides, the packed one decides as the original does.

    Between those there is no other float32, so that nothing a model of float32 may meet is decided otherwise at any node.
    """
    with np.errstate(over="ignore"):
        at = thresholds.astype(np.float32)
        values = np.stack([np.nextafter(at, np.float32(-np.inf)), at, np.nextafter(at, np.float32(np.inf))])
    return bool(np.array_equal(values.astype(np.float64) <= thresholds, values.astype(np.float64) <= packed.astype(np.float64)))


def _pack(
    given: Sequence[Tree], small: bool, float32: bool
) -> tuple[NDArray[Any], NDArray[np.float64], NDArray[np.uint64], NDArray[np.uint32]]:
    nodes: list[NDArray[Any]] = []
    values: list[NDArray[np.float64]] = []
    bits: list[int] = [0]
    roots = np.cumsum([0, *(len(tree.left) for tree in given)])[:-1].astype(np.uint64)
    for tree in given:
        order = _order(tree)
        place = np.empty(len(tree.left), dtype=np.int64)
        place[order] = np.arange(len(order))
        leaf = tree.left[order] < 0
        left = np.where(leaf, np.arange(len(order)), place[np.where(leaf, 0, tree.left[order])]).astype(np.uint32)
        feature = np.where(leaf, 0, tree.feature[order]).astype(np.uint32)
        # A leaf is a node that everything goes left of, to itself.
        missing_left = np.where(leaf, True, tree.missing_left[order]).astype(np.uint32)
        threshold = np.where(leaf, np.inf, tree.threshold[order])
        packed = np.zeros(len(order), dtype=SMALL if small else LARGE)
        if small:
            packed["threshold"] = float32_at_most(threshold)
            packed["word"] = left | missing_left << np.uint32(20) | feature << np.uint32(21)
        else:
            packed["threshold"] = float32_at_most(threshold) if float32 else threshold
            packed["left"] = left
            packed["word"] = feature | missing_left << np.uint32(16)
        if float32 and not decides_alike(threshold, packed["threshold"]):
            raise NotCompiled("A threshold of its trees is not decided alike as a float32.")
        if not small:
            for node, right in tree.bits.items():
                packed["threshold"][place[node]] = len(bits)
                packed["word"][place[node]] |= np.uint32(1 << 17)
                bits += _words(right)
        nodes.append(packed)
        values.append(np.where(leaf[:, None], tree.value[order], 0.0))
    return np.concatenate(nodes), np.ascontiguousarray(np.concatenate(values)), roots, np.array(bits, dtype=np.uint32)


def _order(tree: Tree) -> NDArray[np.int64]:
    """Siblings side by side, and behind each pair the children of its likelier half."""
    left, right, weight = tree.left.tolist(), tree.right.tolist(), tree.weight.tolist()
    order = [0]
    waiting = [0]
    while waiting:
        node = waiting.pop()
        first, second = left[node], right[node]
        if first < 0:
            continue
        order += (first, second)
        waiting += (second, first) if weight[first] >= weight[second] else (first, second)
    return np.array(order, dtype=np.int64)


def _words(right: NDArray[np.bool_]) -> list[int]:
    padded = np.zeros((len(right) + 31) // 32 * 32, dtype=np.uint8)
    padded[: len(right)] = right
    return [int(word) for word in np.packbits(padded, bitorder="little").view("<u4")]
