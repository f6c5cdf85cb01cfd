"""Build filters in which the tokens of a value set bits: number n-grams, share bits, set bits.

Values and tokens are addressed by slices: value `v` has the tokens `numbers[ends[v]:ends[v + 1]]`,
and `numbers` tells which distinct token each one is.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from linkage.kernels.compiler import kernel


@kernel
def number_windows(
    letters: NDArray[np.int32],
    text_ends: NDArray[np.int64],
    ends: NDArray[np.int64],
    n: int,
    base: int,
    stride: int,
    table: NDArray[np.int32],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Give every distinct window of `n` letters of the texts the next number, as they appear.

    Text `v` is `letters[text_ends[v]:text_ends[v + 1]]`, letters below `base`, with letter 0
    understood around it; window `k` ends at letter `k`, and there are `ends[v + 1] - ends[v]`.
    Windows are the same if their letters are and, unless `stride` is 0, their `k`. `table` is
    zeroed scratch of `base**n` cells, or `stride = base**n` cells for every possible `k`.

    Returns the number of every window, and where each numbered one first appears.
    """
    numbers = np.empty(ends[-1], np.int64)
    firsts = np.empty(min(numbers.size, table.size), np.int64)
    count = 0
    lead = base ** (n - 1)
    for value in range(ends.size - 1):
        start, size = text_ends[value], text_ends[value + 1] - text_ends[value]
        window = 0
        for k in range(ends[value + 1] - ends[value]):
            gone = letters[start + k - n] if k >= n else 0
            letter = letters[start + k] if k < size else 0
            window = (window - gone * lead) * base + letter
            cell = window + k * stride
            place = ends[value] + k
            if table[cell] == 0:
                firsts[count] = place
                count += 1
                table[cell] = count
            numbers[place] = table[cell] - 1
    return numbers, firsts[:count].copy()


@kernel
def largest_shares(
    numbers: NDArray[np.int64],
    ends: NDArray[np.int64],
    bits: int,
    shared: bool,
    tokens: int,
) -> NDArray[np.int64]:
    """Find how many bits each distinct token sets at most, `int64[tokens]`.

    A token of a value sets `bits` bits; if they are `shared`, the `t` tokens of the value set
    `bits // t` each, and the first `bits % t` of them one more.
    """
    largest = np.zeros(tokens, np.int64)
    for value in range(ends.size - 1):
        count = ends[value + 1] - ends[value] if shared else 1
        for k in range(ends[value + 1] - ends[value]):
            share = bits // count + (1 if k < bits % count else 0)
            token = numbers[ends[value] + k]
            largest[token] = max(largest[token], share)
    return largest


@kernel
def set_token_bits(
    positions: NDArray[np.int32],
    starts: NDArray[np.int64],
    numbers: NDArray[np.int64],
    ends: NDArray[np.int64],
    bits: int,
    shared: bool,
    words: int,
) -> NDArray[np.uint64]:
    """Build the filters of values, `uint64[values, words]`.

    Every token sets the first of its positions, `positions[starts[token]:]`, as many as its
    share of `bits` (see `largest_shares`).
    """
    filters = np.zeros((ends.size - 1, words), np.uint64)
    for value in range(ends.size - 1):
        count = ends[value + 1] - ends[value] if shared else 1
        for k in range(ends[value + 1] - ends[value]):
            share = bits // count + (1 if k < bits % count else 0)
            start = starts[numbers[ends[value] + k]]
            for n in range(start, start + share):
                bit = positions[n]
                filters[value, bit >> 6] |= np.uint64(1) << np.uint64(bit & 63)
    return filters
