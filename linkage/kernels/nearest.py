"""The most similar right-hand rows of each left-hand row, by Dice."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from linkage.errors import InputError
from linkage.kernels.bits import lay_numbers, lay_tiles, popcounts
from linkage.kernels.compiler import kernel
from linkage.kernels.dice import check_matrices, in_threads
from linkage.kernels.lanes import (
    LANES,
    add_common,
    load,
    reaching,
    scaled,
    shifted,
    spread,
    store,
)
from linkage.kernels.measures import fixed_threshold, least_common_bits

_CHUNK_BYTES = 1 << 18


def find_nearest(
    left: NDArray[np.uint64],
    right: NDArray[np.uint64],
    k: int,
    *,
    threshold: float = 0.0,
    threads: int | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Find for every left row the `k` right rows with the highest Dice, from `threshold` on.

    Parameters are those of `linkage.kernels.dice.find_pairs`.

    Returns
    -------
    similarity, right
        `float64[n, k]` and `int64[n, k]`, for each left row by similarity falling, then right;
        where there are fewer, similarity 0 and row -1 fill up.

    Raises
    ------
    InputError
        As `find_pairs`, and for a `k` below 1.
    """
    left, right = check_matrices(left, right)
    if k < 1:
        raise InputError(f"k must be at least 1; it is {k}")
    words = left.shape[1]
    least = least_common_bits(threshold, 64 * words)
    whole = np.array([0, words], np.int64)
    counts = [popcounts(one, whole)[:, 0].astype(np.int64) for one in (left, right)]
    rows = np.arange(len(right))
    tiles, lanes = lay_tiles(right, rows), lay_numbers(counts[1], 0)
    common, found = np.zeros((len(left), k), np.int64), np.full((len(left), k), -1, np.int64)
    bound = fixed_threshold(least)

    def scan(start: int, stop: int) -> None:
        part = slice(start, stop)
        scope = (left[part], counts[0][part], tiles, lanes, least, bound, len(right))
        _scan(*scope, common[part], found[part])

    in_threads(threads, len(left), scan)
    missing = found < 0
    totals = counts[0][:, None] + np.append(counts[1], 0)[found]
    similarity = np.where(missing | (totals == 0), 0.0, 2 * common / np.maximum(totals, 1))
    return similarity, found


@kernel
def _scan(
    left: NDArray[np.uint64],
    left_counts: NDArray[np.int64],
    tiles: NDArray[np.uint64],
    right_counts: NDArray[np.int64],
    least: NDArray[np.int64],
    lowest: int,
    rows: int,
    common: NDArray[np.int64],
    found: NDArray[np.int64],
) -> None:
    """Write the common bits and rows of the nearest, with room for `k` in each row of `found`.

    The worst of them, once there are `k`, is the bound that others must pass; as right rows come
    in their order, one that equals it comes too late.
    """
    words = left.shape[1]
    chunk = max(1, _CHUNK_BYTES // (64 * words))
    lanes = np.empty(LANES, np.int64)
    for begin in range(0, tiles.shape[0], chunk):
        for i in range(left.shape[0]):
            bound = _bound(left_counts[i], right_counts, common[i], found[i], lowest)
            for tile in range(begin, min(begin + chunk, tiles.shape[0])):
                shared = spread(0)
                for word in range(words):
                    shared = add_common(shared, load(tiles, tile, word), left[i, word])
                totals = spread(left_counts[i]) + load(right_counts, tile, 0)
                if reaching(shifted(shared, 32), scaled(totals, bound)) == 0:
                    continue
                store(lanes, 0, shared, (1 << LANES) - 1)
                for lane in range(min(LANES, rows - tile * LANES)):
                    total = left_counts[i] + right_counts[tile, 0, lane]
                    if lanes[lane] >= least[total]:
                        row = tile * LANES + lane
                        _insert(left_counts[i], right_counts, common[i], found[i], lanes[lane], row)
                bound = _bound(left_counts[i], right_counts, common[i], found[i], lowest)


@kernel
def _bound(
    left: int,
    right_counts: NDArray[np.int64],
    common: NDArray[np.int64],
    found: NDArray[np.int64],
    lowest: int,
) -> int:
    """Give the fixed-point Dice that is to be reached, no higher than that of the last found."""
    last = found.size - 1
    if found[last] < 0:
        return lowest
    total = left + right_counts[found[last] >> 3, 0, found[last] & 7]
    return max(lowest, int((common[last] << 32) // max(total, 1)))


@kernel
def _insert(
    left: int,
    right_counts: NDArray[np.int64],
    common: NDArray[np.int64],
    found: NDArray[np.int64],
    shared: int,
    row: int,
) -> None:
    """Put a row in its place among those found, behind its equals; the last may drop out."""
    total = max(1, left + right_counts[row >> 3, 0, row & 7])
    place = found.size
    while place > 0:
        before = found[place - 1]
        if before >= 0:
            other = max(1, left + right_counts[before >> 3, 0, before & 7])
            if shared * other <= common[place - 1] * total:
                break
        place -= 1
    if place == found.size:
        return
    for n in range(found.size - 1, place, -1):
        found[n], common[n] = found[n - 1], common[n - 1]
    found[place], common[place] = row, shared
