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
"""A node for float32 columns: bits 0-19 of `word` are the left child's place in its tree, 20-30 the feature, 31 "missing goes left"."""
LARGE = np.dtype([("threshold", "f8"), ("left", "u4"), ("word", "u4")])
"""A node for any columns: bits 0-15 of `word` are the feature, 16 "missing goes left", 17 "categories"; of those, `threshold` is the
place of the bits, one for each code from -2 on, set where the code goes right."""

STATE: Final = (
    "small features columns total instructions instruction_count tables table_count nodes node_count leaves leaf_count roots outputs trees "
    "leaf_width bits bit_count start link divisor shares places wide single gaps_refused block float32"
).split()
"""The words of the state, in their order. Names of arrays stand for their addresses."""

U = np.uint64
_LEFT = U(0xFFFFF)
_FEATURE = U(0x7FF)
_S20, _S31, _S5 = U(20), U(31), U(5)
_LANES: Final = 16


@njit(forceinline=True)
def _small_step(nodes: Any, columns: Any, _bits: Any, root: Any, row: Any, place: Any) -> Any:
    node = nodes[root + place]
    word = U(node.word)
    return (word & _LEFT) + U(columns[row + ((word >> _S20) & _FEATURE)] > node.threshold)


@njit(forceinline=True)
def _gap_step(nodes: Any, columns: Any, _bits: Any, root: Any, row: Any, place: Any) -> Any:
    node = nodes[root + place]
    word = U(node.word)
    value = columns[row + ((word >> _S20) & _FEATURE)]
    # NaN is above nothing, so its side is set apart; leaves say "left", which is where they are.
    right = U(value > node.threshold) | (U(value != value) & ~(word >> _S31))
    return (word & _LEFT) + (right & U(1))


@njit(forceinline=True)
def _large_step(nodes: Any, columns: Any, bits: Any, root: Any, row: Any, place: Any) -> Any:
    node = nodes[root + place]
    word = U(node.word)
    value = columns[row + (word & U(0xFFFF))]
    if word & U(0x20000):
        code = U(np.int64(value) + 2)
        return U(node.left) + ((U(bits[U(np.int64(node.threshold)) + (code >> _S5)]) >> (code & U(31))) & U(1))
    right = U(value > node.threshold) | (U(value != value) & ~(word >> U(16)))
    return U(node.left) + (right & U(1))


@njit(forceinline=True)
def _same(a: Any, b: Any) -> Any:
    moved = (a[0] ^ b[0]) | (a[1] ^ b[1]) | (a[2] ^ b[2]) | (a[3] ^ b[3]) | (a[4] ^ b[4]) | (a[5] ^ b[5]) | (a[6] ^ b[6]) | (a[7] ^ b[7])
    return moved == U(0)


@njit(forceinline=True)
def _add(scores: Any, into: Any, leaves: Any, leaf: Any, leaf_width: Any, single: Any) -> None:
    """One tree's say for one row. `single` sums as float32 does, which is what XGBoost does."""
    if leaf_width == 1:
        total = scores[into] + leaves[leaf]
        scores[into] = np.float64(np.float32(total)) if single else total
    else:
        for k in range(leaf_width):
            scores[into + k] += leaves[leaf * U(leaf_width) + U(k)]


def _walker(step: Any) -> Any:
    """The walk by one way of taking a step. A closure, because numba keeps no code that is given a function."""

    @njit(forceinline=True)
    def eight_steps(nodes: Any, columns: Any, bits: Any, root: Any, row: Any, place: Any) -> Any:
        return (
            step(nodes, columns, bits, root[0], row[0], place[0]),
            step(nodes, columns, bits, root[1], row[1], place[1]),
            step(nodes, columns, bits, root[2], row[2], place[2]),
            step(nodes, columns, bits, root[3], row[3], place[3]),
            step(nodes, columns, bits, root[4], row[4], place[4]),
            step(nodes, columns, bits, root[5], row[5], place[5]),
            step(nodes, columns, bits, root[6], row[6], place[6]),
            step(nodes, columns, bits, root[7], row[7], place[7]),
        )

    @njit(forceinline=True)
    def sixteen_walks(nodes: Any, columns: Any, bits: Any, root: Any, row: Any, root2: Any, row2: Any) -> Any:
        """The leaves of sixteen walks, as two eights. Looks up every third step only whether all have arrived."""
        o = U(0)
        a = (o, o, o, o, o, o, o, o)
        b = (o, o, o, o, o, o, o, o)
        while True:
            a = eight_steps(nodes, columns, bits, root, row, a)
            b = eight_steps(nodes, columns, bits, root2, row2, b)
            a = eight_steps(nodes, columns, bits, root, row, a)
            b = eight_steps(nodes, columns, bits, root2, row2, b)
            next_a = eight_steps(nodes, columns, bits, root, row, a)
            next_b = eight_steps(nodes, columns, bits, root2, row2, b)
            if _same(a, next_a) and _same(b, next_b):
                return a, b
            a = next_a
            b = next_b

    @njit(forceinline=True)
    def one_walk(nodes: Any, columns: Any, bits: Any, root: Any, row: Any) -> Any:
        place = U(0)
        while True:
            following = step(nodes, columns, bits, root, row, place)
            if following == place:
                return place
            place = following

    @njit(error_model="numpy")
    def walk(nodes: Any, leaves: Any, bits: Any, roots: Any, outputs: Any, width: Any, columns: Any, total: Any, scores: Any,
              stride: Any, count: Any, single: Any) -> None:  # fmt: skip
        """Add every tree's leaf to (count, stride) `scores`, for each row in the order of the trees, as the libraries do."""
        full = count // 16 * 16
        m = U(total)
        for tree in range(len(roots)):
            r = roots[tree]
            root = (r, r, r, r, r, r, r, r)
            for first in range(0, full, 16):
                x = U(first) * m
                row = (x, x + m, x + U(2) * m, x + U(3) * m, x + U(4) * m, x + U(5) * m, x + U(6) * m, x + U(7) * m)
                y = x + U(8) * m
                row2 = (y, y + m, y + U(2) * m, y + U(3) * m, y + U(4) * m, y + U(5) * m, y + U(6) * m, y + U(7) * m)
                a, b = sixteen_walks(nodes, columns, bits, root, row, root, row2)
                into = first * stride + outputs[tree]
                for lane in range(8):
                    _add(scores, into + lane * stride, leaves, r + a[lane], width, single)
                    _add(scores, into + (lane + 8) * stride, leaves, r + b[lane], width, single)
        whole = len(roots) // 16 * 16
        for late in range(full, count):
            x = U(late) * m
            row = (x, x, x, x, x, x, x, x)
            into = late * stride
            for t in range(0, whole, 16):
                root = (roots[t], roots[t + 1], roots[t + 2], roots[t + 3], roots[t + 4], roots[t + 5], roots[t + 6], roots[t + 7])
                s = t + 8
                root2 = (roots[s], roots[s + 1], roots[s + 2], roots[s + 3], roots[s + 4], roots[s + 5], roots[s + 6], roots[s + 7])
                a, b = sixteen_walks(nodes, columns, bits, root, row, root2, row)
                for lane in range(8):
                    _add(scores, into + outputs[t + lane], leaves, root[lane] + a[lane], width, single)
                for lane in range(8):
                    _add(scores, into + outputs[s + lane], leaves, root2[lane] + b[lane], width, single)
            for t in range(whole, len(roots)):
                _add(scores, into + outputs[t], leaves, roots[t] + one_walk(nodes, columns, bits, roots[t], x), width, single)

    return walk


_small_walk, _gap_walk, _large_walk = _walker(_small_step), _walker(_gap_step), _walker(_large_step)


def run(state: int, rows: int, answers: int, scratch: int, count: int) -> None:
    """The kernel; see `memory.SIGNATURE`. `scratch` has room for `block` rows: their columns, as float64 and as float32, and scores."""
    s = carray(at(state), (28,), np.int64)
    small, features, total, stride, block, wide = s[0], s[1], s[3], s[21], s[26], s[23]
    instructions = carray(at(s[4]), (s[5],), INSTRUCTION)
    tables = carray(at(s[6]), (s[7],), np.float64)
    leaves = carray(at(s[10]), (s[11],), np.float64)
    roots = carray(at(s[12]), (s[14],), np.uint64)
    outputs = carray(at(s[13]), (s[14],), np.int64)
    bits = carray(at(s[16]), (s[17],), np.uint32)
    start = carray(at(s[18]), (stride,), np.float64)
    places = carray(at(s[22]), (stride,), np.int64)
    divisor = carray(at(s[20]), (1,), np.float64)[0]
    for first in range(0, count, block):
        n = min(block, count - first)
        given = carray(at(rows + first * features * 8), (n * features,), np.float64)
        out = carray(at(answers + first * wide * 8), (n * wide,), np.float64)
        columns = carray(at(scratch), (n * total,), np.float64)
        singles = carray(at(scratch + block * total * 8), (n * total,), np.float32)
        scores = carray(at(scratch + block * total * 12), (n * stride,), np.float64)
        fill(instructions, tables, given, features, columns, total, n)
        for r in range(n):
            for k in range(stride):
                scores[r * stride + k] = start[k]
        gaps = False
        for at_ in range(n * total):
            value = np.float32(columns[at_])
            singles[at_] = value
            if s[27] and not np.isinf(value):
                columns[at_] = value
            gaps = gaps or value != value
        if small:
            nodes = carray(at(s[8]), (s[9],), SMALL)
            if gaps:
                _gap_walk(nodes, leaves, bits, roots, outputs, s[15], singles, total, scores, stride, n, s[24] != 0)
            else:
                _small_walk(nodes, leaves, bits, roots, outputs, s[15], singles, total, scores, stride, n, s[24] != 0)
        else:
            wide_nodes = carray(at(s[8]), (s[9],), LARGE)
            _large_walk(wide_nodes, leaves, bits, roots, outputs, s[15], columns, total, scores, stride, n, s[24] != 0)
        for r in range(n):
            fine = True
            for k in range(total):
                value = columns[r * total + k]
                fine = fine and not (np.isinf(value) or (s[25] and (value != value)))
                if s[27]:
                    fine = fine and not np.isinf(singles[r * total + k])
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
