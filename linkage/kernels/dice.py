"""Exact similarity of all pairs of rows of packed filters: those that reach a threshold.

Rows are ordered by popcount, so that rows which can't reach the threshold are left out in whole
ranges (Dice >= t needs the smaller popcount to be at least t / (2 - t) of the larger), and the
right-hand ones lie in tiles of eight (`linkage.kernels.lanes`). After some words, a tile is given
up if none of its rows can still reach the threshold.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from linkage.errors import InputError
from linkage.kernels.bits import lay_numbers, lay_tiles, popcounts
from linkage.kernels.lanes import LANES
from linkage.kernels.measures import (
    COSINE,
    Measure,
    exact_threshold,
    least_common,
    measure_number,
)
from linkage.kernels.pairs import sort_pairs, unpack_pairs
from linkage.kernels.scan import NEVER, Rows, Scan, Tiles, scan_tiles

#: Tiles that are compared with all rows in turn: they stay in the second-level cache.
_CHUNK_BYTES = 1 << 18
#: Popcounts have 16 bits, and fixed-point thresholds tell Dice values apart up to so many words.
MOST_WORDS = 256
_PARTS_PER_THREAD = 4
#: Rows and tiles that the choice of `Scan.early` looks at.
_SAMPLE = 32
#: What a look at four rows costs, and what it costs to go on with a tile that few others share:
#: measured, in words of four rows. A branch that goes both ways costs most.
_LOOK_COST, _GO_ON_COST = 1.0, 28.0
#: Bits that a pair as one number may have, without its sign.
_KEY_BITS = 63

Result = TypeVar("Result")


def find_pairs(
    left: NDArray[np.uint64],
    right: NDArray[np.uint64],
    threshold: float,
    *,
    measure: Measure = "dice",
    threads: int | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Find every pair of rows with similarity >= threshold, over all rows of both sides.

    Parameters
    ----------
    left, right
        `uint64[n, w]` and `uint64[m, w]`; may be read-only.
    threshold
        Between 0 and 1, taken as the decimal fraction that it prints as. The comparison is made
        in integers; the boundary is included.
    measure
        See `linkage.kernels.measures`.
    threads
        All cores if not given; the result is the same for any number.

    Returns
    -------
    similarity, left, right
        `float64[p]`, `int64[p]`, `int64[p]`, ordered by similarity falling, then left, then
        right. The similarity of two empty filters is 0 (Hamming: 1).

    Raises
    ------
    InputError
        For arrays that are not such matrices, a threshold that is not between 0 and 1, or an
        unknown measure.
    """
    left, right = check_matrices(left, right)
    number = measure_number(measure)
    exact_threshold(threshold)
    if not len(left) or not len(right):
        return np.empty(0), np.empty(0, np.int64), np.empty(0, np.int64)
    rows, tiles, scan = _prepare(left, right, threshold, number)
    parts = in_threads(threads, len(left), lambda a, b: scan_tiles(rows.part(a, b), tiles, scan))
    keys = np.concatenate(parts) if len(parts) > 1 else parts[0]
    found = np.empty_like(keys)
    sort_pairs(keys, found)
    similarity, i, j = np.empty(len(found)), keys, np.empty_like(found)
    unpack_pairs(found, left, right, scan, similarity, i, j)
    if scan.scale == 0:
        order = np.argsort(-similarity, kind="stable")
        similarity, i, j = similarity[order], i[order], j[order]
    return similarity, i, j


def check_matrices(
    left: NDArray[np.uint64], right: NDArray[np.uint64]
) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Give both as C-contiguous matrices. Raises `InputError` if they can't be compared."""
    left, right = _matrix(left, "left"), _matrix(right, "right")
    if left.shape[1] != right.shape[1]:
        raise InputError(
            f"left has {left.shape[1]} words a row and right {right.shape[1]}: "
            "filters of different lengths can't be compared"
        )
    return left, right


def in_threads(threads: int | None, rows: int, work: Callable[[int, int], Result]) -> list[Result]:
    """Call `work(start, stop)` for ranges that make up all rows; results in order of ranges."""
    threads = threads or os.cpu_count() or 1
    parts = 1 if threads == 1 else max(1, min(rows, threads * _PARTS_PER_THREAD))
    cuts = np.linspace(0, rows, parts + 1).astype(int).tolist()
    if parts == 1:
        return [work(0, rows)]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, cuts[:-1], cuts[1:]))


def _prepare(
    left: NDArray[np.uint64], right: NDArray[np.uint64], threshold: float, measure: int
) -> tuple[Rows, Tiles, Scan]:
    words = left.shape[1]
    whole = np.array([0, words], np.int64)
    short = [popcounts(one, whole)[:, 0] for one in (left, right)]
    # Of 16-bit numbers, NumPy sorts the order by radix.
    orders = [np.argsort(one, kind="stable") for one in short]
    counts = [one.astype(np.int64) for one in short]
    kinds = [np.flatnonzero(np.bincount(one)) for one in counts]
    places = [np.searchsorted(kind, one) for kind, one in zip(kinds, counts, strict=True)]
    least = least_common(measure, threshold, kinds[0], kinds[1], 64 * words)
    # No pair shares more bits than the smaller filter has: the bound by popcounts.
    least[least > np.minimum.outer(*kinds)] = NEVER
    early, share = _look_ahead(left, right, orders, places, least)
    behind = np.array([early, words], np.int64)
    rests = [popcounts(one, behind)[:, 0].astype(np.int64) for one in (left, right)]
    ordered = places[0][orders[0]]
    starts = np.flatnonzero(np.diff(ordered, prepend=-1))
    groups = np.column_stack([starts, np.append(starts[1:], len(ordered)), ordered[starts]])
    lanes = [lay_numbers(one[orders[1]], 0) for one in (places[1], rests[1], counts[1])]
    chunk = max(1, _CHUNK_BYTES // (64 * words))
    sizes = [max(1, len(one) - 1).bit_length() for one in (left, right)]
    # Two distinct similarities differ by more than 1 / (2 * bits) ** 2; of cosine, by its square.
    precision = 2 * (128 * words - 1).bit_length() * (2 if measure == COSINE else 1)
    scale = 1 << precision if precision + sum(sizes) < _KEY_BITS else 0
    scan = Scan(least, kinds[0], measure, 64 * words, early, chunk, share, scale, *sizes)
    rows = Rows(left, orders[0], rests[0], groups.astype(np.int64))
    tiles = Tiles(lay_tiles(right, orders[1]), lay_numbers(orders[1], -1), *lanes)
    return rows, tiles, scan


def _look_ahead(
    left: NDArray[np.uint64],
    right: NDArray[np.uint64],
    orders: list[NDArray[np.int64]],
    places: list[NDArray[np.int64]],
    least: NDArray[np.int64],
) -> tuple[int, float]:
    """Choose after how many words to look whether a tile can be given up, by a sample of rows.

    Gives the words, and the share of pairs that pass. Both change how long the scan takes, and
    nothing else.
    """
    words = left.shape[1]
    tiles = len(right) // LANES
    if not tiles:
        return words, 1.0
    some_left = orders[0][:: -(-len(left) // _SAMPLE)]
    some_tiles = np.arange(tiles)[:: -(-tiles // _SAMPLE)]
    lanes = orders[1][(some_tiles[:, None] * LANES + np.arange(LANES)).ravel()]
    one, other = left[some_left][:, None], right[lanes][None]
    need = least[np.ix_(places[0][some_left], places[1][lanes])]
    common = np.bitwise_count(one & other).cumsum(axis=2, dtype=np.int64)
    behind = [
        side_sum[..., -1:] - side_sum
        for side_sum in (np.bitwise_count(x).cumsum(axis=2, dtype=np.int64) for x in (one, other))
    ]
    share = float((common[..., -1] >= need).mean())
    alive = common + np.minimum(*behind) >= need[..., None]
    reachable = (need < NEVER).reshape(len(some_left), -1, LANES).any(axis=2)
    alive = alive.reshape(len(some_left), -1, LANES, words).any(axis=2)[reachable]
    if not len(alive):
        return words, share
    some_alive = 1 - (1 - alive.mean(axis=0)) ** 4
    costs = np.arange(1, words + 1) + _LOOK_COST
    costs += _GO_ON_COST * some_alive * (1 - some_alive / 2)
    return int(np.argmin(costs)) + 1, share


def _matrix(bits: NDArray[np.uint64], side: str) -> NDArray[np.uint64]:
    if not isinstance(bits, np.ndarray) or bits.ndim != 2 or bits.dtype != np.uint64:
        shape = getattr(bits, "shape", None)
        kind = getattr(bits, "dtype", type(bits).__name__)
        raise InputError(f"{side} must be a uint64 matrix [rows, words]; it is {kind} {shape}")
    if bits.shape[1] == 0:
        raise InputError(f"{side} has rows of no words")
    if bits.shape[1] > MOST_WORDS:
        raise InputError(
            f"{side} has rows of {bits.shape[1]} words; more than {MOST_WORDS} overflow the counts"
        )
    return cast(NDArray[np.uint64], np.ascontiguousarray(bits))
