"""The fused blocking join: compare blocks, weigh agreement levels, emit only pairs that pass.

No list of candidate pairs exists at any time. A pair that several passes find is kept by the
first of them: when a pair passes, the tokens of the earlier passes tell whether it was there.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from linkage.kernels.bits import popcount
from linkage.kernels.compiler import inlined, kernel
from linkage.kernels.lanes import (
    LANES,
    Lanes,
    add_common,
    choose,
    fetch,
    load,
    reaching,
    scaled,
    shifted,
    spread,
    store,
)

#: Level of a slice that is empty on either side. The next level is disagreement.
MISSING = 0
#: Tiles of right-hand rows that are compared with all left-hand rows of a block in turn.
_PANEL = 64
_FIRST_CAPACITY = 1 << 12
#: How many blocks ahead of their comparison rows are asked for.
_AHEAD = 2


class Side(NamedTuple):
    """One data set as the kernels see it; `n` rows.

    `bits` is `uint64[n, words]`, `counts` the popcounts `uint16[n, slices]`, `tokens`
    `uint64[n, passes]` with 0 for missing. `rarity` `int32[n, slices]` is what the highest level
    of each slice weighs more for the row, in units of 2**-16 bit; with 0 rows, nothing.
    """

    bits: NDArray[np.uint64]
    counts: NDArray[np.uint16]
    tokens: NDArray[np.uint64]
    rarity: NDArray[np.int32]


class Rule(NamedTuple):
    """What a pair of rows weighs, and from which weight on it is emitted.

    `ends` is `int64[slices + 1]`; `thresholds` `int64[slices, bounds]` from
    `measures.fixed_threshold`, bounds rising; `weights` `int64[slices, bounds + 2]` for the levels
    missing, below all bounds, and at each bound, in whole numbers, so that no sum depends on its
    order; `cutoff` is compared with their sum. Slices are looked at in the order of `order`.
    """

    ends: NDArray[np.int64]
    thresholds: NDArray[np.int64]
    weights: NDArray[np.int64]
    order: NDArray[np.int64]
    cutoff: int


@inlined
def agreement_level(
    left: np.int64, right: np.int64, common: np.int64, thresholds: NDArray[np.int64], one: int
) -> int:
    """Give the agreement level of slice `one` from both popcounts and the common bits."""
    if left == 0 or right == 0:
        return MISSING
    level = 1
    for bound in range(thresholds.shape[1]):
        if common << 32 >= thresholds[one, bound] * (left + right):
            level += 1
    return level


@kernel
def pair_levels(
    left: Side, right: Side, left_rows: NDArray[np.int64], right_rows: NDArray[np.int64], rule: Rule
) -> NDArray[np.int8]:
    """Give the agreement levels of pairs of rows, `int8[pairs, slices]`."""
    left_bits, left_counts, _, _ = left
    right_bits, right_counts, _, _ = right
    ends, thresholds = rule.ends, rule.thresholds
    levels = np.empty((left_rows.size, ends.size - 1), np.int8)
    for pair in range(left_rows.size):
        i, j = left_rows[pair], right_rows[pair]
        for one in range(ends.size - 1):
            common = np.int64(0)
            for word in range(ends[one], ends[one + 1]):
                common += popcount(left_bits[i, word] & right_bits[j, word])
            a, b = np.int64(left_counts[i, one]), np.int64(right_counts[j, one])
            levels[pair, one] = agreement_level(a, b, common, thresholds, one)
    return levels


@kernel
def compare_blocks(
    blocks: NDArray[np.int64],
    left_order: NDArray[np.int32],
    right_order: NDArray[np.int32],
    left: Side,
    right: Side,
    rule: Rule,
    earlier: int,
    within: bool,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Compare all pairs of rows of each block; give those whose weight reaches the cutoff.

    `blocks` is `int64[b, 4]`: left start, left stop, right start, right stop, places in the orders
    of rows. The first `earlier` passes of the tokens are those whose pairs are left out. `within`
    compares a place of one order with the places behind it only. Returns the left rows, the right
    rows and the weights, `int64[pairs]` each, in order of blocks.
    """
    # Taken apart once: in the loop, each look into a tuple of arrays costs more than a comparison.
    left_bits, left_counts, left_tokens, rarity = left
    right_bits, right_counts, right_tokens, _ = right
    ends, thresholds, level_weights, order, cutoff = rule
    top, still = np.empty(order.size, np.int64), np.empty(order.size, np.int64)
    _bounds(level_weights, order, rarity[:0], 0, top, still)
    tiles = np.zeros((_PANEL, left_bits.shape[1], LANES), np.uint64)
    counts = np.zeros((_PANEL, ends.size - 1, LANES), np.int64)
    found, pairs, lanes = 0, np.empty((3, _FIRST_CAPACITY), np.int64), np.empty(LANES, np.int64)
    for block in range(blocks.shape[0]):
        if block + _AHEAD < blocks.shape[0]:
            soon = blocks[block + _AHEAD]
            _fetch_rows(left_bits, left_counts, left_order, soon[0], soon[1])
            _fetch_rows(right_bits, right_counts, right_order, soon[2], soon[3])
        for panel in range(blocks[block, 2], blocks[block, 3], _PANEL * LANES):
            size = min(_PANEL * LANES, blocks[block, 3] - panel)
            _lay(tiles, counts, right_bits, right_counts, right_order, panel, size)
            for place in range(blocks[block, 0], blocks[block, 1]):
                i = left_order[place]
                first = max(0, place + 1 - panel) if within else 0
                if rarity.shape[0] > 0:
                    _bounds(level_weights, order, rarity, i, top, still)
                for tile in range(first // LANES, -(-size // LANES)):
                    alive = _lanes_between(first - tile * LANES, size - tile * LANES)
                    total = spread(0)
                    for step in range(order.size):
                        one = order[step]
                        a = np.int64(left_counts[i, one])
                        if a > 0:
                            common = spread(0)
                            for word in range(ends[one], ends[one + 1]):
                                lane_words = load(tiles, tile, word)
                                common = add_common(common, lane_words, left_bits[i, word])
                            b = load(counts, tile, one)
                            total = total + _weigh(
                                common, a, b, thresholds, level_weights, top[one], one
                            )
                        alive &= reaching(total + spread(still[one]), spread(cutoff))
                        if alive == 0:
                            break
                    if alive == 0:
                        continue
                    if found + LANES > pairs.shape[1]:
                        pairs = np.concatenate((pairs, np.empty_like(pairs)), axis=1)
                    store(lanes, 0, total, (1 << LANES) - 1)
                    for lane in range(LANES):
                        if alive >> lane & 1:
                            j = right_order[panel + tile * LANES + lane]
                            if not _met_earlier(left_tokens, right_tokens, i, j, earlier):
                                pairs[0, found], pairs[1, found] = i, j
                                pairs[2, found] = lanes[lane]
                                found += 1
    return pairs[0, :found], pairs[1, :found], pairs[2, :found]


@kernel
def _bounds(
    weights: NDArray[np.int64],
    order: NDArray[np.int64],
    rarity: NDArray[np.int32],
    row: int,
    top: NDArray[np.int64],
    still: NDArray[np.int64],
) -> None:
    """Write the weight of each slice's highest level, and the most that the slices after it add."""
    rest = 0
    for step in range(order.size - 1, -1, -1):
        one = order[step]
        top[one] = weights[one, -1]
        if rarity.shape[0] > 0:
            top[one] += np.int64(rarity[row, one]) << 16
        still[one] = rest
        rest += max(weights[one, :-1].max(), top[one])


@inlined
def _fetch_rows(
    bits: NDArray[np.uint64],
    counts: NDArray[np.uint16],
    order: NDArray[np.int32],
    start: int,
    stop: int,
) -> None:
    """Ask for what is looked at first of a block that is compared soon, if it is a small one."""
    for place in range(start, min(stop, start + LANES)):
        fetch(bits, np.int64(order[place]))
        fetch(counts, np.int64(order[place]))


@kernel
def _lay(
    tiles: NDArray[np.uint64],
    counts: NDArray[np.int64],
    bits: NDArray[np.uint64],
    popcounts: NDArray[np.uint16],
    order: NDArray[np.int32],
    start: int,
    size: int,
) -> None:
    """Lay rows in tiles. Lanes behind the last row keep what they had."""
    for place in range(size):
        row, tile, lane = order[start + place], place // LANES, place % LANES
        for word in range(bits.shape[1]):
            tiles[tile, word, lane] = bits[row, word]
        for one in range(popcounts.shape[1]):
            counts[tile, one, lane] = popcounts[row, one]


@inlined
def _lanes_between(start: int, stop: int) -> int:
    """Give a number whose bits from start up to stop are set, of those of a tile."""
    below = (1 << max(start, 0)) - 1
    return ((1 << min(stop, LANES)) - 1) & ~below


@inlined
def _weigh(
    common: Lanes,
    left: np.int64,
    right: Lanes,
    thresholds: NDArray[np.int64],
    weights: NDArray[np.int64],
    top: int,
    one: int,
) -> Lanes:
    """Give the weight of slice `one` from its popcounts and common bits; `left` is not 0.

    `top` is the weight of the highest level.
    """
    weight = spread(weights[one, 1])
    fixed, both = shifted(common, 32), spread(left) + right
    last = thresholds.shape[1] - 1
    for bound in range(last):
        reached = spread(weights[one, bound + 2])
        weight = choose(fixed, scaled(both, thresholds[one, bound]), reached, weight)
    weight = choose(fixed, scaled(both, thresholds[one, last]), spread(top), weight)
    return choose(spread(0), right, spread(weights[one, MISSING]), weight)


@inlined
def _met_earlier(
    left: NDArray[np.uint64], right: NDArray[np.uint64], i: int, j: int, earlier: int
) -> bool:
    """Tell whether one of the first `earlier` passes has both rows under one key."""
    met = False
    for one in range(earlier):
        met = met or (left[i, one] != 0 and left[i, one] == right[j, one])
    return met
