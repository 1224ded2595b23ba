"""Trees as one block of memory, and the kernel that walks many of them at once.

One walk is a chain of loads, each waiting for the one before. So sixteen walks run side by side, without a branch: sixteen rows through
one tree, or one row through sixteen trees. Leaves point to themselves. Siblings lie side by side, and the child that more rows took comes
first behind its parent, so that most steps stay within a cache line or two. See docs/adr/0007-compiled-engines.md for what was measured.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numba import njit

from farero.serving.compile.links import hand_over, link
from farero.serving.compile.memory import OPTIONS, SIGNATURE, at, carray
from farero.serving.compile.program import INSTRUCTION, fill

SMALL = np.dtype([("threshold", "f4"), ("word", "u4")])
"""A node for float32 columns: bits 0-19 of `word` are the left child's place in its tree, 20 "missing goes left", 21-31 the feature."""
LARGE = np.dtype([("threshold", "f8"), ("left", "u4"), ("word", "u4")])
"""A node for any columns: bits 0-15 of `word` are the feature, 16 "missing goes left", 17 "categories"; of those, `threshold` is the
place of the bits, one for each code from -2 on, set where the code goes right."""

STATE: Final = (
    "small features columns total instructions instruction_count tables table_count nodes node_count leaves leaf_count roots outputs trees "
    "leaf_width bits bit_count start link divisor shares places wide single gaps_refused block float32 padded"
).split()
"""The words of the state, in their order. Names of arrays stand for their addresses."""

U = np.uint64
_LEFT = U(0xFFFFF)
LANES: Final = 16
_S4, _S5, _S20, _S21 = U(4), U(5), U(20), U(21)


@njit(forceinline=True)
def _small_step(nodes: Any, columns: Any, _bits: Any, root: Any, tile: Any, lane: Any, place: Any) -> Any:
    node = nodes[root + place]
    word = U(node.word)
    return (word & _LEFT) + U(columns[tile + ((word >> _S21) << _S4) + lane] > node.threshold)


@njit(forceinline=True)
def _gap_step(nodes: Any, columns: Any, _bits: Any, root: Any, tile: Any, lane: Any, place: Any) -> Any:
    node = nodes[root + place]
    word = U(node.word)
    value = columns[tile + ((word >> _S21) << _S4) + lane]
    # NaN is above nothing, so its side is set apart; leaves say "left", which is where they are.
    right = U(value > node.threshold) | (U(value != value) & ~(word >> _S20))
    return (word & _LEFT) + (right & U(1))


@njit(forceinline=True)
def _large_step(nodes: Any, columns: Any, _bits: Any, root: Any, tile: Any, lane: Any, place: Any) -> Any:
    node = nodes[root + place]
    word = U(node.word)
    value = columns[tile + ((word & U(0xFFFF)) << _S4) + lane]
    right = U(value > node.threshold) | (U(value != value) & ~(word >> U(16)))
    return U(node.left) + (right & U(1))


@njit(forceinline=True)
def _category_step(nodes: Any, columns: Any, bits: Any, root: Any, tile: Any, lane: Any, place: Any) -> Any:
    node = nodes[root + place]
    word = U(node.word)
    value = columns[tile + ((word & U(0xFFFF)) << _S4) + lane]
    if word & U(0x20000):
        code = U(np.int64(value) + 2)
        return U(node.left) + ((U(bits[U(np.int64(node.threshold)) + (code >> _S5)]) >> (code & U(31))) & U(1))
    right = U(value > node.threshold) | (U(value != value) & ~(word >> U(16)))
    return U(node.left) + (right & U(1))


@njit(forceinline=True)
def _arrived(a: Any, b: Any) -> Any:
    moved = (a[0] ^ b[0]) | (a[1] ^ b[1]) | (a[2] ^ b[2]) | (a[3] ^ b[3]) | (a[4] ^ b[4]) | (a[5] ^ b[5]) | (a[6] ^ b[6]) | (a[7] ^ b[7])
    return moved == U(0)


@njit(forceinline=True)
def _say(scores: Any, into: Any, leaves: Any, leaf: Any, width: Any, single: Any) -> None:
    """One tree's say for one row. `single` sums as float32 does, which is what XGBoost does."""
    if width == 1:
        total = scores[into] + leaves[leaf]
        scores[into] = np.float64(np.float32(total)) if single else total
    else:
        for k in range(width):
            scores[into + k] += leaves[leaf * U(width) + U(k)]


@njit(forceinline=True)
def _eight_keep(found: Any, first: Any, root: Any, leaf: Any) -> None:
    # Written out: an index that is known only when it runs would move the tuples from registers to memory.
    found[first] = root[0] + leaf[0]
    found[first + 1] = root[1] + leaf[1]
    found[first + 2] = root[2] + leaf[2]
    found[first + 3] = root[3] + leaf[3]
    found[first + 4] = root[4] + leaf[4]
    found[first + 5] = root[5] + leaf[5]
    found[first + 6] = root[6] + leaf[6]
    found[first + 7] = root[7] + leaf[7]


@njit(forceinline=True)
def _eight_of(values: Any, t: Any) -> Any:
    return (values[t], values[t + 1], values[t + 2], values[t + 3], values[t + 4], values[t + 5], values[t + 6], values[t + 7])


def _walker(step: Any) -> Any:
    """The walk by one way of taking a step. A closure, because numba keeps no code that is given a function."""

    @njit(forceinline=True)
    def eight_steps(nodes: Any, columns: Any, bits: Any, root: Any, tile: Any, lane: Any, place: Any) -> Any:
        return (
            step(nodes, columns, bits, root[0], tile, lane[0], place[0]),
            step(nodes, columns, bits, root[1], tile, lane[1], place[1]),
            step(nodes, columns, bits, root[2], tile, lane[2], place[2]),
            step(nodes, columns, bits, root[3], tile, lane[3], place[3]),
            step(nodes, columns, bits, root[4], tile, lane[4], place[4]),
            step(nodes, columns, bits, root[5], tile, lane[5], place[5]),
            step(nodes, columns, bits, root[6], tile, lane[6], place[6]),
            step(nodes, columns, bits, root[7], tile, lane[7], place[7]),
        )

    @njit(forceinline=True)
    def sixteen_walks(nodes: Any, columns: Any, bits: Any, root: Any, root2: Any, tile: Any, lane: Any, lane2: Any) -> Any:
        """The leaves of sixteen walks, as two eights. Looks up every third step only whether all have arrived."""
        o = U(0)
        a = (o, o, o, o, o, o, o, o)
        b = (o, o, o, o, o, o, o, o)
        while True:
            a = eight_steps(nodes, columns, bits, root, tile, lane, a)
            b = eight_steps(nodes, columns, bits, root2, tile, lane2, b)
            a = eight_steps(nodes, columns, bits, root, tile, lane, a)
            b = eight_steps(nodes, columns, bits, root2, tile, lane2, b)
            next_a = eight_steps(nodes, columns, bits, root, tile, lane, a)
            next_b = eight_steps(nodes, columns, bits, root2, tile, lane2, b)
            if _arrived(a, next_a) and _arrived(b, next_b):
                return a, b
            a = next_a
            b = next_b

    @njit(error_model="numpy")
    def walk(nodes: Any, leaves: Any, bits: Any, roots: Any, trees: Any, outputs: Any, width: Any, columns: Any, total: Any, scores: Any,
             stride: Any, count: Any, single: Any, found: Any) -> None:  # fmt: skip
        """Add every tree's leaf to (count, stride) `scores`, for each row in the order of the trees, as the libraries do."""
        o = U(0)
        tiles = count // 16
        tile_size = U(total * 16)
        for tree in range(trees if tiles else 0):
            r = roots[tree]
            root = (r, r, r, r, r, r, r, r)
            for at_ in range(tiles):
                a, b = sixteen_walks(
                    nodes, columns, bits, root, root, U(at_) * tile_size,
                    (o, U(1), U(2), U(3), U(4), U(5), U(6), U(7)), (U(8), U(9), U(10), U(11), U(12), U(13), U(14), U(15)),
                )  # fmt: skip
                _eight_keep(found, 0, root, a)
                _eight_keep(found, 8, root, b)
                into = at_ * 16 * stride + outputs[tree]
                for lane in range(16):
                    _say(scores, into + lane * stride, leaves, found[lane], width, single)
        same = (o, o, o, o, o, o, o, o)
        for row in range(tiles * 16, count):
            tile = U(tiles) * tile_size + U(row - tiles * 16)
            into = row * stride
            for t in range(0, len(roots), 16):
                root = _eight_of(roots, t)
                root2 = _eight_of(roots, t + 8)
                a, b = sixteen_walks(nodes, columns, bits, root, root2, tile, same, same)
                _eight_keep(found, 0, root, a)
                _eight_keep(found, 8, root2, b)
                for lane in range(16):
                    _say(scores, into + outputs[t + lane], leaves, found[lane], width, single)

    return walk


_small_walk, _gap_walk = _walker(_small_step), _walker(_gap_step)
_large_walk, _category_walk = _walker(_large_step), _walker(_category_step)


def run(state: int, rows: int, answers: int, scratch: int, count: int) -> None:
    """The kernel; see `memory.SIGNATURE`. `scratch` has room for `block` rows: columns row by row, then in tiles, and scores.

    A tile is sixteen rows, transposed: the sixteen values of one column side by side, so that a walk knows its lane beforehand.
    """
    s = carray(at(state), (29,), np.int64)
    small, features, total, stride, block, wide = s[0], s[1], s[3], s[21], s[26], s[23]
    instructions = carray(at(s[4]), (s[5],), INSTRUCTION)
    tables = carray(at(s[6]), (s[7],), np.float64)
    leaves = carray(at(s[10]), (s[11],), np.float64)
    roots = carray(at(s[12]), (s[28],), np.uint64)
    outputs = carray(at(s[13]), (s[28],), np.int64)
    bits = carray(at(s[16]), (s[17],), np.uint32)
    start = carray(at(s[18]), (stride,), np.float64)
    places = carray(at(s[22]), (stride,), np.int64)
    divisor = carray(at(s[20]), (1,), np.float64)[0]
    for first in range(0, count, block):
        n = min(block, count - first)
        given = carray(at(rows + first * features * 8), (n * features,), np.float64)
        out = carray(at(answers + first * wide * 8), (n * wide,), np.float64)
        columns = carray(at(scratch), (n * total,), np.float64)
        singles = carray(at(scratch + block * total * 8), (block * total,), np.float32)
        doubles = carray(at(scratch + block * total * 8), (block * total,), np.float64)
        scores = carray(at(scratch + block * total * 16), (n * stride,), np.float64)
        found = carray(at(scratch + block * (total * 16 + stride * 8)), (16,), np.uint64)
        fill(instructions, tables, given, features, columns, total, n)
        for k in range(n * stride):
            scores[k] = start[k % stride]
        gaps = False
        for r in range(n):
            tile = (r // 16 * total) * 16 + r % 16
            for k in range(total):
                value = columns[r * total + k]
                gaps = gaps or value != value
                if s[27]:
                    value = np.float64(np.float32(value))
                    columns[r * total + k] = value
                if small:
                    singles[tile + k * 16] = np.float32(value)
                else:
                    doubles[tile + k * 16] = value
        if small:
            nodes = carray(at(s[8]), (s[9],), SMALL)
            if gaps:
                _gap_walk(nodes, leaves, bits, roots, s[14], outputs, s[15], singles, total, scores, stride, n, s[24] != 0, found)
            else:
                _small_walk(nodes, leaves, bits, roots, s[14], outputs, s[15], singles, total, scores, stride, n, s[24] != 0, found)
        else:
            large = carray(at(s[8]), (s[9],), LARGE)
            if s[17] > 1:  # there are bits behind the first word, which belongs to nobody
                _category_walk(large, leaves, bits, roots, s[14], outputs, s[15], doubles, total, scores, stride, n, s[24] != 0, found)
            else:
                _large_walk(large, leaves, bits, roots, s[14], outputs, s[15], doubles, total, scores, stride, n, s[24] != 0, found)
        for r in range(n):
            fine = True
            for k in range(total):
                value = columns[r * total + k]
                fine = fine and not (np.isinf(value) or (s[25] and (value != value)))
            fine = link(s[19], scores, r * stride, stride, divisor) and fine
            if s[24]:
                for k in range(r * stride, r * stride + stride):
                    scores[k] = np.float32(scores[k])
            hand_over(fine, scores, r * stride, stride, places, out, r * wide, wide)


def kernel() -> Any:
    """The compiled kernel; compiles it, or reads it from the cache, at the first call."""
    global _kernel
    if _kernel is None:
        _kernel = njit(SIGNATURE, **OPTIONS)(run)
    return _kernel


_kernel: Any = None
