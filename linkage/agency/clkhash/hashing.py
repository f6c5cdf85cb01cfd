"""Derive clkhash's keys, and give the positions that tokens set in a filter."""

from __future__ import annotations

import codecs
import hashlib
import hmac
from dataclasses import dataclass

import numpy as np
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from numpy.typing import NDArray

from linkage.agency.clkhash.features import Hashing
from linkage.agency.clkhash.schema import ClkhashSchema

Keys = tuple[bytes, bytes]
Positions = NDArray[np.int32]
_HASHES = {"SHA256": hashes.SHA256, "SHA512": hashes.SHA512}
_PER_DIGEST = 32
_MARKS = {
    "utf-16": (codecs.BOM_UTF16_LE, "utf-16-le"),
    "utf-32": (codecs.BOM_UTF32_LE, "utf-32-le"),
}


@dataclass(frozen=True)
class Layout:
    """How a filter lies in words before it is folded: in sections that fold onto each other.

    Bit `p` of the filter of `hashed` bits is bit `p % length` of section `p // length`. Every
    section starts with a word of its own, so that folding is an XOR of whole words.
    """

    length: int
    sections: int

    @property
    def hashed(self) -> int:
        """Bits before folding."""
        return self.length * self.sections

    @property
    def words(self) -> int:
        """Words of one section."""
        return -(-self.length // 64)

    def place(self, positions: NDArray[np.int64]) -> Positions:
        """Turn positions in the filter into positions in the words."""
        if self.sections == 1:
            return positions.astype(np.int32)
        section, offset = np.divmod(positions, self.length)
        return (section * (64 * self.words) + offset).astype(np.int32)


def derive_keys(schema: ClkhashSchema, secret: bytes) -> list[Keys]:
    """Derive the two keys of every column, ignored ones included, from one HKDF stream.

    As `clkhash.key_derivation.generate_key_lists`: keys are cut off by position, so that a column
    put in changes those of all columns after it.
    """
    derivation, count = schema.derivation, 2 * len(schema.features)
    size = derivation.key_size
    stream = HKDF(
        _HASHES[derivation.hash](), count * size, salt=derivation.salt, info=derivation.info
    ).derive(secret)
    keys = [stream[start : start + size] for start in range(0, count * size, size)]
    return list(zip(keys[::2], keys[1::2], strict=True))


def token_positions(
    tokens: list[str],
    needed: NDArray[np.int64],
    hashing: Hashing,
    encoding: str,
    keys: Keys,
    layout: Layout,
) -> tuple[Positions, NDArray[np.int64]]:
    """Give the positions that tokens set, and where those of each token start.

    Token `i` has at least `needed[i]` positions there, in the order in which they are set.
    """
    messages = _encode(tokens, encoding)
    if hashing.hash_type == "blakeHash":
        positions, counts = _blake(messages, needed, keys[0], layout.hashed)
    else:
        steps = _hash_pairs(messages, keys, layout.hashed, hashing.prevent_singularity)
        positions, counts = _double(steps, needed, layout.hashed), needed
    return layout.place(positions), np.cumsum(counts) - counts


def _encode(tokens: list[str], encoding: str) -> list[bytes]:
    """Encode tokens; UTF-16 and UTF-32 with a mark and little-endian, as on all usual machines."""
    mark, name = _MARKS.get(encoding, (b"", encoding))
    return [mark + token.encode(name) for token in tokens]


def _blake(
    messages: list[bytes], needed: NDArray[np.int64], key: bytes, bits: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Cut positions from keyed BLAKE2b-512 digests, 32 each (`blake_hash_token`).

    Digest `m` has the decimal digits of `m` as salt; its 16-bit numbers are little-endian.
    """
    digests = -(-needed // _PER_DIGEST)
    salts = [str(m).encode() for m in range(int(digests.max(initial=0)))]
    stream = b"".join(
        hashlib.blake2b(message, key=key, salt=salt).digest()
        for message, count in zip(messages, digests.tolist(), strict=True)
        for salt in salts[:count]
    )
    return np.frombuffer(stream, "<u2").astype(np.int64) % bits, digests * _PER_DIGEST


def _hash_pairs(
    messages: list[bytes], keys: Keys, bits: int, prevent_singularity: bool
) -> NDArray[np.int64]:
    """Give start and step of each token, `int64[tokens, 2]`, by HMAC-SHA-1 and HMAC-MD5."""
    starts = [int.from_bytes(hmac.digest(keys[0], one, "sha1")) % bits for one in messages]
    steps = [_md5(one, keys[1], bits) for one in messages]
    if prevent_singularity:
        steps = [
            step or _other_step(one, keys[1], bits)
            for one, step in zip(messages, steps, strict=True)
        ]
    return np.array([starts, steps], np.int64).T


def _md5(message: bytes, key: bytes, bits: int) -> int:
    return int.from_bytes(hmac.digest(key, message, "md5")) % bits


def _other_step(message: bytes, key: bytes, bits: int) -> int:
    """Look for a step that isn't 0 (`_double_hash_token_non_singular`)."""
    number = step = 0
    while step == 0:
        step = _md5(message + chr(number).encode(), key, bits)
        number += 1
    return step


def _double(pairs: NDArray[np.int64], needed: NDArray[np.int64], bits: int) -> NDArray[np.int64]:
    """Walk from the start of each token by its step, as often as needed."""
    begins = np.repeat(np.cumsum(needed) - needed, needed)
    walked = np.arange(begins.size) - begins
    starts, steps = np.repeat(pairs, needed, axis=0).T
    positions: NDArray[np.int64] = (starts + walked * steps) % bits
    return positions
