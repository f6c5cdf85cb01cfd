"""Keyed blocking tokens: one 64-bit number a row and pass, which only the key can make.

A token is the first 8 bytes of the AES-256-CBC-MAC, under the pass's own key, of the blocks of
its parts. The number of blocks is fixed for a pass, for which CBC-MAC is a pseudorandom function
(Bellare, Kilian & Rogaway 2000). Whole columns are enciphered in one call.

A key that too many records have costs many comparisons and finds few pairs; where the schema
says so (`max_share`), it is dropped before anything leaves the agency, as the signatures of P-Sig
are (Zhang & al. 2017, arXiv 1712.09691).

Limits: a token shows which rows share a block key, and so the sizes of the blocks. A dropped key
looks like a missing value, so that the linker learns of its rows that one of the two is so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from numpy.typing import NDArray

from linkage.agency.columns import Column
from linkage.agency.texts import Texts
from linkage.agency.tokens import key_parts
from linkage.errors import UsageError
from linkage.kernels.blocks import lay_blocks, sort_blocks, whole_rows
from linkage.kernels.texts import pad_texts
from linkage.schema import BlockingPass

#: Up to so many records may share a key in any data set: in a small one, a share says little.
LEAST_COMMON = 10
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
    message = pass_message(parts, one)
    return whole_rows(message, cbc_mac(message, key))


def pass_message(parts: PartBlocks, one: BlockingPass) -> NDArray[np.uint64]:
    """Lay the blocks of a pass's key, `uint64[rows, parts, 2]`; zeros where a part is missing."""
    columns = [parts.of(field, transform) for field, transform in one.parts]
    message = np.zeros((len(columns[0][1]), len(columns), _BLOCK // 8), np.uint64)
    for place, (made, codes) in enumerate(columns):
        lay_blocks(message, place, made, codes)
    if one.unordered:
        sort_blocks(message.view(np.uint8))
    return message


class PassTokens:
    """Makes the tokens of all passes chunk by chunk, without the keys that are too common.

    Where a pass has a `max_share`, `count` every chunk before the first is given to `tokens`.
    """

    def __init__(self, passes: Sequence[BlockingPass], keys: Mapping[str, bytes]) -> None:
        """Take the passes and the key of each, by name."""
        self._passes = passes
        self._keys = keys
        #: The passes that drop common keys.
        self.limited = [one for one in passes if one.max_share is not None]
        self._counts = {one.name: KeyCounts() for one in self.limited}
        self._was_counted = False
        #: The keys that are dropped, by pass; known once tokens are made.
        self.common: dict[str, CommonKeys] = {}

    def count(self, values: Mapping[str, Column], owner: NDArray[np.int64], records: int) -> None:
        """Count the keys of the next chunk, whose rows belong to records below `records`."""
        self._was_counted = True
        parts = PartBlocks(values)
        for one in self.limited:
            tokens = block_tokens(parts, one, self._keys[one.name])
            self._counts[one.name].add(tokens, owner, records)

    def tokens(self, values: Mapping[str, Column]) -> NDArray[np.uint64]:
        """Make the tokens of the next chunk, `uint64[rows, passes]`."""
        if len(self.common) < len(self.limited):
            self._find_common()
        parts = PartBlocks(values)
        columns = []
        for one in self._passes:
            tokens = block_tokens(parts, one, self._keys[one.name])
            common = self.common.get(one.name)
            columns.append(common.drop(tokens) if common else tokens)
        return np.column_stack(columns)

    def _find_common(self) -> None:
        if not self._was_counted:
            raise UsageError(
                f"blocking pass '{self.limited[0].name}' drops common keys (max_share): count the "
                "keys of all chunks before the first is encoded"
            )
        for one in self.limited:
            assert one.max_share is not None
            self.common[one.name] = self._counts.pop(one.name).common(one.max_share)


@dataclass(frozen=True)
class CommonKeys:
    """The keys of one pass that more than `most` records have: sorted tokens, `uint64[keys]`.

    `records` is how many have one of them; who has two, under aliases, counts twice.
    """

    tokens: NDArray[np.uint64]
    records: int
    most: int

    def drop(self, tokens: NDArray[np.uint64]) -> NDArray[np.uint64]:
        """Give the tokens of rows with 0, which is missing, for these keys."""
        return np.where(np.isin(tokens, self.tokens), np.uint64(0), tokens)


class KeyCounts:
    """Counts the records under each key of a pass, chunk by chunk; it keeps 16 bytes a key."""

    def __init__(self) -> None:
        self._records = 0
        self._counted = np.empty(0, np.uint64), np.empty(0, np.int64)
        self._new: list[tuple[NDArray[np.uint64], NDArray[np.int64]]] = []

    def add(self, tokens: NDArray[np.uint64], owner: NDArray[np.int64], records: int) -> None:
        """Count a chunk: the token of each row, 0 for none, and its record, below `records`."""
        if len(owner) > records:  # a record counts once under a key, whatever its aliases
            order = np.lexsort((tokens, owner))
            tokens, owner = tokens[order], owner[order]
            again = (tokens[1:] == tokens[:-1]) & (owner[1:] == owner[:-1])
            tokens = tokens[np.append(True, ~again)]
        self._records += records
        self._new.append(np.unique(tokens[tokens != 0], return_counts=True))
        # To merge seldom makes the work of merging grow with the rows, not with their square.
        if sum(len(keys) for keys, _ in self._new) > len(self._counted[0]):
            self._merge()

    def common(self, share: float) -> CommonKeys:
        """Find the keys that more than a share of all records, and than `LEAST_COMMON`, have."""
        self._merge()
        most = max(LEAST_COMMON, int(Fraction(repr(share)) * self._records))
        keys, counts = self._counted
        common = counts > most
        return CommonKeys(keys[common], int(counts[common].sum()), most)

    def _merge(self) -> None:
        keys, counts = (np.concatenate(one) for one in zip(self._counted, *self._new, strict=True))
        keys, places = np.unique(keys, return_inverse=True)
        self._counted = keys, np.bincount(places, counts, len(keys)).astype(np.int64)
        self._new = []


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
    """Compute the first 8 bytes of the CBC-MAC of each row of `uint64[rows, blocks, 2]`."""
    return cbc_states(message, key)[:, 0].copy().view("<u8")


def cbc_states(message: NDArray[np.uint64], key: bytes) -> NDArray[np.uint64]:
    """Compute the whole CBC-MAC of each row of `uint64[rows, blocks, 2]`, `uint64[rows, 2]`.

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
    return state[:-1]


def encipher(message: NDArray[np.uint64], key: bytes) -> NDArray[np.uint64]:
    """Encipher each block of `uint64[blocks, 2]` by itself: one more step of each row's CBC-MAC."""
    return cbc_states(message[:, None, :], key)


def _bytes(blocks: NDArray[np.uint64]) -> memoryview:
    return blocks.view(np.uint8).reshape(-1).data
