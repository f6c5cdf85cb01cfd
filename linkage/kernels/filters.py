"""Build Bloom filters: set bits of distinct values once, then OR them into rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from linkage.kernels.compiler import kernel


@kernel
def set_bits(
    positions: NDArray[np.int64],
    tokens: NDArray[np.int64],
    ends: NDArray[np.int64],
    budget: int,
    words: int,
) -> NDArray[np.uint64]:
    """Build the filters of distinct values, `uint64[values, words]`.

    Value `v` has the tokens `tokens[ends[v]:ends[v + 1]]`, row numbers of `positions`
    `int64[tokens, budget]`, and sets `budget` positions in all: each of its `t` tokens sets its
    first `budget // t` positions, and the first `budget % t` tokens one more.
    """
    filters = np.zeros((ends.size - 1, words), np.uint64)
    for value in range(ends.size - 1):
        count = ends[value + 1] - ends[value]
        for k in range(count):
            share = budget // count + (1 if k < budget % count else 0)
            token = tokens[ends[value] + k]
            for n in range(share):
                bit = np.uint64(positions[token, n])  # without a sign, no index is looked at twice
                filters[value, bit >> np.uint64(6)] |= np.uint64(1) << (bit & np.uint64(63))
    return filters


@kernel
def merge_rows(
    bits: NDArray[np.uint64],
    filters: NDArray[np.uint64],
    codes: NDArray[np.int64],
    start: int,
) -> None:
    """OR `filters[codes[row]]` into every row of `bits`, from word `start` on; code -1 is none."""
    for row in range(codes.size):
        if codes[row] >= 0:
            for word in range(filters.shape[1]):
                bits[row, start + word] |= filters[codes[row], word]
