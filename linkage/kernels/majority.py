"""Codes of constant weight: set is the half of the positions that most of its vectors have set."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from linkage.kernels.compiler import kernel

_TIES = 256


@kernel
def set_upper_half(
    vectors: NDArray[np.uint64], ends: NDArray[np.int64], ties: NDArray[np.uint8]
) -> NDArray[np.uint64]:
    """Give a code for each row, `uint64[rows, words]`, with half of its bits set; 0 if no vector.

    Row `r` has the vectors `uint64[ends[r]:ends[r + 1], words]`. Set are the positions that most
    of its vectors have set; of equal ones those with the higher `ties` `uint8[rows, 64 * words]`,
    then the first.
    """
    words = vectors.shape[1]
    bits = 64 * words
    codes = np.zeros((ends.size - 1, words), np.uint64)
    tally = np.empty(bits, np.int64)
    for row in range(ends.size - 1):
        count = ends[row + 1] - ends[row]
        if count == 0:
            continue
        tally[:] = 0
        for one in range(ends[row], ends[row + 1]):
            for place in range(bits):
                shifted = vectors[one, place >> 6] >> np.uint64(place & 63)
                tally[place] += np.int64(shifted & np.uint64(1))
        _set_highest(tally, count, ties[row], codes[row])
    return codes


@kernel
def _set_highest(
    tally: NDArray[np.int64], most: int, ties: NDArray[np.uint8], code: NDArray[np.uint64]
) -> None:
    """Set the half of the positions with the highest tally, up to `most`, then tie."""
    at = np.zeros((most + 1) * _TIES, np.int64)
    for place in range(tally.size):
        at[tally[place] * _TIES + ties[place]] += 1
    left, rank = tally.size // 2, at.size - 1
    while at[rank] <= left:
        left -= at[rank]
        rank -= 1
    for place in range(tally.size):
        own = tally[place] * _TIES + ties[place]
        if own > rank or (own == rank and left > 0):
            code[place >> 6] |= np.uint64(1) << np.uint64(place & 63)
            if own == rank:
                left -= 1
