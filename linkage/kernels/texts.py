"""Work on many texts at once, as slices of one buffer of bytes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from linkage.kernels.compiler import inlined, kernel

#: In the table of `map_bytes`: leave the byte out, or give the whole text up.
DROP, ODD = 254, 255
_SPACE = 32
_HASH_START, _HASH_FACTOR = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)
_NO_SEED = np.uint64(0)
_MIX = np.uint64(0x9E3779B97F4A7C15)


class Spans(NamedTuple):
    """Texts as the kernels see them: text `k` is the bytes `data[starts[k]:stops[k]]`.

    `data` is `uint8[bytes]`, read-only; `starts` and `stops` are `int64[texts]`, in any order.
    """

    data: NDArray[np.uint8]
    starts: NDArray[np.int64]
    stops: NDArray[np.int64]


@kernel
def map_bytes(
    texts: Spans, table: NDArray[np.uint8]
) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Put `table[byte]` in the place of every byte, and make one space of several, none outside.

    `table` is `uint8[256]`. Returns the new data, starts and stops, and `bool[texts]`, true for
    a text with a byte that maps to `ODD`, which comes out empty.
    """
    data, starts, stops = texts
    mapped = np.empty((stops - starts).sum(), np.uint8)
    new_starts, new_stops = np.empty_like(starts), np.empty_like(starts)
    odd = np.zeros(starts.size, np.bool_)
    count = 0
    for text in range(starts.size):
        first, last = count, _SPACE
        for place in range(starts[text], stops[text]):
            byte = table[data[place]]
            if byte == ODD:
                odd[text], count, last = True, first, 0
                break
            if byte == DROP or (byte == _SPACE and last == _SPACE):
                continue
            mapped[count] = last = byte
            count += 1
        new_starts[text] = first
        new_stops[text] = count - (1 if count > first and last == _SPACE else 0)
    return mapped[:count], new_starts, new_stops, odd


@inlined
def same(one: NDArray[np.uint8], start: int, other: NDArray[np.uint8], begin: int, n: int) -> bool:
    """Tell whether `n` bytes of one buffer are those of another."""
    k = 0
    while k < n and one[start + k] == other[begin + k]:
        k += 1
    return k == n


@kernel
def find_texts(texts: Spans, known: Spans, firsts: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Tell which texts are among some known ones, `bool[texts]`.

    The known are ordered by length: those of length `n` are `firsts[n]` to `firsts[n + 1]`.
    """
    data, starts, stops = texts
    known_data, known_starts, _ = known
    found = np.zeros(starts.size, np.bool_)
    for text in range(starts.size):
        size = stops[text] - starts[text]
        if size + 1 >= firsts.size:
            continue
        for one in range(firsts[size], firsts[size + 1]):
            if same(data, starts[text], known_data, known_starts[one], size):
                found[text] = True
                break
    return found


@inlined
def hash_bytes(data: NDArray[np.uint8], start: int, stop: int, seed: np.uint64) -> np.uint64:
    """Hash bytes: FNV-1a from a seed, with its halves mixed."""
    code = _HASH_START ^ seed
    for place in range(start, stop):
        code = (code ^ np.uint64(data[place])) * _HASH_FACTOR
    return (code ^ (code >> np.uint64(32))) * _MIX


@kernel
def hash_texts(texts: Spans, seed: np.uint64) -> NDArray[np.uint64]:
    """Hash every text, `uint64[texts]`. No secret may hang on what can be read off a hash."""
    data, starts, stops = texts
    hashes = np.empty(starts.size, np.uint64)
    for text in range(starts.size):
        code = hash_bytes(data, starts[text], stops[text], seed)
        hashes[text] = (code ^ (code >> np.uint64(29))) * _HASH_FACTOR
    return hashes


@kernel
def number_texts(texts: Spans) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Give every distinct text the next number, as they appear; -1 to empty ones.

    Returns the numbers, `int64[texts]`, and where each number first appears.
    """
    data, starts, stops = texts
    room = 16
    while room < 2 * starts.size:
        room *= 2
    table = np.full(room, -1, np.int32)
    numbers = np.full(starts.size, -1, np.int64)
    firsts = np.empty(starts.size, np.int64)
    hashes = np.empty(starts.size, np.uint64)
    count = 0
    for text in range(starts.size):
        size = stops[text] - starts[text]
        if size == 0:
            continue
        code = hash_bytes(data, starts[text], stops[text], _NO_SEED)
        cell = np.int64(code >> np.uint64(20)) & (room - 1)
        while table[cell] >= 0:
            number = table[cell]
            first = firsts[number]
            is_alike = hashes[number] == code and stops[first] - starts[first] == size
            if is_alike and same(data, starts[text], data, starts[first], size):
                break
            cell = (cell + 1) & (room - 1)
        if table[cell] < 0:
            table[cell], firsts[count], hashes[count] = count, text, code
            count += 1
        numbers[text] = table[cell]
    return numbers, firsts[:count].copy()


@kernel
def number_codes(codes: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Give every distinct code the next number, as they appear.

    Returns the numbers, `int64[codes]`, and the code of each number.
    """
    room = 16
    while room < 2 * codes.size:
        room *= 2
    table = np.full(room, -1, np.int32)
    numbers = np.empty(codes.size, np.int64)
    distinct = np.empty(codes.size, np.int64)
    count = 0
    for k in range(codes.size):
        cell = np.int64((np.uint64(codes[k]) * _MIX) >> np.uint64(24)) & (room - 1)
        while table[cell] >= 0 and distinct[table[cell]] != codes[k]:
            cell = (cell + 1) & (room - 1)
        if table[cell] < 0:
            table[cell], distinct[count] = count, codes[k]
            count += 1
        numbers[k] = table[cell]
    return numbers, distinct[:count].copy()


@kernel
def pad_texts(texts: Spans, width: int) -> NDArray[np.uint8]:
    """Give the first `width` bytes of every text, `uint8[texts, width]`, 0 behind the end."""
    data, starts, stops = texts
    padded = np.zeros((starts.size, width), np.uint8)
    for text in range(starts.size):
        for k in range(min(width, stops[text] - starts[text])):
            padded[text, k] = data[starts[text] + k]
    return padded
