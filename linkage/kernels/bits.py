"""Counting bits of packed filters, and laying filters in tiles of eight."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from linkage.kernels.compiler import kernel


@kernel
def popcount(word: np.uint64) -> np.int64:
    """Count the set bits of a word. LLVM knows this shape and emits its own instruction."""
    word = word - ((word >> np.uint64(1)) & np.uint64(0x5555555555555555))
    word = (word & np.uint64(0x3333333333333333)) + (
        (word >> np.uint64(2)) & np.uint64(0x3333333333333333)
    )
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((word * np.uint64(0x0101010101010101)) >> np.uint64(56))


@kernel
def popcounts(bits: NDArray[np.uint64], ends: NDArray[np.int64]) -> NDArray[np.uint16]:
    """Count the set bits per row and slice: `uint16[rows, slices]` for slices ending at `ends`.

    A slice has at most 65,535 bits; `schema.MAX_FILTER_BITS` is below that.
    """
    counts = np.empty((bits.shape[0], ends.size - 1), np.uint16)
    for row in range(bits.shape[0]):
        for one in range(ends.size - 1):
            count = np.int64(0)
            for word in range(ends[one], ends[one + 1]):
                count += popcount(bits[row, word])
            counts[row, one] = count
    return counts


@kernel
def lay_tiles(bits: NDArray[np.uint64], rows: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Lay the given rows in tiles, `uint64[tiles, words, 8]`; lanes of no row are zero."""
    tiles = np.zeros((-(-rows.size // 8), bits.shape[1], 8), np.uint64)
    for place in range(rows.size):
        for word in range(bits.shape[1]):
            tiles[place >> 3, word, place & 7] = bits[rows[place], word]
    return tiles


@kernel
def lay_numbers(numbers: NDArray[np.int64], fill: int) -> NDArray[np.int64]:
    """Lay a number of each row beside its tile, `int64[tiles, 1, 8]`; `fill` in other lanes."""
    laid = np.full((-(-numbers.size // 8), 1, 8), fill, np.int64)
    for place in range(numbers.size):
        laid[place >> 3, 0, place & 7] = numbers[place]
    return laid
