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
from linkage.agency.tokens import key_part
from linkage.schema import BlockingPass

_BLOCK = 16
_LONG = 0xFF


class PartBlocks:
    """The blocks of parts of keys over one chunk, each made once however many passes use it."""

    def __init__(self, values: Mapping[str, Column]) -> None:
        self._values = values
        self._made: dict[tuple[str, str], tuple[NDArray[np.uint8], NDArray[np.bool_]]] = {}

    def rows(self, field: str, transform: str) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """Give the block of every row, `uint8[rows, 16]`, and where there is one."""
        if (field, transform) not in self._made:
            texts = [*map(key_part(transform), self._values[field].values), ""]
            self._made[field, transform] = blocks(texts), np.array([bool(one) for one in texts])
        made, present = self._made[field, transform]
        codes = self._values[field].codes
        return made[codes], present[codes]


def block_tokens(parts: PartBlocks, one: BlockingPass, key: bytes) -> NDArray[np.uint64]:
    """Compute the tokens of one pass, `uint64[rows]`; 0 where a part is missing, never else."""
    columns = [parts.rows(field, transform) for field, transform in one.parts]
    message = np.stack([made for made, _ in columns], axis=1)
    if one.unordered:
        message = np.sort(message.view(f"S{_BLOCK}")[..., 0], axis=1).view(np.uint8)
        message = message.reshape(-1, len(columns), _BLOCK)
    tokens = cbc_mac(message, key)
    present = np.all([there for _, there in columns], axis=0)
    return np.where(present, np.maximum(tokens, 1), 0).astype(np.uint64)


def blocks(texts: Sequence[str]) -> NDArray[np.uint8]:
    """Give the 16-byte block of each text, `uint8[texts, 16]`.

    A text of up to 15 bytes is padded with zeros, and its last byte is its length. A longer one
    is replaced by its BLAKE2b digest of 15 bytes, and the last byte is 255.
    """
    encoded = [text.encode() for text in texts]
    lengths = np.fromiter(map(len, encoded), np.int64, len(encoded))
    for place in np.flatnonzero(lengths >= _BLOCK).tolist():
        encoded[place] = hashlib.blake2b(encoded[place], digest_size=_BLOCK - 1).digest()
    made = np.array(encoded, f"S{_BLOCK}").view(np.uint8).reshape(-1, _BLOCK)
    made[:, -1] = np.where(lengths >= _BLOCK, _LONG, lengths)
    return made


def cbc_mac(message: NDArray[np.uint8], key: bytes) -> NDArray[np.uint64]:
    """Compute the first 8 bytes of the CBC-MAC of each row of `uint8[rows, blocks, 16]`.

    All rows are enciphered at once: the chaining of CBC is across a row's blocks, and within
    one step the rows are independent blocks of a permutation, which is what mode ECB means.
    """
    cipher = Cipher(algorithms.AES(key), modes.ECB())  # noqa: S305 - a step of CBC-MAC
    state = np.zeros((len(message), _BLOCK), np.uint8)
    for place in range(message.shape[1]):
        step = cipher.encryptor().update((state ^ message[:, place]).tobytes())
        state = np.frombuffer(step, np.uint8).reshape(-1, _BLOCK)
    return state[:, :8].copy().view("<u8")[:, 0]
