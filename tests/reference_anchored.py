"""Anchored codes in plain Python, one position at a time: obviously right, and slow."""

from __future__ import annotations

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from tests import reference


def mac(blocks: list[bytes], key: bytes) -> bytes:
    """AES-CBC-MAC of blocks of 16 bytes, by the library's own CBC."""
    cipher = Cipher(algorithms.AES(key), modes.CBC(bytes(16))).encryptor()
    return (cipher.update(b"".join(blocks)) + cipher.finalize())[-16:]


def vector(blocks: list[bytes], keys: list[bytes], bits: int) -> list[int]:
    """Pseudorandom bits: 128 from each key, least significant bit of each byte first."""
    whole = b"".join(mac(blocks, key) for key in keys)
    return [whole[place // 8] >> place % 8 & 1 for place in range(bits)]


def ties(anchor: list[bytes], key: bytes, bits: int) -> bytes:
    """A byte for each position, from blocks that no token has."""
    blocks = [n.to_bytes(2, "little") + bytes(13) + b"\xfe" for n in range(bits // 16)]
    return b"".join(mac([*anchor, block], key) for block in blocks)


def code(tokens: list[str], anchor: list[str], keys: list[bytes], bits: int) -> int:
    """The code of a value under a block key of the given parts, as a number."""
    parts = [reference.part_block(part) for part in anchor]
    vectors = [vector([*parts, reference.part_block(one)], keys, bits) for one in tokens]
    tie = ties(parts, keys[0], bits)
    rank = sorted(
        range(bits), key=lambda place: (-sum(one[place] for one in vectors), -tie[place], place)
    )
    return sum(1 << place for place in rank[: bits // 2])


def field_keys(secret: bytes, pass_name: str, field: str, bits: int) -> list[bytes]:
    """The keys of a pass's code, one for each 128 bits."""
    return [
        reference.derive(secret, "anchored", f"{pass_name}/{field}/{lane}")
        for lane in range(-(-bits // 128))
    ]
