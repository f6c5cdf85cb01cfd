"""Long streams of pseudorandom bytes from a key, and orders and choices read off them.

A stream is AES-256 in counter mode under a derived key, so that no seed is shorter than the key.
Numbers below a bound are 64-bit numbers modulo the bound, of which none is likelier than another by
more than a part in 2**48.
"""

from __future__ import annotations

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from numpy.typing import NDArray


def stream(key: bytes, size: int) -> bytes:
    """Give the first bytes of the stream of a 32-byte key: AES-256-CTR from a zero counter."""
    encryptor = Cipher(algorithms.AES(key), modes.CTR(bytes(16))).encryptor()
    return encryptor.update(bytes(size))


def permutation(key: bytes, count: int) -> NDArray[np.int64]:
    """Give an order of `count` things: Fisher-Yates from the last place down.

    Number `n` of the stream, little-endian, says which of the places up to `count - 1 - n` that
    place changes with.
    """
    numbers = np.frombuffer(stream(key, 8 * count), "<u8").tolist()
    order = list(range(count))
    for place in range(count - 1, 0, -1):
        other = numbers[count - 1 - place] % (place + 1)
        order[place], order[other] = order[other], order[place]
    return np.array(order, np.int64)


def choices(key: bytes, outputs: int, count: int, below: int) -> NDArray[np.int64]:
    """Choose `count` distinct numbers below a bound for each output, `int64[outputs, count]`.

    The numbers of an output are those of the stream, little-endian, in order; one that the output
    has already is left out and the next one taken.
    """
    size = 8 * outputs * count
    numbers = iter(np.frombuffer(stream(key, 4 * size + 4096), "<u8").tolist())
    chosen = []
    for _ in range(outputs):
        own: dict[int, None] = {}
        while len(own) < count:
            own[next(numbers) % below] = None
        chosen.append(list(own))
    return np.array(chosen, np.int64)
