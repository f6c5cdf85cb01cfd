"""Exact Dice similarity over packed filters, compared with a threshold in integers.

Dice of two filters with popcounts `a` and `b` and `c` common bits is `2c / (a + b)` (Dice 1945;
for Bloom filters Schnell, Bachteler & Reiher 2009). It depends on `a + b` and `c` alone, so a
threshold becomes a table: for every sum of popcounts the least number of common bits that passes.
"""

from __future__ import annotations

from fractions import Fraction
from typing import cast

import numpy as np
from numpy.typing import NDArray

from linkage.errors import InputError
from linkage.kernels.compiler import inlined, kernel

_FIRST_CAPACITY = 1 << 14


@kernel
def popcount(word: np.uint64) -> np.int64:
    """Count the set bits of a word. LLVM knows this shape and emits its own instruction."""
    word = word - ((word >> np.uint64(1)) & np.uint64(0x5555555555555555))
    word = (word & np.uint64(0x3333333333333333)) + (
        (word >> np.uint64(2)) & np.uint64(0x3333333333333333)
    )
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((word * np.uint64(0x0101010101010101)) >> np.uint64(56))


@inlined
def count_common(
    left: NDArray[np.uint64], right: NDArray[np.uint64], i: int, j: int, start: int, stop: int
) -> np.int64:
    """Count the bits that row `i` of left and row `j` of right share, in words start to stop.

    It takes matrices and row numbers, because a view of a row costs more than the row itself.
    """
    common = np.int64(0)
    for word in range(start, stop):
        common += popcount(left[i, word] & right[j, word])
    return common


@kernel
def popcounts(bits: NDArray[np.uint64], ends: NDArray[np.int64]) -> NDArray[np.int64]:
    """Count the set bits per row and slice: `int64[rows, slices]` for slices ending at `ends`."""
    counts = np.zeros((bits.shape[0], ends.size - 1), np.int64)
    for row in range(bits.shape[0]):
        for one in range(ends.size - 1):
            for word in range(ends[one], ends[one + 1]):
                counts[row, one] += popcount(bits[row, word])
    return counts


@kernel
def pair_similarity(
    left: NDArray[np.uint64],
    right: NDArray[np.uint64],
    left_rows: NDArray[np.int64],
    right_rows: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Dice of given pairs of rows over all words, `float64[pairs]`; two empty filters give 0."""
    similarity = np.zeros(left_rows.size)
    for pair in range(left_rows.size):
        common = np.int64(0)
        total = np.int64(0)
        for word in range(left.shape[1]):
            one, other = left[left_rows[pair], word], right[right_rows[pair], word]
            common += popcount(one & other)
            total += popcount(one) + popcount(other)
        if total > 0:
            similarity[pair] = 2 * common / total
    return similarity


def least_common_bits(threshold: float, bits: int) -> NDArray[np.int64]:
    """For every sum of two popcounts, the least number of common bits with Dice >= threshold.

    Returns `int64[2 * bits + 1]`. The threshold is taken as the decimal fraction that it prints
    as, so that 0.65 means 13/20 and a Dice of exactly 13/20 passes. A sum of 0 (two empty
    filters) has no Dice: it passes only a threshold of 0. Raises `InputError` for a threshold
    that is not between 0 and 1.
    """
    if not 0.0 <= threshold <= 1.0:
        raise InputError(f"threshold {threshold!r} is not a number between 0 and 1")
    exact = Fraction(repr(float(threshold)))
    sums = range(2 * bits + 1)
    least = np.array([-((-exact.numerator * s) // (2 * exact.denominator)) for s in sums], np.int64)
    if threshold > 0:
        least[0] = 1
    return least


def find_pairs(
    left: NDArray[np.uint64], right: NDArray[np.uint64], threshold: float
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Find every pair of rows with Dice >= threshold, over all rows of both sides.

    Parameters
    ----------
    left, right
        `uint64[n, w]` and `uint64[m, w]`, C-contiguous; may be read-only.
    threshold
        Between 0 and 1. The comparison is made in integers; the boundary is included.

    Returns
    -------
    similarity, left, right
        `float64[p]`, `int64[p]`, `int64[p]`, ordered by similarity falling, then left, then
        right. The similarity of two empty filters is 0.

    Raises
    ------
    InputError
        For arrays that are not such matrices, or a threshold that is not between 0 and 1.
    """
    left, right = _matrix(left, "left"), _matrix(right, "right")
    if left.shape[1] != right.shape[1]:
        raise InputError(
            f"left has {left.shape[1]} words a row and right {right.shape[1]}: "
            "filters of different lengths can't be compared"
        )
    least = least_common_bits(threshold, 64 * left.shape[1])
    ends = np.array([0, left.shape[1]], np.int64)
    left_counts, right_counts = popcounts(left, ends)[:, 0], popcounts(right, ends)[:, 0]
    capacity = _FIRST_CAPACITY
    while True:
        similarity, rows = np.empty(capacity), np.empty((2, capacity), np.int64)
        found = _scan(left, right, left_counts, right_counts, least, similarity, rows)
        if found <= capacity:
            break
        capacity = int(found)
    order = np.lexsort((rows[1, :found], rows[0, :found], -similarity[:found]))
    return similarity[order], rows[0, order], rows[1, order]


@kernel
def _scan(
    left: NDArray[np.uint64],
    right: NDArray[np.uint64],
    left_counts: NDArray[np.int64],
    right_counts: NDArray[np.int64],
    least: NDArray[np.int64],
    similarity: NDArray[np.float64],
    rows: NDArray[np.int64],
) -> int:
    """Write the pairs that pass, in order of rows; return how many there are.

    A number above the capacity of `similarity` says that only the first were written.
    """
    found = 0
    for i in range(left.shape[0]):
        for j in range(right.shape[0]):
            total = left_counts[i] + right_counts[j]
            if min(left_counts[i], right_counts[j]) < least[total]:
                continue
            common = count_common(left, right, i, j, 0, left.shape[1])
            if common >= least[total]:
                if found < similarity.size:
                    similarity[found] = 2 * common / total if total > 0 else 0.0
                    rows[0, found], rows[1, found] = i, j
                found += 1
    return found


def _matrix(bits: NDArray[np.uint64], side: str) -> NDArray[np.uint64]:
    if not isinstance(bits, np.ndarray) or bits.ndim != 2 or bits.dtype != np.uint64:
        shape = getattr(bits, "shape", None)
        kind = getattr(bits, "dtype", type(bits).__name__)
        raise InputError(f"{side} must be a uint64 matrix [rows, words]; it is {kind} {shape}")
    if bits.shape[1] == 0:
        raise InputError(f"{side} has rows of no words")
    return cast(NDArray[np.uint64], np.ascontiguousarray(bits))
