"""Hardening of packed filters: XOR chosen bits, majorities of SimHash.

Rows are worked on in blocks of 64: turned about, a block has one word for each bit, in which bit
`r` is that of row `r`; so one XOR of words does 64 rows.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from linkage.kernels.compiler import kernel

_ROWS = 64


@kernel
def xor_bits(
    bits: NDArray[np.uint64], positions: NDArray[np.int64], negated: int
) -> NDArray[np.uint64]:
    """Make each output bit the XOR of input bits, `uint64[rows, outputs / 64]`.

    `positions` is `int64[outputs, t]`: output `k` is the XOR of the input bits `positions[k]`; from
    output `negated` on it is the negation of that. The number of outputs is a multiple of 64.
    """
    outputs, mixed = positions.shape
    made = np.empty((bits.shape[0], outputs // 64), np.uint64)
    given = np.empty(64 * bits.shape[1], np.uint64)
    square = np.empty(64, np.uint64)
    for first in range(0, bits.shape[0], _ROWS):
        rows = min(_ROWS, bits.shape[0] - first)
        for word in range(bits.shape[1]):
            for row in range(64):
                square[row] = bits[first + row, word] if row < rows else np.uint64(0)
            _turn(square)
            given[64 * word : 64 * word + 64] = square
        for word in range(outputs // 64):
            for bit in range(64):
                output = 64 * word + bit
                mix = ~np.uint64(0) if output >= negated else np.uint64(0)
                for one in range(mixed):
                    mix ^= given[positions[output, one]]
                square[bit] = mix
            _turn(square)
            for row in range(rows):
                made[first + row, word] = square[row]
    return made


@kernel
def _turn(square: NDArray[np.uint64]) -> None:
    """Turn 64 words about: bit `j` of word `i` becomes bit `i` of word `j` (Warren 2012, 7-3)."""
    width = np.uint64(32)
    mask = np.uint64(0x00000000FFFFFFFF)
    while width:
        for start in range(64):
            if not np.uint64(start) & width:
                other = start + np.int64(width)
                swap = ((square[start] >> width) ^ square[other]) & mask
                square[start] ^= swap << width
                square[other] ^= swap
        width >>= np.uint64(1)
        mask ^= mask << width


@kernel
def add_votes(
    votes: NDArray[np.int32],
    vectors: NDArray[np.uint64],
    tokens: NDArray[np.int64],
    weight: int,
) -> None:
    """Let tokens vote on the bits of one value: `votes` `int32[bits]` for 1 if above 0.

    `vectors` is `uint64[all tokens, bits / 64]`, the random bits of each token; a token adds
    `weight` where its bit is 1 and takes it off where it is 0.
    """
    for token in tokens:
        for word in range(vectors.shape[1]):
            whole = vectors[token, word]
            for bit in range(64):
                one = np.int32((whole >> np.uint64(bit)) & np.uint64(1))
                votes[64 * word + bit] += np.int32(weight) * (2 * one - 1)


@kernel
def field_votes(
    votes: NDArray[np.int32],
    vectors: NDArray[np.uint64],
    places: NDArray[np.int64],
    ends: NDArray[np.int64],
    weights: NDArray[np.int64],
    codes: NDArray[np.int64],
) -> None:
    """Let the tokens of a field vote in each row of `votes`, `int32[rows, bits]`.

    Row `r` has the value `v = codes[r]` (-1 is none), which has the tokens
    `places[ends[v]:ends[v + 1]]` of weight `weights[v]` each; see `add_votes`.
    """
    for row in range(codes.size):
        value = codes[row]
        if value >= 0:
            add_votes(votes[row], vectors, places[ends[value] : ends[value + 1]], weights[value])


@kernel
def xor_majorities(
    votes: NDArray[np.int32], ties: NDArray[np.uint64], hashes: int
) -> NDArray[np.uint64]:
    """Turn votes `int32[rows, hashes * bits]` to codes `uint64[rows, bits / 64]`.

    A bit of a hash is 1 where most votes are for it; a tie is decided by the bit of `ties`
    `uint64[hashes * bits / 64]`. The hashes of a row are XORed. A row without any vote on any bit,
    which has no token, gives a code without bits.
    """
    words = votes.shape[1] // hashes // 64
    made = np.zeros((votes.shape[0], words), np.uint64)
    for row in range(votes.shape[0]):
        for place in range(votes.shape[1]):
            word, bit = place >> 6, np.uint64(place & 63)
            tie = (ties[word] >> bit) & np.uint64(1)
            vote = votes[row, place]
            if vote > 0 or (vote == 0 and tie):
                made[row, word % words] ^= np.uint64(1) << bit
    return made


@kernel
def flip_bits(bits: NDArray[np.uint64], numbers: NDArray[np.uint32], below: int) -> None:
    """Flip each bit of a row whose number is below a bound: `uint64[words]`, `uint32[bits]`."""
    for place in range(numbers.size):
        if numbers[place] < below:
            bits[place >> 6] ^= np.uint64(1) << np.uint64(place & 63)
