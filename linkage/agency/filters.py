"""The bits of encoded rows: plain Bloom filters or codes of tokens, salted and hardened.

Every distinct value is worked on once; rows are put together by a kernel. Hashing is random hashing
(Schnell & Borgs 2016): the bit positions of a token are read off a keyed BLAKE2b stream, never from
two hashes combined (double hashing leaves patterns that attacks use).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from linkage.agency.columns import Column
from linkage.agency.harden import Hardener
from linkage.agency.keys import ProjectKey
from linkage.agency.salting import salt_column, salted
from linkage.agency.saul import SaulCodes
from linkage.agency.tokens import Tokens, tokenise
from linkage.hardening import RandomisedResponse, Salting, Saul, is_salted
from linkage.kernels.filters import merge_rows, set_bits
from linkage.schema import FieldSpec, LinkageSchema

_DIGEST_BYTES = 64
_POSITIONS_PER_DIGEST = _DIGEST_BYTES // 4


class FilterMaker:
    """Makes the bits of rows under a schema. Holds derived keys."""

    def __init__(self, schema: LinkageSchema, key: ProjectKey, dataset: str) -> None:
        """Derive a key for each field, and those of the schema's hardening."""
        self._schema = schema
        steps = schema.hardening
        self._salting = next((step for step in steps if isinstance(step, Salting)), None)
        self._keys = {
            one.name: key.derive("hardening-salting" if self._salts(one) else "field", one.name)
            for one in schema.compared_fields
        }
        shares = {one.name: one.bits_per_feature for one in schema.compared_fields}
        saul = next((step for step in steps if isinstance(step, Saul)), None)
        self._codes = SaulCodes(saul, key, shares) if saul else None
        self._hardener = Hardener(steps, key, dataset)
        self._noisy = any(isinstance(step, RandomisedResponse) for step in steps)

    def bits(
        self, values: Mapping[str, Column], rows: int, ids: NDArray[np.bytes_]
    ) -> NDArray[np.uint64]:
        """Make the bits of rows of normalised values, `uint64[rows, words]`.

        `ids` is the agency's own id of each row's record: noise belongs to the record.
        """
        salt = salt_column(self._salting, values) if self._salting else None
        tokens: dict[str, Tokens] = {}
        codes: dict[str, NDArray[np.int64]] = {}
        for one in self._schema.compared_fields:
            column = values[one.name]
            tokens[one.name], codes[one.name] = tokenise(one, column.values), column.codes
            if salt is not None and self._salts(one):
                tokens[one.name], codes[one.name] = salted(tokens[one.name], column.codes, salt)
        if self._schema.level == "record":
            whole = self._record(tokens, codes, rows)
            return self._hardener.harden(whole, "clk", ids.tolist() if self._noisy else None)
        width = self._schema.slice_bits // 64
        bits = np.zeros((rows, width * len(tokens)), np.uint64)
        for place, one in enumerate(self._schema.compared_fields):
            filters = self._hardener.harden(self._field(one, tokens[one.name]), one.name)
            merge_rows(bits, filters, codes[one.name], place * width)
        return bits

    def _salts(self, field: FieldSpec) -> bool:
        return self._salting is not None and is_salted(self._salting, field.name)

    def _record(
        self, tokens: Mapping[str, Tokens], codes: Mapping[str, NDArray[np.int64]], rows: int
    ) -> NDArray[np.uint64]:
        if self._codes is not None:
            return self._codes.codes(tokens, codes, rows)
        bits = np.zeros((rows, self._schema.filter.bits // 64), np.uint64)
        for one in self._schema.compared_fields:
            merge_rows(bits, self._field(one, tokens[one.name]), codes[one.name], 0)
        return bits

    def _field(self, field: FieldSpec, tokens: Tokens) -> NDArray[np.uint64]:
        """Build the filter or code of every distinct value, `uint64[values, words]`."""
        if self._codes is not None:
            every = np.arange(len(tokens.ends) - 1)
            return self._codes.codes({field.name: tokens}, {field.name: every}, len(every))
        sizes = np.diff(tokens.ends)
        share = -(-field.bits_per_feature // max(1, int(sizes.min(initial=field.bits_per_feature))))
        width = self._schema.filter.bits
        positions = bit_positions(tokens.texts, self._keys[field.name], share, width)
        return set_bits(positions, tokens.places, tokens.ends, field.bits_per_feature, width // 64)


def bit_positions(tokens: Sequence[str], key: bytes, count: int, bits: int) -> NDArray[np.int64]:
    """Give the first `count` positions of each token, `int64[tokens, count]`, each below `bits`.

    Digest `n` of a token is BLAKE2b-512 under the field's key with `n` as salt; it holds 16
    little-endian 32-bit numbers, taken modulo `bits`.
    """
    digests = -(-count // _POSITIONS_PER_DIGEST)
    salts = [hashlib.blake2b(key=key, salt=n.to_bytes(16, "little")) for n in range(digests)]
    stream = b"".join(_digest(start, token) for token in tokens for start in salts)
    numbers = np.frombuffer(stream, "<u4").reshape(len(tokens), digests * _POSITIONS_PER_DIGEST)
    return (numbers[:, :count] % bits).astype(np.int64)


def _digest(start: hashlib.blake2b, token: str) -> bytes:
    state = start.copy()
    state.update(token.encode())
    return state.digest()
