"""Put blocking keys together from the blocks of their parts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from linkage.kernels.compiler import kernel


@kernel
def lay_blocks(
    message: NDArray[np.uint64], part: int, made: NDArray[np.uint64], codes: NDArray[np.int64]
) -> None:
    """Copy `made[codes[row]]` into `message[row, part]`; code -1 leaves it.

    `message` is `uint64[rows, parts, 2]` and `made` `uint64[values, 2]`.
    """
    for row in range(codes.size):
        if codes[row] >= 0:
            message[row, part, 0] = made[codes[row], 0]
            message[row, part, 1] = made[codes[row], 1]


@kernel
def sort_blocks(message: NDArray[np.uint8]) -> None:
    """Order the parts of each row of `uint8[rows, parts, 16]` by their bytes."""
    size = message.shape[2]
    for row in range(message.shape[0]):
        for last in range(1, message.shape[1]):
            for part in range(last, 0, -1):
                k = 0
                while k < size - 1 and message[row, part - 1, k] == message[row, part, k]:
                    k += 1
                if message[row, part - 1, k] <= message[row, part, k]:
                    break
                for n in range(k, size):
                    lower = message[row, part, n]
                    message[row, part, n] = message[row, part - 1, n]
                    message[row, part - 1, n] = lower


@kernel
def whole_rows(message: NDArray[np.uint64], codes: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Give the codes of rows that have a text in every part, at least 1, and 0 to others.

    `message` is `uint64[rows, parts, 2]`; a block without text is all zeros, and only that has
    zeros for its last eight bytes.
    """
    kept = np.zeros(codes.size, np.uint64)
    for row in range(codes.size):
        whole = True
        for part in range(message.shape[1]):
            whole = whole and message[row, part, 1] != 0
        if whole:
            kept[row] = max(codes[row], np.uint64(1))
    return kept


@kernel
def match_keys(left: NDArray[np.uint64], right: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Give the ranges of equal keys of two sorted arrays, `int64[blocks, 4]`, by key.

    A block is left start, left stop, right start, right stop.
    """
    blocks = np.empty((min(left.size, right.size), 4), np.int64)
    found = i = j = 0
    while i < left.size and j < right.size:
        if left[i] < right[j]:
            i += 1
        elif left[i] > right[j]:
            j += 1
        else:
            key, start, other_start = left[i], i, j
            while i < left.size and left[i] == key:
                i += 1
            while j < right.size and right[j] == key:
                j += 1
            blocks[found, 0], blocks[found, 1] = start, i
            blocks[found, 2], blocks[found, 3] = other_start, j
            found += 1
    return blocks[:found].copy()


@kernel
def strongest(
    keys: NDArray[np.int64],
    order: NDArray[np.int64],
    weights: NDArray[np.int64],
    left: NDArray[np.int64],
    right: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Of each run of equal keys in `keys[order]` give the heaviest, by least left, then right."""
    kept = np.empty(order.size, np.int64)
    found = 0
    for place in range(order.size):
        one = order[place]
        if place == 0 or keys[one] != keys[order[place - 1]]:
            kept[found] = one
            found += 1
            continue
        best = kept[found - 1]
        heavier = weights[one] > weights[best]
        if weights[one] == weights[best]:
            heavier = left[one] < left[best] or (
                left[one] == left[best] and right[one] < right[best]
            )
        if heavier:
            kept[found - 1] = one
    return kept[:found].copy()
