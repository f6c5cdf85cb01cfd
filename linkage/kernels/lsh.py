"""Sample bits of filters into the keys of Hamming LSH."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from linkage.kernels.compiler import kernel

_TILE_ROWS = 256


@kernel
def sample_bits(bits: NDArray[np.uint64], positions: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Make a key for each row and table, `uint64[rows, tables]`: the row's bits at its positions.

    `bits` is `uint64[rows, words]`, `positions` `int64[tables, sampled]` with at most 62 positions
    a table, each below `64 * words`. Bit `k` of a key is the row's bit at position `k`; above them
    stands a 1, so that no key is 0. Only a row without any bit has no keys: all are 0.

    Rows are worked on in tiles, words side by side: the same bit of neighbouring rows is then one
    load, shift and mask of a vector, five times as fast as row by row.
    """
    one, zero = np.uint64(1), np.uint64(0)
    keys = np.empty((bits.shape[0], positions.shape[0]), np.uint64)
    tile = np.empty((bits.shape[1], _TILE_ROWS), np.uint64)
    made = np.empty(_TILE_ROWS, np.uint64)
    filled = np.empty(_TILE_ROWS, np.bool_)
    for start in range(0, bits.shape[0], _TILE_ROWS):
        rows = min(_TILE_ROWS, bits.shape[0] - start)
        for row in range(rows):
            filled[row] = False
            for word in range(bits.shape[1]):
                tile[word, row] = bits[start + row, word]
                filled[row] |= bits[start + row, word] != zero
        for table in range(positions.shape[0]):
            for row in range(rows):
                made[row] = one
            for k in range(positions.shape[1] - 1, -1, -1):
                position = np.uint64(positions[table, k])
                place, shift = position >> np.uint64(6), position & np.uint64(63)
                for row in range(rows):
                    made[row] = (made[row] << one) | ((tile[place, row] >> shift) & one)
            for row in range(rows):
                keys[start + row, table] = made[row] if filled[row] else zero
    return keys
