"""The similarity of given pairs of rows of packed filters."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from linkage.kernels.bits import popcount
from linkage.kernels.compiler import kernel
from linkage.kernels.measures import DICE, HAMMING, JACCARD


@kernel
def row_similarity(
    left: NDArray[np.uint64], right: NDArray[np.uint64], i: int, j: int, measure: int
) -> float:
    """Compute the similarity of row `i` of left and row `j` of right; 0 where it has none."""
    ones = others = common = np.int64(0)
    for word in range(left.shape[1]):
        ones += popcount(left[i, word])
        others += popcount(right[j, word])
        common += popcount(left[i, word] & right[j, word])
    if measure == HAMMING:
        return float(1 - (ones + others - 2 * common) / (64 * left.shape[1]))
    if common == 0:
        return 0.0
    if measure == DICE:
        return float(2 * common / (ones + others))
    if measure == JACCARD:
        return float(common / (ones + others - common))
    return float(common / np.sqrt(float(ones) * float(others)))


@kernel
def pair_similarity(
    left: NDArray[np.uint64],
    right: NDArray[np.uint64],
    left_rows: NDArray[np.int64],
    right_rows: NDArray[np.int64],
    measure: int = DICE,
) -> NDArray[np.float64]:
    """Compute the similarity of given pairs of rows over all words, `float64[pairs]`."""
    similarity = np.empty(left_rows.size)
    for pair in range(left_rows.size):
        similarity[pair] = row_similarity(left, right, left_rows[pair], right_rows[pair], measure)
    return similarity
