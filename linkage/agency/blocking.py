"""Keyed blocking tokens: one 64-bit number a row and pass, which only the key can make.

A token is the first 8 bytes of the AES-256-CBC-MAC, under the pass's own key, of the blocks of
its parts. The number of blocks is fixed for a pass, for which CBC-MAC is a pseudorandom function
(Bellare, Kilian & Rogaway 2000). Whole columns are enciphered in one call.

Limits: a token shows which rows share a block key, and so the sizes of the blocks.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from numpy.typing import NDArray

from linkage.agency.columns import Column
from linkage.agency.texts import Texts
from linkage.agency.tokens import key_parts
from linkage.kernels.blocks import lay_blocks, sort_blocks, whole_rows
from linkage.kernels.texts import pad_texts
from linkage.schema import BlockingPass

_BLOCK = 16
_LONG = 0xFF


class PartBlocks:
    """The blocks of parts of keys over one chunk, each made once however many passes use it."""

    def __init__(self, values: Mapping[str, Column]) -> None:
        self._values = values
        self._made: dict[tuple[str, str], NDArray[np.uint64]] = {}

    def of(self, field: str, transform: str) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
        """Give the block of every value, `uint64[values, 2]`, and the value of every row."""
        column = self._values[field]
        if (field, transform) not in self._made:
            made = blocks(key_parts(transform, column.values))
            self._made[field, transform] = made.view(np.uint64)
        return self._made[field, transform], column.codes


def block_tokens(parts: PartBlocks, one: BlockingPass, key: bytes) -> NDArray[np.uint64]:
    """Compute the tokens of one pass, `uint64[rows]`; 0 where a part is missing, never else."""
    columns = [parts.of(field, transform) for field, transform in one.parts]
    message = np.zeros((len(columns[0][1]), len(columns), _BLOCK // 8), np.uint64)
    for place, (made, codes) in enumerate(columns):
        lay_blocks(message, place, made, codes)
    if one.unordered:
        sort_blocks(message.view(np.uint8))
    return whole_rows(message, cbc_mac(message, key))


def blocks(texts: Sequence[str]) -> NDArray[np.uint8]:
    """Give the 16-byte block of each text, `uint8[texts, 16]`.

    A text of up to 15 bytes is padded with zeros, and its last byte is its length. A longer one
    is replaced by its BLAKE2b digest of 15 bytes, and the last byte is 255.
    """
    packed = Texts.of(texts)
    made = pad_texts(packed.spans, _BLOCK)
    made[:, -1] = np.minimum(packed.sizes, _LONG)
    for place in np.flatnonzero(packed.sizes >= _BLOCK).tolist():
        digest = hashlib.blake2b(packed.bytes_of(place), digest_size=_BLOCK - 1).digest()
        made[place] = np.frombuffer(digest + bytes([_LONG]), np.uint8)
    return made


def cbc_mac(message: NDArray[np.uint64], key: bytes) -> NDArray[np.uint64]:
    """Compute the first 8 bytes of the CBC-MAC of each row of `uint64[rows, blocks, 2]`.

    All rows are enciphered at once: the chaining of CBC is across a row's blocks, and within
    one step the rows are independent blocks of a permutation, which is what mode ECB means.
    """
    cipher = Cipher(algorithms.AES(key), modes.ECB())  # noqa: S305 - a step of CBC-MAC
    # The library asks for room of one block less a byte behind what it writes.
    state = np.zeros((len(message) + 1, _BLOCK // 8), np.uint64)
    step = np.empty((len(message), _BLOCK // 8), np.uint64)
    for place in range(message.shape[1]):
        np.bitwise_xor(state[:-1], message[:, place], out=step)
        cipher.encryptor().update_into(_bytes(step), _bytes(state))
    return state[:-1, 0].copy().view("<u8")


def _bytes(blocks: NDArray[np.uint64]) -> memoryview:
    return blocks.view(np.uint8).reshape(-1).data
