"""Anchored codes: each blocking pass has codes of its own, salted with the record's block key.

A token becomes a vector of pseudorandom bits under a key that is the pass's, the field's, and the
exact block key's; a value's code is the majority of its tokens' vectors, with exactly half of its
bits set. So two codes are similar as their values are where both records have the same key in the
pass, and unrelated otherwise: the linker can compare the pairs of a block, and nobody else.

Vectors are AES-256-CBC-MACs of the blocks of the key and of the token, whose number is fixed for a
pass (Bellare, Kilian & Rogaway 2000). The majority is a SimHash (Charikar 2002), of which Stritter
& al. (SAUL, PoPETs 2026) XOR several; its weight is made constant here.

Limits: within a block similarities are visible, and so are the sizes of blocks and which values are
missing. Who holds the key can encode a guess. See `docs/anchored.md`.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from linkage.agency.blocking import PartBlocks, blocks, cbc_states, encipher, pass_message
from linkage.agency.columns import Column
from linkage.agency.keys import ProjectKey
from linkage.agency.tokens import Tokens, tokenise
from linkage.kernels.majority import set_upper_half
from linkage.model import code_words, coded_fields, expected_slices
from linkage.schema import FieldSpec, LinkageSchema

_BLOCK_WORDS = 2
#: Last byte of the blocks that break ties; that of a token's block is its length, or 255.
_TIE = 0xFE
#: Rows that are worked on at once: a row has some hundred blocks of 16 bytes for a moment.
_ROWS = 1 << 14


class AnchoredCodes:
    """Makes the anchored codes of rows; holds a key for each pass, field and 128 bits of code."""

    def __init__(self, schema: LinkageSchema, key: ProjectKey) -> None:
        """Derive the keys, by name."""
        self._schema = schema
        self._words = sum(one.words for one in expected_slices(schema))
        self._keys = {
            (one.name, field.name): lane_keys(key, "anchored", f"{one.name}/{field.name}", words)
            for one in schema.blocking
            for field in coded_fields(schema, one)
            for words in [code_words(schema, field)]
        }

    def bits(self, values: Mapping[str, Column], tokens: NDArray[np.uint64]) -> NDArray[np.uint64]:
        """Make the codes of all passes, `uint64[rows, words]`; zeros without a key or a value.

        `tokens` `uint64[rows, passes]` are the blocking tokens of the rows, 0 for no key.
        """
        made = np.zeros((len(tokens), self._words), np.uint64)
        known = {
            one.name: FieldTokens.of(one, values[one.name]) for one in self._schema.compared_fields
        }
        parts = PartBlocks(values)
        start = 0
        for place, one in enumerate(self._schema.blocking):
            message = pass_message(parts, one)
            for field in coded_fields(self._schema, one):
                keys = self._keys[one.name, field.name]
                stop = start + code_words(self._schema, field)
                for first in range(0, len(made), _ROWS):
                    rows = np.arange(first, min(first + _ROWS, len(made)))
                    rows = rows[tokens[rows, place] != 0]
                    made[rows, start:stop] = known[field.name].codes(
                        message[rows], rows, keys, stop - start
                    )
                start = stop
        return made


def lane_keys(key: ProjectKey, use: str, name: str, words: int) -> tuple[bytes, ...]:
    """Derive the keys of a code, one for each 128 bits."""
    lanes = -(-words // _BLOCK_WORDS)
    return tuple(key.derive(use, f"{name}/{lane}") for lane in range(lanes))


class FieldTokens:
    """The tokens of a field's values as blocks, and which of them each row has."""

    def __init__(self, tokens: Tokens, codes: NDArray[np.int64]) -> None:
        self._blocks = blocks(tokens.texts).view(np.uint64)
        self._places, self._ends, self._codes = tokens.places, tokens.ends, codes

    @classmethod
    def of(cls, field: FieldSpec, column: Column) -> FieldTokens:
        """Break the values of a column into tokens."""
        return cls(tokenise(field, column.values), column.codes)

    def codes(
        self,
        anchors: NDArray[np.uint64],
        rows: NDArray[np.int64],
        keys: tuple[bytes, ...],
        words: int,
    ) -> NDArray[np.uint64]:
        """Make the codes of some rows, `uint64[rows, words]`.

        `anchors` `uint64[rows, parts, 2]` are the blocks of the keys that they are salted with.
        """
        code = self._codes[rows]
        start, stop = np.append(self._ends, 0)[code], np.append(self._ends, 0)[code + 1]
        count = np.where(code < 0, 0, stop - start)
        ends = np.concatenate([[0], np.cumsum(count)]).astype(np.int64)
        row = np.repeat(np.arange(len(rows)), count)
        token = self._places[np.repeat(start, count) + np.arange(len(row)) - ends[row]]
        states = [cbc_states(anchors, key) for key in keys]
        vectors = [
            encipher(state[row] ^ self._blocks[token], key)
            for state, key in zip(states, keys, strict=True)
        ]
        ties = break_ties(states[0], keys[0], 64 * words)
        return set_upper_half(np.ascontiguousarray(np.hstack(vectors)[:, :words]), ends, ties)


def break_ties(states: NDArray[np.uint64], key: bytes, bits: int) -> NDArray[np.uint8]:
    """Give a byte for each position, `uint8[rows, bits]`, the same for all values under a key."""
    made = np.zeros((bits // 16, 16), np.uint8)
    made[:, 0], made[:, 1] = np.arange(len(made)) & 255, np.arange(len(made)) >> 8
    made[:, -1] = _TIE
    message = states[:, None, :] ^ made.view(np.uint64)[None, :, :]
    return encipher(message.reshape(-1, _BLOCK_WORDS), key).view(np.uint8).reshape(-1, bits)
