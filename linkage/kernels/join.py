"""The fused blocking join: compare blocks, test the threshold, emit only pairs that pass.

No list of candidate pairs exists at any time. A pair that several passes find is kept by the
first of them: when a pair passes, the tokens of the earlier passes tell whether it was there.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from linkage.kernels.compiler import kernel
from linkage.kernels.dice import count_common

#: Level of a slice that is empty on either side. The next level is disagreement.
MISSING = 0


class Side(NamedTuple):
    """One data set as the kernels see it; `n` rows.

    `bits` is `uint64[n, words]`, `counts` the popcounts `int64[n, slices]`, `tokens`
    `uint64[n, passes]` with 0 for missing.
    """

    bits: NDArray[np.uint64]
    counts: NDArray[np.int64]
    tokens: NDArray[np.uint64]


class Rule(NamedTuple):
    """What a pair of rows weighs, and from which weight on it is emitted.

    `ends` is `int64[slices + 1]`; `least` `int64[slices, bounds, sums]` from
    `dice.least_common_bits`, bounds rising; `weights` `float64[slices, bounds + 2]` for the
    levels missing, below all bounds, and at each bound; `cutoff` is compared with their sum.
    """

    ends: NDArray[np.int64]
    least: NDArray[np.int64]
    weights: NDArray[np.float64]
    cutoff: float


@kernel
def slice_level(left: Side, right: Side, i: int, j: int, rule: Rule, one: int) -> int:
    """Give the agreement level of slice `one` for the rows `i` and `j`."""
    if left.counts[i, one] == 0 or right.counts[j, one] == 0:
        return MISSING
    total = left.counts[i, one] + right.counts[j, one]
    common = count_common(left.bits[i], right.bits[j], rule.ends[one], rule.ends[one + 1])
    level = 1
    while level <= rule.least.shape[1] and common >= rule.least[one, level - 1, total]:
        level += 1
    return level


@kernel
def pair_levels(
    left: Side, right: Side, left_rows: NDArray[np.int64], right_rows: NDArray[np.int64], rule: Rule
) -> NDArray[np.int8]:
    """Give the agreement levels of pairs of rows, `int8[pairs, slices]`."""
    slices = rule.ends.size - 1
    levels = np.empty((left_rows.size, slices), np.int8)
    for pair in range(left_rows.size):
        for one in range(slices):
            levels[pair, one] = slice_level(
                left, right, left_rows[pair], right_rows[pair], rule, one
            )
    return levels


@kernel
def seen_earlier(left: Side, right: Side, i: int, j: int, blocking_pass: int) -> bool:
    """Tell whether an earlier pass has both rows under one key."""
    for earlier in range(blocking_pass):
        token = left.tokens[i, earlier]
        if token != 0 and token == right.tokens[j, earlier]:
            return True
    return False


@kernel
def compare_blocks(
    blocks: NDArray[np.int64],
    orders: tuple[NDArray[np.int64], NDArray[np.int64]],
    left: Side,
    right: Side,
    rule: Rule,
    blocking_pass: int,
    within: bool,
    rows: NDArray[np.int64],
    weights: NDArray[np.float64],
) -> int:
    """Compare all pairs of rows of each block; write those whose weight reaches the cutoff.

    `blocks` is `int64[b, 4]`: left start, left stop, right start, right stop in `orders`. With
    `within` both sides are one data set, and only pairs with left row < right row count. Writes
    `rows` `int64[2, capacity]` and `weights` `float64[capacity]` in order of blocks, then left,
    then right, and returns how many pairs passed; a number above the capacity says that only
    the first were written.
    """
    found = 0
    for block in range(blocks.shape[0]):
        for a in range(blocks[block, 0], blocks[block, 1]):
            i = orders[0][a]
            for b in range(blocks[block, 2], blocks[block, 3]):
                j = orders[1][b]
                if within and j <= i:
                    continue
                weight = 0.0
                for one in range(rule.ends.size - 1):
                    weight += rule.weights[one, slice_level(left, right, i, j, rule, one)]
                if weight < rule.cutoff or seen_earlier(left, right, i, j, blocking_pass):
                    continue
                if found < weights.size:
                    rows[0, found], rows[1, found], weights[found] = i, j, weight
                found += 1
    return found
