"""Pairs as single numbers that sort by similarity falling, then left, then right row."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from linkage.kernels.compiler import kernel
from linkage.kernels.scan import Scan
from linkage.kernels.similarity import row_similarity

#: Parts that pairs are sorted in, and the size up to which a part is sorted by insertion.
_PARTS, _SMALL = 2048, 32


@kernel
def sort_pairs(keys: NDArray[np.int64], into: NDArray[np.int64]) -> None:
    """Sort `keys` to `into`; `keys` is overwritten.

    They are parted by their highest bits first, so that each part is sorted within the cache.
    """
    highest = 0
    for n in range(keys.size):
        highest = max(highest, keys[n])
    top = 0
    while highest >> top >= _PARTS:
        top += 1
    ends = np.zeros(_PARTS + 1, np.int64)
    for n in range(keys.size):
        ends[(keys[n] >> top) + 1] += 1
    ends = np.cumsum(ends)
    places = ends.copy()
    for n in range(keys.size):
        part = keys[n] >> top
        into[places[part]] = keys[n]
        places[part] += 1
    for part in range(_PARTS):
        _sort_part(into[ends[part] : ends[part + 1]], keys[ends[part] : ends[part + 1]], top)


@kernel
def _sort_part(keys: NDArray[np.int64], spare: NDArray[np.int64], bits: int) -> None:
    """Sort numbers in place by their lowest bits, with a spare array of the same size."""
    if keys.size < _SMALL:
        for n in range(1, keys.size):
            key, place = keys[n], n
            while place > 0 and keys[place - 1] > key:
                keys[place] = keys[place - 1]
                place -= 1
            keys[place] = key
        return
    here, there = keys, spare
    for shift in range(0, bits, 8):
        ends = np.zeros(257, np.int64)
        for n in range(here.size):
            ends[(here[n] >> shift & 255) + 1] += 1
        for digit in range(256):
            ends[digit + 1] += ends[digit]
        for n in range(here.size):
            digit = here[n] >> shift & 255
            there[ends[digit]] = here[n]
            ends[digit] += 1
        here, there = there, here
    if -(-bits // 8) & 1:
        keys[:] = spare


@kernel
def unpack_pairs(
    keys: NDArray[np.int64],
    left: NDArray[np.uint64],
    right: NDArray[np.uint64],
    scan: Scan,
    similarity: NDArray[np.float64],
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
) -> None:
    """Write similarity, left and right row of sorted pairs."""
    measure, scale, right_bits = scan.measure, scan.scale, scan.right_bits
    both = scan.left_bits + right_bits
    for n in range(keys.size):
        i = (keys[n] & ((1 << both) - 1)) >> right_bits
        j = keys[n] & ((1 << right_bits) - 1)
        rows[n], columns[n] = i, j
        # Pairs of one rank have one similarity; only the first of them is worked out.
        if n > 0 and scale > 0 and keys[n] >> both == keys[n - 1] >> both:
            similarity[n] = similarity[n - 1]
        else:
            similarity[n] = row_similarity(left, right, i, j, measure)
