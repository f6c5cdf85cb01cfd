"""The fused blocking join: compare blocks, test the threshold, emit only pairs that pass.

No list of candidate pairs exists at any time. A pair that several passes find is kept by the
first of them: when a pair passes, the tokens of the earlier passes tell whether it was there.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from linkage.kernels.compiler import inlined, kernel
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
    `still` is `float64[slices]`, the most that the slices after each one can add.
    """

    ends: NDArray[np.int64]
    least: NDArray[np.int64]
    weights: NDArray[np.float64]
    still: NDArray[np.float64]
    cutoff: float


@inlined
def agreement_level(
    left: int, right: int, common: np.int64, least: NDArray[np.int64], one: int
) -> int:
    """Give the agreement level of slice `one` from both popcounts and the common bits."""
    if left == 0 or right == 0:
        return MISSING
    level = 1
    while level <= least.shape[1] and common >= least[one, level - 1, left + right]:
        level += 1
    return level


@inlined
def seen_earlier(left: NDArray[np.uint64], right: NDArray[np.uint64], i: int, j: int) -> bool:
    """Tell whether one of the passes of the tokens has both rows under one key."""
    for earlier in range(left.shape[1]):
        if left[i, earlier] != 0 and left[i, earlier] == right[j, earlier]:
            return True
    return False


@kernel
def pair_levels(
    left: Side, right: Side, left_rows: NDArray[np.int64], right_rows: NDArray[np.int64], rule: Rule
) -> NDArray[np.int8]:
    """Give the agreement levels of pairs of rows, `int8[pairs, slices]`."""
    left_bits, left_counts, _ = left
    right_bits, right_counts, _ = right
    ends, least, _, _, _ = rule
    levels = np.empty((left_rows.size, ends.size - 1), np.int8)
    for pair in range(left_rows.size):
        i, j = left_rows[pair], right_rows[pair]
        for one in range(ends.size - 1):
            common = count_common(left_bits, right_bits, i, j, ends[one], ends[one + 1])
            levels[pair, one] = agreement_level(
                left_counts[i, one], right_counts[j, one], common, least, one
            )
    return levels


@kernel
def compare_blocks(
    blocks: NDArray[np.int64],
    left: Side,
    right: Side,
    rule: Rule,
    after: int,
    rows: NDArray[np.int64],
    weights: NDArray[np.float64],
) -> int:
    """Compare all pairs of rows of each block; write those whose weight reaches the cutoff.

    `blocks` is `int64[b, 4]`: left start, left stop, right start, right stop. The rows of a block
    lie side by side, so that memory is read in order. `tokens` of both sides hold the earlier
    passes only. A left row `i` is compared with right rows from `i + after` on, for a data set
    within itself; a large negative number lets all be compared. Writes `rows`
    `int64[2, capacity]` and `weights` `float64[capacity]` in order of blocks, then left, then
    right, and returns how many pairs passed; a number above the capacity says that only the first
    were written.
    """
    # Taken apart once: in the loop, each look into a tuple of arrays costs more than a comparison.
    left_bits, left_counts, left_tokens = left
    right_bits, right_counts, right_tokens = right
    ends, least, level_weights, still, cutoff = rule
    found = 0
    for block in range(blocks.shape[0]):
        for i in range(blocks[block, 0], blocks[block, 1]):
            for j in range(max(blocks[block, 2], i + after), blocks[block, 3]):
                weight = 0.0
                for one in range(ends.size - 1):
                    common = count_common(left_bits, right_bits, i, j, ends[one], ends[one + 1])
                    level = agreement_level(
                        left_counts[i, one], right_counts[j, one], common, least, one
                    )
                    weight += level_weights[one, level]
                    if weight + still[one] < cutoff:
                        break
                if weight < cutoff or seen_earlier(left_tokens, right_tokens, i, j):
                    continue
                if found < weights.size:
                    rows[0, found], rows[1, found], weights[found] = i, j, weight
                found += 1
    return found
